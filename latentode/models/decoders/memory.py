"""What the visible readings say of any time, once the latent trajectory is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latentode.config import ModelConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.decoders.cross import CrossMemory
from latentode.models.decoders.residual import RecentBehaviour, ResidualMemory
from latentode.models.decoders.seasonal import SeasonalMemory
from latentode.models.decoders.smooth import SmoothMemory
from latentode.models.decoders.smooth_kriging import DEPTH
from latentode.models.nn.bounds import Bounds
from latentode.models.nn.nearest import ReadingTable, gather_readings

_MAX_RESTLESSNESS = 4.0  # log of a factor on deviations: by 55 up or down at most
_PRIOR_COUNT = 8.0  # readings that a level of zero counts for, before training
_GAIN = 5.0  # one number a channel must move by factors while weights move by hundredths
_DEPTH = 0.5  # scaled units that a reading at a bound lies beyond it, before training


class BoundedResiduals(nn.Module):
    r"""Residuals of readings that say no more than that something lies beyond a bound.

    A reading at a lower bound a is taken for one of :math:`a - d_c` with a learned depth
    :math:`d_c > 0`, and has no residual where the trajectory is lower still; likewise above. In a
    window that was read beyond a bound, all readings are what they are.

    Args:
        bounds: Bounds of the channels in scaled units.
    """

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds
        self.log_depth = nn.Parameter(torch.zeros_like(bounds.lower))

    def forward(self, values: Tensor, mask: Tensor, at_rows: Tensor) -> Tensor:
        """Residuals, 0 where missing, shape (draw, batch, time, channel).

        Args:
            values: Readings, shape (batch, time, channel).
            mask: True where there is one, likewise.
            at_rows: What the trajectory says there, shape (draw, batch, time, channel).
        """
        kept = mask & (~mask | self.bounds.holds(values)).all(dim=1, keepdim=True)
        low, high = (at & kept for at in self.bounds.at(values))
        depth = _DEPTH * (_GAIN * self.log_depth).exp()
        read = torch.where(low, values - depth, torch.where(high, values + depth, values))
        residuals = read - at_rows
        nothing = ~mask | (low & (residuals > 0)) | (high & (residuals < 0))
        return residuals.masked_fill(nothing, 0.0)


class Memory(nn.Module):
    r"""Memories of the level, the season, the nearest readings and recent behaviour, joined.

    What is left of the residuals r of a window once the season is known has a level of its own,
    :math:`\sum_i r_{ic} / (n_c + \kappa_c)` with a learned :math:`\kappa`: the best linear
    prediction of a random mean. The nearest readings are then taken around it.

    Args:
        config: Settings of the model, resolved. ``pooled`` says that there are many series to learn
            from. Of few, a network learns how they went on: channels then correct each other only
            up to the last row, and there is no level.
        num_channels: Channels of the log.
        season: Period of the season in model time; None goes without.
        bounds: Bounds of the channels in scaled units; None where none has any.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_channels: int,
        season: float | None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__()
        self.many, self.num_channels = config.pooled, num_channels
        self.from_end = config.anchor == "origin"  # whether the last row lies at model time 0
        self.nearest = ResidualMemory(num_channels)
        self.cross = CrossMemory(num_channels, config.hidden_dim, config.dropout)
        self.recent = RecentBehaviour(num_channels)
        self.seasonal = None if season is None else SeasonalMemory(num_channels, season)
        count = torch.full((num_channels,), math.log(_PRIOR_COUNT))
        self.log_prior_count = nn.Parameter(count) if self.many else None
        self.bounded = None if bounds is None else BoundedResiduals(bounds)

    @property
    def unbounded(self) -> Tensor:
        """True for channels without bounds, shape (channel,)."""
        if self.bounded is None:
            return torch.ones(self.num_channels, dtype=torch.bool)
        bounds = self.bounded.bounds
        return torch.isinf(bounds.lower) & torch.isinf(bounds.upper)

    def forward(
        self, batch: SeriesBatch, smooth: SmoothMemory | None, asked: Tensor, at_rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Shift of the location and factor of the scale.

        Args:
            batch: Windows with their visible rows.
            smooth: Memory of channels that move smoothly; None without.
            asked: Times asked about, float64 model time, shape (batch, step).
            at_rows: What the trajectory says at the visible rows, shape (draw, batch, time,
                channel).

        Returns:
            Shift and factor, shape (draw, batch, step, channel) or one that broadcasts to it.
        """
        times, mask = batch.times, batch.mask
        table = ReadingTable.of(times, mask, batch.lengths)
        if self.bounded is None:
            residuals = torch.where(mask, batch.values - at_rows, 0.0)
        else:
            residuals = self.bounded(batch.values, mask, at_rows)
        season: Tensor | float = 0.0
        if self.seasonal is not None:
            steps = asked.shape[1]
            both = torch.cat([asked, times], dim=1)
            expected = self.seasonal(table, residuals, both, self._longest(batch))
            season = expected[..., :steps, :]
            residuals = torch.where(mask, residuals - expected[..., steps:, :], 0.0)
        level: Tensor | float = 0.0
        unknown: Tensor | float = 0.0  # variance of the level, in units of that of residuals
        if self.log_prior_count is not None:
            count = mask.sum(dim=1, keepdim=True) + self.log_prior_count.exp()
            level = residuals.sum(dim=-2, keepdim=True) / count  # (draw, batch, 1, channel)
            residuals = torch.where(mask, residuals - level, 0.0)
            unknown = 1.0 / count
        index, gaps = table.around(asked, depth=1 if smooth is None else DEPTH)
        gaps = gaps.to(at_rows.dtype)
        present = gaps < torch.inf
        near = torch.where(present[:, None], gather_readings(residuals, index), 0.0)
        first, first_gaps = near[:2], gaps[:2]
        mean, variance = self.nearest(first_gaps, first)
        if smooth is not None:
            mean, variance = smooth(gaps, near, mean, variance)
            variance = variance * (1.0 + unknown)
        # what its own readings leave open of a channel, others may close
        moved, spread = self.cross(first_gaps, first)
        if not self.many:
            inside = (asked <= times[:, -1:])[..., None]
            moved, spread = torch.where(inside, moved, 0.0), torch.where(inside, spread, 0.0)
        mean = mean + variance * moved
        ages = gaps[0].masked_fill(~present[0] | present[1], 0.0)  # of forecasts only
        shift, log_scale = self.recent(times, mask, residuals, ages)
        log_scale = log_scale + spread
        factor = variance.sqrt() * log_scale.clamp(-_MAX_RESTLESSNESS, _MAX_RESTLESSNESS).exp()
        return season + level + mean + shift, factor

    def _longest(self, batch: SeriesBatch) -> float:
        """What no window is longer than, without asking the device."""
        return -batch.lower if self.from_end else batch.upper - batch.lower

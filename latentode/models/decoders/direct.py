"""Direct forecasts: what summaries of a window say of any later time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentode.config import ModelConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.decoders.seasonal import periods_earlier
from latentode.models.nn.dropout import dropout
from latentode.models.nn.nearest import ReadingTable
from latentode.models.nn.summaries import SUMMARIES, Summaries, summaries
from latentode.ode.networks.activations import tamed

_RATES = (8.0, 2.0, 0.5)  # at which an influence sets in, per unit of model time
_PERIODS = 2  # of the season that are read
WEIGHTS = ("hidden_own", "hidden_shared", "hidden_channel", "own", "shared", "last")
"""Names of what is fitted."""

_DROPOUT = 0.2  # of what is known of a channel, and of hidden units
_HIDDEN = 32  # units of the hidden layer
_BOUND = 5.0  # scaled units that what is known of a channel stays within, smoothly
_FARTHEST = 100.0  # model time: an age beyond 25 contexts says no more
_MOST_LOG_SCALE = 4.0  # a factor on deviations by 55 up or down at most


class Clues(NamedTuple):
    """What direct forecasts go by, without what is learned.

    Attributes:
        own: What is known of each channel alone, within bounds, shapes (channel, batch, step or 1,
            feature).
        known: What is known at the times asked about, shape (batch, step, known).
        lead: Time since the last row, shape (batch, step, 1).
        age: Time since the last reading of the channel, shape (channel, batch, step, 1).
        ahead: Whether a time is after the last row, shape (batch, step, 1).
    """

    own: list[Tensor]
    known: Tensor
    lead: Tensor
    age: Tensor
    ahead: Tensor


class DirectForecast(nn.Module):
    r"""Direct forecasts of every later time from exact summaries, beside the latent path.

    A forecast of channel c at age a after its last reading is moved by

    .. math:: \sum_j \big(1 - e^{-k_j a}\big)\, g_{jc}(s_c, u(t), h), \qquad k_j \in \{8, 2, 1/2\}

    with :math:`s_c` the `summaries` of the channel and what was read one and two seasons before t,
    u(t) what is known at t, h the time since the last row; likewise its log-scale. So it departs
    from the last reading, whatever was learned, and what is asked between visible readings is left
    as it is. The functions are linear, and linear in a hidden layer that all channels share but for
    a bias :math:`e_c`: one that reads all channels at once learns the noise of a small log.

    Steps of training leave it alone: what the other parts miss, it is fitted to afterwards
    (`fit_direct`), and counts for the channels that it is good for. Before that it is zero. Beyond
    the farthest time h that it was fitted to, its `reach`, h counts as that.

    Args:
        num_channels: Channels of the log.
        known_dim: Known inputs and static covariates.
        season: Period of the season in model time; None goes without.

    Reference:
        Direct, as opposed to iterated, forecasts: Marcellino, Stock, Watson (2006), A comparison of
        direct and iterated multistep AR methods, Journal of Econometrics 135. One network for all
        channels: Nie et al. (2023), https://arxiv.org/abs/2211.14730.
    """

    rates: Tensor
    hidden_own: Tensor
    hidden_shared: Tensor
    hidden_channel: Tensor
    own: Tensor
    shared: Tensor
    last: Tensor
    strength: Tensor
    reach: Tensor

    def __init__(self, num_channels: int, known_dim: int, season: float | None) -> None:
        super().__init__()
        self.season = season
        self.register_buffer("rates", torch.tensor(_RATES))
        own = SUMMARIES + (0 if season is None else 2 * _PERIODS)
        shared, moved = known_dim + 1 + len(_RATES), 2 * len(_RATES)
        sizes = {
            "hidden_own": (own, _HIDDEN),
            "hidden_shared": (shared, _HIDDEN),
            "hidden_channel": (num_channels, _HIDDEN),
            "own": (num_channels, own, moved),
            "shared": (num_channels, shared, moved),
            "last": (num_channels, _HIDDEN, moved),
        }
        # buffers, as steps of training leave them alone; a stream of its own moves no other part
        generator = torch.Generator().manual_seed(0)
        for name in WEIGHTS:
            weight = torch.zeros(sizes[name])
            if name.startswith("hidden"):
                weight.normal_(0.0, sizes[name][0] ** -0.5, generator=generator)
            self.register_buffer(name, weight)
        self.register_buffer("strength", torch.zeros(num_channels))
        self.register_buffer("reach", torch.zeros(()))

    @classmethod
    def of(
        cls, config: ModelConfig, num_channels: int, known_dim: int, season: float | None
    ) -> DirectForecast | None:
        """The part of a model; None for one without memory.

        Args:
            config: Its settings, resolved.
            num_channels: See `DirectForecast`.
            known_dim: Likewise.
            season: Likewise.
        """
        if not config.memory:
            return None
        return cls(num_channels, known_dim, season)

    def forward(self, batch: SeriesBatch, asked: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Shift of the location and of the log-scale.

        Args:
            batch: Windows with their visible rows.
            asked: Times asked about, float64 model time, shape (batch, step).
            known: What is known there, shape (batch, step, known).

        Returns:
            Both of shape (batch, step, channel), 0 up to the last visible row.
        """
        return self.moves(self.clues(batch, asked, known))

    def clues(self, batch: SeriesBatch, asked: Tensor, known: Tensor) -> Clues:
        """What forecasts go by, whatever was learned.

        Args:
            batch: See `forward`, like all others.
            asked: Likewise.
            known: Likewise.
        """
        found = summaries(batch)
        lead = (asked - batch.times[:, -1:]).to(known.dtype)[..., None]
        age = (asked[..., None] - found.last).clamp(0.0, _FARTHEST).to(known.dtype)
        return Clues(
            own=[_bounded(part.movedim(2, 0)) for part in self._own(batch, found, asked)],
            known=known,
            lead=lead.clamp(min=0.0),
            age=age.movedim(-1, 0)[..., None],
            # nothing is learned of a window without readings, which has no last one to depart from
            ahead=(lead > 0) & (batch.lengths > 0)[:, None, None],
        )

    def moves(self, clues: Clues) -> tuple[Tensor, Tensor]:
        """What `forward` returns, of what was found out before."""
        steps = clues.known.shape[1]
        lead = torch.minimum(clues.lead, self.reach)
        shared = torch.cat([clues.known, lead, -(-lead * self.rates).expm1()], dim=-1)
        own = clues.own[0]  # (channel, batch, step or 1, feature)
        if len(clues.own) > 1:
            own = torch.cat([own.expand(-1, -1, steps, -1), *clues.own[1:]], dim=-1)
        own = dropout(own, _DROPOUT, self.training)
        hidden = own @ self.hidden_own + shared @ self.hidden_shared
        hidden = torch.tanh(hidden + self.hidden_channel[:, None, None])
        hidden = dropout(hidden, _DROPOUT, self.training)
        shares = (hidden, self.last), (own, self.own)
        out = sum(
            (
                (part.flatten(1, 2) @ weight).unflatten(1, part.shape[1:3])
                for part, weight in shares
            ),
            start=(shared.flatten(0, 1) @ self.shared).unflatten(1, shared.shape[:2]),
        )
        begun = -(-clues.age * self.rates).expm1()  # (channel, batch, step, rate)
        moved = (out.unflatten(-1, (2, -1)) * begun[..., None, :]).sum(dim=-1)
        shift, log_scale = torch.where(clues.ahead, moved.permute(3, 1, 2, 0) * self.strength, 0.0)
        return shift, log_scale.clamp(-_MOST_LOG_SCALE, _MOST_LOG_SCALE)

    def _own(self, batch: SeriesBatch, found: Summaries, asked: Tensor) -> list[Tensor]:
        """What is known of each channel alone, shapes (batch, step or 1, channel, feature)."""
        numbers = found.numbers[:, None]
        if self.season is None:
            return [numbers]
        values = torch.where(batch.mask, batch.values - found.level, 0.0)[None]
        table = ReadingTable.of(batch.times, batch.mask, batch.lengths)
        read, known = periods_earlier(table, values, asked, self.season, _PERIODS)
        known = known.to(read.dtype)
        earlier = [*(tamed(read[0]) * known).unbind(1), *known.unbind(1)]
        return [numbers, torch.stack(earlier, dim=-1)]


def _bounded(numbers: Tensor) -> Tensor:
    return _BOUND * torch.tanh(numbers / _BOUND)

"""What the visible readings say of any time, once the latent trajectory is known."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.data.batch import SeriesBatch
from latentode.decoders.residual import (
    RecentBehaviour,
    ResidualMemory,
    gather_readings,
    nearest_readings,
)
from latentode.decoders.seasonal import SeasonalMemory

_MAX_RESTLESSNESS = 4.0


def remember(
    memory: ResidualMemory,
    recent: RecentBehaviour,
    seasonal: SeasonalMemory | None,
    batch: SeriesBatch,
    asked: Tensor,
    at_rows: Tensor,
) -> tuple[Tensor, Tensor]:
    """Join the memories of the nearest readings, of recent behaviour and of the season.

    Args:
        memory: Memory of the nearest readings.
        recent: Memory of recent behaviour.
        seasonal: Memory of the season; None goes without.
        batch: Windows with their visible rows.
        asked: Times asked about, float64 model time, shape (batch, step).
        at_rows: What the trajectory says at the visible rows, shape (draw, batch, time, channel).

    Returns:
        Shift of the location and factor of the scale, shape (draw, batch, step, channel) or one
        that broadcasts to it.
    """
    times, mask, lengths = batch.times, batch.mask, batch.lengths
    residuals = torch.where(mask, batch.values - at_rows, 0.0)
    season: Tensor | float = 0.0
    if seasonal is not None:
        steps = asked.shape[1]
        both = torch.cat([asked, times], dim=1)
        expected = seasonal(times, mask, lengths, residuals, both)
        season = expected[..., :steps, :]
        residuals = torch.where(mask, residuals - expected[..., steps:, :], 0.0)
    index, gaps = nearest_readings(times, mask, lengths, asked)
    gaps = gaps.to(at_rows.dtype)
    found = gaps < torch.inf
    mean, variance = memory(gaps, gather_readings(residuals, index))
    ages = gaps[0].masked_fill(~found[0] | found[1], 0.0)  # of forecasts only
    shift, log_scale = recent(times, mask, residuals, ages)
    factor = variance.sqrt() * log_scale.clamp(-_MAX_RESTLESSNESS, _MAX_RESTLESSNESS).exp()
    return season + mean + shift, factor

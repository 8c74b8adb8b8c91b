"""What the readings of a window were like, in numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.ode.networks.activations import tamed

SPANS = (0.5, 2.0, 4.0)  # model time: an eighth, a half and the whole of a typical context
SUMMARIES = 2 + 6 * len(SPANS)
"""Numbers of `Summaries.numbers` for each channel."""

# newest reading and age; means; deviations, slopes and counts; extremes
_PARTS = (2, len(SPANS), 3 * len(SPANS), 2 * len(SPANS))
_NEVER = 100.0  # age of what was not read, in model time: 25 contexts
_MOST = 10.0  # scaled units: a sensor's error counts no more than that in a spread or slope
_LEAST_SPREAD = 1e-8  # of times in model time squared, below which there is no slope


class Summaries(NamedTuple):
    """Summaries of windows.

    Attributes:
        level: Newest visible reading of each channel, 0 without one, shape (batch, 1, channel).
        last: Its model time, -inf without one, float64, shape (batch, 1, channel).
        numbers: Shape (batch, channel, SUMMARIES).
    """

    level: Tensor
    last: Tensor
    numbers: Tensor

    def absolute(self) -> Tensor:
        """The numbers with means and extremes as they are, not less the newest reading."""
        ends, means, rest, extremes = self.numbers.split(_PARTS, dim=-1)
        level = self.level[:, 0, :, None]
        return torch.cat([ends, tamed(means + level), rest, tamed(extremes + level)], dim=-1)


def summaries(batch: SeriesBatch) -> Summaries:
    """Newest reading, and moments of what was read before it over the last stretches of time.

    The numbers of a channel are its newest reading and the logarithm of one plus its age at the
    last row; and for the last 1/2, 2 and 4 of model time before that row the mean of its readings
    less the newest, their standard deviation, the slope of their least-squares line times the span,
    the greatest and the least less the newest, and the logarithm of one plus their number. What
    has no reading is 0.

    Args:
        batch: Windows, in scaled units.
    """
    times, values, mask = batch.times, batch.values, batch.mask
    stamps = times[..., None].masked_fill(~mask, -torch.inf)
    last, row = stamps.max(dim=1, keepdim=True)
    level = torch.where(torch.isinf(last), 0.0, values.gather(1, row))
    # differences from the newest: moments of the readings themselves would cancel in float32
    below = torch.where(mask, values - level, 0.0)
    ago = (times - times[:, -1:]).to(values.dtype)
    age = (times[:, -1:] - last[:, 0]).clamp(max=_NEVER).log1p().to(values.dtype)
    within = torch.stack([ago >= -span for span in SPANS], dim=1)  # (batch, span, time)
    parts = [
        torch.stack([tamed(level[:, 0]), age]),
        _moments(below, mask, ago, within).flatten(0, 1),
        _extremes(below, mask, within).flatten(0, 1),
    ]
    return Summaries(level, last, torch.cat(parts).movedim(0, -1))


def _moments(below: Tensor, mask: Tensor, ago: Tensor, within: Tensor) -> Tensor:
    """Mean, deviation, slope and count of each stretch, shape (4, span, batch, channel)."""
    read, at = mask.to(below.dtype), ago[..., None]
    powers = [read, below, below**2, read * at, read * at**2, below * at]
    # one product of matrices for all sums
    sums = within.to(below.dtype) @ torch.cat(powers, dim=-1)
    count, *rest = sums.unflatten(-1, (len(powers), -1)).unbind(2)
    mean, square, time, time_square, product = (part / count.clamp(min=1.0) for part in rest)
    deviation = (square - mean**2).clamp(min=0.0).sqrt()
    spread = time_square - time**2
    slope = (product - mean * time) / spread.clamp(min=_LEAST_SPREAD)
    slope = torch.stack([slope[:, k] * span for k, span in enumerate(SPANS)], dim=1)
    slope = torch.where(spread > _LEAST_SPREAD, slope, 0.0)
    found = [tamed(mean), deviation.clamp(max=_MOST), slope.clamp(-_MOST, _MOST)]
    return torch.stack([*found, count.log1p() / 4]).transpose(1, 2)


def _extremes(below: Tensor, mask: Tensor, within: Tensor) -> Tensor:
    """Greatest and least of each stretch, shape (2, span, batch, channel)."""
    found = []
    for inside in within.unbind(1):
        kept = mask & inside[..., None]
        ends = torch.stack(
            [
                below.masked_fill(~kept, -torch.inf).amax(1),
                below.masked_fill(~kept, torch.inf).amin(1),
            ]
        )
        found.append(tamed(torch.where(kept.any(1), ends, 0.0)))
    return torch.stack(found, dim=1)

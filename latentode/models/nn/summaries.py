"""What the readings of a window were like, in numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.ode.networks.activations import tamed

_SPANS = (0.5, 2.0, 4.0)  # model time: an eighth, a half and the whole of a context
_NEVER = 100.0


def summary_size() -> int:
    """Numbers of `span_summaries` for each channel."""
    return 2 + 6 * len(_SPANS)


def span_summaries(batch: SeriesBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Level, mean, spread, slope, extremes and count of every channel over the last stretches."""
    times, values, mask = batch.times, batch.values, batch.mask
    dtype = values.dtype
    seen = times[..., None].masked_fill(~mask, -torch.inf)
    last, row = seen.max(dim=1, keepdim=True)  # (batch, 1, channel)
    level = torch.where(torch.isinf(last), 0.0, values.gather(1, row))
    below = torch.where(mask, values - level, 0.0)
    ago = (times - times[:, -1:]).to(dtype)  # (batch, time), <= 0
    parts = [tamed(level[:, 0]), torch.log1p((-last[:, 0]).clamp(0.0, _NEVER)).to(dtype)]
    read = mask.to(dtype)
    moments = torch.cat([read, below, below**2, read * ago[..., None], read * ago[..., None]**2, below * ago[..., None]], -1)
    within = torch.stack([(ago >= -span).to(dtype) for span in _SPANS], dim=1)  # (batch, span, time)
    sums = (within @ moments).unflatten(-1, (6, -1))
    count, s, ss, t, tt, st = sums.unbind(2)  # (batch, span, channel)
    n = count.clamp(min=1.0)
    mean = s / n
    spread = (ss / n - mean**2).clamp(min=0.0)
    vt = (tt / n - (t / n) ** 2).clamp(min=0.0)
    cov = st / n - mean * t / n
    length = torch.tensor(_SPANS, dtype=dtype)[:, None]
    slope = torch.where(vt > 1e-8, cov / vt.clamp(min=1e-8), 0.0) * length
    for k, span in enumerate(_SPANS):
        inside = mask & (ago >= -span)[..., None]
        some = inside.any(1)
        top = torch.where(some, below.masked_fill(~inside, -torch.inf).amax(1), 0.0)
        low = torch.where(some, below.masked_fill(~inside, torch.inf).amin(1), 0.0)
        parts += [tamed(mean[:, k]), spread[:, k].sqrt().clamp(max=10), slope[:, k].clamp(-10, 10), tamed(top), tamed(low), torch.log1p(count[:, k]) / 4]
    return torch.cat(parts, -1), level, last

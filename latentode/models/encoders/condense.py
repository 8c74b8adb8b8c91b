"""Fewer rows for the encoder where a window has many."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from latentode.data.batches.batch import SeriesBatch


def condense(batch: SeriesBatch, max_rows: int) -> SeriesBatch:
    """Average the rows of long windows over equal stretches of their own span.

    A window of at most `max_rows` rows is left as it is. In a longer one, each of `max_rows` equal
    stretches of time becomes one row: the mean of the readings of each channel, at the time of the
    last of them. A recurrent encoder then costs the same however dense a log is, and sees less
    noise.

    Args:
        batch: Windows; each is condensed by itself.
        max_rows: Most rows of a window.

    Returns:
        The batch with condensed `times`, `values`, `mask` and `lengths`.
    """
    if batch.times.shape[1] <= max_rows:
        return batch
    rank = _ranks(batch.times, batch.lengths, max_rows)
    index = rank[..., None].expand_as(batch.values)
    # as wide as can be: how wide it must be only the device knows
    shape = (batch.size, max_rows, batch.values.shape[-1])
    counts = batch.values.new_zeros(shape).scatter_add(1, index, batch.mask.to(batch.values.dtype))
    sums = batch.values.new_zeros(shape).scatter_add(1, index, batch.values)
    lengths = torch.where(batch.lengths > 0, rank[:, -1] + 1, 0)
    times = batch.times.new_full((batch.size, max_rows), -torch.inf)
    times = times.scatter_reduce(1, rank, batch.times, "amax")
    return replace(
        batch,
        # padding repeats the last time
        times=torch.where(torch.isinf(times), batch.times[:, -1:], times),
        values=sums / counts.clamp(min=1.0),
        mask=counts > 0,
        lengths=lengths,
    )


def _ranks(times: Tensor, lengths: Tensor, max_rows: int) -> Tensor:
    """Row of the condensed window that each row goes to, rising by 0 or 1, (batch, time)."""
    rows = torch.arange(times.shape[1], device=times.device).expand_as(times)
    first, last = times[:, :1], times[:, -1:]
    span = (last - first).clamp(min=torch.finfo(times.dtype).tiny)
    stretch = ((times - first) / span * max_rows).long().clamp(max=max_rows - 1)
    # padding stands at the last time and goes with the last row
    same = torch.minimum(rows, (lengths[:, None] - 1).clamp(min=0))
    target = torch.where(lengths[:, None] > max_rows, stretch, same)
    return functional.pad(target.diff(dim=1).clamp(max=1), (1, 0)).cumsum(dim=1)

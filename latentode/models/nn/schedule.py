"""Which series does what when, for recurrences over series of different lengths."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Packed events in a segment: its buffers stay in the cache, and products run at full speed.
_SEGMENT = 1024


@dataclass(frozen=True)
class Schedule:
    """Who does what at each event, packed: all series of event 0, then those of event 1, ...

    Attributes:
        sizes: Series still running at each event, not increasing.
        rows: Row (into batch x time) that each packed event belongs to, shape (event,).
        is_end: True where an event is the last of its row, shape (event,).
        last: States that are asked for: those in which the series end, shape (series,). States are
            numbered from the initial ones on (`sizes[0]` of them), then one a packed event.
        series: Index in the batch of each series with events, shape (series,).
    """

    sizes: list[int]
    rows: Tensor
    is_end: Tensor
    last: Tensor
    series: Tensor

    @classmethod
    def of(cls, counts: Tensor) -> Schedule:
        """Arrange the events of a batch; the one place that waits for the device.

        Args:
            counts: Events of each row, 0 for padding, shape (batch, time).
        """
        device, counts = counts.device, counts.cpu()
        stops = counts.cumsum(dim=1)
        totals, order = stops[:, -1].sort(descending=True, stable=True)
        steps = torch.arange(int(totals[0]))
        running = steps[:, None] < totals  # (step, batch)
        step, rank = running.nonzero().unbind(dim=1)
        series = order[rank]
        row = torch.searchsorted(stops, steps.repeat(len(order), 1), right=True)[series, step]
        sizes = running.sum(dim=1)
        slots = torch.cat([sizes[:1], sizes])
        count = int((totals > 0).sum())
        parts = (
            series * counts.shape[1] + row,
            (stops[series, row] == step + 1).long(),
            (slots.cumsum(dim=0) - slots)[totals[:count]] + torch.arange(count),
            order[:count],
        )
        # one copy to the device
        rows, is_end, last, series = torch.cat(parts).to(device).split([len(p) for p in parts])
        return cls(sizes.tolist(), rows, is_end.bool(), last, series)

    def asking_after(self, counts: Tensor) -> Schedule:
        """The same, asking for the states after some numbers of events of each series.

        Args:
            counts: Shape (series of the batch, state), 0 for the initial state; in `last`, flat.
        """
        rank = torch.zeros(len(counts), dtype=torch.long).index_copy(
            0, self.series, torch.arange(len(self.series))
        )
        slots = torch.tensor([*self.sizes[:1], *self.sizes])
        # a series without events has the place of the first, where its initial state is as good
        return replace(self, last=((slots.cumsum(0) - slots)[counts] + rank[:, None]).flatten())

    def segments(self) -> list[tuple[slice, slice]]:
        """Stretches of about equal work: their events, and their packed events."""
        segments, first, start, stop = [], 0, 0, 0
        for event, size in enumerate(self.sizes):
            stop += size
            if stop - start >= _SEGMENT or event + 1 == len(self.sizes):
                segments.append((slice(first, event + 1), slice(start, stop)))
                first, start = event + 1, stop
        return segments

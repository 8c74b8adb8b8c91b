"""Short windows of long event streams, entered in the middle with their past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Int64
from latentode.data.event_batch import EventBatch
from latentode.data.events import EventStreams
from latentode.event_model import JumpProcess, Past

_SERIES_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class EventWindows:
    """Windows that together score every event once.

    A window is entered some events before the first that it scores, so that the latent state has
    seen a recent past; the decayed counts bring the whole past along.

    Attributes:
        streams: What the windows are cut from.
        unit_ns: Nanoseconds in one unit of model time.
        series: Series of each window, shape (window,).
        entry: Event (index in the series) at which a window is entered; -1 at the start.
        first: First event that it scores.
        stop: End of its events; where it is the last, the stream is followed to its end.
    """

    streams: EventStreams
    unit_ns: float
    series: Int64
    entry: Int64
    first: Int64
    stop: Int64

    @classmethod
    def cut(
        cls, streams: EventStreams, unit_ns: float, length: int, warm_up: int, offset: int
    ) -> EventWindows:
        """Cut all streams every `length` events, beginning `offset` events early."""
        rows = []
        for i, count in enumerate(np.diff(streams.starts).tolist()):
            firsts = np.maximum(np.arange(-offset, max(count, 1), length), 0)
            stops = np.minimum(np.append(firsts[1:], count), count)
            entry = np.where(firsts > 0, np.maximum(firsts - 1 - warm_up, -1), -1)
            rows.append(np.stack([np.full_like(firsts, i), entry, firsts, stops]))
        series, entry, first, stop = np.concatenate(rows, axis=1)
        empty = (stop <= first) & (first > 0)
        keep = ~empty
        return cls(streams, unit_ns, series[keep], entry[keep], first[keep], stop[keep])

    def batch(self, index: Int64) -> EventBatch:
        """Some windows in model time from where they are entered."""
        s, series = self.streams, self.series[index]
        low = s.starts[series]
        counts = self.stop[index] - self.entry[index] - 1
        slots = np.arange(max(1, int(counts.max())))
        valid = slots < counts[:, None]
        place = low + self.entry[index]
        rows = (place + 1)[:, None] + np.minimum(slots, np.maximum(counts - 1, 0)[:, None])
        origin = np.where(self.entry[index] < 0, s.origins[series], self._time(place))
        times = (self._time(rows) - origin[:, None]) / self.unit_ns
        times = np.where(counts[:, None] > 0, times, 0.0)
        last = self.stop[index] == s.starts[series + 1] - low
        start = (s.windows[series, :, 0] - origin[:, None]) / self.unit_ns
        end = (s.windows[series, :, 1] - origin[:, None]) / self.unit_ns
        # scoring begins after the event before the first, which belongs to another window
        before = (self._time(low + self.first[index] - 1) - origin) / self.unit_ns
        inner = self.first[index] > 0
        start[inner] = np.maximum(start[inner], np.nextafter(before, np.inf)[inner, None])
        final = times[:, -1]
        end[~last] = np.minimum(end[~last], final[~last, None])
        marks = np.where(valid, s.marks[np.minimum(rows, len(s.marks) - 1)], 0)
        return EventBatch(
            *(torch.from_numpy(np.ascontiguousarray(a)) for a in (times, marks, valid, start, end))
        )

    def _time(self, rows: Int64) -> Int64:
        return self.streams.times[np.clip(rows, 0, len(self.streams.times) - 1)]

    @torch.no_grad()
    def entry_counts(self, model: JumpProcess) -> Tensor:
        """Decayed counts just after each entry, shape (window, rate, channel)."""
        total = model.fresh(len(self.series)).counts.clone()
        lengths = np.diff(self.streams.starts)
        order = np.argsort(lengths, kind="stable")
        for low in range(0, len(order), _SERIES_AT_ONCE):
            chosen = order[low : low + _SERIES_AT_ONCE]
            slot = np.full(self.streams.num_series, -1)
            slot[chosen] = np.arange(len(chosen))
            rows = np.flatnonzero((slot[self.series] >= 0) & (self.entry >= 0))
            if not len(rows):
                continue
            batch = EventBatch.of(self.streams, self.unit_ns, chosen)
            before = model.counts_before(batch)
            at = torch.from_numpy(slot[self.series[rows]]), torch.from_numpy(self.entry[rows])
            kinds = batch.marks[at]
            after = before[at]
            after[torch.arange(len(rows)), :, kinds] += 1.0
            total[torch.from_numpy(rows)] = after
        return total

    def past(self, index: Int64, counts: Tensor, model: JumpProcess) -> Past:
        """What some windows bring along."""
        return Past(counts[torch.from_numpy(index)], model.fresh(len(index)).state)

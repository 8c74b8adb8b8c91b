"""Short windows of long event streams, entered in the middle with their past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Int64
from latentode.data.events import EventStreams
from latentode.models.point_processes import JumpProcess

_SERIES_AT_ONCE = 64  # bounds memory: streams are padded to the longest of them


@dataclass(frozen=True, eq=False)
class EventWindows:
    """Windows that together score every event once.

    A window is entered with its past: the decayed counts of everything before, and the latent state
    that was left behind when the window before it was last followed.

    Attributes:
        streams: What the windows are cut from.
        unit_ns: Nanoseconds in one unit of model time.
        series: Series of each window, shape (window,).
        first: First event (index in the series) that it scores.
        stop: End of its events; where it is the last, the stream is followed to its end.
    """

    streams: EventStreams
    unit_ns: float
    series: Int64
    first: Int64
    stop: Int64

    @classmethod
    def cut(cls, streams: EventStreams, unit_ns: float, length: int) -> EventWindows:
        """Cut each stream into equal windows.

        Args:
            streams: Streams, ties spread.
            unit_ns: Nanoseconds in one unit of model time.
            length: Most events of a window.
        """
        rows = []
        for i, count in enumerate(np.diff(streams.starts).tolist()):
            parts = max(1, -(-count // length))
            edges = np.linspace(0, count, parts + 1).astype(np.int64)
            rows.append(np.stack([np.full(parts, i), edges[:-1], edges[1:]]))
        series, first, stop = np.concatenate(rows, axis=1)
        return cls(streams, unit_ns, series, first, stop)

    def lanes(self, size: int, rng: np.random.Generator) -> list[Int64]:
        """Batches in the order of time: the next batch holds the next window of most streams.

        Streams are laid end to end in random order and cut into `size` lanes; batch j is the j-th
        window of each lane.
        """
        rank = rng.permutation(self.streams.num_series)
        order = np.lexsort((self.first, rank[self.series]))
        steps = -(-len(order) // size)
        return [order[j::steps] for j in range(steps)]

    def batch(self, index: Int64) -> EventBatch:
        """Some windows in model time from where they are entered."""
        s, series, first = self.streams, self.series[index], self.first[index]
        low, counts = s.starts[series], self.stop[index] - first
        inner, origin = first > 0, self._entries(index)
        slots = np.arange(max(1, int(counts.max())))
        valid = slots < counts[:, None]
        rows = (low + first)[:, None] + np.minimum(slots, np.maximum(counts - 1, 0)[:, None])
        times = (self._time(rows) - origin[:, None]) / self.unit_ns
        times = np.where(counts[:, None] > 0, times, 0.0)
        start = (s.windows[series, :, 0] - origin[:, None]) / self.unit_ns
        end = (s.windows[series, :, 1] - origin[:, None]) / self.unit_ns
        # the event at which a window is entered belongs to the window before
        start[inner] = np.maximum(start[inner], np.nextafter(0.0, 1.0))
        last = self.stop[index] == s.starts[series + 1] - low
        end[~last] = np.minimum(end[~last], times[~last, -1:])
        marks = np.where(valid, s.marks[np.minimum(rows, len(s.marks) - 1)], 0)
        return EventBatch(
            *(torch.from_numpy(np.ascontiguousarray(a)) for a in (times, marks, valid, start, end))
        )

    def _time(self, rows: Int64) -> Int64:
        return self.streams.times[np.clip(rows, 0, len(self.streams.times) - 1)]

    def ages(self, index: Int64) -> Tensor:
        """Model time from the origin of each stream to the entry of some windows."""
        origins = self.streams.origins[self.series[index]]
        return torch.from_numpy((self._entries(index) - origins) / self.unit_ns)

    def _entries(self, index: Int64) -> Int64:
        """Times at which windows are entered: of the event before, or the origin of the stream."""
        s, series, first = self.streams, self.series[index], self.first[index]
        return np.where(first > 0, self._time(s.starts[series] + first - 1), s.origins[series])

    @torch.no_grad()
    def entry_counts(self, model: JumpProcess) -> Tensor:
        """Decayed counts at the entry of each window, shape (window, rate, channel)."""
        total = model.fresh(len(self.series)).counts.clone()
        order = np.argsort(np.diff(self.streams.starts), kind="stable")
        for low in range(0, len(order), _SERIES_AT_ONCE):
            chosen = order[low : low + _SERIES_AT_ONCE]
            slot = np.full(self.streams.num_series, -1)
            slot[chosen] = np.arange(len(chosen))
            rows = np.flatnonzero((slot[self.series] >= 0) & (self.first > 0))
            if not len(rows):
                continue
            batch = EventBatch.of(self.streams, self.unit_ns, chosen).to(total.device)
            before = model.counts_before(batch, model.fresh(len(chosen)))
            at = tuple(
                torch.from_numpy(part).to(total.device)
                for part in (slot[self.series[rows]], self.first[rows] - 1)
            )
            after = before[at]
            after[torch.arange(len(rows)), :, batch.marks[at]] += 1.0
            total[torch.from_numpy(rows).to(total.device)] = after
        return total

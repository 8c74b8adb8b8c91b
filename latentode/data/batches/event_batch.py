"""Event streams as padded tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Int64
from latentode.data.events import EventStreams


@dataclass(frozen=True, eq=False)
class EventBatch:
    """Events of some series in model time, each counted from its own origin.

    A padded slot repeats the last time of its series, so that its gap has no length; nothing of it
    reaches a likelihood or a gradient.

    Attributes:
        times: Model time of each event, float64, shape (batch, event).
        marks: Kind of each event, 0 where padded, shape (batch, event).
        valid: True for events, False where padded, shape (batch, event).
        start: Start of observation of each kind in model time, float64, shape (batch, channel).
        end: End of observation, float64, shape (batch, channel).
    """

    times: Tensor
    marks: Tensor
    valid: Tensor
    start: Tensor
    end: Tensor

    @classmethod
    def of(
        cls, streams: EventStreams, unit_ns: float, series: Sequence[int] | Int64 | None = None
    ) -> EventBatch:
        """Pad some series of a set of streams; all of them by default.

        Args:
            streams: The streams.
            unit_ns: Nanoseconds in one unit of model time.
            series: Indices of series.
        """
        index = np.arange(streams.num_series) if series is None else np.asarray(series)
        origins = streams.origins[index]
        low, counts = streams.starts[index], np.diff(streams.starts)[index]
        slots = np.arange(max(1, counts.max(initial=1)))
        valid = slots < counts[:, None]  # (batch, event)
        times = np.zeros(valid.shape)
        marks = np.zeros(valid.shape, dtype=np.int64)
        if len(streams.times):
            last = np.maximum(counts - 1, 0)[:, None]
            rows = np.minimum(low[:, None] + np.minimum(slots, last), len(streams.times) - 1)
            times = (streams.times[rows] - origins[:, None]) / unit_ns
            times = np.where(counts[:, None] > 0, times, 0.0)
            marks = np.where(valid, streams.marks[rows], 0)
        windows = (streams.windows[index] - origins[:, None, None]) / unit_ns
        return cls(
            torch.from_numpy(times),
            torch.from_numpy(marks),
            torch.from_numpy(valid),
            torch.from_numpy(windows[..., 0].copy()),
            torch.from_numpy(windows[..., 1].copy()),
        )

    @classmethod
    def cut(
        cls,
        streams: EventStreams,
        series: Int64,
        low: Int64,
        high: Int64,
        anchors: Int64,
        unit_ns: float,
    ) -> EventBatch:
        """Cut windows ``low < time <= high``, in model time from an anchor of their own.

        A series may be cut many times. A kind that was not watched in a window has no length there.

        Args:
            streams: The streams.
            series: Series of each window, shape (batch,).
            low: Exclusive start of each window in nanoseconds, shape (batch,).
            high: Inclusive end, at least 1 later, shape (batch,).
            anchors: Time that is model time 0 of each window, nanoseconds, shape (batch,).
            unit_ns: Nanoseconds in one unit of model time.
        """
        first, stop = (streams.place(series, edge) for edge in (low, high))
        counts = stop - first
        slots = np.arange(max(1, int(counts.max(initial=0))))
        valid = slots < counts[:, None]  # (batch, event)
        rows = first[:, None] + np.minimum(slots, np.maximum(counts - 1, 0)[:, None])
        rows = np.minimum(rows, max(0, len(streams.times) - 1))
        edges = (low + 1)[:, None, None], high[:, None, None]
        windows = np.clip(streams.windows[series], *edges)
        shift, some = anchors[:, None], counts[:, None] > 0
        times, marks = np.broadcast_to(shift, valid.shape), np.zeros(valid.shape, dtype=np.int64)
        if len(streams.times):
            times = np.where(some, streams.times[rows], shift)
            marks = np.where(valid, streams.marks[rows], 0)
            watched = streams.windows[series[:, None], marks]  # (batch, event, 2)
            valid = valid & (times >= watched[..., 0]) & (times <= watched[..., 1])
        parts = (
            (times - shift) / unit_ns, marks, valid, (windows[..., 0] - shift) / unit_ns,
            (windows[..., 1] - shift) / unit_ns,
        )  # fmt: skip
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    @property
    def scored(self) -> Tensor:
        """True for events inside the window of their kind, shape (batch, event)."""
        low = self.start.gather(1, self.marks)
        high = self.end.gather(1, self.marks)
        return self.valid & (self.times >= low) & (self.times <= high)

    def to(self, device: torch.device | str) -> EventBatch:
        """Move to a device."""
        return self._map(lambda part: part.to(device))

    def clone(self) -> EventBatch:
        """Copy every tensor."""
        return self._map(lambda part: part.clone())

    def select(self, series: Tensor) -> EventBatch:
        """Keep some series, by index."""
        return self._map(lambda part: part[series])

    def _map(self, change: Callable[[Tensor], Tensor]) -> EventBatch:
        return replace(self, **{k: change(getattr(self, k)) for k in self.__dataclass_fields__})

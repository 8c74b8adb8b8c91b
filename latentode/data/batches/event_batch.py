"""Event streams as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentode.data.batches.tensor_parts import TensorParts
from latentode.data.dataset import Int64, first_after
from latentode.data.events import EventStreams


@dataclass(frozen=True, eq=False)
class EventBatch(TensorParts):
    """Events of some series in model time, each counted from its own origin.

    A padded slot repeats the last time of its series, so that its gap has no length; nothing of it
    reaches a likelihood or a gradient.

    Attributes:
        times: Model time of each event, float64, shape (batch, event).
        marks: Mark of each event, 0 where padded, shape (batch, event).
        valid: True for events, False where padded, shape (batch, event).
        start: Start of observation of each mark in model time, float64, shape (batch, mark).
        end: End of observation, float64, shape (batch, mark).
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
        padded = _padded(
            streams, streams.starts[index], np.diff(streams.starts)[index], streams.origins[index]
        )
        return cls._of(*padded, streams.windows[index], streams.origins[index], unit_ns)

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

        A series may be cut many times. Where a mark was not observed, its window has no length.

        Args:
            streams: The streams.
            series: Series of each window, shape (batch,).
            low: Exclusive start of each window in nanoseconds, shape (batch,).
            high: Inclusive end, at least 1 later, shape (batch,).
            anchors: Time that is model time 0 of each window, nanoseconds, shape (batch,).
            unit_ns: Nanoseconds in one unit of model time.
        """
        edges = np.stack([low, high], axis=1)
        first, stop = first_after(streams.starts, streams.times, series, edges).T
        times, marks, valid = _padded(streams, first, stop - first, anchors)
        observed = streams.windows[series[:, None], marks]  # (batch, event, 2)
        valid &= (times >= observed[..., 0]) & (times <= observed[..., 1])
        windows = np.clip(streams.windows[series], (low + 1)[:, None, None], high[:, None, None])
        return cls._of(times, marks, valid, windows, anchors, unit_ns)

    @classmethod
    def _of(
        cls,
        times: Int64,
        marks: Int64,
        valid: NDArray[np.bool_],
        windows: Int64,
        anchors: Int64,
        unit_ns: float,
    ) -> EventBatch:
        """Count nanoseconds from the anchor of each window in units of model time."""
        edges = (windows - anchors[:, None, None]) / unit_ns
        parts = ((times - anchors[:, None]) / unit_ns, marks, valid, edges[..., 0], edges[..., 1])
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    @property
    def scored(self) -> Tensor:
        """True for events inside the window of their mark, shape (batch, event)."""
        low = self.start.gather(1, self.marks)
        high = self.end.gather(1, self.marks)
        return self.valid & (self.times >= low) & (self.times <= high)

    def from_origin(self) -> EventBatch:
        """The same events in windows that begin with the streams: history counts as scored."""
        return replace(self, start=self.start.clamp(max=0.0))

    def select(self, series: Tensor) -> EventBatch:
        """Keep some series, by index."""
        return self._map(lambda part: part[series])


def _padded(
    streams: EventStreams, first: Int64, counts: Int64, anchors: Int64
) -> tuple[Int64, Int64, NDArray[np.bool_]]:
    """Times, marks and validity of runs of events, (batch, event); an anchor where one is empty."""
    slots = np.arange(max(1, int(counts.max(initial=0))))
    valid = slots < counts[:, None]  # (batch, event)
    times = np.broadcast_to(anchors[:, None], valid.shape)
    marks = np.zeros(valid.shape, dtype=np.int64)
    if len(streams.times):
        rows = first[:, None] + np.minimum(slots, np.maximum(counts - 1, 0)[:, None])
        rows = np.minimum(rows, len(streams.times) - 1)
        times = np.where(counts[:, None] > 0, streams.times[rows], times)
        marks = np.where(valid, streams.marks[rows], marks)
    return times, marks, valid

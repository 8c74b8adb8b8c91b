"""Event streams as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
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

    @property
    def scored(self) -> Tensor:
        """True for events inside the window of their kind, shape (batch, event)."""
        low = self.start.gather(1, self.marks)
        high = self.end.gather(1, self.marks)
        return self.valid & (self.times >= low) & (self.times <= high)

    def to(self, device: torch.device | str) -> EventBatch:
        """Move to a device."""
        moved = {name: getattr(self, name).to(device) for name in self.__dataclass_fields__}
        return replace(self, **moved)

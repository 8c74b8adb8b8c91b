"""Readings that are to be predicted, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64, Readings
from latentode.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Targets:
    """Readings to be predicted from the windows of a data set, one entry a reading.

    Attributes:
        window: Window (series of the visible data set) that each reading belongs to, int64, shape
            (target,).
        times: Time of each reading in nanoseconds, int64, on the clock of the data set, shape
            (target,).
        channel: Channel of each reading, int64, shape (target,).
        values: What was read, in original units, float64, shape (target,); zeros or NaN where the
            truth is unknown.
    """

    window: Int64
    times: Int64
    channel: Int64
    values: Float64

    def __post_init__(self) -> None:
        shapes = {field.name: getattr(self, field.name).shape for field in fields(self)}
        if len(set(shapes.values())) > 1 or len(self.window.shape) != 1:
            raise ShapeError(
                f"targets: expected four arrays of one shape (target,), got {shapes}. "
                "Give one window, time, channel and value for each reading."
            )

    @classmethod
    def from_readings(cls, readings: Readings) -> Targets:
        """Every reading of some windows, in order of window, time and channel.

        Args:
            readings: Readings with one series a window.

        Returns:
            One target a reading.
        """
        rows = readings.reading_rows()
        return cls(
            window=readings.row_series()[rows].astype(np.int64),
            times=readings.times[rows],
            channel=readings.channel_index.astype(np.int64),
            values=readings.values,
        )

    def __len__(self) -> int:
        return len(self.window)

    def select(self, index: Any) -> Targets:
        """Keep some targets, by mask, positions or slice; window numbers stay as they are."""
        return Targets(*(getattr(self, field.name)[index] for field in fields(self)))

    def renumbered(self, window: Int64) -> Targets:
        """The same targets with other window numbers, shape (target,)."""
        return Targets(window, self.times, self.channel, self.values)

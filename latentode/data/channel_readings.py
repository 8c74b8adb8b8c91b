"""Readings of a log, one channel after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings


@dataclass(frozen=True, eq=False)
class ChannelReadings:
    """Readings of one channel, in order of series and time.

    Attributes:
        name: The channel.
        values: What was read, in original units, shape (reading,).
        series: Series of each, shape (reading,).
        times: Time of each in nanoseconds, shape (reading,).
    """

    name: str
    values: Float64
    series: NDArray[np.integer]
    times: Int64


def by_channel(readings: Readings) -> Iterator[ChannelReadings]:
    """The readings of every channel, in their order; of one that was never read too.

    Args:
        readings: Readings of several channels.
    """
    rows = readings.reading_rows()
    series = readings.row_series()
    for channel, name in enumerate(readings.channels):
        mine = np.flatnonzero(readings.channel_index == channel)
        row = rows[mine]
        yield ChannelReadings(name, readings.values[mine], series[row], readings.times[row])

"""Readings of a log, one channel after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings

_SAMPLE = 200_000  # readings of a channel whose times are looked at


@dataclass(frozen=True, eq=False)
class ChannelReadings:
    """Readings of one channel, in order of series and time.

    Attributes:
        name: The channel.
        values: What was read, in original units, shape (reading,).
        series: Series of each, shape (reading,).
        timed: Which of them have a time here, in their order; see `sampled`.
        times: Time of each of these in nanoseconds.
    """

    name: str
    values: Float64
    series: NDArray[np.integer]
    timed: Int64
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
        row, timed = rows[mine], sampled(len(mine))
        times = readings.times[row[timed]]
        yield ChannelReadings(name, readings.values[mine], series[row], timed, times)


def sampled(count: int) -> Int64:
    """Readings of a channel that tell of the hours of the day; not all, where there are many.

    Args:
        count: Number of readings.
    """
    if count <= _SAMPLE:
        return np.arange(count)
    # at random: an even stride may meet the same hours only
    return np.sort(np.random.default_rng(0).choice(count, _SAMPLE, replace=False))

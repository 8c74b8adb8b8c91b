"""Readings of each channel as one array, and what can be said of their range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.dataset import Float64, Int64, Readings

_ENOUGH = 100_000  # readings that tell a median


@dataclass(frozen=True, eq=False)
class ChannelReadings:
    """Readings of one channel, in order of series and time.

    Attributes:
        name: The channel.
        values: Its readings, shape (reading,).
        all_rows: Row of each, shape (reading,); None where every row has one.
        bounds: First reading of each series, and the end of the last one, shape (series + 1,).
    """

    name: str
    values: Float64
    all_rows: Int64 | None
    bounds: Int64

    def rows(self, readings: Int64) -> Int64:
        """Row of each of some readings."""
        return readings if self.all_rows is None else self.all_rows[readings]

    def row(self, reading: int) -> int:
        """Row of a reading."""
        return int(self.rows(np.array([reading]))[0])

    def times_at(self, readings: Int64, times: Int64) -> Int64:
        """Times of some readings, from the times of all rows."""
        return times[self.rows(readings)]


def by_channel(
    readings: Readings, columns: Sequence[Float64] | None = None
) -> Iterator[ChannelReadings]:
    """Part readings by channel.

    Args:
        readings: Readings of all channels.
        columns: The same side by side, where they are at hand: value of each channel in each row,
            NaN where there is none.
    """
    names, starts = readings.channels, readings.series_starts
    width = len(names)
    if readings.num_readings == readings.num_rows * width:  # every row has every channel
        for channel, name in enumerate(names):
            values = np.ascontiguousarray(readings.values[channel::width])
            yield ChannelReadings(name, values, None, starts)
        return
    if columns is not None:
        for name, column in zip(names, columns, strict=True):
            rows = np.flatnonzero(~np.isnan(column))
            yield ChannelReadings(name, column[rows], rows, np.searchsorted(rows, starts))
        return
    # by counting, which is far faster than any sort of numpy
    order = pc.sort_indices(pa.array(readings.channel_index)).to_numpy().view(np.int64)
    ends = np.searchsorted(readings.channel_index, np.arange(width + 1), sorter=order)
    row_of = None if readings.num_readings == readings.num_rows else readings.reading_rows()
    for channel, name in enumerate(names):
        index = order[ends[channel] : ends[channel + 1]]
        rows = index if row_of is None else row_of[index]
        yield ChannelReadings(name, readings.values[index], rows, np.searchsorted(rows, starts))


@dataclass(frozen=True)
class ChannelFacts:
    """What the readings of a channel look like; suspected codes for "missing" are not among them.

    Attributes:
        name: The channel.
        count: Number of readings, codes included.
        low: Least reading; None without any.
        median: Median reading; of many readings, of evenly spaced ones.
        high: Greatest reading.
        first: First time in nanoseconds.
        last: Last time.
        share: Share of the rows that have a reading of it.
        constant: Whether all readings are the same.
        state: Whether all readings are 0 or 1, and both occur.
    """

    name: str
    count: int
    low: float | None
    median: float | None
    high: float | None
    first: int | None
    last: int | None
    share: float
    constant: bool
    state: bool


def facts_of(channel: ChannelReadings, times: Int64, codes: list[float]) -> ChannelFacts:
    """Describe a channel.

    Args:
        channel: Its readings.
        times: Times of all rows.
        codes: Values that seem to stand for "missing".
    """
    values, count = channel.values, len(channel.values)
    if codes:
        values = values[~np.isin(values, codes)]
    share = count / max(1, len(times))
    if not len(values):
        return ChannelFacts(channel.name, count, None, None, None, None, None, share, False, False)
    low, high = float(values.min()), float(values.max())
    filled = channel.bounds[:-1] < channel.bounds[1:]
    first = channel.times_at(channel.bounds[:-1][filled], times).min()
    last = channel.times_at(channel.bounds[1:][filled] - 1, times).max()
    state = (low, high) == (0, 1) and bool(((values == 0) | (values == 1)).all())
    return ChannelFacts(
        name=channel.name,
        count=count,
        low=low,
        median=_median(values[:: max(1, len(values) // _ENOUGH)]),
        high=high,
        first=int(first),
        last=int(last),
        share=share,
        constant=low == high,
        state=state,
    )


def _median(values: Float64) -> float:
    """As numpy does, but by sorting, which is faster there than to part."""
    middle = np.sort(values)[(len(values) - 1) // 2 : len(values) // 2 + 1]
    return float(middle.mean())

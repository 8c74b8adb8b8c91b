"""Readings in order without sorting them one by one, where the rows of a log allow it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, offsets, ragged_arange
from latentode.data.reading.assembly.row_order import rows_in_order


def arrange_runs(
    series: NDArray[np.integer],
    times: Int64,
    counts: Int64 | None,
    channel: NDArray[np.int32],
    values: Float64,
    *,
    num_series: int,
    channels: Sequence[str],
) -> Readings | None:
    """Build readings by sorting rows, each with several readings, instead of readings.

    A log is mostly written a time after another: in a wide log the readings of a time are one row,
    in a long log mostly successive rows. Such runs are sorted and copied as a whole.

    Args:
        series: Series of each row of the log that has readings, shape (row,).
        times: Nanoseconds of each row.
        counts: Readings of each row, at least 1; None where each has one.
        channel: Channel of each reading in the order of the rows, shape (reading,).
        values: Value of each reading.
        num_series: Number of series.
        channels: Channel names.

    Returns:
        The readings; None where a (series, time) stands in separate places of the log or a channel
        repeats at a time, so that readings have to be sorted, and perhaps merged, one by one.
    """
    if not len(series):
        return None
    fresh = times[1:] != times[:-1]
    if not fresh.all():
        fresh |= series[1:] != series[:-1]
        first = np.concatenate([[0], np.flatnonzero(fresh) + 1])
        counts = (
            np.diff(first, append=len(series)) if counts is None else np.add.reduceat(counts, first)
        )
        series, times = series[first], times[first]
        del first
    del fresh  # of long logs, each array of a row counts
    rows = rows_in_order(series, times, num_series)
    if rows is None:
        return None
    inside = _inside(channel, values, counts, rows.order)
    if inside is None:
        return None
    channel, values = inside
    if rows.order is not None and counts is not None:
        counts = counts[rows.order]
    return Readings(
        channels=tuple(channels),
        series_starts=rows.starts,
        times=rows.times,
        row_starts=np.arange(len(times) + 1) if counts is None else offsets(counts),
        channel_index=channel,
        values=values,
    )


def _inside(
    channel: NDArray[np.int32], values: Float64, counts: Int64 | None, order: Int64 | None
) -> tuple[NDArray[np.int32], Float64] | None:
    """Readings run by run in their order, those of a run by channel; None where one repeats."""
    if counts is None:  # a reading per run: nothing to sort inside of them
        return (channel, values) if order is None else (channel[order], values[order])
    uniform = _uniform(channel, values, counts, order)
    if uniform is not None:
        return uniform
    inside = _sort_inside(channel, values, counts)
    if inside is None or order is None:
        return inside
    starts = np.cumsum(counts) - counts
    index = ragged_arange(starts[order], counts[order])
    return inside[0][index], inside[1][index]


def _uniform(
    channel: NDArray[np.int32], values: Float64, counts: Int64, order: Int64 | None
) -> tuple[NDArray[np.int32], Float64] | None:
    """Arrange runs that all list the same channels in the same order, as loggers do."""
    width = int(counts[0])
    first = channel[:width]
    inner = np.argsort(first, kind="stable")
    pattern = first[inner]
    if (counts != width).any() or (pattern[1:] <= pattern[:-1]).any():
        return None
    # columns are compared and copied one after another: numpy is slow along a short last axis
    if any((channel[at::width] != first[at]).any() for at in range(width)):
        return None
    if order is not None:
        values = values.view(f"V{width * values.itemsize}")[order].view(np.float64)
    if (inner != np.arange(width)).any():
        as_written, values = values, np.empty_like(values)
        for target, source in enumerate(inner):
            values[target::width] = as_written[source::width]
    return np.tile(pattern, len(counts)), values


def _sort_inside(
    channel: NDArray[np.int32], values: Float64, counts: Int64
) -> tuple[NDArray[np.int32], Float64] | None:
    """Sort the readings of each run by channel; None where one repeats."""
    starts = np.cumsum(counts)[:-1]
    if _rises(channel, starts):
        return channel, values
    run = np.repeat(np.arange(len(counts)), counts)
    index = np.argsort(run * (int(channel.max()) + 1) + channel, kind="stable")
    channel, values = channel[index], values[index]
    return (channel, values) if _rises(channel, starts) else None


def _rises(channel: NDArray[np.int32], starts: Int64) -> bool:
    rising = channel[1:] > channel[:-1]
    rising[starts - 1] = True
    return bool(rising.all())

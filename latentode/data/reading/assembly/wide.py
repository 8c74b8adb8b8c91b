"""Columns of values side by side: their readings row by row, and arranged by series and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, offsets, reading_order

_BLOCK = 1 << 15  # rows that are put side by side at once, and stay in the cache of a processor


def flattened(
    columns: Sequence[Float64], index: Int64, codes: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], Float64]:
    """Readings of columns, row by row.

    Args:
        columns: Values of each column, NaN where there is none, shape (row,) each.
        index: Rows that are wanted, in the order of the result.
        codes: Channel of each column, in the order of the columns.

    Returns:
        Number of readings of each row of `index`; channel of each reading; its value.
    """
    counts = np.zeros(len(index), dtype=np.int32)
    total = sum(int((~np.isnan(column[index])).sum()) for column in columns)
    channel, values = np.empty(total, dtype=np.int32), np.empty(total)
    done = 0
    for start in range(0, len(index), _BLOCK):
        rows = index[start : start + _BLOCK]
        block = np.empty((len(rows), len(columns)))
        for place, column in enumerate(columns):
            np.take(column, rows, out=block[:, place])
        there = ~np.isnan(block)
        size = int(np.count_nonzero(there))
        values[done : done + size] = block[there]
        channel[done : done + size] = np.broadcast_to(codes, there.shape)[there]
        for place in range(len(columns)):
            counts[start : start + len(rows)] += there[:, place]
        done += size
    return counts, channel, values


def arrange_columns(
    columns: Sequence[Float64],
    keep: NDArray[np.bool_],
    series: NDArray[np.integer],
    times: Int64,
    *,
    num_series: int,
    channels: Sequence[str],
) -> Readings | None:
    """Build readings of columns by sorting the rows alone.

    Args:
        columns: Values of each channel, NaN where there is none, shape (row,) each.
        keep: Rows that count, shape (row,).
        series: Series of each row.
        times: Nanoseconds of each row.
        num_series: Number of series.
        channels: Channel names, one per column.

    Returns:
        The readings; None where a series has a time twice, so that readings may have to be merged.
    """
    present = np.zeros(len(keep), dtype=bool)
    for column in columns:
        present |= ~np.isnan(column)
    index = np.flatnonzero(present & keep)
    series, times = series[index], times[index]
    order = reading_order(series, times, np.zeros(len(index), dtype=np.int8))
    if order is not None:
        series, times, index = series[order], times[order], index[order]
    if ((series[1:] == series[:-1]) & (times[1:] == times[:-1])).any():
        return None
    codes = np.arange(len(columns), dtype=np.int32)
    counts, channel, values = flattened(columns, index, codes)
    return Readings(
        channels=tuple(channels),
        series_starts=offsets(np.bincount(series, minlength=num_series)),
        times=times,
        row_starts=offsets(counts),
        channel_index=channel,
        values=values,
    )

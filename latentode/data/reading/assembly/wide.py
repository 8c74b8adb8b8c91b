"""Columns of values side by side: their readings row by row, and arranged by series and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, offsets
from latentode.data.reading.assembly.row_order import rows_in_order

Int32 = NDArray[np.int32]
_BLOCK = 1 << 13  # rows that are put side by side at once, and stay in the cache of a processor


def count_filled(columns: Sequence[Float64]) -> Int32:
    """Number of readings of each row of some columns, NaN where there is none."""
    counts = np.zeros(len(columns[0]), dtype=np.int32)
    for column in columns:
        counts += ~np.isnan(column)
    return counts


def flattened(columns: Sequence[Float64], counts: Int32) -> tuple[Int32, Float64]:
    """Readings of columns, row by row.

    Args:
        columns: Values of each column, NaN where there is none, shape (row,) each.
        counts: Readings of each row, shape (row,).

    Returns:
        Column of each reading; its value.
    """
    total = int(counts.sum())
    codes, values = np.empty(total, dtype=np.int32), np.empty(total)
    done = 0
    names = np.tile(np.arange(len(columns), dtype=np.int32), _BLOCK)
    block = np.empty((_BLOCK, len(columns)))
    for start in range(0, len(counts), _BLOCK):
        cells = block[: len(counts) - start]
        for place, column in enumerate(columns):
            cells[:, place] = column[start : start + _BLOCK]
        there = np.flatnonzero(~np.isnan(cells))
        target = slice(done, done + len(there))
        np.take(cells, there, out=values[target], mode="clip")
        np.take(names, there, out=codes[target], mode="clip")
        done += len(there)
    return codes, values


def arrange_columns(
    columns: list[Float64],
    keep: NDArray[np.bool_],
    series: NDArray[np.integer],
    times: Int64,
    *,
    num_series: int,
    channels: Sequence[str],
) -> Readings | None:
    """Build readings of columns by sorting the rows alone.

    Args:
        columns: Values of each channel, NaN where there is none, shape (row,) each; with the
            readings, they become those of the rows of the readings.
        keep: Rows that count, shape (row,).
        series: Series of each row.
        times: Nanoseconds of each row.
        num_series: Number of series.
        channels: Channel names, one per column.

    Returns:
        The readings; None where a series has a time twice, so that readings may have to be merged.
    """
    counts = count_filled(columns)
    counts[~keep] = 0
    index = np.flatnonzero(counts)
    if len(index) < len(counts):
        series, times = series[index], times[index]
    rows = rows_in_order(series, times, num_series)
    if rows is None:
        return None
    index = index if rows.order is None else index[rows.order]
    if len(index) < len(counts) or rows.order is not None:
        counts = counts[index]
        for place, column in enumerate(columns):
            columns[place] = column[index]
    codes, values = flattened(columns, counts)
    return Readings(
        channels=tuple(channels),
        series_starts=rows.starts,
        times=rows.times,
        row_starts=offsets(counts),
        channel_index=codes,
        values=values,
    )

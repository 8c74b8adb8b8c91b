"""Columns of values side by side: their readings row by row, and arranged by series and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, offsets, ragged_arange
from latentode.data.reading.assembly.row_order import rows_in_order

Int32 = NDArray[np.int32]
_BLOCK = 1 << 13  # rows that are put side by side at once, and stay in the cache of a processor


def count_filled(columns: Sequence[Float64]) -> Int32:
    """Number of readings of each row of some columns, NaN where there is none."""
    counts = np.zeros(len(columns[0]), dtype=np.int32)
    for column in columns:
        counts += ~np.isnan(column)
    return counts


def flattened(
    columns: Sequence[Float64], counts: Int32, starts: Int64 | None = None
) -> tuple[Int32, Float64]:
    """Readings of columns, row by row.

    Args:
        columns: Values of each column, NaN where there is none, shape (row,) each.
        counts: Readings of each row that are wanted: all or none, shape (row,).
        starts: Place of the first reading of each row in the result; None for the order of the
            rows.

    Returns:
        Column of each reading; its value.
    """
    total = int(counts.sum())
    codes, values = np.empty(total, dtype=np.int32), np.empty(total)
    width, done = len(columns), 0
    names = np.tile(np.arange(width, dtype=np.int32), _BLOCK)
    block = np.empty((_BLOCK, width))
    for start in range(0, len(counts), _BLOCK):
        some = counts[start : start + _BLOCK]
        cells = block[: len(some)]
        for place, column in enumerate(columns):
            cells[:, place] = column[start : start + _BLOCK]
        cells[some == 0] = np.nan  # rows that are not wanted
        there = np.flatnonzero(~np.isnan(cells))
        place = slice(done, done + len(there))
        target = place if starts is None else ragged_arange(starts[start : start + _BLOCK], some)
        values[target] = cells.ravel()[there]
        codes[target] = names[there]
        done += len(there)
    return codes, values


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
    counts = count_filled(columns)
    counts[~keep] = 0
    present = np.flatnonzero(counts)
    if len(present) < len(counts):
        series, times = series[present], times[present]
    rows = rows_in_order(series, times, num_series)
    if rows is None:
        return None
    order = present if rows.order is None else present[rows.order]
    row_starts = offsets(counts[order])
    starts = None
    if rows.order is not None:
        starts = np.empty(len(counts), dtype=np.int64)
        starts[order] = row_starts[:-1]
    codes, values = flattened(columns, counts, starts)
    return Readings(
        channels=tuple(channels),
        series_starts=rows.starts,
        times=rows.times,
        row_starts=row_starts,
        channel_index=codes,
        values=values,
    )

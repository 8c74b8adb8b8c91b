"""Order of rows by series and time, each row being of another time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Int64, reading_order


class RowOrder(NamedTuple):
    """Rows in order of series and time.

    Attributes:
        order: Row of the log at each place; None where they are in order already.
        times: Nanoseconds, in order.
        starts: First row of each series, and the end of the last one.
    """

    order: Int64 | None
    times: Int64
    starts: Int64


def rows_in_order(series: NDArray[np.integer], times: Int64, num_series: int) -> RowOrder | None:
    """Sort rows by series and time; None where a series has a time twice.

    Args:
        series: Series of each row, shape (row,).
        times: Nanoseconds.
        num_series: Number of series.
    """
    order = None
    if (series[1:] < series[:-1]).any():
        # stable, and by counting: far faster than any sort of numpy
        order = pc.sort_indices(pa.array(series)).to_numpy().view(np.int64)
        times = times[order]
    starts = np.searchsorted(series, np.arange(num_series + 1), sorter=order)
    if not _all_rise(times, starts):
        inner = reading_order(
            np.repeat(np.arange(num_series), np.diff(starts)), times, np.zeros(len(times), np.int8)
        )
        if inner is not None:
            order, times = inner if order is None else order[inner], times[inner]
        if not _all_rise(times, starts):
            return None
    return RowOrder(order, times, starts)


def _all_rise(times: Int64, starts: Int64) -> bool:
    """Whether each time is after the one before it, but for the first of a series."""
    rises = times[1:] > times[:-1]
    firsts = starts[(starts > 0) & (starts < len(times))]
    rises[firsts - 1] = True
    return bool(rises.all())

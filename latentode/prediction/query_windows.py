"""Which window answers which query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.windows import WindowLengths


@dataclass(frozen=True)
class QueryWindows:
    """Windows that answer queries: flat queries, each with its window.

    Attributes:
        series: Series of each window, shape (window,).
        starts: Exclusive start of what is visible, nanoseconds, shape (window,).
        stops: Inclusive end, shape (window,).
        window: Window of each distinct query, non-decreasing, shape (query,).
        times: Time of each distinct query, shape (query,).
    """

    series: Int64
    starts: Int64
    stops: Int64
    window: Int64
    times: Int64


def windows_of_queries(
    dataset: TimeSeriesDataset, series: Int64, times: Int64, lengths: WindowLengths
) -> tuple[QueryWindows, Int64]:
    """Find the window of each query.

    A query after the last row of its series is a forecast: its window is the last context. Any
    other is an interpolation: windows of one context's length lie half a context apart, and the one
    in whose middle half the query lies answers, widened to the readings on both sides where a gap
    is longer. Where no reading is near, each query has a window of its own, without rows. The
    layout depends on the series alone, never on the other queries.

    Args:
        dataset: Visible readings.
        series: Series of each query, shape (query,).
        times: Time of each query, nanoseconds, shape (query,).
        lengths: Context and horizon.

    Returns:
        Windows over the distinct queries, and the number of each query among the distinct ones.
    """
    readings, context = dataset.readings, lengths.context_ns
    stride = max(1, context // 2)
    order = np.lexsort((times, series))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(series[order]) != 0) | (np.diff(times[order]) != 0)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    query_series, query_times = series[order][fresh], times[order][fresh]

    columns = []
    for index in np.unique(query_series):
        rows = readings.times[readings.rows_of(int(index))]
        asked = query_times[query_series == index]
        columns.append(_layout_of_series(rows, asked, context, stride))
    if not columns:
        empty = np.zeros(0, dtype=np.int64)
        return QueryWindows(empty, empty, empty, empty, empty), number
    keys, starts, stops, bare = (np.concatenate(column) for column in zip(*columns, strict=True))
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]) | (query_series[1:] != query_series[:-1]) | bare[1:]
    first = np.flatnonzero(new)
    window = np.cumsum(new) - 1
    distinct = QueryWindows(query_series[first], starts[first], stops[first], window, query_times)
    return distinct, number


def _layout_of_series(
    rows: Int64, asked: Int64, context: int, stride: int
) -> tuple[Int64, Int64, Int64, NDArray[np.bool_]]:
    """Number, start, stop of the window and whether it has no row, of each query of one series."""
    if len(rows) == 0:
        return np.zeros_like(asked), asked - context, asked, np.ones(len(asked), dtype=bool)
    ahead = asked > rows[-1]
    number = (asked - rows[0]) // stride
    # first and last time that the window answers: what widens it must not be the queries themselves
    begin = rows[0] + number * stride
    end = begin + stride - 1
    low = begin - stride // 2
    before = rows[np.maximum(np.searchsorted(rows, begin, side="right") - 1, 0)]
    after = rows[np.minimum(np.searchsorted(rows, end, side="left"), len(rows) - 1)]
    starts = np.minimum(low, np.where(begin - before < context, before - 1, low))
    stops = np.maximum(low + context, np.where(after - end < context, after, low + context))
    number = np.where(ahead, np.iinfo(np.int64).max, number)
    starts = np.where(ahead, rows[-1] - context, starts)
    stops = np.where(ahead, rows[-1], np.minimum(stops, rows[-1]))
    reached = np.searchsorted(rows, stops, side="right")
    return number, starts, stops, np.searchsorted(rows, starts, side="right") >= reached

"""Which window answers which query."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64, Readings, TimeSeriesDataset
from latentode.data.windows import WindowLengths

#: The origin of a series that has none.
NO_ORIGIN = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class QueryWindows:
    """Windows that answer queries: flat queries, each with its window.

    Attributes:
        series: Series of each window, shape (window,).
        starts: Exclusive start of what is visible, nanoseconds, shape (window,).
        stops: Inclusive end, shape (window,); model time 0 of a window without a row.
        window: Window of each distinct query, non-decreasing, shape (query,).
        times: Time of each distinct query, shape (query,).
    """

    series: Int64
    starts: Int64
    stops: Int64
    window: Int64
    times: Int64


def windows_of_queries(
    dataset: TimeSeriesDataset,
    series: Int64,
    times: Int64,
    lengths: WindowLengths,
    max_rows: int,
    *,
    sides: int = 0,
    origins: Int64 | None = None,
) -> tuple[QueryWindows, Int64]:
    """Find the window of each query.

    A query after the last row of its series is a forecast: its window is the last context. Any
    other is an interpolation: windows of one context's length lie half a context apart, and the one
    in whose middle half the query lies answers, widened to the readings on both sides where gaps
    are longer. Where a context has more rows than are read, the windows lie closer together, so
    that rows on both sides of a query are among those. Where no reading is near, each query has a
    window of its own, without rows; where a series was never read, one window answers all queries
    from its origin on, as far as it has one. The layout depends on the series alone, never on the
    other queries.

    Args:
        dataset: Visible readings.
        series: Series of each query, shape (query,).
        times: Time of each query, nanoseconds, shape (query,).
        lengths: Context and horizon.
        max_rows: Newest rows of a window that are read.
        sides: Readings of every channel that a window is widened to on either side; 0: the nearest
            row, whatever was read there.
        origins: When each series begins that was never read, `NO_ORIGIN` for others, shape
            (series,); None for none.

    Returns:
        Windows over the distinct queries, and the number of each query among the distinct ones.
    """
    readings, context = dataset.readings, lengths.context_ns
    order = np.lexsort((times, series))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(series[order]) != 0) | (np.diff(times[order]) != 0)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    query_series, query_times = series[order][fresh], times[order][fresh]

    columns = []
    for index in np.unique(query_series):
        asked = query_times[query_series == index]
        stamps = _stamps_of_channels(readings, int(index))
        if not sides:
            stamps = stamps[:1] * 2
        if not len(stamps[0]):
            origin = NO_ORIGIN if origins is None else int(origins[index])
            columns.append(_layout_from(origin, asked, context))
            continue
        columns.append(_layout_of_series(stamps, asked, context, max_rows, max(1, sides)))
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


def _stamps_of_channels(readings: Readings, series: int) -> list[Int64]:
    """Times of all rows of a series, and those of the readings of each of its channels."""
    rows = readings.rows_of(series)
    first, last = readings.row_starts[[rows.start, rows.stop]]
    counts = np.diff(readings.row_starts[rows.start : rows.stop + 1])
    times, channel = np.repeat(readings.times[rows], counts), readings.channel_index[first:last]
    order = np.argsort(channel, kind="stable")  # readings are in order of time already
    ends = np.cumsum(np.bincount(channel))
    return [readings.times[rows], *(part for part in np.split(times[order], ends) if len(part))]


def _layout_of_series(
    stamps: list[Int64], asked: Int64, context: int, max_rows: int, sides: int
) -> tuple[Int64, Int64, Int64, NDArray[np.bool_]]:
    """Number, start, stop of the window and whether it has no row, of each query of one series.

    Args:
        stamps: What `_stamps_of_channels` gave.
        asked: Times, shape (query,).
        context: Length of a window.
        max_rows: Newest rows of a window that are read.
        sides: Readings to widen to.
    """
    rows = stamps[0]
    ahead = asked > rows[-1]
    stride = _stride(rows, context, max_rows)
    number = (asked - rows[0]) // stride
    # first and last time that the window answers: what widens it must not be the queries themselves
    begin = rows[0] + number * stride
    end = begin + stride - 1
    starts = begin - (context - stride) // 2
    stops = starts + context
    for times, side in product(stamps[1:], range(sides)):
        before = times[(np.searchsorted(times, begin, side="right") - 1 - side).clip(0)]
        after = times[(np.searchsorted(times, end) + side).clip(max=len(times) - 1)]
        starts = np.minimum(starts, np.where(begin - before < context, before - 1, starts))
        stops = np.maximum(stops, np.where(after - end < context, after, stops))
    farthest = np.searchsorted(rows, end) + max_rows // 4
    stops = np.minimum(stops, rows[farthest.clip(max=len(rows) - 1)])
    number = np.where(ahead, np.iinfo(np.int64).max, number)
    starts = np.where(ahead, rows[-1] - context, starts)
    stops = np.where(ahead, rows[-1], stops)
    reached = np.searchsorted(rows, stops, side="right")
    bare = np.searchsorted(rows, starts, side="right") >= reached
    return number, starts, np.where(bare, asked, stops), bare


def _layout_from(
    origin: int, asked: Int64, context: int
) -> tuple[Int64, Int64, Int64, NDArray[np.bool_]]:
    """What `_layout_of_series` gives, of a series without a row.

    Args:
        origin: When it begins, or `NO_ORIGIN`.
        asked: Times, shape (query,).
        context: Length of a window.
    """
    begun = asked >= origin if origin != NO_ORIGIN else np.zeros(len(asked), dtype=bool)
    stops = np.where(begun, origin, asked)
    return begun.astype(np.int64), stops - context, stops, ~begun


def _stride(rows: Int64, context: int, max_rows: int) -> int:
    """From one window to the next: half a context, or as long as a quarter of `max_rows` take."""
    count = max(1, max_rows // 4)
    if len(rows) > count:
        context = min(context, 2 * int(np.median(rows[count:] - rows[:-count])))
    return max(1, context // 2)

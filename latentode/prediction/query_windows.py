"""Which window answers which query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64, Readings, TimeSeriesDataset, first_after
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
    reach_ns: int | None = None,
) -> tuple[QueryWindows, Int64]:
    """Find the window of each query.

    A query after the last row of its series is a forecast: its window is the last context. Any
    other is an interpolation: windows of one context's length lie half a context apart, and the one
    in whose middle half the query lies answers, widened to the readings on both sides where gaps
    are longer. Where a context has more rows than are read, the windows lie closer together, so
    that rows on both sides of a query are among those. Where no reading is near, and beyond
    `reach_ns`, each query has a window of its own, without rows; where a series was never read, one
    window answers all queries from its origin on, as far as it has one. The layout depends on the
    series alone, never on the other queries.

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
        reach_ns: How far ahead of its last row, or its origin, a series is followed; None: as far
            as is asked.

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

    unread = (np.diff(readings.series_starts) == 0)[query_series]
    last = readings.first_and_last()[1][query_series]
    inside = ~unread & (query_times <= last)
    layout = _layout_ahead(last, query_times, context, reach_ns)
    spans = _Spans(readings, context, max_rows, sides)
    _fill(layout, inside, spans.layout(query_series[inside], query_times[inside]))
    begins = np.full(len(dataset), NO_ORIGIN) if origins is None else origins
    since = begins[query_series[unread]]
    _fill(layout, unread, _layout_from(since, query_times[unread], context, reach_ns))
    keys, starts, stops, bare = layout
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]) | (query_series[1:] != query_series[:-1]) | bare[1:]
    first = np.flatnonzero(new)
    window = np.cumsum(new) - 1
    distinct = QueryWindows(query_series[first], starts[first], stops[first], window, query_times)
    return distinct, number


Layout = tuple[Int64, Int64, Int64, NDArray[np.bool_]]
"""Number, start, stop of the window and whether it has no row, of each query."""


def _fill(layout: Layout, chosen: NDArray[np.bool_], part: Layout) -> None:
    for column, found in zip(layout, part, strict=True):
        column[chosen] = found


def _layout_ahead(last: Int64, asked: Int64, context: int, reach: int | None) -> Layout:
    """Layout of queries after the last row of their series, which is given for each.

    Args:
        last: Times of the rows, shape (query,).
        asked: Times, likewise.
        context: Length of a window.
        reach: As in `windows_of_queries`.
    """
    number = np.full(len(last), np.iinfo(np.int64).max)
    far = _beyond(asked, last, reach)
    stops = np.where(far, asked, last)
    return number, stops - context, stops, far


def _beyond(asked: Int64, since: Int64, reach: int | None) -> NDArray[np.bool_]:
    """Which times lie farther after some others than a reach."""
    # a difference of int64 may be no int64
    return asked.astype(np.float64) - since > (np.inf if reach is None else reach)


def _layout_from(origins: Int64, asked: Int64, context: int, reach: int | None) -> Layout:
    """Layout of queries of series without a row.

    Args:
        origins: When the series of each begins, or `NO_ORIGIN`, shape (query,).
        asked: Times, shape (query,).
        context: Length of a window.
        reach: As in `windows_of_queries`.
    """
    begun = (asked >= origins) & (origins != NO_ORIGIN) & ~_beyond(asked, origins, reach)
    stops = np.where(begun, origins, asked)
    return begun.astype(np.int64), stops - context, stops, ~begun


@dataclass(frozen=True)
class _Spans:
    """How windows lie inside of the spans that were read.

    Attributes:
        readings: Visible readings.
        context: Length of a window.
        max_rows: Newest rows of a window that are read.
        sides: Readings of every channel that a window is widened to on either side; 0: one row.
    """

    readings: Readings
    context: int
    max_rows: int
    sides: int

    def layout(self, series: Int64, asked: Int64) -> Layout:
        """Layout of queries up to the last row of their series.

        Args:
            series: Series of each, shape (query,).
            asked: Times, shape (query,).
        """
        if not len(asked):
            return asked, asked, asked, np.zeros(0, dtype=bool)
        rows, edges = self.readings.times, self.readings.series_starts
        stride = self._strides(series)
        first, last = rows[edges[series]], edges[series + 1] - 1
        number = (asked - first) // stride
        # first and last time that the window answers: what widens it must not be the queries
        begin = first + number * stride
        end = begin + stride - 1
        starts = begin - (self.context - stride) // 2
        stops = starts + self.context
        for before, after in self._neighbours(series, begin, end):
            starts = np.minimum(starts, np.where(begin - before < self.context, before - 1, starts))
            stops = np.maximum(stops, np.where(after - end < self.context, after, stops))
        farthest = first_after(edges, rows, series, end - 1) + self.max_rows // 4
        stops = np.minimum(stops, rows[np.minimum(farthest, last)])
        low, high = (first_after(edges, rows, series, edge) for edge in (starts, stops))
        bare = low >= high
        return number, starts, np.where(bare, asked, stops), bare

    def _strides(self, series: Int64) -> Int64:
        """From window to window: half a context, or as long as a quarter of `max_rows` take."""
        readings, count = self.readings, max(1, self.max_rows // 4)
        lengths = np.full(readings.num_series, self.context)
        dense = np.diff(readings.series_starts) > count
        for index in np.unique(series[dense[series]]).tolist():
            rows = readings.times[readings.rows_of(index)]
            taken = 2 * int(np.median(rows[count:] - rows[:-count]))
            lengths[index] = min(self.context, taken)
        strides: Int64 = np.maximum(1, lengths // 2)[series]
        return strides

    def _neighbours(self, series: Int64, begin: Int64, end: Int64) -> Iterator[tuple[Int64, Int64]]:
        """Times of readings before and after some stretches, that windows are widened to.

        Where there is none, a time inside stands for it, which widens nothing.

        Args:
            series: Series of each stretch, shape (query,).
            begin: First time of it, likewise.
            end: Last.
        """
        for edges, times in self._stamps():
            low, high = edges[series], edges[series + 1]
            some = np.flatnonzero(high > low)
            of, low, high = series[some], low[some], high[some]
            for side in range(max(1, self.sides)):
                before, after = begin.copy(), end.copy()
                earlier = first_after(edges, times, of, begin[some]) - 1 - side
                later = first_after(edges, times, of, end[some] - 1) + side
                before[some] = times[np.maximum(earlier, low)]
                after[some] = times[np.minimum(later, high - 1)]
                yield before, after

    def _stamps(self) -> Iterator[tuple[Int64, Int64]]:
        """Where each series begins, and times: of all rows, or of the readings of each channel."""
        readings = self.readings
        if not self.sides:
            yield readings.series_starts, readings.times
            return
        row = readings.reading_rows()
        for channel in range(len(readings.channels)):
            of_it = row[readings.channel_index == channel]
            yield np.searchsorted(of_it, readings.series_starts), readings.times[of_it]

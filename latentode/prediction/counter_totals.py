r"""Totals of counters from draws of their rates: the reading beside, plus the integral.

After the last reading a total is :math:`x_n + \int_{t_n}^t \max(r, 0)`. Between two readings, of
which the rise :math:`d_i` is known, it is the part of that rise which the rates give to the time
before: :math:`x_i + d_i \int_{t_i}^t r / \int_{t_i}^{t_{i+1}} r`. So no draw ever falls, but where
the log shows a reset. The integral is a sum over cells as long as the counter's readings usually
lie apart, each with a rate of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from latentode.data.counters import Counters
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, ragged_arange

# cells of one length ahead; as many of twice the length follow, and so on
_CELLS = 256


@dataclass(frozen=True, eq=False)
class CounterTotals:
    """Cells of the counters that some queries ask for, in order of counter and series.

    Attributes:
        series: Series of each cell, shape (cell,).
        times: End of each cell in nanoseconds, whose rate counts, shape (cell,).
        courses: The counters of the series, one after the other.
    """

    series: Int64
    times: Int64
    courses: tuple[_Course, ...]

    @classmethod
    def of(
        cls, counters: Counters, visible: TimeSeriesDataset, series: Int64, times: Int64
    ) -> Self:
        """Cut the times before the queries into cells.

        Args:
            counters: The counters.
            visible: Readings that may be used, totals as they were read.
            series: Series of each query, shape (query,).
            times: Time of each query in nanoseconds, shape (query,).
        """
        courses = tuple(_courses(counters, visible, series, times))
        none = np.zeros(0, np.int64)
        owners = [np.full(len(each.ends), each.series) for each in courses]
        return cls(
            np.concatenate([none, *owners]),
            np.concatenate([none, *(each.ends for each in courses)]),
            courses,
        )

    def from_rates(self, draws: Float64, num_queries: int) -> Float64:
        """Draws of the queries, totals in the channels of counters.

        Args:
            draws: Draws of the queries, then of the cells, rates in the channels of counters, shape
                (draw, query + cell, channel).
            num_queries: How many queries there are.
        """
        if not self.courses:
            return draws[:, :num_queries]
        totals, rates = draws[:, :num_queries].copy(), draws[:, num_queries:]
        begin = 0
        for course in self.courses:
            end = begin + len(course.ends)
            totals[:, course.queries, course.channel] = course.totals(
                rates[:, begin:end, course.channel]
            )
            begin = end
        return totals


@dataclass(frozen=True, eq=False)
class _Course:
    """A counter of one series: stretches of cells, and where in them the queries lie.

    Attributes:
        series: Its series.
        channel: Its channel.
        queries: Which queries ask for it, shape (query,).
        ends: End of each cell in nanoseconds, shape (cell,).
        spans: Length of each cell in units of the rate, shape (cell,).
        cell: Cell in which each query lies, shape (query,).
        share: Share of that cell before the query.
        low: First cell of its stretch.
        high: One after the last cell of its stretch.
        base: Total at the start of the stretch; at its end before the first reading.
        rise: Known rise over the stretch; NaN before the first and after the last reading.
        ahead: Whether it is after the last reading.
    """

    series: int
    channel: int
    queries: Int64
    ends: Int64
    spans: Float64
    cell: Int64
    share: Float64
    low: Int64
    high: Int64
    base: Float64
    rise: Float64
    ahead: NDArray[np.bool_]

    def totals(self, rates: Float64) -> Float64:
        """Draws of the totals (draw, query) from those of the rates (draw, cell)."""
        if not len(self.ends):  # never read
            return np.full((len(rates), len(self.queries)), np.nan)
        risen = np.maximum(rates, 0.0) * self.spans
        sums = np.concatenate([np.zeros((len(risen), 1)), np.cumsum(risen, axis=1)], axis=1)
        whole = sums[:, self.high] - sums[:, self.low]
        so_far = sums[:, self.cell] + self.share * risen[:, self.cell] - sums[:, self.low]
        # where no rate says when it rose, evenly
        even = (self.cell + self.share - self.low) / (self.high - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(whole > 0, np.clip(so_far / whole, 0.0, 1.0), even)
        before = np.maximum(self.base - (whole - so_far), np.minimum(self.base, 0.0))
        outside = np.where(self.ahead, self.base + so_far, before)
        between = np.isfinite(self.rise)
        return np.where(between, self.base + np.where(between, self.rise, 0.0) * part, outside)


def _courses(
    counters: Counters, visible: TimeSeriesDataset, series: Int64, times: Int64
) -> Iterator[_Course]:
    if not counters.names:
        return
    seen = counters.rises(visible.readings)
    key = seen.counter * len(visible) + seen.series
    for number, name in enumerate(counters.names):
        channel, step = visible.channels.index(name), int(counters.steps_ns[number])
        for owner in np.unique(series).tolist():
            queries = np.flatnonzero(series == owner)
            begin, end = np.searchsorted(key, number * len(visible) + np.array([owner, owner + 1]))
            part = slice(begin, end)
            known = seen.times[part], seen.totals[part], seen.rises[part]
            begins, ends = _cells(known[0], times[queries], step)
            spans = (ends - begins) / counters.unit_ns
            places = _places(*known, times[queries], begins, ends)
            yield _Course(owner, channel, queries, ends, spans, *places)


def _cells(read: Int64, asked: Int64, step: int) -> tuple[Int64, Int64]:
    """Begin and end of cells that cover the gaps between readings in which something is asked."""
    none = np.zeros(0, np.int64)
    if not len(read):
        return none, none
    after = np.searchsorted(read, asked, side="right")
    back = ahead = np.zeros(1, np.int64)
    if (after == 0).any():
        back = read[0] - _ladder(step, int(read[0] - asked.min()))[::-1]
    if (after == len(read)).any():
        ahead = read[-1] + _ladder(step, int(asked.max() - read[-1]))
    gap = np.unique(after[(after > 0) & (after < len(read))])
    lengths = read[gap] - read[gap - 1]
    counts = np.clip(np.rint(lengths / step), 1, _CELLS).astype(np.int64)
    number, of_each = ragged_arange(np.zeros_like(counts), counts), np.repeat(counts, counts)
    starts, wide = np.repeat(read[gap - 1], counts), np.repeat(lengths, counts)
    begins, ends = (
        starts + np.rint(wide * ((number + k) / of_each)).astype(np.int64) for k in (0, 1)
    )
    return (
        np.concatenate([back[:-1], begins, ahead[:-1]]),
        np.concatenate([back[1:], ends, ahead[1:]]),
    )


def _ladder(step: int, reach: int) -> Int64:
    """Edges of cells from 0 as far as is asked; they lie alike however far that is."""
    edges, width = [np.zeros(1, np.int64)], step
    while edges[-1][-1] <= reach:
        edges.append(edges[-1][-1] + width * np.arange(1, _CELLS + 1))
        width *= 2
    joined = np.concatenate(edges)
    return joined[: np.searchsorted(joined, reach, side="right") + 1]


def _places(
    read: Int64, totals: Float64, rises: Float64, asked: Int64, begins: Int64, ends: Int64
) -> tuple[Int64, Float64, Int64, Int64, Float64, Float64, NDArray[np.bool_]]:
    """Where queries lie: cell, share, low, high, base, rise and ahead of `_Course`."""
    if not len(read):
        zero, nan = np.zeros(len(asked), np.int64), np.full(len(asked), np.nan)
        return zero, nan, zero, zero, nan, nan, zero > 0
    after = np.searchsorted(read, asked, side="right")
    ahead, before = after == len(read), np.maximum(after - 1, 0)
    cell = np.searchsorted(begins, asked, side="right") - 1
    share = (asked - begins[cell]) / (ends[cell] - begins[cell])
    low = np.where(after == 0, 0, np.searchsorted(begins, read[before]))
    following = np.minimum(after, len(read) - 1)
    high = np.where(ahead, len(begins), np.searchsorted(begins, read[following]))
    between = (after > 0) & ~ahead
    # a leap that no rate explains has its place somewhere in between
    leap = np.maximum(totals[following] - totals[before], 0.0)
    rise = np.where(np.isnan(rises[following]), leap, rises[following])
    return cell, share, low, high, totals[before], np.where(between, rise, np.nan), ahead

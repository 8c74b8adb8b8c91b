"""Dates that tell no year: the year of the first row is told, later ones follow from the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_digits import days_of
from latentode.data.reading.cells.date_texts import NO_YEAR
from latentode.data.reading.cells.merged_times import Times
from latentode.data.reading.cells.time_stamps import DAY, OK
from latentode.data.reading.doubts import Doubts

# a step back over more than half a year is New Year; over less than a month, a row out of order
_HALF_A_YEAR, _A_MONTH = 183 * DAY, 31 * DAY
_FIRST, _AFTER = (
    int(np.datetime64(moment, "ns").astype(np.int64))
    for moment in (f"{NO_YEAR - 1}-12-31", f"{NO_YEAR + 1}-01-02")  # UTC, of any zone
)
_MOST_SAID = 4  # rows that a note names
_LEAP_YEAR = 2000  # stands for a year that is asked about


@dataclass(frozen=True)
class Years:
    """Years of dates that tell none, counted from that of the first row.

    Attributes:
        later: Years after that of the first row, shape (row,); before it where the newest row is
            the first.
        turns: Rows that are the first of another year.
        doubtful: A row whose year its order does not tell; None without one.
    """

    later: Int64
    turns: Int64
    doubtful: int | None = None


def tell_no_year(times: Int64) -> NDArray[np.bool_]:
    """Which times are of dates without a year.

    Args:
        times: Nanoseconds, shape (row,).
    """
    return (times >= _FIRST) & (times < _AFTER)


def count_years(times: Int64, series: NDArray[np.integer]) -> Years:
    """Count the years that pass from row to row.

    Args:
        times: Nanoseconds of dates without a year, in the order of the rows, shape (row,).
        series: What may start again: the code of the series, and of the channel in a long log.
    """
    if not len(times):
        return Years(np.zeros(0, np.int64), np.zeros(0, np.int64))
    starts = np.diff(series, prepend=series[0]) != 0
    if starts.sum() >= len(np.unique(series)):  # in turns: the rows of all are in one order
        starts[:] = False
    steps = np.diff(times, prepend=times[0])
    steps[starts] = 0
    direction = -1 if (steps < 0).sum() > (steps > 0).sum() else 1
    steps = steps * direction
    turns = steps < -_HALF_A_YEAR
    doubtful = (steps > _HALF_A_YEAR) | ((steps < -_A_MONTH) & ~turns)
    block, passed = np.cumsum(starts), np.cumsum(turns)
    first_rows = np.flatnonzero(np.diff(block, prepend=-1))
    passed = passed - passed[first_rows][block]
    turning = np.unique(block[turns])
    if 0 < len(turning) < len(first_rows):  # do those without New Year lie before it, or after?
        doubtful[first_rows[np.setdiff1d(np.unique(block), turning)[0]]] = True
    odd = np.flatnonzero(doubtful)
    return Years(passed * direction, np.flatnonzero(turns), int(odd[0]) if len(odd) else None)


def in_years(times: Int64, years: Int64) -> tuple[Int64, NDArray[np.bool_]]:
    """Times of dates without a year, in some years; and which of them exist there.

    Args:
        times: Nanoseconds, shape (row,).
        years: Year of each.
    """
    days = (times // DAY).astype("M8[D]")
    months = days.astype("M8[M]")
    since, month = np.divmod(months.astype(np.int64), 12)
    day = (days - months.astype("M8[D]")).astype(np.int64) + 1
    found, good = days_of(years + since + 1970 - NO_YEAR, month + 1, day)
    return np.where(good, found * DAY + times % DAY, 0), good


@dataclass(frozen=True)
class YearlessRows:
    """The rows of a log, where dates of some of them may tell no year.

    Attributes:
        name: Time column.
        series: What may start again, as in `count_years`.
        year: Year of the first row, if it is told.
        doubts: Takes what is decided or asked.
        where: Says where a row stands.
        text: Cell of a row.
    """

    name: str
    series: NDArray[np.integer]
    year: int | None
    doubts: Doubts
    where: Callable[[int], str]
    text: Callable[[int], str]

    def dated(self, merged: Times) -> Times:
        """Times with their years; where these are asked about, in the likeliest order.

        Args:
            merged: Times of all rows.
        """
        good = merged.status == OK
        lacking = good & tell_no_year(merged.times)
        rows = np.flatnonzero(lacking)
        if not len(rows):
            return self._with_years(merged)
        years = count_years(merged.times[rows], self.series[rows])
        self._ask(rows, years, int((good & ~lacking).sum()))
        first = _LEAP_YEAR if self.year is None else self.year
        times, exist = in_years(merged.times[rows], first + years.later)
        if not exist.all():
            row = int(rows[~exist][0])
            self._ask_about(
                row, f"is no date of {first + int(years.later[~exist][0])}. Correct --year"
            )
        merged.times[rows] = times
        return merged

    def _with_years(self, merged: Times) -> Times:
        if self.year is not None:
            self.doubts.decide("time", f"--year {self.year} changes nothing", "dates tell theirs")
        return merged

    def _ask(self, rows: Int64, years: Years, others: int) -> None:
        if others:
            self._ask_about(int(rows[0]), "tells no year, and others do. Write it in each date")
        elif self.year is None:
            self._ask_about(
                int(rows[0]),
                "tells no year. Pass --year YYYY with that of the first row; each time the dates "
                "start again, a new year begins",
            )
        elif years.doubtful is not None:
            row = int(rows[years.doubtful])
            self._ask_about(
                row,
                "lies so far from the row above it that the order of the rows does not tell its "
                "year. Write the year in each date",
            )
        else:
            self._say(rows, years)

    def _ask_about(self, row: int, what: str) -> None:
        cell = f"{self.text(row)!r} ({self.where(row)})"
        self.doubts.ask("time", f"time column {self.name!r}: {cell} {what}.")

    def _say(self, rows: Int64, years: Years) -> None:
        turns = [self.where(int(rows[turn])) for turn in years.turns[:_MOST_SAID]]
        more = ", ..." if len(years.turns) > _MOST_SAID else ""
        said = f"another year begins at {', '.join(turns)}{more}" if turns else "all of one year"
        self.doubts.decide(
            "time",
            f"dates of {self.name!r} tell no year: the first is of {self.year}, {said}",
            "there the dates start again" if turns else "they do not start again",
            confidence="likely",
            option="--year YYYY",
        )

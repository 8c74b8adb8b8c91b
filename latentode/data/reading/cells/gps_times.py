"""Times of the GPS: its weeks, and the seconds of each."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.cells.split_parts import Part, numbers_of
from latentode.data.reading.cells.time_scales import scale_numbers

#: Roles of the two columns, as in `Part`.
WEEK, SECONDS = "gps week", "gps seconds"
_ROLLED_OVER = 1_024  # weeks that receivers with ten bits count up to
_LAST_WEEK = 4_096  # of the year 2058
_FIRST_DAY = np.datetime64("1980-01-06")  # on which GPS time began, equal to UTC
_SECONDS = 7 * 86_400  # of a week
_WEEK_WORDS = {"week", "weekno", "weeknumber", "wn", "gwk", "wk", "woche", "semaine"}
_SECOND_WORDS = {"tow", "itow", "sow", "gms", "towms", "tows"}
_SECOND_PHRASES = ("ofweek", "weeksec", "gpssec", "inweek")
_MS_WORDS = {"itow", "gms", "ms", "towms", "msec", "millis", "milliseconds"}
# days from which UTC is one second more behind; none is announced after the last
_LEAPS = np.array(
    [
        *("1981-07-01", "1982-07-01", "1983-07-01", "1985-07-01", "1988-01-01", "1990-01-01"),
        *("1991-01-01", "1992-07-01", "1993-07-01", "1994-07-01", "1996-01-01", "1997-07-01"),
        *("1999-01-01", "2006-01-01", "2009-01-01", "2012-07-01", "2015-07-01", "2017-01-01"),
    ],
    dtype="M8[ns]",
).astype(np.int64)


def gps_roles(
    columns: Mapping[str, pa.ChunkedArray], *, told: bool = False
) -> dict[str, Part] | None:
    """The columns of weeks and of seconds of the week; None where there are no such.

    Args:
        columns: Columns of a log, or those that are its time.
        told: Whether a person says that they are; names are not asked then.
    """
    if told and len(columns) != 2:
        return None
    weeks = [name for name in columns if told or is_week(name)]
    seconds = [name for name in columns if told or _is_seconds(name)]
    for week in weeks:
        for second in seconds:
            parts = {WEEK: gps_part(week, WEEK, columns[week])}
            parts[SECONDS] = gps_part(second, SECONDS, columns[second])
            found = {role: part for role, part in parts.items() if part is not None}
            if week != second and len(found) == 2:
                return found
    return None


def is_week(name: str) -> bool:
    """Whether a column is called a week."""
    words, joined = _words(name)
    return bool(words & _WEEK_WORDS) or "gpsweek" in joined


def _is_seconds(name: str) -> bool:
    words, joined = _words(name)
    return bool(words & _SECOND_WORDS) or any(phrase in joined for phrase in _SECOND_PHRASES)


def _words(name: str) -> tuple[set[str], str]:
    words = [word for word in re.split(r"[\W\d_]+", name.lower()) if word]
    return set(words), "".join(words)


def gps_part(name: str, role: str, column: pa.ChunkedArray) -> Part | None:
    """A column as weeks, or as nanoseconds of a week; None where it holds something else.

    Args:
        name: Column.
        role: `WEEK` or `SECONDS`.
        column: Its cells.
    """
    numbers = numbers_of(column)
    if numbers is None or not numbers[1].any():
        return None
    values, good = numbers
    largest = values[good].max()
    if role == WEEK:
        whole = (values[good] == np.floor(values[good])).all()
        fits = whole and values[good].min() > 0 and largest < _LAST_WEEK
        return Part(name, role, values.astype(np.int64), good) if fits else None
    unit = "ms" if _words(name)[0] & _MS_WORDS or largest > _SECONDS else "s"
    limit = _SECONDS * (NS_PER_UNIT["s"] // NS_PER_UNIT[unit])
    if largest > limit or values[good].min() < 0:
        return None
    return Part(name, role, scale_numbers(values, unit)[0], good)


def told_of_gps(week: Part, rest: Part) -> tuple[str, str]:
    """What is said of such times; and a question where weeks may have begun anew.

    Args:
        week: From `gps_part`.
        rest: Time of the week.
    """
    good = week.good & rest.good
    gps = _gps(week.values[good], rest.values[good])
    leaps = " or ".join(map(str, np.unique(leap_seconds(gps)).tolist()))
    words = (
        f"{week.name!r} (GPS weeks) and {rest.name!r} (time of the week), read as UTC, {leaps} "
        "leap seconds behind GPS time"
    )
    weeks = week.values[good]
    if not len(weeks) or weeks.max() >= _ROLLED_OVER:
        return words, ""
    low = int(weeks.min())
    years = [
        int(str(_FIRST_DAY + np.timedelta64(7 * (low + i * _ROLLED_OVER), "D"))[:4])
        for i in range(3)
    ]
    return words, (
        f"time column {week.name!r}: GPS week {low} is of {years[0]}, or, of a receiver that "
        f"counts up to {_ROLLED_OVER - 1}, of {years[1]} or {years[2]}. Write whole weeks: add "
        f"{_ROLLED_OVER} or {2 * _ROLLED_OVER} to them"
    )


def universal(weeks: Int64, nanoseconds: Int64) -> Int64:
    """Nanoseconds since 1970 UTC, shape (row,): GPS time less the leap seconds since 1980.

    Args:
        weeks: Weeks since 6 January 1980, shape (row,).
        nanoseconds: Since the beginning of the week.
    """
    gps = _gps(weeks, nanoseconds)
    return gps - leap_seconds(gps) * NS_PER_UNIT["s"]


def _gps(weeks: Int64, nanoseconds: Int64) -> Int64:
    first = _FIRST_DAY.astype("M8[ns]").astype(np.int64)
    return first + weeks * 7 * NS_PER_UNIT["d"] + nanoseconds


def leap_seconds(gps: Int64) -> NDArray[np.int64]:
    """Seconds by which GPS time is ahead of UTC.

    Args:
        gps: Nanoseconds between 1970 and the GPS times, shape (row,).
    """
    begin = _LEAPS + np.arange(1, len(_LEAPS) + 1) * NS_PER_UNIT["s"]
    return np.searchsorted(begin, gps, side="right")

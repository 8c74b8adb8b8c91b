"""Intervals of a day by their number, on days of 23 and of 25 hours too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.cells.part_names import roles_in_name

_DAY = NS_PER_UNIT["d"]
_SUNDAY = 3  # days since Thursday, 1 January 1970, modulo 7
_MOST = 0.9  # share of the numbers of a day that occur
_MONTHS = (3, 4, 9, 10, 11)  # in which clocks change
#: Intervals that people part a day into, hours apart: half-hours, quarters, 10 and 5 minutes.
PER_DAY = (24, 48, 96, 144, 288)


@dataclass(frozen=True)
class Numbering:
    """How the intervals of a day are numbered.

    Attributes:
        parts: How many an ordinary day has.
        first: Number of the first, 0 or 1.
    """

    parts: int
    first: int


def numbering(numbers: NDArray[np.float64]) -> Numbering | None:
    """How numbers count the intervals of a day; None where they do not.

    A day of 25 hours has an hour more, and one of 23 an hour less.

    Args:
        numbers: Those that occur, shape (row,).
    """
    distinct = np.unique(numbers)
    first, last = distinct[[0, -1]]
    whole = bool((distinct == np.floor(distinct)).all()) and first in (0, 1)
    count = int(last - first) + 1
    parts = next((n for n in PER_DAY if abs(count - n) <= n // 24), None)
    if not whole or parts is None or len(distinct) < _MOST * count:
        return None
    return Numbering(parts, int(first))


def is_untold_interval(name: str, seen: NDArray[np.float64]) -> bool:
    """Whether numbers are intervals by their name, of which no day has all.

    Args:
        name: Column.
        seen: Its numbers, shape (row,).
    """
    called = roles_in_name(name)
    counts = (np.floor(seen) == seen).all() and seen.min() >= 0 and seen.max() <= max(PER_DAY)
    return bool("interval" in called and "hour" not in called and counts) and (
        numbering(seen) is None
    )


def interval_clock(
    days: Int64, numbers: Int64, parts: int, zone: str | None, *, at_end: bool = False
) -> tuple[Int64, str]:
    """The wall clock at each interval of some days.

    Intervals are counted from midnight on, so that on a day of 25 hours there is an hour more, and
    on one of 23 the last is absent.

    Args:
        days: Days since 1970, of each reading, shape (row,).
        numbers: Number of its interval, from 0.
        parts: Intervals of an ordinary day.
        zone: Zone of the wall clock, if it is known.
        at_end: Whether a reading stands at the end of its interval.

    Returns:
        Nanoseconds since the midnight at which the day begins; and a question about days that are
        longer or shorter, empty where there is none.
    """
    length = _DAY // parts
    clock = (numbers + at_end) * length
    odd = _odd_days(days, numbers, parts)
    if not len(odd):
        return clock, ""
    if zone is None:
        return clock, (
            f"{_date(odd[0])} has {_intervals(days, numbers, odd[0])} intervals where other days "
            f"have {parts}, as a day on which clocks change. Pass their zone, such as "
            "--tz Europe/Berlin"
        )
    lasts = _instants(odd + 1, zone) - _instants(odd, zone)
    held = np.array([_intervals(days, numbers, day) for day in odd])
    wrong = odd[(lasts // length < held) & (held > parts)]
    if len(wrong):
        return clock, (
            f"{_date(wrong[0])} has {_intervals(days, numbers, wrong[0])} intervals, and that day "
            f"has 24 hours in {zone}. Correct --tz"
        )
    rows = np.isin(days, odd[lasts != _DAY])
    instants = _instants(days[rows], zone) + clock[rows]
    wall = pd.DatetimeIndex(instants, tz="UTC").tz_convert(zone).tz_localize(None).asi8
    clock[rows] = wall - days[rows] * _DAY
    return clock, ""


def _odd_days(days: Int64, numbers: Int64, parts: int) -> Int64:
    """Days with more intervals; and Sundays of spring or autumn that lack the last hour alone."""
    distinct, rows = np.unique(days, return_inverse=True)
    most = np.zeros(len(distinct), dtype=np.int64)
    np.maximum.at(most, rows, numbers + 1)
    pairs = np.unique(np.stack([rows, numbers]), axis=1)
    full = np.bincount(pairs[0], minlength=len(distinct)) == most
    months = distinct.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12 + 1
    turning = (distinct % 7 == _SUNDAY) & np.isin(months, _MONTHS)
    short = full & turning & (most == parts - parts // 24)
    return distinct[short | (most > parts)]


def _intervals(days: Int64, numbers: Int64, day: int) -> int:
    return int(numbers[days == day].max()) + 1


def _instants(days: Int64, zone: str) -> Int64:
    """Midnights of a zone, nanoseconds since 1970 UTC."""
    midnights = pd.DatetimeIndex(days * _DAY)
    first: NDArray[np.bool_] = np.ones(len(days), dtype=bool)
    return midnights.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").asi8


def _date(day: int) -> str:
    return str(np.datetime64(int(day), "D"))

"""Which columns are the parts of a time: those that run in order and tell rows apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_digits import days_of
from latentode.data.reading.cells.part_names import roles_in_name
from latentode.data.reading.cells.split_parts import Part

_SECOND = NS_PER_UNIT["s"]
_DAY = NS_PER_UNIT["d"]
_LAST_WEEKS = 52  # numbers of the last weeks of a year, from here on
_THURSDAY = 3  # place in its week of 1 January 1970
_FEW = 0.05  # share of steps that may run against all others: several series, a clock set back
#: What makes a date with a year, in order of preference.
_CALENDARS = (
    *(("month", "day"), ("doy",), ("week", "weekday"), ("week",), ("quarter",), ("month",)),
)
_LAST = {"month": 12, "day": 28, "doy": 365, "week": 52, "weekday": 7, "quarter": 4}
_EVEN = 0.9  # share of steps that are the usual one, where only that shows a time
#: Times of day that are counted from midnight on.
COUNTS_OF_DAY = ("minute_of_day", "second_of_day", "millisecond_of_day", "day_fraction")
#: Parts that are a time of day, in order of preference.
TIMES_OF_DAY = ("clock", "interval", "hhmm", "hhmmss", "hh.mm", "hour", *COUNTS_OF_DAY)
# those that a channel of numbers might be too, and the parts that their names may tell
_CALLED: dict[str, set[str]] = {
    "hh.mm": set(),
    "minute_of_day": {"minute"},
    "second_of_day": {"second"},
    "millisecond_of_day": set(),
    "day_fraction": {"hhmm", "hour"},
}
_LIKE_CHANNELS = ("interval", *COUNTS_OF_DAY)  # even numbers show them where they fill the days
_MOST_CANDIDATES = 6  # columns of small whole numbers that are tried for one part


def advances(days: Int64, clock: Int64, good: NDArray[np.bool_]) -> bool:
    """True if a column advances within each day, in rows of one day that follow one another.

    A channel of small numbers moves up and down, or stands still; a time of day runs in one
    direction, and each moment occurs equally often, once for each series.

    Args:
        days: What repeats, shape (row,).
        clock: What may tell its rows apart.
        good: Rows that hold both.
    """
    days, clock = days[good], clock[good]
    if len(days) < 2:
        return False
    steps = np.diff(clock)[np.diff(days) == 0]
    falls, rises = int((steps < 0).sum()), int((steps > 0).sum())
    if max(falls, rises) == 0 or min(falls, rises) > _FEW * max(falls, rises):
        return False
    counts = np.unique(np.stack([days, clock]), axis=1, return_counts=True)[1]
    return bool((counts == np.median(counts)).mean() > 1 - 2 * _FEW)


def is_even(times: Int64) -> bool:
    """True if most steps of some times are one and the same."""
    steps = np.diff(np.unique(times))
    if len(steps) < 3:
        return False
    return bool(np.unique(steps, return_counts=True)[1].max() >= _EVEN * len(steps))


def in_order(days: Int64) -> bool:
    """True if days run in one direction, but for restarts of other series."""
    steps = np.diff(days)
    falls, rises = int((steps < 0).sum()), int((steps > 0).sum())
    return max(falls, rises) > 0 and min(falls, rises) <= _FEW * max(falls, rises)


def calendar_days(roles: Mapping[str, Part]) -> Part:
    """Days since 1970 of numbers of a date; bad where they are none.

    Args:
        roles: The year; beside it month and day, the quarter, the day of the year from 1, or the
            week of ISO 8601 and the day of the week from 1 for Monday. What lacks is the first.
    """
    year = roles["year"]
    one = np.ones_like(year.values)
    good = np.logical_and.reduce([part.good for part in roles.values()])
    months = roles["month"].values if "month" in roles else one
    if "quarter" in roles:
        months = 3 * roles["quarter"].values - 2
    days = roles["day"].values if "day" in roles else one
    values, valid = days_of(year.values, months, days)
    good &= valid
    if "doy" in roles:
        following, _ = days_of(year.values + 1, one, one)
        doy = roles["doy"].values
        good &= (doy >= 1) & (doy <= following - values)
        values = values + doy - 1
    if "week" in roles:
        values = _first_monday(year.values) + 7 * (roles["week"].values - 1)
        good &= values < _first_monday(year.values + 1)
        values = values + (roles["weekday"].values - 1 if "weekday" in roles else 0)
    return Part(year.name, "date", np.where(good, values, 0), good)


def _first_monday(years: Int64) -> Int64:
    """Day on which the first week of each year begins: that of 4 January."""
    fourth, _ = days_of(years, np.ones_like(years), np.full_like(years, 4))
    return fourth - (fourth + _THURSDAY) % 7


def calendar_parts(parts: Mapping[str, list[Part]]) -> tuple[dict[str, Part], Part] | None:
    """Year with month and day, day of the year or week, that make dates in order.

    Args:
        parts: What each column could be.

    Returns:
        The columns by their role, and the days; None where no columns do.
    """
    by_role = {
        role: _ranked([part for each in parts.values() for part in each if part.role == role], role)
        for role in ("year", "quarter", "month", "day", "doy", "week", "weekday")
    }
    for year in by_role["year"]:
        for roles in _CALENDARS:
            among = [by_role[role][:_MOST_CANDIDATES] for role in roles]
            for chosen in _choices(among, year.name):
                named = dict(zip(roles, chosen, strict=True))
                days = calendar_days({"year": year, **named})
                if _are_dates({"year": year, **named}, days):
                    return {"year": year, **named}, days
    return None


def _are_dates(roles: dict[str, Part], days: Part) -> bool:
    """True if numbers of dates run in order, and each tells rows apart that those before do not."""
    good = days.good
    if good.mean() <= 1 - _FEW:
        return False
    seen = days.values[good]
    called = all(role in roles_in_name(part.name) for role, part in roles.items())
    if "week" in roles and not _years_of_weeks(roles["year"].values, roles["week"].values):
        return False
    if not in_order(seen) and not (called and (seen == seen[0]).all()):
        return False
    coarser = np.zeros(int(good.sum()), dtype=np.int64)
    for role, part in roles.items():
        values = part.values[good]
        if role != "year":
            if len(np.unique(coarser)) == len(coarser):
                return False  # nothing is left to tell apart
            # ids 1, 2, 3 run in order too, but never reach the end of a month or a year
            full = _LAST[role]
            many = len(np.unique(coarser)) > 1 or role == "doy"
            if many and role not in roles_in_name(part.name) and values.max() < full:
                return False
        coarser = coarser * 400 + values
    return True


def _years_of_weeks(years: Int64, weeks: Int64) -> bool:
    """True if years change with their weeks, and not on 1 January, in the midst of a week."""
    step, change = np.diff(weeks), np.diff(years)
    begins_late = (change == 1) & (weeks[1:] >= _LAST_WEEKS)
    begins_early = (change == 0) & (step <= 1 - _LAST_WEEKS)
    ends_early = (change == -1) & (weeks[:-1] >= _LAST_WEEKS)  # newest first
    ends_late = (change == 0) & (step >= _LAST_WEEKS - 1)
    return not (begins_late | begins_early | ends_early | ends_late).any()


def _choices(among: list[list[Part]], taken: str) -> list[tuple[Part, ...]]:
    if len(among) == 1:
        return [(part,) for part in among[0] if part.name != taken]
    return [
        (first, second)
        for first in among[0]
        for second in among[1]
        if len({first.name, second.name, taken}) == 3
    ]


def _ranked(parts: list[Part], role: str) -> list[Part]:
    """Columns that are called so first."""
    return sorted(parts, key=lambda part: role not in roles_in_name(part.name))


def clock_parts(
    parts: Mapping[str, list[Part]], days: Part, taken: set[str]
) -> dict[str, Part] | None:
    """Columns that tell the rows of one day apart as a time of day.

    Args:
        parts: What each column could be.
        days: Days of the rows.
        taken: Columns that are used already.

    Returns:
        The columns by their role; None where none advances within a day.
    """
    for role in TIMES_OF_DAY:
        among = [p for name, each in parts.items() if name not in taken for p in each]
        for part in _ranked([p for p in among if p.role == role], role):
            half = _with_half(part, parts, taken)
            if half:
                part = replace(part, values=on_whole_day(part.values, half["half"]))
            good = days.good & part.good
            finer = _finer(parts, days, part, taken) if role == "hour" else {}
            total = part.values + sum(each.values for each in finer.values())
            if _is_shown(part, days, total) and good.mean() > 1 - 2 * _FEW:
                return {role: part, **finer, **half}
    return None


def _is_shown(part: Part, days: Part, clock: Int64) -> bool:
    """Whether the name of a column, or its even steps, tell that it advances as a time of day.

    Args:
        part: The column.
        days: Days of the rows.
        clock: Its time of day, with finer parts, shape (row,).
    """
    good = days.good & part.good
    times = (days.values * _DAY + clock)[good]
    names = roles_in_name(part.name)
    called = bool(names & _CALLED.get(part.role, {"hhmm", "hour"}))
    told = part.role in names  # the name says it all: "seconds of the day"
    even = is_even(times) and (part.role not in _LIKE_CHANNELS or _fills_days(times))
    shown = called or told or part.role == "clock" or even
    if part.role in _CALLED and not told:
        # of one day alone, a name and even steps: 0.59 is followed by 1.00
        on_one_day = part.role == "hh.mm" and bool(names & {"hhmm", "hour"}) and even
        on_one_day &= bool((days.values[good] == days.values[good][:1]).all())
        shown = shown and (on_one_day or _starts_anew(days.values[good], clock[good]))
    return shown and (advances(days.values, clock, good) or (called and part.role == "clock"))


def _fills_days(times: Int64) -> bool:
    """True if most days begin one step after the day before ends."""
    distinct = np.unique(times)
    steps = np.diff(distinct)
    over_midnight = steps[np.diff(distinct // _DAY) != 0]
    return len(over_midnight) == 0 or bool((over_midnight == np.median(steps)).mean() > 0.5)


def _starts_anew(days: Int64, clock: Int64) -> bool:
    """True where a clock goes back whenever the day goes on: no time since the start of the log."""
    steps = np.diff(days)
    back = np.sign(steps) * np.diff(clock) < 0
    return bool((steps != 0).any()) and bool(back[steps != 0].mean() > 1 - _FEW)


def on_whole_day(clock: Int64, half: Part) -> Int64:
    """Times of a half day, 12:30 being the first of its hours, as times of a whole day."""
    return clock % (_DAY // 2) + half.values


def _with_half(part: Part, parts: Mapping[str, list[Part]], taken: set[str]) -> dict[str, Part]:
    """AM and PM, where they make a whole day of hours up to 12."""
    if part.values[part.good].max(initial=0) >= 13 * 3600 * _SECOND:
        return {}
    halves = [p for name, each in parts.items() if name not in taken for p in each]
    return {p.role: p for p in halves if p.role == "half" and p.name != part.name}


def _finer(
    parts: Mapping[str, list[Part]], days: Part, hour: Part, taken: set[str]
) -> dict[str, Part]:
    """Minutes, and seconds, that tell the rows of one hour apart."""
    finer: dict[str, Part] = {}
    base = days.values * 24 + hour.values // (3600 * _SECOND)
    used = taken | {hour.name}
    for role in ("minute", "second"):
        among = [p for name, each in parts.items() if name not in used for p in each]
        for part in _ranked([p for p in among if p.role == role], role):
            good = days.good & hour.good & part.good
            scale = 60 * (60 if role == "second" else 1)
            even = is_even((base * 3600 * _SECOND // (scale // 60) + part.values)[good])
            called = role in roles_in_name(part.name)
            still = called and not part.values[good].any()  # whole hours, or whole minutes
            if still or ((called or even) and advances(base, part.values, good)):
                finer[role] = part
                used = used | {part.name}
                base = base * 60 + part.values // (60 * _SECOND)
                break
        else:
            break
    return finer

"""Wall-clock times of a zone, to UTC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.calendar import time_zone
from latentode.data.dataset import Int64
from latentode.data.reading.cells.zone_names import offset_name
from latentode.data.reading.doubts import Doubts

_HOUR = NS_PER_UNIT["h"]
# places whose clocks are set back at different hours of different days
_PLACES = (
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York"),
    *("America/Santiago", "Australia/Sydney", "Pacific/Auckland"),
)
_EVEN = 0.9  # share of steps that are the usual one in an evenly sampled series


@dataclass(frozen=True)
class Rows:
    """Rows of a log whose times are to be put on UTC, in the order of the log.

    Attributes:
        series: Series of each row, shape (row,).
        slots: Channel of each row in a long log, where one time stands in several rows; else None.
        where: Says where a row stands, for messages.
    """

    series: NDArray[np.integer]
    slots: NDArray[np.integer] | None
    where: Callable[[int], str]


def localize(
    wall: Int64,
    zone: str,
    rows: Rows,
    doubts: Doubts,
    ambiguous: Literal["first", "second", "drop"] | None = None,
) -> tuple[Int64, NDArray[np.bool_]]:
    """Turn wall-clock times into UTC.

    The hour that occurs twice when summer time ends is told apart by the order of the rows: where
    the times step back, or a reading is repeated, the second hour has begun. Rows of one series
    tell first, then all rows of the log, then the even steps of a series.

    Args:
        wall: Nanoseconds of the wall clock in the order of the log, shape (row,).
        zone: IANA name, or an offset such as ``+01:00``.
        rows: What is known of the rows.
        doubts: Where a question goes; after it, the likeliest answer is taken.
        ambiguous: What to take where nothing tells; None asks, and takes the first.

    Returns:
        Nanoseconds since 1970 UTC, and rows that are to be left out as ``drop`` says.
    """
    index = pd.DatetimeIndex(wall.view("M8[ns]"))
    yes = np.ones(len(wall), dtype=bool)
    first = index.tz_localize(zone, ambiguous=yes, nonexistent="shift_forward")
    second = index.tz_localize(zone, ambiguous=~yes, nonexistent="shift_forward")
    missing = np.flatnonzero(index.tz_localize(zone, ambiguous=yes, nonexistent="NaT").isna())
    if len(missing):
        _ask_gap(wall, zone, missing, rows, doubts)
    times, twice = first.asi8.copy(), first.asi8 != second.asi8
    if not twice.any():
        return times, ~yes
    hour = _RepeatedHour(wall, times, second.asi8, twice, rows)
    untold = hour.tell_apart()
    if hour.by_steps:
        row = min(hour.by_steps)
        doubts.decide(
            "time",
            f"{rows.where(row)}: {_text(wall[row])} occurs twice in {zone}, and was told by the "
            f"even steps of the series ({_rows(len(hour.by_steps))})",
            "in the other hour the step would differ",
            confidence="likely",
        )
    if not len(untold):
        return hour.times, ~yes
    if ambiguous is None:
        _ask_hour(wall, zone, untold, rows, doubts)
    if ambiguous == "second":
        hour.times[untold] = second.asi8[untold]
    dropped = np.zeros(len(wall), dtype=bool)
    dropped[untold] = ambiguous == "drop"
    return hour.times, dropped


def _ask_gap(
    wall: Int64, zone: str, missing: NDArray[np.integer], rows: Rows, doubts: Doubts
) -> None:
    row = int(missing[0])
    before = datetime.fromtimestamp((int(wall[row]) - 12 * _HOUR) / 1e9, time_zone(zone))
    offset = before.utcoffset()
    fixed = offset_name(round(offset.total_seconds() / 60) if offset else 0)
    doubts.ask(
        "time",
        f"{rows.where(row)}: {_text(wall[row])} does not exist in {zone}, where the clocks were "
        f"set forward. For a logger without summer time pass --tz {fixed}; else correct --tz, or "
        "write times with offsets.",
    )


def _ask_hour(
    wall: Int64, zone: str, untold: NDArray[np.integer], rows: Rows, doubts: Doubts
) -> None:
    row = int(untold.min())
    doubts.ask(
        "time",
        f"{rows.where(row)}: {_text(wall[row])} is ambiguous in {zone}: the hour occurs twice, as "
        f"the clocks went back, and the order of the rows does not tell which is meant "
        f"({_rows(len(untold))}). Pass --ambiguous first, --ambiguous second, or --ambiguous drop "
        "to leave such rows out.",
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


class _RepeatedHour:
    """Rows in the hour that occurs twice, told apart step by step; `times` are changed in place."""

    def __init__(
        self, wall: Int64, times: Int64, second: Int64, twice: NDArray[np.bool_], rows: Rows
    ) -> None:
        self.wall, self.times, self.second, self.twice = wall, times, second, twice
        self.slots = rows.slots
        self.series = rows.series
        self.by_steps: list[int] = []

    def tell_apart(self) -> NDArray[np.integer]:
        """Put rows on the second hour where something tells; returns those where nothing does."""
        untold: list[Int64] = []
        for name in np.unique(self.series[self.twice]):
            rows = np.flatnonzero(self.series == name)
            untold += self._by_order(rows, self.slots)
        if untold and len(np.unique(self.series[self.twice])) > 1:
            untold = self._by_whole_log(untold)
        untold = [run for run in untold if not self._by_even_steps(run)]
        return np.concatenate(untold) if untold else np.zeros(0, dtype=np.int64)

    def _by_order(self, rows: Int64, slots: NDArray[np.integer] | None) -> list[Int64]:
        """Tell the rows of one series by their order; returns runs that it does not tell."""
        if not self._ascending(rows):
            rows = rows[::-1]
        told = self._ascending(rows)
        untold = []
        for run in _runs(rows, self.twice[rows]):
            later = _second_pass(self.wall, run, slots) if told else None
            if later is None:
                untold.append(run)
            else:
                self.times[later] = self.second[later]
        return untold

    def _ascending(self, rows: Int64) -> bool:
        """True if rows come in order of time; a long log may start again for each channel."""
        plain = self.wall[rows][~self.twice[rows]]
        restarts = 0 if self.slots is None else int(self.slots.max())
        return int((np.diff(plain) < 0).sum()) <= restarts

    def _by_whole_log(self, untold: list[Int64]) -> list[Int64]:
        """Tell rows by those of other series around them, where the whole log is in order."""
        plain = np.diff(self.wall[~self.twice])
        if (plain < 0).any() and (plain > 0).any():
            return untold
        rows = np.arange(len(self.wall))
        rows = rows[::-1] if (plain < 0).any() else rows
        left = {int(row) for run in untold for row in run}
        for run in _runs(rows, self.twice[rows]):
            back = np.flatnonzero(np.diff(self.wall[run]) < 0)
            if len(back) != 1:
                continue
            for row in run[back[0] + 1 :]:
                self.times[row] = self.second[row]
            left -= {int(row) for row in run}
        return [run for run in untold if int(run[0]) in left]

    def _by_even_steps(self, run: Int64) -> bool:
        """Tell rows by the steps of their series, where only one hour keeps them even."""
        if self.slots is not None:
            return False
        rows = np.flatnonzero(self.series == self.series[run[0]])
        rows = rows if self._ascending(rows) else rows[::-1]
        certain = ~self.twice[rows]
        steps = np.diff(self.times[rows])[certain[:-1] & certain[1:]]
        usual = np.median(steps) if len(steps) else 0
        if usual <= 0 or (steps == usual).mean() < _EVEN:
            return False
        places = np.flatnonzero(np.isin(rows, run))
        start = max(int(places[0]) - 1, 0)
        around = rows[start : places[-1] + 2]
        inside = places - start
        fits = []
        for switch in range(len(places) + 1):
            trial = self.times[around]
            later = inside[switch:]
            trial[later] = self.second[around[later]]
            if len(around) > len(places) and (np.diff(trial) == usual).all():
                fits.append(around[later])
        if len(fits) == 1:
            self.times[fits[0]] = self.second[fits[0]]
            self.by_steps += around[inside].tolist()
        return len(fits) == 1


def _runs(rows: Int64, twice: NDArray[np.bool_]) -> list[Int64]:
    """Ambiguous rows that follow one another."""
    inside = np.flatnonzero(twice)
    return np.split(rows[inside], np.flatnonzero(np.diff(inside) != 1) + 1)


def _second_pass(wall: Int64, run: Int64, slots: NDArray[np.integer] | None) -> Int64 | None:
    """Rows of a run after the clock was set back; None where no row tells."""
    switch: int | None = None
    seen: set[int] = set()
    for position, row in enumerate(run):
        slot = 0 if slots is None else int(slots[row])
        step = int(wall[row] - wall[run[position - 1]]) if position else 1
        if step > 0:
            seen = {slot}
        elif step < 0 or slot in seen:
            if switch is not None:
                return None
            switch, seen = position, {slot}
        else:
            seen.add(slot)
    return None if switch is None else run[switch:]


def repeated_hour(times: Int64) -> str | None:
    """Say that times which occur twice are those of an hour when clocks are set back.

    Args:
        times: Wall-clock nanoseconds of the repeated readings, shape (time,).

    Returns:
        A sentence with the option that tells them apart; None if they are anything else.
    """
    hours = np.unique(times // _HOUR)
    fits = [place for place in _PLACES if len(hours) and occur_twice(hours * _HOUR, place).all()]
    return f"the repeated times are {_set_back_in(hours, fits)}" if fits else None


def hour_set_back(hours: Int64) -> str | None:
    """Say that times fall back in hours when clocks are set back; None if none is such an hour.

    Args:
        hours: Hours of the wall clock since 1970 in which rows out of order are.
    """
    twice = {place: hours[occur_twice(hours * _HOUR, place)] for place in _PLACES if len(hours)}
    most = max(map(len, twice.values()), default=0)
    fits = [place for place, some in twice.items() if most and len(some) == most]
    return f"times go back in {_set_back_in(twice[fits[0]], fits)}" if fits else None


def occur_twice(wall: Int64, place: str) -> NDArray[np.bool_]:
    """Which times of a wall clock occur twice, as clocks are set back.

    Args:
        wall: Nanoseconds of the wall clock.
        place: Name of the zone.
    """
    index = pd.DatetimeIndex(wall.view("M8[ns]"))
    first, second = (
        index.tz_localize(place, ambiguous=np.full(len(wall), each), nonexistent="shift_forward")
        for each in (True, False)
    )
    return np.asarray(first.asi8 != second.asi8)


def _set_back_in(hours: Int64, places: list[str]) -> str:
    day = pd.Timestamp(int(hours[0]) * _HOUR)
    hour = f"{day:%H}:00-{day:%H}:59 of {day.day} {day:%B %Y}"
    zones = " or ".join(f"--tz {place}" for place in places)
    return (
        f"{hour}{' and other such days' if len(hours) > 1 else ''}, when "
        f"clocks are set back from summer time. Pass the zone of the logger, such as {zones}."
    )


def _text(wall: int) -> str:
    return str(np.datetime64(int(wall), "ns").astype("M8[s]")).replace("T", " ")

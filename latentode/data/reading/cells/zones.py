"""Wall-clock times of a zone, to UTC."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.errors import ConfigError, DataError


def check_zone(zone: str) -> None:
    """Refuse the name of a zone that does not exist.

    Raises:
        ConfigError: If there is no such zone.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"time.tz: expected a zone such as Europe/Berlin or UTC, got {zone!r}. Correct --tz."
        ) from None


def localize(
    wall: Int64,
    zone: str,
    *,
    series: NDArray[np.integer],
    slots: NDArray[np.integer] | None,
    lines: Int64,
    where: Callable[[int], str],
) -> Int64:
    """Turn wall-clock times into UTC.

    The hour that occurs twice when summer time ends is told apart by the order of the rows: where
    the times of a series step back, or a reading is repeated, the second hour has begun.

    Args:
        wall: Nanoseconds of the wall clock in the order of the log, shape (row,).
        zone: IANA name.
        series: Series of each row.
        slots: Channel of each row in a long log, where one time stands in several rows; else None.
        lines: Line of each row, for messages.
        where: Says where a line stands, for messages.

    Returns:
        Nanoseconds since 1970 UTC.

    Raises:
        DataError: If a time does not exist in the zone, or its hour cannot be told; with the line.
    """
    index = pd.DatetimeIndex(wall.view("M8[ns]"))
    first = index.tz_localize(zone, ambiguous=np.ones(len(wall), bool), nonexistent="NaT")
    second = index.tz_localize(zone, ambiguous=np.zeros(len(wall), bool), nonexistent="NaT")
    missing = np.flatnonzero(first.isna())
    if len(missing):
        raise DataError(
            f"{where(lines[missing[0]])}: {_text(wall[missing[0]])} does not exist in "
            f"{zone}, where the clocks were set forward. Correct --tz, or write times with offsets."
        )
    twice = first.asi8 != second.asi8
    times = first.asi8.copy()
    for name in np.unique(series[twice]):
        rows = np.flatnonzero(series == name)
        rows = rows if _is_ascending(wall[rows], twice[rows], slots) else rows[::-1]
        told = _is_ascending(wall[rows], twice[rows], slots)
        for run in _runs(rows, twice[rows]):
            later = _second_pass(wall, run, slots) if told else None
            if later is None:
                line = lines[run].min()
                raise DataError(
                    f"{where(line)}: {_text(wall[run[0]])} is ambiguous in {zone}, "
                    "and the order of the rows does not tell which is meant. Write times with "
                    "offsets, or in UTC with --tz UTC."
                )
            times[later] = second.asi8[later]
    return times


def _is_ascending(wall: Int64, twice: NDArray[np.bool_], slots: NDArray[np.integer] | None) -> bool:
    """True if the rows of a series come in order of time; a long log may start again a channel."""
    plain = wall[~twice]
    restarts = 0 if slots is None else int(slots.max())
    return int((np.diff(plain) < 0).sum()) <= restarts


def _runs(rows: Int64, twice: NDArray[np.bool_]) -> list[Int64]:
    """Ambiguous rows of a series that follow one another."""
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


def _text(wall: int) -> str:
    return str(np.datetime64(int(wall), "ns").astype("M8[s]")).replace("T", " ")

"""Numbers of a calendar that are no epoch: serial days and years."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Clock
from latentode.data.reading.cells.number_column import NumberColumn, shown, span
from latentode.data.reading.cells.time_scales import (
    are_months,
    may_be_years,
    scale_serial_days,
    serial_in_name,
    serial_units,
    unit_in_name,
    years_in_name,
)

_MOST = 0.9  # share of steps that show the unit
_ELAPSED_UNITS = "s|ms|us|ns|min|h|d"


def serial_clock(column: NumberColumn) -> Clock | None:
    """Serial days, by the name of the column or because only as days the steps are round."""
    low, fits = float(column.good.min()), serial_units(column.good)
    named = serial_in_name(column.name)
    round_days = _steps_are_round_seconds(column.good)
    # day 45000 of two calendars; no other count of days reaches 700000
    if named in fits or (round_days and fits in (["matlab"], ["julian"])):
        unit = named if named in fits else fits[0]
        column.doubts.decide(
            "time",
            f"{column.name!r} read as {_CALLED[unit]}, from {_day_text(low, unit)}",
            "so its name says" if named in fits else "its steps are whole seconds of a day",
            confidence="likely",
            option="--time-unit d",
        )
        return Clock("calendar", column.time.tz, str(unit))
    if fits and (round_days or "julian" in fits):
        choices = " or ".join(f"--time-unit {unit} ({_day_text(low, unit)})" for unit in fits)
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: numbers from {span(column.good)} may be serial days. "
            f"Pass {choices}, or --time-unit d for elapsed days.",
        )
        return Clock("calendar", column.time.tz, fits[0])
    return None


_CALLED = {
    "excel": "serial days of a spreadsheet",
    "matlab": "serial days of MATLAB",
    "julian": "Julian days",
    "mjd": "modified Julian days",
}


def _steps_are_round_seconds(numbers: NDArray[Any]) -> bool:
    """True if the steps are whole multiples of 10 s, read as days, and have at least 4 decimals."""
    if numbers.dtype.kind != "f":
        return False
    steps = np.diff(np.unique(numbers[:10_000]))
    if len(steps) < 3 or not (np.abs(steps * 1000 - np.rint(steps * 1000)) > 1e-3).any():
        return False
    seconds = steps * 86_400
    tens = np.rint(seconds / 10) * 10
    return bool(((np.abs(seconds - tens) < 0.2) & (tens > 0)).mean() > _MOST)


def year_clock(column: NumberColumn) -> Clock | None:
    """Years, by the name of the column or because they advance by months; else whole ones ask."""
    good = column.good
    if not may_be_years(good):
        return None
    distinct = np.unique(good)
    steps = np.diff(distinct)
    whole = bool((np.floor(distinct) == distinct).all())
    yearly = whole and len(steps) > 3 and bool((steps == 1).all())
    twelfths = not whole and are_months(distinct) and bool((distinct * 4 % 1 != 0).any())
    named = years_in_name(column.name)
    if not named and unit_in_name(column.name) is not None:
        return None
    if named or twelfths:
        evidence = "so its name says" if named else "they advance by twelfths"
        column.doubts.decide(
            "time",
            f"{column.name!r} read as years, from {shown(distinct[0])}",
            evidence,
            confidence="certain" if named else "likely",
        )
        return Clock("calendar", column.time.tz, "year")
    if not yearly:
        return None
    column.doubts.ask(
        "time",
        f"time column {column.name!r}: {span(good)} may be years. Pass --time-unit year, or the "
        f"unit of elapsed times: --time-unit {_ELAPSED_UNITS}.",
    )
    return Clock("calendar", column.time.tz, "year")


def _day_text(number: float, unit: str) -> str:
    time = scale_serial_days(np.array([number]), unit)[0][0]
    return str(np.datetime64(int(time), "ns").astype("M8[m]")).replace("T", " ")

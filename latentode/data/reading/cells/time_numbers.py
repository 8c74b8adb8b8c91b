"""What the numbers of a time column mean: an epoch, elapsed time, serial days, years."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.calendar_numbers import serial_clock, year_clock
from latentode.data.reading.cells.date_digits import possible_format
from latentode.data.reading.cells.number_column import NumberColumn, shown, span
from latentode.data.reading.cells.time_scales import (
    EPOCH_UNITS,
    SERIAL_DAYS,
    epoch_classes,
    scale_numbers,
    scale_serial_days,
    scale_years,
    unit_in_name,
)
from latentode.data.reading.cells.time_stamps import BAD, OK, OUT_OF_RANGE

_SMALL = 1e8  # smaller ones are taken for elapsed times, not for a broken epoch
_MOST = 0.9  # share of numbers that are an epoch, where others are stamps of a clock that was reset
_MOST_YEARS = 10  # that an epoch with a few other stamps spans
_YEAR_SECONDS = 31_557_600  # of 365.25 days
_DAYS_OF_INT64 = 106_751  # in nanoseconds
_ALL_UNITS = "s|ms|us|ns|min|h|d"


def choose_clock(column: NumberColumn) -> Clock:
    """Decide what numbers mean, or ask and take the likeliest.

    Args:
        column: Numbers of the whole log.
    """
    good, told = column.good, column.time.unit
    if not len(good):
        return Clock("elapsed", None, "s")
    if told in ("auto", "iso", "mixed", *EPOCH_UNITS) and _unit_changes(good):
        if told != "mixed":
            _ask_mixed(column)
        return Clock("calendar", column.zone, "mixed")
    epoch = _epoch_unit(good)
    if told == "mixed":
        return Clock("calendar", column.zone, epoch or "mixed")
    if told in SERIAL_DAYS or told == "year":
        return Clock("calendar", column.time.tz, told)
    if told not in ("auto", "iso"):
        calendar = told == epoch
        return Clock("calendar", column.zone, told) if calendar else Clock("elapsed", None, told)
    if epoch is not None:
        return _epoch(column, epoch)
    return serial_clock(column) or year_clock(column) or _elapsed(column)


def _epoch_unit(numbers: NDArray[Any]) -> str | None:
    """Unit of an epoch, if all numbers are one, or all but a few of a clock that was reset."""
    classes = epoch_classes(numbers)
    counts = np.bincount(classes + 1, minlength=5)
    place = int(counts[1:].argmax())
    if counts[place + 1] == len(numbers):
        return EPOCH_UNITS[place]
    if counts[place + 1] < _MOST * len(numbers):
        return None
    # elapsed times from 0 upwards would fill decades of an epoch
    low, high = np.quantile(numbers[classes == place], [0.05, 0.95]) / 1000.0**place
    return EPOCH_UNITS[place] if high - low < _MOST_YEARS * _YEAR_SECONDS else None


def _unit_changes(numbers: NDArray[Any]) -> bool:
    """True if the numbers are an epoch, but not all in one unit."""
    classes = epoch_classes(numbers)
    known = classes >= 0
    kinds = np.unique(classes[known])
    if len(kinds) < 2 or known.mean() < _MOST:
        return False
    seconds = numbers[known] / 1000.0 ** classes[known]
    return bool(np.ptp(seconds) < 3 * _MOST_YEARS * _YEAR_SECONDS)


def _ask_mixed(column: NumberColumn) -> None:
    rows = np.flatnonzero(column.status == OK)
    classes = epoch_classes(column.numbers[rows])
    known = rows[classes >= 0]
    classes = classes[classes >= 0]
    at = int(np.flatnonzero(np.diff(classes))[0])
    before, after = known[at], known[at + 1]
    column.doubts.ask(
        "time",
        f"time column {column.name!r}: the unit of the epoch changes at "
        f"{column.where(int(after))}: {shown(column.numbers[before])} is in "
        f"{EPOCH_UNITS[classes[at]]}, {shown(column.numbers[after])} in "
        f"{EPOCH_UNITS[classes[at + 1]]}. Write one unit, or pass --time-unit mixed to read each "
        "row in the unit of its size.",
    )


def _epoch(column: NumberColumn, unit: str) -> Clock:
    named = unit_in_name(column.name)
    if named not in (None, unit):
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: its name says {named}, but its values "
            f"({span(column.good)}) look like an epoch in {unit}. Pass --time-unit {unit} or "
            f"--time-unit {named}.",
        )
    return Clock("calendar", column.zone, unit)


def _elapsed(column: NumberColumn) -> Clock:
    named, seen = unit_in_name(column.name), span(column.good)
    if named is not None:
        return Clock("elapsed", None, named)
    largest = float(np.abs(column.good).max())
    message = (
        f"time column {column.name!r}: expected dates or an epoch, got numbers from {seen}. Pass "
        f"the unit of elapsed times: --time-unit {_ALL_UNITS} (or excel, matlab, julian or mjd for "
        "serial days)."
    )
    form = possible_format(column.good)
    if form is not None:
        message = message.replace(" (or", f" (or --time-format {form} if they spell dates;")
    if largest >= _SMALL:
        classes = epoch_classes(column.numbers)
        odd = np.flatnonzero((classes != np.bincount(classes + 1).argmax() - 1) & column.rows)
        at = f" (see {column.where(int(odd[0]))})" if len(odd) else ""
        message = (
            f"time column {column.name!r}: values {seen} are not an epoch of 1973-2100 in one "
            f"unit{at}. If they count elapsed time, pass its unit: --time-unit {_ALL_UNITS}; else "
            "name another column with --time-column."
        )
    column.doubts.ask("time", message)
    return Clock("elapsed", None, "s")


def times_on_clock(column: NumberColumn, clock: Clock) -> tuple[Int64, NDArray[np.uint8]]:
    """Read numbers on a clock.

    Args:
        column: Numbers of the whole log.
        clock: What they mean, as `choose_clock` says, or that of another log.

    Returns:
        Nanoseconds and the status of each row; OUT_OF_RANGE beyond the years 1678-2261.
    """
    status = column.status.copy()
    numbers = column.numbers
    if clock.unit == "mixed":
        times, status = _mixed(numbers, status)
        return times, status
    if clock.unit in SERIAL_DAYS:
        times, outside = scale_serial_days(numbers, clock.unit)
    elif clock.unit == "year":
        times, outside = scale_years(numbers)
    else:
        times, outside = scale_numbers(numbers, "s" if clock.unit == "iso" else clock.unit)
    status[outside & (status == OK)] = OUT_OF_RANGE
    return np.where(status == OK, times, 0), status


def _mixed(numbers: NDArray[Any], status: NDArray[np.uint8]) -> tuple[Int64, NDArray[np.uint8]]:
    times = np.zeros(len(numbers), dtype=np.int64)
    classes = epoch_classes(numbers)
    for place, unit in enumerate(EPOCH_UNITS):
        rows = (classes == place) & (status == OK)
        times[rows] = scale_numbers(numbers[rows], unit)[0]
    status = status.copy()
    status[(classes < 0) & (status == OK)] = BAD
    return times, status


def shifted(column: NumberColumn, clock: Clock) -> NumberColumn:
    """Count elapsed times that nanoseconds cannot hold from the first one, and say so.

    Args:
        column: Numbers of the whole log.
        clock: Their clock.
    """
    good = column.good
    if clock.kind != "elapsed" or not len(good):
        return column
    limit = _DAYS_OF_INT64 * NS_PER_UNIT["d"] / NS_PER_UNIT[clock.unit]
    first = float(np.floor(good.min()))
    if np.abs(good).max() < limit or good.max() - first >= limit:
        return column
    column.doubts.decide(
        "time",
        f"times of {column.name!r} counted from {first:.15g} {clock.unit}",
        "nanoseconds hold no more than 292 years",
    )
    numbers = column.numbers - (int(first) if column.numbers.dtype.kind == "i" else first)
    return NumberColumn(
        numbers, column.status, column.name, column.time, column.doubts, column.where
    )

"""What the numbers of a time column mean: an epoch, elapsed time, serial days, years."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.calendar_numbers import serial_clock, year_clock
from latentode.data.reading.cells.date_digits import (
    possible_format,
    short_year_format,
    six_digit_formats,
)
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

_SAMPLE = 1000  # numbers that tell whether all have to be looked at
_SMALL = 1e8  # smaller ones are taken for elapsed times, not for a broken epoch
_MOST = 0.9  # share of numbers that are an epoch, where others are stamps of a clock that was reset
_MOST_YEARS = 10  # that an epoch with a few other stamps spans
_YEAR_SECONDS = 31_557_600  # of 365.25 days
_DAYS_OF_INT64 = 106_751  # in nanoseconds
# ticks of 100 ns -> seconds before 1970 from which they count
_TICKS = {".NET ticks since the year 1": 62_135_596_800, "Windows ticks since 1601": 11_644_473_600}
_SECONDS_TO_1970 = 2_082_844_800  # from 1904
_FIRST_TICKS, _LAST_TICKS = 631_152_000, 4_102_444_800  # 1990 and 2100, in seconds
_BEYOND_SPELLED = 10**15  # more digits than a day with its time of day has
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
    _ask_about_ticks(column, unit)
    _ask_about_1904(column, unit)
    spelled = ""
    if column.time.unit != unit:
        spelled = _day_first_format(column) or short_year_format(column.good)
    if spelled:
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: {span(column.good)} may spell dates, or be an epoch in "
            f"{unit}. Pass --time-format {spelled} or --time-unit {unit}.",
        )
    return Clock("calendar", column.zone, unit)


def _ask_about_ticks(column: NumberColumn, unit: str) -> None:
    """Ask where nanoseconds would end before 2001, and ticks of 100 ns would be of our time."""
    if unit != "ns" or column.time.unit == "ns":
        return
    for called, first in _TICKS.items():
        seconds = column.good / 1e7 - first
        if seconds.min() >= _FIRST_TICKS and seconds.max() <= _LAST_TICKS:
            date = np.datetime64(int(seconds.min()), "s").astype("M8[m]")
            column.doubts.ask(
                "time",
                f"time column {column.name!r}: {shown(column.good[0])} may be {called} "
                f"({str(date).replace('T', ' ')}), which are not read: write dates, or seconds "
                "since 1970. If it counts nanoseconds since 1970, pass --time-unit ns.",
            )


def _ask_about_1904(column: NumberColumn, unit: str) -> None:
    """Ask where seconds since 1970 would end in the future, and those of LabVIEW of late."""
    now = datetime.now(UTC).timestamp()
    seconds = column.good - _SECONDS_TO_1970
    if unit != "s" or column.time.unit == "s" or column.good.max() <= now:
        return
    if seconds.min() >= _FIRST_TICKS and seconds.max() <= now:
        date = str(np.datetime64(int(seconds.min()), "s").astype("M8[m]")).replace("T", " ")
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: {shown(column.good[0])} may be seconds since 1904, as "
            f"LabVIEW counts them ({date}), which are not read: subtract {_SECONDS_TO_1970}, or "
            'call the column "seconds since 1904-01-01". If it counts seconds since 1970, pass '
            "--time-unit s.",
        )


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
    dates, steadier = six_digit_formats(column.good)
    if dates:
        others = [form] if form is not None and not steadier else []
        told = [f"--time-format {each}" for each in (*dates, *others)]
        unit = "" if steadier else f", or the unit of elapsed times: --time-unit {_ALL_UNITS}"
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: numbers from {seen} may spell dates. Pass "
            f"{' or '.join(told)}{unit}.",
        )
        return Clock("elapsed", None, "s")
    if form == "%H%M%S":
        column.doubts.ask(
            "time",
            f"time column {column.name!r}: numbers from {seen} may spell hours, minutes and "
            f"seconds. Pass --time-format %H%M%S if they do, or the unit of elapsed times: "
            f"--time-unit {_ALL_UNITS}.",
        )
        return Clock("elapsed", None, "s")
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
        spelled = _day_first_format(column)
        if spelled:
            message = (
                f"time column {column.name!r}: values {seen} may spell dates. Pass --time-format "
                f"{spelled} if they do; if they count elapsed time, pass its unit: --time-unit "
                f"{_ALL_UNITS}."
            )
    column.doubts.ask("time", message)
    return Clock("elapsed", None, "s")


def _day_first_format(column: NumberColumn) -> str:
    """Format of numbers that spell day or month, year and time of day; empty if they do not."""
    whole = column.good.clip(0, _BEYOND_SPELLED).astype(np.int64)
    few = _spelled_format(whole[:: 1 + len(whole) // _SAMPLE])
    return few if few and _spelled_format(whole) == few else ""


def _spelled_format(whole: Int64) -> str:
    for form, clock in (("%H%M%S", 10**6), ("%H%M", 10**4)):
        dates, times = whole // clock, whole % clock
        parts = [times // (clock // 100), times // (clock // 10**4) % 100, times % 100]
        good = (parts[0] < 24) & (parts[1] < 60) & (parts[2] < 60)
        year, middle, first = dates % 10_000, dates // 10_000 % 100, dates // 10**6
        good &= (year >= 1973) & (year <= 2100)
        for order, day, month in (("%d%m%Y", first, middle), ("%m%d%Y", middle, first)):
            valid = (day >= 1) & (day <= 31) & (month >= 1) & (month <= 12)
            if bool((good & valid).all()):
                return order + form
    return ""


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

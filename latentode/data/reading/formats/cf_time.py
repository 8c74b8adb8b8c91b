"""Times of netCDF files: ``<unit> since <date> <offset>``, read without rounding a digit away."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.errors import DataError

_UNITS = {
    86_400_000_000_000: "days day d",
    3_600_000_000_000: "hours hour hrs hr h",
    60_000_000_000: "minutes minute mins min",
    1_000_000_000: "seconds second secs sec s",
    1_000_000: "milliseconds millisecond millis msecs msec ms",
    1_000: "microseconds microsecond micros us",
    1: "nanoseconds nanosecond nanos ns",
}
_NS_OF = {name: ns for ns, names in _UNITS.items() for name in names.split()}
_SINCE = re.compile(r"\s+since\s+", re.I)
_REFERENCE = re.compile(
    r"(\d{1,4})-(\d{1,2})-(\d{1,2})"
    r"(?:[Tt\s]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9})\d*)?)?)?)?\s*(.*)"
)
_OFFSET = re.compile(
    r"(?:UTC|GMT)?\s*([+-])(?:(\d{1,2}):(\d{2})|(\d{1,2}?)(\d{2})|(\d{1,2}))", re.I
)
#: Hours of zones whose letters mean one offset only; CST, BST and IST mean several.
_LETTERS = {
    "": 0, "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "WET": 0, "WEST": 1, "CET": 1, "MET": 1, "CEST": 2,
    "MEST": 2, "EET": 2, "EEST": 3, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "JST": 9, "AEST": 10, "AEDT": 11,
}  # fmt: skip
_CALENDARS = {"standard", "gregorian", "proleptic_gregorian", ""}
# in nanoseconds
_HOUR_NS = 3_600_000_000_000
_SECOND_NS = 1_000_000_000
_FIRST_GREGORIAN = (1582, 10, 15)  # the day after October 4, 1582 of the calendar before
_EPOCH_DAY = date(1970, 1, 1).toordinal()  # as Python numbers days


@dataclass(frozen=True)
class CfClock:
    """What numbers of a time variable count.

    Attributes:
        unit_ns: Length of their unit, in nanoseconds.
        reference_ns: What 0 stands for, in nanoseconds since 1970; any whole number.
        zone: Zone as it is written; empty where none is.
        is_shifted: Whether it is another than UTC.
    """

    unit_ns: int
    reference_ns: int
    zone: str
    is_shifted: bool


def is_clock(units: object) -> bool:
    """Whether units are those of times."""
    return isinstance(units, str) and _SINCE.search(units) is not None


def read_clock(units: str, calendar: str, where: str) -> CfClock:
    """Read the units of a time variable.

    Args:
        units: Such as ``hours since 1950-01-01 00:00 -6:00``.
        calendar: Its calendar; empty where none is named.
        where: File and variable, for messages.

    Raises:
        DataError: If it is another calendar, or units that may be read in several ways.
    """
    if calendar.strip().lower() not in _CALENDARS:
        raise DataError(
            f"{where}: expected the calendar standard, gregorian or proleptic_gregorian, got "
            f"{calendar!r}, whose days no clock has. Convert its times first."
        )
    unit, reference = _SINCE.split(units.strip(), maxsplit=1)
    match = _REFERENCE.fullmatch(reference.strip())
    unit_ns = _NS_OF.get(unit.strip().lower())
    zone = match[8].strip() if match else ""
    offset = _offset_hours(zone)
    if match is None or unit_ns is None or offset is None:
        raise DataError(
            f"{where}: expected units such as 'hours since 1970-01-01 00:00:00 +01:00', got "
            f"{units!r}. Correct them: ncatted -a units,{where.rpartition(' ')[2]},m,c,'...' FILE."
        )
    day = _day(int(match[1]), int(match[2]), int(match[3]), calendar.strip().lower())
    clock = [int(match[i] or 0) for i in (4, 5, 6)]
    if day is None or clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
        raise DataError(f"{where}: expected a date that exists, got {reference!r} as its start.")
    seconds = ((day * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2]
    fraction = int((match[7] or "0").ljust(9, "0"))
    shift = round(offset * _HOUR_NS)
    return CfClock(unit_ns, seconds * _SECOND_NS + fraction - shift, zone, shift != 0)


def to_nanoseconds(
    values: NDArray[np.number], present: NDArray[np.bool_], clock: CfClock, where: str
) -> tuple[Int64, NDArray[np.bool_], float]:
    """Nanoseconds since 1970 of numbers of a time variable.

    Fractions are rounded to the decimal place that their precision still tells, so that 10:20 is
    not 10:19:59.999999886.

    Args:
        values: Numbers, shape of the variable.
        present: Where none is missing, of the same shape.
        clock: What they count.
        where: File and variable, for messages.

    Returns:
        Times, 0 where there is none; where there is one; and the precision of the numbers in
        nanoseconds.

    Raises:
        DataError: If one lies outside of the years 1678 to 2261.
    """
    present = present & np.isfinite(values)
    start = -clock.reference_ns // clock.unit_ns  # whole units from the reference to 1970
    rest = clock.reference_ns + start * clock.unit_ns
    if np.issubdtype(values.dtype, np.integer):
        units = np.where(present, values, 0).astype(np.int64) - start
        fraction, step = np.zeros(values.shape), 0.0
    else:
        largest = np.max(np.abs(values[present]), initial=0)
        step = float(np.spacing(values.dtype.type(largest))) * clock.unit_ns
        exact = np.where(present, values, start).astype(np.float64) - start
        units = np.floor(exact)
        fraction = (exact - units) * clock.unit_ns
    beyond = present & (np.abs(units) > (2**63 - 1) // clock.unit_ns - 2)
    if beyond.any():
        raise DataError(
            f"{where}: expected times from 1678 to 2261, got {values[beyond][0]} "
            "in its units. Mark what is no time as missing, or correct the units."
        )
    whole = np.where(present, units, 0).astype(np.int64) * clock.unit_ns
    times = _rounded(whole + np.rint(fraction).astype(np.int64) + rest, step)
    return np.where(present, times, 0), present, step


def _rounded(times: Int64, step: float) -> Int64:
    """Round to the power of ten that is next above a step below a second."""
    if not 1 < 2 * step < _SECOND_NS:
        return times
    place = 10 ** math.ceil(math.log10(step))
    return (times + place // 2) // place * place


def _offset_hours(zone: str) -> float | None:
    """Hours ahead of UTC; None where it is not clear. ``-600`` is six hours."""
    if zone.upper() in _LETTERS:
        return _LETTERS[zone.upper()]
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    hours = int(match[2] or match[4] or match[6])
    minutes = int(match[3] or match[5] or 0)
    if hours > 15 or minutes > 59:
        return None
    return (-1 if match[1] == "-" else 1) * (hours + minutes / 60)


def _day(year: int, month: int, day: int, calendar: str) -> int | None:
    """Days since 1970 of a date; before 1582 of the Julian calendar, unless it is proleptic."""
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    if calendar != "proleptic_gregorian" and (year, month, day) < _FIRST_GREGORIAN:
        if (year, month, day) > (1582, 10, 4):
            return None  # days that were left out
        shifted = (14 - month) // 12
        years, months = year + 4800 - shifted, month + 12 * shifted - 3
        number = day + (153 * months + 2) // 5 + 365 * years + years // 4 - 32083
        return number - 2_440_588  # Julian day number of 1970-01-01
    try:
        return date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None

"""Numbers of a known unit to nanoseconds: epochs, elapsed times, serial days, years."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_digits import days_of

EPOCH_UNITS = ("s", "ms", "us", "ns")
_FIRST_EPOCH, _LAST_EPOCH = 94_694_400, 4_102_444_800  # 1973 to 2100, in seconds
#: Serial days: unit -> day of 1970-01-01.
SERIAL_DAYS = {"excel": 25_569.0, "matlab": 719_529.0, "julian": 2_440_587.5, "mjd": 40_587.0}
_FIRST_SERIAL, _LAST_SERIAL = 1_096, 47_482  # 1973 to 2100, in days since 1970
_FIRST_YEAR, _LAST_PLAUSIBLE_YEAR = 1500, 2200  # from the oldest measured series onwards
_EXACT_FLOAT = 2.0**53  # float64 holds every whole number up to here
_DAY = NS_PER_UNIT["d"]
_LAST_YEAR = 2261  # the last that int64 nanoseconds hold whole
_UNIT_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds", "sekunden", "secondes", "segundos"),
    "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
    "us": ("us", "usec", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
    "min": ("min", "mins", "minute", "minutes", "minuten", "minutos"),
    "h": ("h", "hr", "hrs", "hour", "hours", "stunden", "heures", "horas"),
    "d": ("d", "day", "days", "tage", "jours", "dias"),
}
_SERIAL_WORDS = {
    "matlab": ("matlab", "datenum"),
    "mjd": ("mjd",),
    "julian": ("jd", "julian", "juliandate", "bjd", "hjd"),
    "excel": ("excel", "xls", "xlsx"),
}
_YEAR_WORDS = (
    *("year", "years", "yr", "jahr", "annee", "année", "año", "ano", "anno", "jaar", "rok"),
    *("date", "datum", "fecha"),  # a date that is a number of this range can be no other
)


def scale_numbers(numbers: NDArray[Any], unit: str) -> tuple[Int64, NDArray[np.bool_]]:
    """Turn numbers of a unit into nanoseconds.

    A float is taken as the shortest decimal fraction that it is nearest to, so that 1488355200.123
    s and 1488355200123 ms are one time, although the float is off by 21 ns.

    Args:
        numbers: int64 or float64, shape (row,).
        unit: A key of `NS_PER_UNIT`.

    Returns:
        Nanoseconds, and where they are beyond int64 (years 1677-2262); there the time is 0.
    """
    scale = NS_PER_UNIT[unit]
    if numbers.dtype.kind == "i":
        limit = (2**63 - 1) // scale
        outside = (numbers > limit) | (numbers < -limit)
        return np.where(outside, 0, numbers) * scale, outside
    outside = ~(np.abs(numbers) < 2.0**63 / scale)
    values = np.where(outside, 0.0, numbers)
    whole = np.floor(values)
    result = whole.astype(np.int64) * scale + np.rint((values - whole) * scale).astype(np.int64)
    left = np.ones(len(values), dtype=bool)
    for digits in (0, 3, 6, 9):
        power = 10**digits
        if scale % power or not left.any():
            break
        scaled = np.rint(values * power)
        exact = left & (scaled / power == values) & (np.abs(scaled) < _EXACT_FLOAT)
        result[exact] = scaled[exact].astype(np.int64) * (scale // power)
        left &= ~exact
    return result, outside


def scale_serial_days(numbers: NDArray[Any], unit: str) -> tuple[Int64, NDArray[np.bool_]]:
    """Turn serial days of a calendar into nanoseconds since 1970.

    A serial day is a float with some microseconds of noise: whole milliseconds are kept. Where all
    cells are whole seconds as near as their decimals can tell, they are taken as such.

    Args:
        numbers: int64 or float64, shape (row,).
        unit: A key of `SERIAL_DAYS`.

    Returns:
        Nanoseconds, and where they are beyond int64; there the time is 0.
    """
    days = np.asarray(numbers, dtype=np.float64) - SERIAL_DAYS[unit]
    outside = ~(np.abs(days) < 2.0**63 / _DAY)
    days = np.where(outside, 0.0, days)
    whole = np.floor(days)
    fraction = np.rint((days - whole) * 86_400_000).astype(np.int64)
    seconds = (fraction + 500) // 1000 * 1000
    if (np.abs(fraction - seconds) <= _resolution(numbers) * 86_400_000 / 2 + 1).all():
        fraction = seconds
    return whole.astype(np.int64) * _DAY + fraction * 10**6, outside


def _resolution(numbers: NDArray[Any]) -> float:
    """The unit of the last decimal of most floats, at most 1e-4 of one."""
    sample = np.asarray(numbers, dtype=np.float64)[:: max(1, len(numbers) // 200)]
    for digits in range(4, 10):
        scaled = sample * 10.0**digits
        if (np.abs(scaled - np.rint(scaled)) < 1e-3).mean() > 0.9:
            return 10.0**-digits
    return 0.0


def scale_years(numbers: NDArray[Any]) -> tuple[Int64, NDArray[np.bool_]]:
    """Turn years such as 1958 or 1958.2027 into nanoseconds since 1970.

    Twelfths of a year are months: 1949.083 is the first of February.

    Args:
        numbers: int64 or float64, shape (row,).

    Returns:
        Nanoseconds, and where they are beyond int64; there the time is 0.
    """
    values = np.asarray(numbers, dtype=np.float64)
    outside = ~((values > 1678) & (values < _LAST_YEAR))
    values = np.where(outside, 1970.0, values)
    year = np.floor(values).astype(np.int64)
    fraction = values - year
    one = np.ones_like(year)
    months = np.rint(fraction * 12).astype(np.int64)
    if are_months(values):
        days, _ = days_of(year + months // 12, months % 12 + 1, one)
        return days * _DAY, outside
    first, following = days_of(year, one, one)[0], days_of(year + 1, one, one)[0]
    seconds = np.rint(fraction * (following - first) * 86_400).astype(np.int64)
    return first * _DAY + seconds * 10**9, outside


def are_months(years: NDArray[Any]) -> bool:
    """True if all years are whole twelfths, to the decimals that they are written with."""
    twelfths = np.asarray(years, dtype=np.float64) * 12
    return bool((np.abs(twelfths - np.rint(twelfths)) < 0.07).all())


def epoch_classes(numbers: NDArray[Any]) -> NDArray[np.int8]:
    """Which epoch of 1973-2100 each number is: index into `EPOCH_UNITS`; -1 for none."""
    classes = np.full(len(numbers), -1, dtype=np.int8)
    for place in range(4):
        power = 1000**place
        classes[(numbers >= _FIRST_EPOCH * power) & (numbers <= _LAST_EPOCH * power)] = place
    return classes


def serial_units(numbers: NDArray[Any]) -> list[str]:
    """Units of serial days that put all numbers into the years 1973 to 2100."""
    low, high = numbers.min(), numbers.max()
    return [
        unit
        for unit, zero in SERIAL_DAYS.items()
        if zero + _FIRST_SERIAL <= low and high <= zero + _LAST_SERIAL
    ]


def may_be_years(numbers: NDArray[Any]) -> bool:
    """True if all numbers are in the range of years."""
    return bool(numbers.min() >= _FIRST_YEAR and numbers.max() <= _LAST_PLAUSIBLE_YEAR)


def unit_in_name(name: str) -> str | None:
    """Unit in the name of a time column: ``time_s``, ``t [min]``, ``elapsed_hours``, ``days``."""
    words = _words(name)
    if not words:
        return None
    if "since" in words[1:]:  # "days since 2000-01-01"
        words = ["time", words[words.index("since") - 1]]
    last = words[-1]
    for unit, spellings in _UNIT_WORDS.items():
        # alone, "s" or "day" is more likely a reading than a unit
        if last in spellings and (len(words) > 1 or (len(last) > 3 and last.endswith("s"))):
            return unit
    return None


def serial_in_name(name: str) -> str | None:
    """Unit of serial days in the name of a column: ``datenum``, ``JD``, ``mjd``."""
    words = _words(name)
    for unit, spellings in _SERIAL_WORDS.items():
        if any(word in spellings for word in words):
            return unit
    return None


def years_in_name(name: str) -> bool:
    """True if a column is called a year or a date."""
    return any(word in _YEAR_WORDS for word in _words(name))


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W\d_]+", name.lower()) if word]

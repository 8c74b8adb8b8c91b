"""Durations: "90s", "10min", "48h", "1 week", or differences of times."""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np

from latentode.errors import ConfigError

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_NAMES = {
    "ns": ("nanosecond", "nanoseconds", "nanos"),
    "us": ("µs", "μs", "microsecond", "microseconds", "micros"),
    "ms": ("millisecond", "milliseconds", "millis"),
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("m", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
}
_SCALES = (
    NS_PER_UNIT
    | {name: NS_PER_UNIT[unit] for unit, names in _NAMES.items() for name in names}
    | {name: 7 * NS_PER_UNIT["d"] for name in ("w", "wk", "wks", "week", "weeks")}
)
_PART = r"([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*([^\W\d_]*)"
_DURATION = re.compile(rf"\s*(?:{_PART}\s*)+")
_TOO_LONG = 2**62  # nanoseconds, 146 years
_MONTHS = ("M", "MS")  # of pandas: not minutes, and of no fixed length

#: What is taken for a duration: a text, a number in a unit that is known, or a difference of times.
DurationLike = str | float | timedelta | np.timedelta64


def parse_duration(duration: DurationLike, default_unit: str | None = None) -> int:
    """Read a duration as nanoseconds.

    Args:
        duration: "90s", "10min", "1.5 hours", "1h 30min", "2d", "1 week"; a timedelta of Python,
            pandas or numpy; or a number in `default_unit`.
        default_unit: Unit of a plain number; None refuses plain numbers.

    Returns:
        The duration in nanoseconds, at least 1.

    Raises:
        ConfigError: If it is no positive duration, or has no unit where one is needed.
    """
    nanoseconds = _of_difference(duration)
    if nanoseconds is None:
        nanoseconds = _of_text(str(duration), default_unit)
    if nanoseconds is None:
        raise ConfigError(
            f"duration: expected a number with a unit ({', '.join(NS_PER_UNIT)}), got "
            f'{str(duration)!r}. Write for example "48h" or "10min".'
        )
    if not 1 <= nanoseconds < _TOO_LONG:
        raise ConfigError(
            f"duration: expected at least 1 ns and less than 146 years, got {str(duration)!r}."
        )
    return nanoseconds


def _of_difference(duration: DurationLike) -> int | None:
    """Nanoseconds of a difference of times; None of anything else."""
    if isinstance(duration, np.timedelta64):
        if np.datetime_data(duration.dtype)[0] in ("generic", "Y", "M") or np.isnat(duration):
            return None
        return int(duration.astype("timedelta64[ns]").astype(np.int64))
    if not isinstance(duration, timedelta):
        return None
    whole = duration.days * NS_PER_UNIT["d"] + duration.seconds * NS_PER_UNIT["s"]
    # those of pandas count nanoseconds too
    return whole + duration.microseconds * NS_PER_UNIT["us"] + getattr(duration, "nanoseconds", 0)


def _of_text(text: str, default_unit: str | None) -> int | None:
    """Nanoseconds of numbers with units, or of one in a known unit; None of anything else."""
    if not _DURATION.fullmatch(text):
        return None
    parts = re.findall(_PART, text)
    units = [unit if unit in _SCALES or unit in _MONTHS else unit.lower() for _, unit in parts]
    if units == [""]:
        units = [default_unit or ""]
    if not all(unit in _SCALES for unit in units):
        return None
    values = (float(number) for number, _ in parts)
    total = sum(value * _SCALES[unit] for value, unit in zip(values, units, strict=True))
    return round(min(total, _TOO_LONG))  # "1e400s" is infinite


def exact_duration(nanoseconds: int) -> str:
    """Write a duration in its largest unit without a fraction, so that it is read back exactly."""
    unit = next(unit for unit in reversed(NS_PER_UNIT) if nanoseconds % NS_PER_UNIT[unit] == 0)
    return f"{nanoseconds // NS_PER_UNIT[unit]}{unit}"


def format_duration(nanoseconds: float) -> str:
    """Write a duration in its largest fitting unit, with at most four digits."""
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if nanoseconds >= NS_PER_UNIT[unit] * (2 if unit in ("d", "h", "min") else 1):
            return f"{nanoseconds / NS_PER_UNIT[unit]:.4g}{unit}"
    return f"{nanoseconds:.0f}ns"

"""The time column of a log: from what stands in it to int64 nanoseconds of one clock.

Times are dates (ISO or told by options) or numbers (an epoch, or the log's own elapsed time). All
chunks of a log are read first; unit, zone and kind of the clock are then decided from all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.time_stamps import (
    BAD,
    NO_TIME,
    OK,
    OUT_OF_RANGE,
    Stamps,
    parse_fixed_width,
    parse_stamps,
    to_nanoseconds,
)
from latentode.data.reading.formats.table import MISSING_TEXTS, Chunk, factorize
from latentode.errors import DataError

_EPOCH_UNITS = ("s", "ms", "us", "ns")
_FIRST_EPOCH, _LAST_EPOCH = 94_694_400, 4_102_444_800  # 1973 to 2100, in seconds
_SMALL = 1e8  # smaller ones are taken for elapsed times, not for a broken epoch
_EXCEL_ZERO_DAYS = 25_569  # 1899-12-30 to 1970-01-01
_EXACT_FLOAT = 2.0**53  # float64 holds every whole number up to here
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_UNIT_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
    "us": ("us", "usec", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}


@dataclass(frozen=True)
class RawTimes:
    """Times of a chunk before the clock is known.

    Attributes:
        stamps: Dates; None where the column holds numbers.
        numbers: Numbers as written, int64 or float64; None where the column holds dates.
        status: OK, NO_TIME, BAD, ... of each row, as in `latentode.data.reading.cells.time_stamps`.
        zone: Zone that the column of a frame carries.
    """

    stamps: Stamps | None
    numbers: NDArray[Any] | None
    status: NDArray[np.uint8]
    zone: str | None = None


def are_stamps(column: pd.Series, time: TimeConfig, decimal: str = ".") -> bool:
    """True if a time column holds dates, by the most of its cells; False if it holds numbers.

    Args:
        column: First cells.
        time: How times are written.
        decimal: Decimal mark of numbers.
    """
    if column.dtype.kind == "M":
        return True
    if time.unit != "auto":
        return time.unit == "iso"
    if time.format is not None:
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    texts = [str(cell).strip() for cell in column[column.notna()]]
    texts = [text for text in texts if text not in MISSING_TEXTS]
    numeric = sum(_to_number(text, decimal) is not None for text in texts)
    return 2 * numeric < len(texts) or not texts


def read_times(
    chunk: Chunk, name: str, *, stamps: bool, time: TimeConfig, decimal: str = "."
) -> RawTimes:
    """Read the time column of a chunk.

    Args:
        chunk: Rows.
        name: The column.
        stamps: True for dates, False for numbers, see `are_stamps`.
        time: How times are written.
        decimal: Decimal mark of numbers.

    Returns:
        Times and the rows that hold none.
    """
    if not stamps:
        numbers, status = _read_numbers(chunk, name, decimal)
        return RawTimes(None, numbers, status)
    fixed = None
    if time.format is None:
        rows = chunk.fixed_width(name)
        fixed = None if rows is None else parse_fixed_width(rows)
    if fixed is not None:
        return RawTimes(fixed, None, fixed.status)
    parsed, zone = _read_stamps(chunk, name, time)
    return RawTimes(parsed, None, parsed.status, zone)


def _read_stamps(chunk: Chunk, name: str, time: TimeConfig) -> tuple[Stamps, str | None]:
    column = chunk.column(name)
    dtype = column.dtype
    if dtype.kind == "M":
        times, status = to_nanoseconds(pd.DatetimeIndex(column))
        tz = getattr(dtype, "tz", None)
        zone = getattr(tz, "key", None) or getattr(tz, "zone", None)
        return Stamps(times, np.full(len(times), tz is not None), status), zone
    codes, texts = factorize(chunk.text(name))
    texts = ["" if text in MISSING_TEXTS else text for text in texts]
    return parse_stamps(texts, form=time.format, dayfirst=time.dayfirst).take(codes), None


def _read_numbers(chunk: Chunk, name: str, decimal: str) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    column = chunk.column(name)
    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        if dtype.kind in "iu" and not column.hasnans and dtype != np.uint64:
            return column.to_numpy(dtype=np.int64), np.zeros(len(column), dtype=np.uint8)
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # whole nanoseconds beyond 2**53 are still exact in the text
        if not len(values) or not np.nanmax(np.abs(values), initial=0.0) > _EXACT_FLOAT:
            status = np.where(np.isnan(values), NO_TIME, OK).astype(np.uint8)
            return values, status
    codes, texts = factorize(chunk.text(name))
    return _parse_numbers(codes, [text.strip() for text in texts], decimal)


def _parse_numbers(
    codes: NDArray[np.integer], texts: Sequence[str], decimal: str
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    parsed = [_to_number(text, decimal) for text in texts]
    status = np.array([BAD if value is None else OK for value in parsed], dtype=np.uint8)
    status[[text in MISSING_TEXTS for text in texts]] = NO_TIME
    filled = [0 if value is None else value for value in parsed]
    whole = all(isinstance(value, int) for value in filled)
    table = np.array(filled, dtype=np.int64 if whole else np.float64)
    return table[codes], status[codes]


def _to_number(text: str, decimal: str) -> int | float | None:
    if _INTEGER.fullmatch(text) or (text[:1] in "123456789" and text.isdigit() and len(text) == 19):
        return int(text) if int(text) < 2**63 else None
    try:
        value = float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None


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


def unit_in_name(name: str) -> str | None:
    """Unit in the name of a time column: ``time_s``, ``t [min]``, ``elapsed_hours``, ``days``."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    if not words:
        return None
    last = words[-1]
    for unit, spellings in _UNIT_WORDS.items():
        # alone, "s" or "day" is more likely a reading than a unit
        if last in spellings and (len(words) > 1 or (len(last) > 3 and last.endswith("s"))):
            return unit
    return None


def choose_unit(low: float, high: float, name: str, time: TimeConfig) -> Clock:
    """Decide what numbers in a time column mean, from their range.

    Args:
        low: Smallest.
        high: Largest.
        name: Column.
        time: Configured unit and zone.

    Returns:
        The clock: a calendar if all numbers are an epoch of one unit in 1973-2100, else elapsed.

    Raises:
        DataError: If the unit is neither configured, nor named, nor told by the range.
    """
    fits = [
        unit
        for unit, power in zip(_EPOCH_UNITS, (1, 10**3, 10**6, 10**9), strict=True)
        if _FIRST_EPOCH * power <= low and high <= _LAST_EPOCH * power
    ]
    span = f"{low:.10g} to {high:.10g}" if high > low else f"{low:.10g}"
    zone = time.tz or "UTC"
    if time.unit == "excel":
        return Clock("calendar", time.tz, "excel")
    if time.unit not in ("auto", "iso"):
        calendar = time.unit in fits
        return Clock("calendar", zone, time.unit) if calendar else Clock("elapsed", None, time.unit)
    named = unit_in_name(name)
    if fits and named in (None, fits[0]):
        return Clock("calendar", zone, fits[0])
    if fits:
        raise DataError(
            f"time column {name!r}: its name says {named}, but its values ({span}) look like an "
            f"epoch in {fits[0]}. Pass --time-unit {fits[0]} or --time-unit {named}."
        )
    if named is not None:
        return Clock("elapsed", None, named)
    if max(abs(low), abs(high)) < _SMALL:
        raise DataError(
            f"time column {name!r}: expected dates or an epoch, got numbers from {span}. Pass the "
            "unit of elapsed times: --time-unit s|ms|us|ns|min|h|d (or excel for serial days)."
        )
    near = min(_EPOCH_UNITS, key=lambda unit: abs(np.log10(abs(high) * NS_PER_UNIT[unit]) - 18.1))
    raise DataError(
        f"time column {name!r}: values {span} are not an epoch of 1973-2100 in one unit; the "
        f"largest looks like {near}. Pass --time-unit {near} to confirm, or another of "
        "s|ms|us|ns|min|h|d."
    )


def time_on_clock(clock: Clock, time: TimeConfig) -> TimeConfig:
    """Settings for times beside a log: numbers in its unit, times without an offset in its zone."""
    unit = time.unit
    if unit in ("auto", "iso") and (clock.kind == "elapsed" or clock.unit == "excel"):
        unit = clock.unit  # type: ignore[assignment]
    return time.model_copy(update={"unit": unit, "tz": clock.zone})


def merge_times(
    chunks: Sequence[RawTimes], name: str, time: TimeConfig, clock: Clock | None = None
) -> tuple[Int64, NDArray[np.uint8], NDArray[np.bool_], Clock]:
    """Join the times of all chunks on one clock.

    Args:
        chunks: As read, one entry a chunk.
        name: Time column.
        time: Configured unit and zone.
        clock: A clock that is known already (of a model's log); None decides.

    Returns:
        Nanoseconds, status and "is a wall-clock time that still needs its zone" of each row, shape
        (row,), and the clock.

    Raises:
        DataError: If the unit cannot be told.
    """
    status = np.concatenate([chunk.status for chunk in chunks])
    if chunks[0].stamps is not None:
        stamps = [cast(Stamps, chunk.stamps) for chunk in chunks]
        times = np.concatenate([part.times for part in stamps])
        aware = np.concatenate([part.aware for part in stamps])
        seen_aware = bool((aware & (status == OK)).any())
        zone = time.tz or ((chunks[0].zone or "UTC") if seen_aware else None)
        return times, status, ~aware & (status == OK), Clock("calendar", zone, "iso")
    numbers = [cast("NDArray[Any]", chunk.numbers) for chunk in chunks]
    good = [part[chunk.status == OK] for part, chunk in zip(numbers, chunks, strict=True)]
    good = [part for part in good if len(part)]
    if clock is None and good:
        low, high = min(part.min() for part in good), max(part.max() for part in good)
        clock = choose_unit(float(low), float(high), name, time)
    elif clock is None:
        clock = Clock("elapsed", None, "s")
    scaled = [_on_clock(part, clock) for part in numbers]
    times = np.concatenate([part for part, _ in scaled])
    outside = np.concatenate([part for _, part in scaled]) & (status == OK)
    status[outside] = OUT_OF_RANGE
    naive = np.full(len(times), clock.unit == "excel") & (status == OK)
    return times, status, naive, clock


def _on_clock(numbers: NDArray[Any], clock: Clock) -> tuple[Int64, NDArray[np.bool_]]:
    if clock.unit != "excel":
        return scale_numbers(numbers, clock.unit)
    times, outside = scale_numbers(numbers, "d")
    # a serial day is a float with about a microsecond of noise; spreadsheets keep milliseconds
    times = (times + 500_000) // 1_000_000 * 1_000_000 - _EXCEL_ZERO_DAYS * NS_PER_UNIT["d"]
    return times, outside

"""Dates and times written as text, to int64 nanoseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64

OK, NO_TIME, BAD, OUT_OF_RANGE, AMBIGUOUS = range(5)
_LIMIT = 2**63 - 1  # the largest int64, in nanoseconds: the year 2262
_EPOCH_DAY = date(1970, 1, 1).toordinal()  # ordinals count from the year 1
_FIXED = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?"
)
_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*([AaPp][Mm])?"
_ZONE = r"\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}})(?:[T\s,]\s*{_CLOCK}{_ZONE})?")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}})(?:[T\s,]\s*{_CLOCK}{_ZONE})?")
_NO_DAY = -(10**6)  # fills places of a table that no date asks for: outside of all days
# whole days of int64 nanoseconds
_FIRST_DAY, _LAST_DAY = -106_750, 106_750


@dataclass(frozen=True)
class Stamps:
    """Parsed times.

    Attributes:
        times: Nanoseconds: UTC where `aware`, else of the wall clock; 0 where `status` is not OK.
        aware: True where the text has an offset from UTC.
        status: OK, NO_TIME, BAD, OUT_OF_RANGE (of 1677-2262) or AMBIGUOUS (day or month first).
    """

    times: Int64
    aware: NDArray[np.bool_]
    status: NDArray[np.uint8]

    def take(self, codes: NDArray[np.integer]) -> Stamps:
        """Times by index."""
        return Stamps(self.times[codes], self.aware[codes], self.status[codes])


def parse_fixed_width(rows: NDArray[np.uint8]) -> Stamps | None:
    """Parse ISO times that all have the digits and the signs at the same places.

    Args:
        rows: Characters, shape (row, width).

    Returns:
        The times; None where a row differs in form or is not a valid time, for `parse_stamps` to
        judge.
    """
    match = _FIXED.fullmatch(rows[0].tobytes())
    if match is None:
        return None
    columns = np.ascontiguousarray(rows.T)
    digits = _digits(columns, match)
    if digits is None:
        return None

    def pair(group: int, skip: int = 0) -> NDArray[np.uint8]:
        start = match.start(group) + skip
        return digits[start] * np.uint8(10) + digits[start + 1] if start >= 0 else digits[0] * 0

    days = _days(pair(1), pair(1, 2), pair(2), pair(3))
    hour, minute, second = pair(5), pair(6), pair(7)
    if days is None or hour.max() > 23 or minute.max() > 59 or second.max() > 59:
        return None
    seconds = hour.astype(np.int32) * np.int32(3600)
    seconds += minute * np.int32(60) + second
    times = days * 86_400
    times += seconds
    times *= 1_000_000_000
    if match.group(8):
        start, stop = match.span(8)
        fraction = np.zeros(len(rows), dtype=np.int32)
        for position in range(start, stop):
            fraction *= 10
            fraction += digits[position]
        times += fraction * np.int64(10 ** (9 - (stop - start)))
    zone = match.group(9)
    if zone and zone != b"Z":
        start = match.start(9)
        offset = ((digits[start + 1] * 10 + digits[start + 2]).astype(np.int64)) * 60
        offset += digits[start + 4] * 10 + digits[start + 5]
        times -= np.where(columns[start] == ord("-"), -offset, offset) * 60_000_000_000
    aware = np.full(len(rows), zone is not None)
    return Stamps(times, aware, np.zeros(len(rows), dtype=np.uint8))


def _days(
    century: NDArray[np.uint8],
    year: NDArray[np.uint8],
    month: NDArray[np.uint8],
    day: NDArray[np.uint8],
) -> Int64 | None:
    """Days since 1970-01-01; None where a date does not exist or is out of range."""
    code = century * np.int32(51_200) + year * np.int32(512) + month * np.int32(32) + day
    if day.max() > 31 or month.max() > 15:
        return None
    low, high = int(code.min()), int(code.max())
    if low < 16 * 51_200 or high >= 23 * 51_200:
        return None
    # few distinct dates stand in a chunk: one look-up replaces the arithmetic of a calendar
    table = np.full(high - low + 1, _NO_DAY, dtype=np.int64)
    for item in np.flatnonzero(np.bincount(code - low)):
        years, rest = divmod(int(item) + low, 512)
        try:
            day_of = date(years // 100 * 100 + years % 100, rest // 32, rest % 32)
        except ValueError:
            return None
        table[item] = day_of.toordinal() - _EPOCH_DAY
    days = table[code - low]
    inside = days.min() >= _FIRST_DAY and days.max() <= _LAST_DAY
    return days if inside else None


def _digits(columns: NDArray[np.uint8], match: re.Match[bytes]) -> NDArray[np.uint8] | None:
    """Digits of every row, shape (width, row), if all rows have the form of the first."""
    form = np.frombuffer(match.string, dtype=np.uint8)
    is_digit = (form >= 48) & (form <= 57)
    digits = columns - np.uint8(48)
    if any(digits[position].max() > 9 for position in np.flatnonzero(is_digit)):
        return None
    for position in np.flatnonzero(~is_digit):
        same = columns[position] == form[position]
        if form[position] in b"+-" and position == match.start(9):
            same = (columns[position] == ord("+")) | (columns[position] == ord("-"))
        if not same.all():
            return None
    return digits


def parse_stamps(
    texts: Sequence[str], *, form: str | None = None, dayfirst: bool | None = None
) -> Stamps:
    """Parse times of any accepted form: ISO 8601, or dates with slashes and dots.

    ``03/04/2024`` is AMBIGUOUS, whatever the other cells are, until `dayfirst` or `form` is given:
    a guess that flips at the thirteenth of a month is worse than a question. A leap second
    23:59:60 is the first instant of the next minute.

    Args:
        texts: Cells.
        form: strptime format that all cells have.
        dayfirst: True for day/month/year, False for month/day/year.

    Returns:
        The times, one a cell.
    """
    count = len(texts)
    cells = pd.Index([text.strip() for text in texts], dtype=object)
    empty = np.array([not cell for cell in cells], dtype=bool)
    if form is not None:
        parsed = pd.to_datetime(cells, format=form, utc=True, errors="coerce")
        aware = np.full(count, "%z" in form or "%Z" in form)
    else:
        # pandas takes "now" and "2024" as times; a log that holds them has something else in mind
        likely = np.array([len(cell) >= 8 and cell[0].isdigit() for cell in cells], dtype=bool)
        parsed = pd.to_datetime(
            cells.where(likely, None), format="ISO8601", utc=True, errors="coerce"
        )
        # a sign after "2024-01-01T" or "20240101T" is that of an offset
        aware = np.array([bool(re.search("[Zz+]", c)) or "-" in c[10:] for c in cells], dtype=bool)
    times, status = to_nanoseconds(pd.DatetimeIndex(parsed))
    if form is None:
        for row in np.flatnonzero((status == NO_TIME) & ~empty):
            times[row], aware[row], status[row] = _parse_one(str(cells[int(row)]), dayfirst)
    status[(status == NO_TIME) & ~empty] = BAD
    return Stamps(times, aware, status)


def to_nanoseconds(index: pd.DatetimeIndex) -> tuple[Int64, NDArray[np.uint8]]:
    """Nanoseconds since 1970 of times of any resolution, with NO_TIME for NaT, and OUT_OF_RANGE."""
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[index.unit]
    ticks = index.asi8
    status = np.where(index.isna(), np.uint8(NO_TIME), np.uint8(OK))
    limit = _LIMIT // factor
    status[(status == OK) & ((ticks > limit) | (ticks < -limit))] = OUT_OF_RANGE
    return np.where(status == OK, ticks, 0) * factor, status


def _parse_one(cell: str, dayfirst: bool | None) -> tuple[int, bool, int]:
    """(nanoseconds, aware, status) of a time that is not plain ISO, or is out of range."""
    match = _YEAR_FIRST.fullmatch(cell)
    if match:
        year, month, day = (int(match.group(i)) for i in (1, 3, 4))
    else:
        match = _YEAR_LAST.fullmatch(cell)
        if match is None:
            return 0, False, BAD
        if dayfirst is None:
            return 0, False, AMBIGUOUS
        first, second, year = (int(match.group(i)) for i in (1, 3, 4))
        day, month = (first, second) if dayfirst else (second, first)
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return 0, False, BAD
    nanoseconds = _clock_nanoseconds(*match.group(5, 6, 7, 8, 9))
    if nanoseconds is None:
        return 0, False, BAD
    zone = match.group(10)
    time = days * 86_400 * 10**9 + nanoseconds - _offset(zone) * 60 * 10**9
    if not -_LIMIT <= time <= _LIMIT:
        return 0, zone is not None, OUT_OF_RANGE
    return time, zone is not None, OK


def _clock_nanoseconds(
    hour: str | None, minute: str | None, second: str | None, fraction: str | None, half: str | None
) -> int | None:
    if hour is None or minute is None:
        return 0
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    leap = (minutes, seconds) == (59, 60)
    if hours > 23 or minutes > 59 or (seconds > 59 and not leap):
        return None
    nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
    return (hours * 3600 + minutes * 60 + seconds) * 10**9 + nanoseconds


def _offset(zone: str | None) -> int:
    """Minutes east of Greenwich."""
    if zone is None or not zone[1:3].isdigit():
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:] if len(zone) > 3 else 0)
    return -minutes if zone[0] == "-" else minutes

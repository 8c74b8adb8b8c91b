"""Columns that hold a part of a time: recognised by ranges, and by what repeats and advances."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.cells.clock_texts import parse_clock_texts
from latentode.data.reading.cells.date_digits import spelled_dates
from latentode.data.reading.cells.date_texts import MONTH_OF
from latentode.data.reading.cells.day_intervals import (
    Numbering,
    is_untold_interval,
    numbering,
)
from latentode.data.reading.cells.part_names import roles_in_name
from latentode.data.reading.cells.time_column import read_times
from latentode.data.reading.cells.time_forms import may_be_times
from latentode.data.reading.cells.time_scales import SERIAL_DAYS, scale_serial_days
from latentode.data.reading.cells.time_stamps import DAY, OK, clock_seconds
from latentode.data.reading.formats.table import as_text, is_text

_SECOND = NS_PER_UNIT["s"]
# what one of each is, of numbers that count within a day
_OF_DAY = {
    "day_fraction": DAY,
    "minute_of_day": 60 * _SECOND,
    "second_of_day": _SECOND,
    "millisecond_of_day": _SECOND // 1000,
}
# said of hours alone
_HOURS = frozenset(["hour", "hours", "hr", "hrs", "hh", "stunde", "stunden", "std"])
# of parts that only a name tells from others
_NAMED = {"weekday": (1, 7), "week": (1, 53), "quarter": (1, 4)}
_RANGES = {"month": (1, 12), "day": (1, 31), "doy": (1, 366), "minute": (0, 59), "second": (0, 59)}
_CLOCK = r"(\d{1,2}(?:[:.h]\d{2}){0,2})"
_TO = r"\s*(?:h|uhr)?\s*(?:[-/\u2013\u2014]|bis|to|until|à|al?|tot)\s*"
_INTERVAL = re.compile(rf"\D*?{_CLOCK}{_TO}{_CLOCK}\s*(?:h|uhr)?", re.IGNORECASE)
_QUARTERS = {form.format(n): n for form in ("q{}", "{}q", "t{}", "k{}") for n in (1, 2, 3, 4)}
_MOST_WORDS = 30  # spellings of the months in one log
_HALVES = {
    **dict.fromkeys(("am", "a.m.", "a. m.", "a"), 0),
    **dict.fromkeys(("pm", "p.m.", "p. m.", "p"), 12 * NS_PER_UNIT["h"]),
}
_SPREADSHEET_DAYS = (-25_569, -25_567)  # 1899-12-30 to 1900-01-01, in days since 1970


@dataclass(frozen=True)
class Part:
    """A column as part of a time.

    Attributes:
        name: Column.
        role: "date", "year", "quarter", "month", "week", "weekday", "day", "doy", "clock",
            "interval", "hhmm", "hhmmss", "hh.mm", "hour", "minute", "second", "minute_of_day",
            "second_of_day", "millisecond_of_day", "day_fraction", "half" for AM and PM, "gps
            week", "gps seconds".
        values: Days since 1970 of a date; nanoseconds of the others of a day; else numbers.
        good: Where there is one.
        rest: Nanoseconds of the day, of a day of the year with a fraction.
        numbering: How intervals of a day are numbered.
    """

    name: str
    role: str
    values: Int64
    good: NDArray[np.bool_]
    rest: Int64 | None = None
    numbering: Numbering | None = None


def numbers_of(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Numbers of a column, and where there are any; None where it holds something else."""
    kind = column.type
    if is_text(kind):
        column = pc.utf8_trim_whitespace(column.cast(pa.string()))
        filled = pc.and_(pc.not_equal(column, ""), pc.is_valid(column))
        good = pc.match_substring_regex(column, r"^\d{1,14}(?:\.\d+)?$")
        if not pc.all(pc.or_(good, pc.invert(filled))).as_py():
            return None
        column = pc.if_else(good, column, None).cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    values = column.cast(pa.float64(), safe=False).to_numpy()
    good = ~np.isnan(values)
    return np.where(good, values, 0.0), good


def date_part(name: str, column: pa.ChunkedArray) -> Part | None:
    """A column of dates without a time of day, as days; dates of open order read as day first."""
    form = may_be_times(column)
    if form is None or form.kind != "dates":
        return None
    raw = read_times(column, lambda rows: as_text(column[rows]), TimeConfig())
    stamps = raw.stamps
    if raw.numbers is not None:
        spelled = spelled_dates(raw.numbers, raw.status)
        stamps = spelled.stamps if spelled is not None else None
    if stamps is None:
        return None
    settled = max(
        (stamps.settled("dmy"), stamps.settled("mdy")),
        key=lambda each: int((each.status == OK).sum()),
    )
    return Part(name, "date", settled.times // DAY, settled.status == OK)


def clock_part(name: str, column: pa.ChunkedArray) -> Part | None:
    """A column of times of day, written with colons or typed as such."""
    kind = column.type
    spreadsheet = _spreadsheet_clock(name, column)
    if spreadsheet is not None:
        return spreadsheet
    if pa.types.is_time(kind):
        raw = read_times(column, lambda rows: as_text(column[rows]), TimeConfig())
        assert raw.clocks is not None, "times of a type"
        return Part(name, "clock", raw.clocks.times, raw.status == OK)
    if not is_text(kind):
        return None
    column = _starts_of_intervals(column)
    form = may_be_times(column)
    if form is None or form.kind != "clocks":
        return None
    coded = pa.chunked_array([column.cast(pa.string()).combine_chunks()]).dictionary_encode()
    chunk = coded.combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    texts = chunk.dictionary
    clocks = parse_clock_texts(texts)
    times = clocks.times.copy()
    good = clocks.status == OK
    for row in np.flatnonzero(~good):
        seconds = clock_seconds(
            re.sub(r"\s*([AaPp])", r" \1", texts[int(row)].as_py().strip(), count=1)
        )
        good[row] = seconds > 0 or (seconds == 0 and bool(texts[int(row)].as_py().strip()))
        times[row] = max(seconds, 0) * _SECOND
    good &= (times >= 0) & (times <= DAY)
    rows = chunk.indices.fill_null(0).to_numpy(zero_copy_only=False)
    known = ~np.asarray(chunk.indices.is_null())
    return Part(name, "clock", times[rows], good[rows] & known)


def _starts_of_intervals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times of day instead of spans of one length, "00:00 - 00:15" or "00-01 Uhr"."""
    first = pc.fill_null(column.slice(0, 1).cast(pa.string()), "").to_pylist()
    if not first or _INTERVAL.fullmatch(first[0].strip()) is None:
        return column
    coded = pa.chunked_array([column.cast(pa.string()).combine_chunks()]).dictionary_encode()
    chunk = coded.unify_dictionaries().combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    spans = [_INTERVAL.fullmatch(text.strip()) for text in chunk.dictionary.to_pylist()]
    ends = [tuple(map(_clock_of, span.groups())) for span in spans if span is not None]
    lengths = {(end - start) % (24 * 3600) for start, end in ends}
    if len(ends) < len(spans) or len(lengths) != 1 or 0 in lengths:
        return column
    starts = pa.array([f"{start // 3600:02d}:{start // 60 % 60:02d}" for start, _ in ends])
    return pa.chunked_array([starts.take(chunk.indices)])


def _clock_of(text: str) -> int:
    """Seconds of "9", "09:30" or "9h30"."""
    hours, minutes, seconds = (*map(int, re.split(r"[:.h]", text)), 0, 0)[:3]
    return hours * 3600 + minutes * 60 + seconds


def _spreadsheet_clock(name: str, column: pa.ChunkedArray) -> Part | None:
    """Times of day that a spreadsheet wrote on its day 0 or 1, at the turn of the year 1900."""
    form = may_be_times(column)
    if form is None or form.kind not in ("stamps", "dates"):
        return None
    raw = read_times(column, lambda rows: as_text(column[rows]), TimeConfig())
    if raw.stamps is None or raw.stamps.dates:
        return None
    good = raw.status == OK
    days = raw.stamps.times[good] // DAY
    if not len(days) or days.min() < _SPREADSHEET_DAYS[0] or days.max() > _SPREADSHEET_DAYS[1]:
        return None
    return Part(name, "clock", raw.stamps.times % DAY, good)


def word_part(name: str, column: pa.ChunkedArray) -> Part | None:
    """A column of names of months, of quarters, or of AM and PM."""
    if not is_text(column.type):
        return None
    coded = pa.concat_arrays(column.cast(pa.string()).chunks or [pa.array([], pa.string())])
    coded = coded.dictionary_encode()
    words = [word.strip().lower() for word in coded.dictionary.to_pylist()]
    if not 0 < len(words) <= _MOST_WORDS:
        return None
    for role, numbers in (("month", MONTH_OF), ("half", _HALVES), ("quarter", _QUARTERS)):
        values = [numbers.get(word.rstrip(".") if role == "month" else word) for word in words]
        if all(value is not None or not word for value, word in zip(values, words, strict=True)):
            known = np.array([value is not None for value in values])
            rows = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
            good = known[rows] & ~np.asarray(coded.indices.is_null())
            return Part(name, role, np.array([value or 0 for value in values])[rows], good)
    return None


def number_parts(name: str, column: pa.ChunkedArray) -> list[Part]:
    """What a column of small numbers or of names could be a part of."""
    named = word_part(name, column)
    if named is not None:
        return [named] if named.good.any() else []
    numbers = numbers_of(column)
    if numbers is None or not numbers[1].any():
        return []
    values, good = numbers
    return [part_of(name, role, values, good) for role in _fitting(name, values[good])]


def _fitting(name: str, seen: NDArray[np.float64]) -> list[str]:
    low, high = seen.min(), seen.max()
    called = roles_in_name(name)
    if low < 0:
        return []
    if (np.floor(seen) != seen).any():
        return _fitting_fractions(name, seen)
    for role in ("weekday", "week"):
        if role in called:  # never a day of the year
            least, most = _NAMED[role]
            return [role] if least <= low and high <= most else []
    roles = ["hour"] if high <= 24 and not is_untold_interval(name, seen) else []
    if (low >= 1500 and high <= 2200) or (high <= 99 and "year" in called):
        roles.append("year")
    ranges = _RANGES | {role: limits for role, limits in _NAMED.items() if role in called}
    roles += [role for role, (least, most) in ranges.items() if least <= low and high <= most]
    if numbering(seen) is not None and (high > 24 or called & {"interval", "hour"} == {"interval"}):
        return ["interval", *(role for role in roles if role in called)]
    minutes, seconds = seen % 100 < 60, seen // 100 % 100 < 60
    # periods of a day, from 1 to 48, never reach the first full hour
    if (high >= 100 or "hhmm" in name.lower()) and 24 < high <= 2400 and minutes.all():
        roles.append("hhmm")
    if 2400 < high <= 240_000 and minutes.all() and seconds.all():
        roles.append("hhmmss")
    return roles + _counts_of_day(called, high)


def _counts_of_day(called: set[str], high: float) -> list[str]:
    """Units in which numbers may count within a day: those of the name, or that reach its noon."""
    told = [role for role in _OF_DAY if role in called and high * _OF_DAY[role] <= DAY]
    return told or [
        role
        for role in ("minute_of_day", "second_of_day", "millisecond_of_day")
        if DAY // 2 <= high * _OF_DAY[role] <= DAY  # less may be any count
    ]


def _fitting_fractions(name: str, seen: NDArray[np.float64]) -> list[str]:
    """Roles of numbers some of which are not whole."""
    high, called = seen.max(), roles_in_name(name)
    words = set(re.split(r"[\W\d_]+", name.lower()))
    roles = []
    if high <= 24:
        roles.append("day_fraction" if high < 1 and not words & _HOURS else "hour")
        cents = seen * 100
        if (np.abs(cents - np.rint(cents)) < 1e-6).all() and (np.rint(cents) % 100 < 60).all():
            roles.append("hh.mm")
    if seen.min() >= 1 and high < 367 and "doy" in called:
        roles.append("doy")
    return roles + _counts_of_day(called, high)


def part_of(name: str, role: str, numbers: NDArray[np.float64], good: NDArray[np.bool_]) -> Part:
    """Numbers of a column as some part of a time; bad where they are outside of its range.

    Args:
        name: Column.
        role: As in `Part`, of numbers.
        numbers: The cells, shape (row,).
        good: Where there is a number.
    """
    if role == "hour":
        good = good & (numbers >= 0) & (numbers <= 24)
        return Part(name, role, np.rint(numbers * 3600).astype(np.int64) * _SECOND, good)
    if role == "interval":
        return _interval_part(name, numbers, good)
    if role == "hh.mm":
        minutes = np.rint(numbers * 100).astype(np.int64)
        minutes = minutes // 100 * 60 + minutes % 100
        return Part(name, role, minutes * 60 * _SECOND, good & (minutes <= 1440))
    if role in _OF_DAY:
        good = good & (numbers >= 0) & (numbers * _OF_DAY[role] <= DAY)
        # decimals of a coarse unit are rounded: 0.006944 is 10 minutes
        step = _SECOND if _OF_DAY[role] > _SECOND else 1
        steps = np.rint(np.where(good, numbers, 0) * (_OF_DAY[role] / step)).astype(np.int64)
        return Part(name, role, steps * step, good)
    if role == "doy" and (np.floor(numbers[good]) != numbers[good]).any():
        serial = np.where(good, numbers, 1.0) + SERIAL_DAYS["excel"]
        ns = scale_serial_days(serial, "excel")[0]
        days, rest = ns // DAY, ns % DAY
        return Part(name, role, days.astype(np.int64), good & (days >= 1) & (days <= 366), rest)
    good = good & (np.floor(numbers) == numbers) & (np.abs(numbers) < 10**6)
    whole = np.where(good, numbers, 0).astype(np.int64)
    if role == "year":
        return Part(name, role, np.where(whole <= 99, whole + 2000, whole), good)
    if role in ("hhmm", "hhmmss"):
        whole = whole if role == "hhmmss" else whole * 100
        good = good & (whole % 100 < 60) & (whole // 100 % 100 < 60) & (whole <= 240_000)
        seconds = whole // 10_000 * 3600 + whole // 100 % 100 * 60 + whole % 100
        return Part(name, role, seconds * _SECOND, good)
    least, most = (_RANGES | _NAMED)[role]
    scale = {"minute": 60 * _SECOND, "second": _SECOND}.get(role, 1)
    return Part(name, role, whole * scale, good & (whole >= least) & (whole <= most))


def _interval_part(name: str, numbers: NDArray[np.float64], good: NDArray[np.bool_]) -> Part:
    """Numbers of intervals of a day, at their starts on a day of 24 hours."""
    counted = numbering(numbers[good])
    if counted is None:  # a part of a log that has but a few of them
        return Part(name, "interval", np.zeros(len(good), np.int64), np.zeros(len(good), bool))
    whole = np.where(good, numbers - counted.first, 0).astype(np.int64)
    return Part(name, "interval", whole * (DAY // counted.parts), good, numbering=counted)

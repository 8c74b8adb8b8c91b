"""Columns that hold a part of a time: recognised by ranges, and by what repeats and advances."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.data.dataset import Int64
from latentode.data.reading.cells.clock_texts import parse_clock_texts
from latentode.data.reading.cells.date_digits import days_of, spelled_dates
from latentode.data.reading.cells.time_column import read_times
from latentode.data.reading.cells.time_forms import may_be_times
from latentode.data.reading.cells.time_stamps import DAY, OK, clock_seconds
from latentode.data.reading.formats.table import as_text, is_text

_SECOND = 10**9
_FEW = 0.05  # share of steps that may run against all others: several series, a clock set back
_MOST_CANDIDATES = 6  # columns of small whole numbers that are tried for one part
# words of names, in the languages of common exports; they order columns that fit equally well
_WORDS = {
    "year": "year yr yyyy yy jahr annee année an año ano anno jaar rok år",
    "month": "month mo mon mm monat mois mes mês mese maand månad miesiąc",
    "day": "day dd dy tag jour dia día giorno dag dzień dom",
    "doy": "doy jday julian yday dayofyear jday jd day tag",
    "hour": "hour hr hh h he stunde std heure hora ora uur godzina time zeit",
    "minute": "minute min mi mn mm minuto minuut minuta",
    "second": "second sec ss s sekunde seconde segundo secondo",
    "hhmm": "time hhmm zeit uhrzeit heure hora ora tijd hour",
    "date": "date datum fecha data dato dag jour",
}


@dataclass(frozen=True)
class Part:
    """A column as part of a time.

    Attributes:
        name: Column.
        role: "date", "year", "month", "day", "doy", "clock", "hhmm", "hhmmss", "hour", "minute" or
            "second".
        values: Days since 1970 of a date; nanoseconds of the others of a day; else numbers.
        good: Where there is one.
    """

    name: str
    role: str
    values: Int64
    good: NDArray[np.bool_]


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
    values = column.cast(pa.float64()).to_numpy()
    good = ~np.isnan(values)
    return np.where(good, values, 0.0), good


def date_part(name: str, column: pa.ChunkedArray) -> Part | None:
    """A column of dates without a time of day, as days; dates of open order read as day first."""
    form = may_be_times(column)
    if form is None or form.kind != "dates":
        return None
    raw = read_times(column, lambda: as_text(column), name, TimeConfig())
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
    if pa.types.is_time(kind):
        raw = read_times(column, lambda: as_text(column), name, TimeConfig())
        assert raw.clocks is not None, "times of a type"
        return Part(name, "clock", raw.clocks.times, raw.status == OK)
    if not is_text(kind):
        return None
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


def number_parts(name: str, column: pa.ChunkedArray) -> list[Part]:
    """What a column of small numbers could be a part of, by its range."""
    numbers = numbers_of(column)
    if numbers is None or not numbers[1].any():
        return []
    values, good = numbers
    seen = values[good]
    low, high = seen.min(), seen.max()
    parts = []
    if low >= 0 and high <= 24:
        parts.append(Part(name, "hour", np.rint(values * 3.6e12).astype(np.int64), good))
    if (np.floor(seen) != seen).any() or low < 0:
        return parts
    whole = values.astype(np.int64)
    two = high <= 99 and "year" in roles_in_name(name)
    if (low >= 1500 and high <= 2200) or two:
        parts.append(Part(name, "year", whole + (2000 if two else 0), good))
    for role, least, most in (("month", 1, 12), ("day", 1, 31), ("doy", 1, 366)):
        if least <= low and high <= most:
            parts.append(Part(name, role, whole, good))
    for role, scale in (("minute", 60), ("second", 1)):
        if high <= 59:
            parts.append(Part(name, role, whole * scale * _SECOND, good))
    return parts + _digit_clocks(name, whole, good)


def _digit_clocks(name: str, whole: Int64, good: NDArray[np.bool_]) -> list[Part]:
    """HHMM and HHMMSS, also without zeros in front."""
    seen = whole[good]
    minutes, seconds = seen % 100 < 60, seen // 100 % 100 < 60
    if 24 < seen.max() <= 2400 and minutes.all():
        clock = (whole // 100 * 3600 + whole % 100 * 60) * _SECOND
        return [Part(name, "hhmm", clock, good)]
    if 2400 < seen.max() <= 240_000 and minutes.all() and seconds.all():
        clock = (whole // 10_000 * 3600 + whole // 100 % 100 * 60 + whole % 100) * _SECOND
        return [Part(name, "hhmmss", clock, good)]
    return []


def roles_in_name(name: str) -> set[str]:
    """Parts of a time that the words of a name stand for."""
    words = set(re.split(r"[\W\d_]+", name.lower()))
    return {role for role, spellings in _WORDS.items() if words & set(spellings.split())}


def advances(days: Int64, clock: Int64, good: NDArray[np.bool_]) -> bool:
    """True if a column advances within each day, in rows of one day that follow one another.

    A channel of small numbers moves up and down, or stands still; a time of day runs in one
    direction, and each moment occurs equally often, once for each series.

    Args:
        days: What repeats, shape (row,).
        clock: What may tell its rows apart.
        good: Rows that hold both.
    """
    days, clock = days[good], clock[good]
    if len(days) < 2:
        return False
    steps = np.diff(clock)[np.diff(days) == 0]
    falls, rises = int((steps < 0).sum()), int((steps > 0).sum())
    if max(falls, rises) == 0 or min(falls, rises) > _FEW * max(falls, rises):
        return False
    counts = np.unique(np.stack([days, clock]), axis=1, return_counts=True)[1]
    return bool((counts == np.median(counts)).mean() > 1 - 2 * _FEW)


def in_order(days: Int64) -> bool:
    """True if days run in one direction, but for restarts of other series."""
    steps = np.diff(days)
    falls, rises = int((steps < 0).sum()), int((steps > 0).sum())
    return max(falls, rises) > 0 and min(falls, rises) <= _FEW * max(falls, rises)


def calendar_days(year: Part, month: Part | None, day: Part | None, doy: Part | None) -> Part:
    """Days since 1970 of numbers of a date; bad where they are none."""
    one = np.ones_like(year.values)
    good = year.good.copy()
    months, days = one, one
    if month is not None:
        good &= month.good
        months = month.values
    if day is not None:
        good &= day.good
        days = day.values
    values, valid = days_of(year.values, months, days)
    good &= valid
    if doy is not None:
        following, _ = days_of(year.values + 1, one, one)
        good &= doy.good & (doy.values >= 1) & (doy.values <= following - values)
        values = values + doy.values - 1
    return Part(year.name, "date", np.where(good, values, 0), good)


def calendar_parts(parts: Mapping[str, list[Part]]) -> tuple[dict[str, Part], Part] | None:
    """Year with month and day, or with the day of the year, that make dates in order.

    Args:
        parts: What each column could be.

    Returns:
        The columns by their role, and the days; None where no columns do.
    """
    by_role = {
        role: _ranked([part for each in parts.values() for part in each if part.role == role], role)
        for role in ("year", "month", "day", "doy")
    }
    for year in by_role["year"]:
        for roles in (("month", "day"), ("doy",), ("month",)):
            among = [by_role[role][:_MOST_CANDIDATES] for role in roles]
            for chosen in _choices(among, year.name):
                named = dict(zip(roles, chosen, strict=True))
                days = calendar_days(year, named.get("month"), named.get("day"), named.get("doy"))
                if days.good.mean() > 1 - _FEW and in_order(days.values[days.good]):
                    return {"year": year, **named}, days
    return None


def _choices(among: list[list[Part]], taken: str) -> list[tuple[Part, ...]]:
    if len(among) == 1:
        return [(part,) for part in among[0] if part.name != taken]
    return [
        (first, second)
        for first in among[0]
        for second in among[1]
        if len({first.name, second.name, taken}) == 3
    ]


def _ranked(parts: list[Part], role: str) -> list[Part]:
    """Columns that are called so first."""
    return sorted(parts, key=lambda part: role not in roles_in_name(part.name))


def clock_parts(
    parts: Mapping[str, list[Part]], days: Part, taken: set[str]
) -> dict[str, Part] | None:
    """Columns that tell the rows of one day apart as a time of day.

    Args:
        parts: What each column could be.
        days: Days of the rows.
        taken: Columns that are used already.

    Returns:
        The columns by their role; None where none advances within a day.
    """
    for role in ("clock", "hhmm", "hhmmss", "hour"):
        among = [p for name, each in parts.items() if name not in taken for p in each]
        for part in _ranked([p for p in among if p.role == role], role):
            good = days.good & part.good
            finer = _finer(parts, days, part, taken) if role == "hour" else {}
            total = part.values + sum(each.values for each in finer.values())
            if good.mean() > 1 - 2 * _FEW and (
                advances(days.values, total, good) or role == "clock"
            ):
                return {role: part, **finer}
    return None


def _finer(
    parts: Mapping[str, list[Part]], days: Part, hour: Part, taken: set[str]
) -> dict[str, Part]:
    """Minutes, and seconds, that tell the rows of one hour apart."""
    finer: dict[str, Part] = {}
    base = days.values * 24 + hour.values // (3600 * _SECOND)
    used = taken | {hour.name}
    for role in ("minute", "second"):
        among = [p for name, each in parts.items() if name not in used for p in each]
        for part in _ranked([p for p in among if p.role == role], role):
            good = days.good & hour.good & part.good
            if advances(base, part.values, good):
                finer[role] = part
                used = used | {part.name}
                base = base * 60 + part.values // (60 * _SECOND)
                break
        else:
            break
    return finer

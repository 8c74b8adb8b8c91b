"""Dates and times written as text, to int64 nanoseconds, a whole column at once.

ISO 8601 is left to pyarrow. What it does not take is parted into date, time of day and zone; of
these, few are distinct even in a log of millions of rows, and each distinct one is read once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_texts import JOINT, OpenDate, parse_date
from latentode.data.reading.cells.time_spellings import respelled
from latentode.data.reading.formats.table import MISSING_TEXTS

OK, NO_TIME, BAD, OUT_OF_RANGE = range(4)
DAY = 86_400 * 10**9
_LIMIT = 2**63 - 1  # the largest int64, in nanoseconds: the year 2262
_LAST_DAY = 106_750  # whole days of int64 nanoseconds, to either side of 1970
_BLOCK = 65_536  # rows that are read again, one by one, where one of them is no ISO time
_MISSING = pa.array(MISSING_TEXTS)
# two arrays of texts differ from one of few distinct texts by this share of distinct ones
_FEW = 0.5
# "Mar-24" is a month of a year from so many on, where most follow each other by half a year at most
_FEW_MONTHS, _IN_ORDER, _HALF_A_YEAR = 3, 0.9, 6

_PARTS = (
    r"^(?P<before>[^:]*?)(?P<clock>\d{1,2}:\d\d(?::\d\d)?)(?P<fraction>[.,]\d+)?"
    r"\s*(?P<half>[AaPp]\.?\s?[Mm]\.?|[AaPp]\b)?(?P<after>[^\d:].*)?$"
)
_PART_NAMES = ("before", "clock", "fraction", "half", "after")
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)? (?:[AaPp](?:\.?\s?[Mm]\.?)?)?")


@dataclass(frozen=True)
class Stamps:
    """Parsed times, shape (row,).

    Attributes:
        times: Nanoseconds: UTC where `aware`, else of the wall clock; 0 where `status` is not OK. A
            row with a date of open order has its time of day here.
        aware: True where the text has an offset from UTC.
        status: OK, NO_TIME, BAD or OUT_OF_RANGE (of 1677-2262).
        codes: Index into `dates` of the date of each row, -1 where it is in `times`.
        dates: Distinct dates whose order of day and month has to be decided for the whole log.
        places: IANA names and letters of zones that stand behind the times.
        short_years: Whether cells such as "Mar-24" were taken for months of a year.
    """

    times: Int64
    aware: NDArray[np.bool_]
    status: NDArray[np.uint8]
    codes: NDArray[np.int32]
    dates: tuple[OpenDate, ...] = ()
    places: frozenset[str] = field(default_factory=frozenset)
    short_years: bool = False

    def take(self, rows: NDArray[np.integer]) -> Stamps:
        """Times by index."""
        return replace(
            self,
            times=self.times[rows],
            aware=self.aware[rows],
            status=self.status[rows],
            codes=self.codes[rows],
        )

    def settled(self, last: str = "dmy", first: str = "ymd") -> Stamps:
        """Times where all open dates are read in one order.

        Args:
            last: Order where the year does not stand first with four digits: ``dmy``, ``mdy``, or
                ``ymd`` with two digits.
            first: Order where it does: ``ymd`` or ``ydm``.
        """
        if not self.dates:
            return self
        days = [date.day(first if date.year_first else last) for date in self.dates]
        return self._on_days(np.array([_LIMIT if day is None else day for day in days]))

    def _on_days(self, days: Int64) -> Stamps:
        is_open = (self.codes >= 0) & (self.status == OK)
        day = np.where(is_open, days[self.codes], 0)
        status = self.status.copy()
        status[day == _LIMIT] = BAD
        status[(status == OK) & (np.abs(day) > _LAST_DAY)] = OUT_OF_RANGE
        times = np.where(status == OK, self.times + np.where(status == OK, day, 0) * DAY, 0)
        codes = np.full_like(self.codes, -1)
        return replace(self, times=times, status=status, codes=codes, dates=())


def plain_stamps(
    times: Int64, aware: NDArray[np.bool_] | bool, status: NDArray[np.uint8]
) -> Stamps:
    """Times that need no decision.

    Args:
        times: Nanoseconds, shape (row,).
        aware: True where, or if, they are UTC.
        status: As in `Stamps`.
    """
    if status.any():
        times = np.where(status == OK, times, 0)
    elif not times.flags.writeable:
        times = times.copy()
    # what is the same in all rows takes no room
    aware = np.broadcast_to(aware, len(times))
    return Stamps(times, aware, status, np.broadcast_to(np.int32(-1), len(times)))


def join_stamps(parts: Sequence[Stamps]) -> Stamps:
    """Times one after another."""
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([part.times for part in parts])
    codes: list[NDArray[np.integer]] = []
    dates: list[OpenDate] = []
    for part in parts:
        own = np.where(part.codes >= 0, part.codes + len(dates), -1) if part.dates else part.codes
        codes.append(own)
        dates.extend(part.dates)
    none = np.broadcast_to(np.int32(-1), len(times))
    return Stamps(
        times,
        np.concatenate([part.aware for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate(codes).astype(np.int32) if dates else none,
        tuple(dates),
        frozenset().union(*(part.places for part in parts)),
        any(part.short_years for part in parts),
    )


def parse_stamps(texts: pa.ChunkedArray | pa.Array) -> Stamps:
    """Parse times of any form that has one meaning, or is open only in its order of day and month.

    Args:
        texts: Cells of strings, shape (row,).

    Returns:
        The times. A leap second 23:59:60 is the first instant of the next minute, 24:00 the next
        midnight, a month or a week without a day its first day.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
        if isinstance(texts, pa.ChunkedArray):  # too long for one array of 32-bit offsets
            return join_stamps([parse_stamps(chunk) for chunk in texts.chunks])
    if pa.types.is_dictionary(texts.type):
        return parse_stamps(texts.dictionary.cast(pa.string()).take(texts.indices))
    iso = _iso(texts)
    if iso is not None:
        return iso
    blocks = [texts.slice(start, _BLOCK) for start in range(0, len(texts), _BLOCK)]
    parts = [_iso(block) for block in blocks]
    if not any(parts):
        return _any_form(texts)
    each = zip(parts, blocks, strict=True)
    return _same_order([part or _any_form(block) for part, block in each], texts)


def _same_order(parts: list[Stamps], texts: pa.Array) -> Stamps:
    """Read all cells for their order where one shows that a year may stand before the day."""
    stamps = join_stamps(parts)
    swapped = [date for date in stamps.dates if date.year_first and date.day("ymd") is None]
    if swapped and all(date.day("ydm") is not None for date in swapped):
        return _any_form(texts)
    return stamps


def _iso(texts: pa.Array) -> Stamps | None:
    """ISO times, all with an offset or all without; None where a cell is anything else."""
    # a cast that fails costs some microseconds for every cell that is wrong: a few are tried first
    probe = texts.take(pa.array([0, len(texts) // 2, len(texts) - 1])) if len(texts) else texts
    for zone in (None, "UTC"):
        try:
            pc.cast(probe, pa.timestamp("ns", zone))
            times = pc.cast(texts, pa.timestamp("ns", zone))
        except pa.ArrowInvalid:
            continue
        status = np.where(np.asarray(times.is_null()), np.uint8(NO_TIME), np.uint8(OK))
        numbers = times.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        return plain_stamps(numbers, zone is not None, status)
    return None


def _any_form(texts: pa.Array) -> Stamps:
    coded = texts.dictionary_encode()
    if len(coded.dictionary) < _FEW * len(texts):
        rows = coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False)
        distinct = pa.concat_arrays([coded.dictionary.cast(pa.string()), pa.array([""])])
        return _parted(distinct).take(rows)
    return _parted(texts)


def _parted(texts: pa.Array) -> Stamps:
    texts = pc.utf8_trim_whitespace(pc.fill_null(texts.cast(pa.string()), ""))
    missing = np.asarray(pc.is_in(texts, _MISSING))
    present = np.flatnonzero(~missing)
    if not len(present):
        status = missing.astype(np.uint8) * NO_TIME
        return plain_stamps(np.zeros(len(texts), np.int64), False, status)
    texts = respelled(texts, texts[int(present[0])].as_py())
    stamps = _of_parts(_equal_parts(texts) or _parts(texts), missing)
    bad = np.flatnonzero(stamps.status == BAD)
    if not len(bad):
        return stamps
    again = respelled(texts.take(pa.array(bad)), None)
    order = np.arange(len(texts))
    order[bad] = len(texts) + np.arange(len(bad))
    return join_stamps([stamps, _of_parts(_parts(again), missing[bad])]).take(order)


def _parts(texts: pa.Array) -> dict[str, pa.Array]:
    """Date, time of day, fraction and what stands behind, of each text."""
    matched = pc.extract_regex(texts, _PARTS)
    parts = {name: pc.fill_null(pc.struct_field(matched, name), "") for name in _PART_NAMES}
    parts["before"] = pc.if_else(pc.is_valid(matched), parts["before"], texts)
    return parts


def _equal_parts(texts: pa.Array) -> dict[str, pa.Array] | None:
    """`_parts` by position, for texts that all have the width and the marks of the first one."""
    first = texts[0].as_py()
    widths = pc.min_max(pc.utf8_length(texts))
    match = re.match(_PARTS, first)
    if match is None or widths["min"].as_py() != widths["max"].as_py():
        return None
    spans = {name: match.span(name) if match[name] else (0, 0) for name in _PART_NAMES}
    parts = {name: pc.utf8_slice_codeunits(texts, *spans[name]) for name in _PART_NAMES}
    digits = pc.all(pc.match_substring_regex(parts["fraction"], r"^(?:[.,]\d+)?$")).as_py()
    return parts if digits else None


def _by_distinct(texts: pa.Array, read: Callable[[str], int]) -> Int64:
    coded = texts.dictionary_encode()
    values = np.array([read(text) for text in coded.dictionary.to_pylist()], dtype=np.int64)
    return values[coded.indices.to_numpy(zero_copy_only=False)] if len(values) else values


def _fraction(texts: pa.Array) -> Int64:
    """Nanoseconds of ``.5`` or ``,123456``; digits beyond the ninth are cut."""
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(texts, 10, "0"), 1, 10)
    return digits.cast(pa.int64()).to_numpy(zero_copy_only=False)


@lru_cache(maxsize=100_000)
def clock_seconds(text: str) -> int:
    """Seconds since midnight of ``6:00``, ``23:59:60``, ``24:00`` or ``12:05 PM``; -1 if none."""
    if not text.strip():
        return 0
    if not _CLOCK.fullmatch(text):
        return -1
    clock, _, half = text.partition(" ")
    parts = [int(part) for part in clock.split(":")]
    hour, minute, second = (*parts, 0, 0)[:3]
    if half:
        if not 1 <= hour <= 12:
            return -1
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    if (hour, minute, second) == (24, 0, 0):
        return 86_400
    leap = (minute, second) == (59, 60)
    if hour > 23 or minute > 59 or (second > 59 and not leap):
        return -1
    return hour * 3600 + minute * 60 + second


def _of_parts(parts: dict[str, pa.Array], missing: NDArray[np.bool_]) -> Stamps:
    seconds = _by_distinct(
        pc.binary_join_element_wise(parts["clock"], parts["half"], " "), clock_seconds
    )
    fraction = _fraction(parts["fraction"])
    coded = pc.binary_join_element_wise(parts["before"], parts["after"], JOINT).dictionary_encode()
    rows = coded.indices.to_numpy(zero_copy_only=False)
    written = [parse_date(text) for text in coded.dictionary.to_pylist()]
    opened = [date for date in written if date.numbers is not None]
    places = [date.place if date.offset is None else None for date in written]
    places += [date.letters for date in written]
    days = np.array([_LIMIT if date.day is None else date.day for date in written], dtype=np.int64)
    codes = np.full(len(written), -1, dtype=np.int32)
    codes[[date.numbers is not None for date in written]] = np.arange(len(opened))
    offsets = np.array([date.offset or 0 for date in written], dtype=np.int64)[rows]
    aware = np.array([date.offset is not None for date in written], dtype=bool)[rows]
    days, codes = np.where(codes >= 0, 0, days)[rows], codes[rows]
    months = np.array([_LIMIT if date.month is None else date.month for date in written])[rows]
    bare = (months != _LIMIT) & np.asarray(pc.equal(parts["clock"], ""))
    short_years = _advance_by_months(months[bare])
    if short_years:
        days = np.where(bare, months, days)
    elif _may_be_months(days[bare & (days != _LIMIT)]):
        days = np.where(bare, _LIMIT, days)
    status = np.zeros(len(rows), dtype=np.uint8)
    status[np.abs(days) > _LAST_DAY] = OUT_OF_RANGE
    status[(days == _LIMIT) | (seconds < 0) | ((seconds == 86_400) & (fraction > 0))] = BAD
    status[missing] = NO_TIME
    okay = status == OK
    times = np.where(okay, days, 0) * DAY + (seconds - offsets * 60) * 10**9 + fraction
    numbers = tuple(date.numbers for date in opened if date.numbers is not None)
    return Stamps(
        np.where(okay, times, 0),
        aware & okay,
        status,
        np.where(okay, codes, -1).astype(np.int32),
        numbers,
        frozenset(place for place in places if place),
        short_years,
    )


def _advance_by_months(months: Int64) -> bool:
    """Whether "Mar-24" and those around it are months of years, by their order.

    As days of no year they would advance by some days, which as months are some years.
    """
    steps = np.diff(months.astype("M8[D]").astype("M8[M]").astype(np.int64))
    steps = steps[steps != 0]
    if len(steps) + 1 < _FEW_MONTHS:
        return False
    forward = (steps > 0).mean()
    return max(forward, 1 - forward) >= _IN_ORDER and np.median(np.abs(steps)) <= _HALF_A_YEAR


def _may_be_months(days: Int64) -> bool:
    """Whether "Mar 24" may be a month of 2024: numbers that change with the day change more."""
    if not len(days):
        return False
    dates = np.unique(days).astype("M8[D]")
    months = dates.astype("M8[M]")
    return len(np.unique(dates - months)) <= len(np.unique(months))


def is_zone(place: str) -> bool:
    """True if an entry of `Stamps.places` is the name of a zone, not letters."""
    return re.search("[/a-z]", place) is not None

"""Logs with a row for each day and a column for each hour or other interval of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.cells.day_intervals import PER_DAY, interval_clock
from latentode.data.reading.cells.part_names import roles_in_name
from latentode.data.reading.cells.split_parts import date_part
from latentode.data.reading.cells.zone_names import check_zone
from latentode.data.reading.formats.table import Table
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import ID_NAMES, by_telling_name
from latentode.data.reading.unrolled import unrolled

#: What the columns of an unrolled log are called.
CLOCK, VALUE = "time of day", "value"
_PLACE = "column"
_MINUTES = 24 * 60  # of a day
# what people call an hour or another interval of a day; "" is a number alone
_WORDS = frozenset(
    (
        *("", "h", "he", "hr", "hour", "hours", "hour ending", "stunde", "std", "heure", "hora"),
        *("ora", "uur", "uhr", "hh", "interval", "int", "intervall", "period", "periode", "sp"),
        *("qh", "quarter", "quarter hour", "viertelstunde", "settlement period", "timme", "time"),
    )
)
_ENDING = ("he", "hour ending")
_SECOND = r"(?P<second> ?[bB*']|\.2| \(?2\)?)?"  # the hour that occurs once more in autumn
_CLOCK = re.compile(
    r"(?P<word>[^\d:]*?)[ _]*(?P<hour>\d{1,2})[:h](?P<minute>\d\d)?(?::00)?(?: ?Uhr)?"
    r"(?P<to> ?(?:-|\u2013|to|bis|a) ?\d{1,2}[:h](?:\d\d)?(?::00)?)?" + _SECOND
)
_NUMBER = re.compile(r"(?P<word>\D*?)[ _.-]*(?P<number>\d{1,3})(?P<unit>h)?" + _SECOND)


@dataclass(frozen=True)
class Interval:
    """What the name of a column says.

    Attributes:
        column: The column.
        word: Word in front of the number, in small letters.
        number: Number of the interval, or minutes of the day.
        is_clock: Whether it is a time of day.
        is_second: Whether it is the second hour of that name.
    """

    column: str
    word: str
    number: int
    is_clock: bool
    is_second: bool


@dataclass(frozen=True)
class Across:
    """Columns that are the intervals of a day.

    Attributes:
        intervals: The columns, in the order of their times.
        parts: Intervals of an ordinary day.
        date: Column of the days; None where year, month and day stand in columns of their own.
        keep: All columns beside the intervals that are kept.
        left_out: Columns that hold other numbers.
        at_end: Whether readings stand at the end of their intervals.
    """

    intervals: tuple[Interval, ...]
    parts: int
    date: str | None
    keep: tuple[str, ...]
    left_out: tuple[str, ...]
    at_end: bool

    @property
    def words(self) -> str:
        """What was found, in words."""
        first, last = self.intervals[0].column, self.intervals[-1].column
        where = "end" if self.at_end else "start"
        return (
            f"{first!r} to {last!r} are {self.parts} intervals of the day in each row, read as one "
            f"channel, each reading at the {where} of its interval"
        )


def find_across(sample: Sample, config: DataConfig) -> Across | None:
    """Find columns that are the intervals of a day, beside a column of dates.

    Args:
        sample: Rows of the log.
        config: What is known of it; channels that were named are columns like others.
    """
    table, told = sample.table, config.columns
    if any(name in table.columns for name in told.channels or ()):
        return None
    if config.layout == "wide" and CLOCK not in (told.time or ""):
        return None  # of a model it is the layout of the unrolled log
    found = _intervals(table.columns)
    if found is None:
        return None
    intervals, parts, at_end = found
    names = {each.column for each in intervals}
    others = [name for name in table.columns if name not in names]
    if not all(sample[name].is_number or sample[name].empty for name in names):
        return None
    dates = [name for name in others if _is_date(sample, name)]
    calendar = [name for name in others if roles_in_name(name) & {"year", "month", "day", "doy"}]
    if len(dates) != 1 and len(calendar) < 2:
        return None
    held = (*dates, *(calendar if not dates else ()), *_claimed(config))
    numeric = [name for name in others if name not in held and sample[name].is_number]
    left = [name for name in numeric if not by_telling_name([name], ID_NAMES)]
    return Across(
        intervals,
        parts,
        dates[0] if dates else None,
        tuple(name for name in others if name not in left),
        tuple(left),
        at_end if config.time.interval is None else config.time.interval == "end",
    )


def _claimed(config: DataConfig) -> list[str]:
    columns = config.columns
    parts = (columns.id, columns.channel, *columns.static)
    return [name for name in parts if name is not None]


def _is_date(sample: Sample, name: str) -> bool:
    form = sample[name].form
    return form is not None and form.kind == "dates"


def _intervals(names: Sequence[str]) -> tuple[tuple[Interval, ...], int, bool] | None:
    """The longest run of columns that are called by intervals, if it is a whole day."""
    read = [_interval(name) for name in names]
    key = [None if each is None else (each.word, each.is_clock) for each in read]
    runs = [
        [each for _, each in run]
        for kind, run in groupby(zip(key, read, strict=True), key=lambda pair: pair[0])
        if kind is not None
    ]
    for run in sorted(runs, key=len, reverse=True):
        found = _whole_day([each for each in run if each is not None])
        if found is not None:
            return found
    return None


def _interval(name: str) -> Interval | None:
    text = name.strip()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        minutes = 60 * int(clock["hour"]) + int(clock["minute"] or 0)
        return Interval(name, _word(clock), minutes, True, clock["second"] is not None)
    number = _NUMBER.fullmatch(text)
    if number is None or _word(number) not in _WORDS:
        return None
    return Interval(name, _word(number), int(number["number"]), False, number["second"] is not None)


def _word(match: re.Match[str]) -> str:
    return match["word"].strip(" _.-").lower()


def _whole_day(run: list[Interval]) -> tuple[tuple[Interval, ...], int, bool] | None:
    """The columns with numbers from 0, how many an ordinary day has, and whether they are ends."""
    numbers = [each.number for each in run if not each.is_second]
    seconds = {each.number for each in run if each.is_second}
    if not numbers or numbers != sorted(set(numbers)) or not seconds <= set(numbers):
        return None
    first, count = numbers[0], len(numbers)
    step = numbers[1] - numbers[0] if count > 1 else 0
    even = numbers == [first + step * i for i in range(count)]
    if not even or step <= 0:
        return None
    if run[0].is_clock:
        whole = count in PER_DAY and step * count == _MINUTES and first in (0, step)
        parts, at_end = count, first == step
    else:
        whole = step == 1 and first in (0, 1)
        parts = next((n for n in PER_DAY if count in (n, n + n // 24)), 0)
        at_end = first == 1 and run[0].word in _ENDING
    if not whole or not parts:
        return None
    intervals = [replace(each, number=(each.number - first) // step) for each in run]
    return tuple(sorted(intervals, key=lambda each: each.number)), parts, at_end


def unroll_days(table: Table, across: Across, config: DataConfig) -> Table:
    """One row per reading, its time of day in a column beside the date.

    Args:
        table: The log.
        across: From `find_across`.
        config: Zone of the days, which tells those of 23 and 25 hours.
    """
    columns = [each.column for each in across.intervals]
    places = {_PLACE: [str(place) for place in range(len(columns))]}
    result = unrolled(table, across.keep, columns, places, VALUE)
    place = result.column(_PLACE).cast(pa.int64()).to_numpy()
    numbers = np.array([each.number for each in across.intervals])[place]
    days = np.zeros(len(numbers), dtype=np.int64)
    date = None if across.date is None else date_part(across.date, result.column(across.date))
    if date is not None and not any(each.is_second for each in across.intervals):
        days = date.values
    zone = None if config.time.tz is None else check_zone(config.time.tz)
    told = zone if date is not None else None
    clock, question = interval_clock(days, numbers, across.parts, told, at_end=across.at_end)
    if question and date is not None:
        result.doubts.ask("time", f"{table.name}: {question}.")
    keep = {name: result.column(name) for name in result.columns if name != _PLACE}
    stacked = Table({**keep, CLOCK: _clock_texts(clock)})
    stacked.named_as(result)
    stacked.lines = result.lines
    return stacked


def _clock_texts(clock: Int64) -> pa.ChunkedArray:
    distinct, rows = np.unique(clock // (60 * 10**9), return_inverse=True)
    texts = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in distinct.tolist()]
    return pa.chunked_array([pa.array(texts).take(pa.array(rows))])


def across_settings(across: Across, config: DataConfig) -> DataConfig:
    """Settings of the columns of an unrolled log.

    Args:
        across: From `find_across`.
        config: What is known of the log.
    """
    told: Mapping[str, str] = {}
    if across.date is not None:
        told = {"time": f'"{across.date}","{CLOCK}"'}
    return config.model_copy(update={"columns": config.columns.model_copy(update=told)})

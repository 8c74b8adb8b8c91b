"""A time that is split over columns: date and time of day, date and hour, year, month and day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.reading.cells.gps_times import (
    SECONDS,
    WEEK,
    gps_part,
    gps_roles,
    told_of_gps,
    universal,
)
from latentode.data.reading.cells.interval_places import is_end, is_numbered, placed
from latentode.data.reading.cells.split_choice import (
    COUNTS_OF_DAY,
    TIMES_OF_DAY,
    calendar_days,
    calendar_parts,
    clock_parts,
    on_whole_day,
)
from latentode.data.reading.cells.split_parts import (
    Part,
    clock_part,
    date_part,
    number_parts,
    numbers_of,
    part_of,
    word_part,
)
from latentode.data.reading.cells.time_forms import may_be_times
from latentode.data.reading.cells.time_stamps import DAY
from latentode.data.reading.formats.table import as_text, is_text
from latentode.errors import DataError

_SAMPLE = 20_000  # rows that tell whether columns advance together
_ORDER = (
    "date",
    "year",
    "month",
    "quarter",
    "week",
    "weekday",
    "day",
    "doy",
    *TIMES_OF_DAY,
    "minute",
    "second",
    "half",
)
_MOST = 0.9  # share of the cells of a time column that hold a time
_HOUR = NS_PER_UNIT["h"]
# the time of day that a spreadsheet adds to a date
_MIDNIGHTS = (r"[ T]0?0:00(?::00(?:\.0+)?)?$", r"[ T]12:00(?::00)? ?[Aa][Mm]$")


@dataclass(frozen=True)
class JoinedTimes:
    """A time that stood in several columns.

    Attributes:
        column: Strings of date and time of day, or time stamps of nanoseconds: what `read_times`
            reads. Null where a part is missing or is no time.
        text: Gives the cells as they stand, with a blank between them.
        words: What was joined: ``'Date' and 'Hour' (1 to 24, each the end of its hour)``.
        option: What overrules where readings stand, of numbered hours and other intervals.
        question: What has to be known to read them right; empty for nothing.
    """

    column: pa.ChunkedArray
    text: Callable[[slice], pa.ChunkedArray]
    words: str
    option: str = ""
    question: str = ""


def find_split_times(columns: Mapping[str, pa.ChunkedArray]) -> tuple[str, ...] | None:
    """Find the columns of a log that are its time together.

    Args:
        columns: All columns of the log that may be its time.

    Returns:
        Their names, the date first; None where a column has date and time of day, or where no
        columns make times that advance where the date alone repeats.
    """
    head = {name: column.slice(0, _SAMPLE) for name, column in columns.items()}
    if any(_is_whole_time(name, column) for name, column in head.items()):
        return None
    roles = _roles(head)
    return tuple(part.name for part in roles.values()) if roles and len(roles) > 1 else None


def _is_whole_time(name: str, column: pa.ChunkedArray) -> bool:
    form = may_be_times(column)
    whole = form is not None and form.kind == "stamps" and form.share > _MOST
    return whole and clock_part(name, column) is None


def _roles(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Part] | None:
    """Columns by the part of the time that they hold, in the order of the parts."""
    gps = gps_roles(columns)
    if gps is not None:
        return gps
    parts: dict[str, list[Part]] = {}
    for name, column in columns.items():
        clock = clock_part(name, column)
        parts[name] = [clock] if clock is not None else number_parts(name, column)
    for name, column in columns.items():
        date = date_part(name, column)
        if date is None or not _repeats(date):
            continue
        clock_of = clock_parts(parts, date, {name})
        if clock_of is not None:
            return _sorted({"date": date, **clock_of})
    calendar = calendar_parts(parts)
    if calendar is None:
        return None
    roles, days = calendar
    taken = {part.name for part in roles.values()}
    fraction = any(part.rest is not None for part in roles.values())
    clock_of = clock_parts(parts, days, taken) if _repeats(days) and not fraction else None
    return _sorted({**roles, **(clock_of or {})})


def _sorted(roles: Mapping[str, Part]) -> dict[str, Part]:
    return {role: roles[role] for role in _ORDER if role in roles}


def _repeats(days: Part) -> bool:
    values = days.values[days.good]
    return len(np.unique(values)) < len(values)


def join_times(
    columns: Mapping[str, pa.ChunkedArray], time: TimeConfig | None = None
) -> JoinedTimes:
    """Join the columns of a time, whose parts are told by what stands in them.

    Args:
        columns: The columns that are the time together, as `find_split_times` or a person says.
        time: Zone of the days, and where readings of numbered intervals stand, if it is known.

    Returns:
        The times.

    Raises:
        DataError: If they are no parts of one time.
    """
    time = time or TimeConfig()
    head = {name: column.slice(0, _SAMPLE) for name, column in columns.items()}
    roles = _roles(head) or _roles_as_named(head) or gps_roles(head, told=True)
    names = " and ".join(map(repr, columns))
    if roles is None or len(roles) != len(columns):
        raise DataError(
            f"time columns {names}: expected a date with a time of day, or year, month and day, "
            f"got {_cells(columns)}. Name the columns of the time with --time-column; where "
            "none holds the year, write one that does."
        )
    whole = {role: _whole(part, columns[part.name]) for role, part in roles.items()}

    def text(rows: slice) -> pa.ChunkedArray:
        texts = [as_text(column[rows]).cast(pa.string()) for column in columns.values()]
        return pc.binary_join_element_wise(*texts, " ")

    if WEEK in whole:
        return _gps_times(whole, text)
    at_end = is_end(whole, time)
    date = whole.get("date") or calendar_days(whole)
    whole, question = placed(whole, date, at_end, time.tz)
    option = f"--interval {'start' if at_end else 'end'}" if is_numbered(whole) else ""
    words = " and ".join(_word(part, at_end) for part in whole.values())
    return JoinedTimes(_joined(whole, date, columns), text, words, option, question)


def _gps_times(roles: Mapping[str, Part], text: Callable[[slice], pa.ChunkedArray]) -> JoinedTimes:
    week, rest = roles[WEEK], roles[SECONDS]
    good = week.good & rest.good
    times = universal(np.where(good, week.values, 0), np.where(good, rest.values, 0))
    column = pa.chunked_array([pa.array(times, pa.timestamp("ns", "UTC"), mask=~good)])
    words, question = told_of_gps(week, rest)
    return JoinedTimes(column, text, words, question=question)


def _whole(part: Part, column: pa.ChunkedArray) -> Part:
    """A part of the first rows, for all rows."""
    if part.role in (WEEK, SECONDS):
        return gps_part(part.name, part.role, column) or part
    if part.role in ("date", "clock"):
        return (date_part if part.role == "date" else clock_part)(part.name, column) or part
    named = word_part(part.name, column)
    if named is not None and named.role == part.role:
        return named
    numbers = numbers_of(column)
    if numbers is None:
        numbers = _loose_numbers(column)
    return part_of(part.name, part.role, *numbers)


def _loose_numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of a column of text some cells of which are no numbers."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    good = pc.fill_null(pc.match_substring_regex(texts, r"^\d{1,14}(?:\.\d+)?$"), False)
    values = pc.if_else(good, texts, "0").cast(pa.float64()).to_numpy()
    return values, np.asarray(good)


def _roles_as_named(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Part] | None:
    """Parts of columns that were named by hand, where their rows do not advance in order."""
    roles: dict[str, Part] = {}
    for name, column in columns.items():
        date, clock = date_part(name, column), clock_part(name, column)
        fitting = [date] if date else [clock] if clock else number_parts(name, column)
        open_roles = [part for part in fitting if part.role not in roles]
        wanted = [part for part in open_roles if _may_follow(part.role, roles)]
        if not wanted:
            return None
        roles[wanted[0].role] = wanted[0]
    return _sorted(roles) if "date" in roles or "year" in roles else None


def _may_follow(role: str, roles: Mapping[str, Part]) -> bool:
    """True for the part that comes next after those that stand in front of it."""
    dated = bool({"date", "day", "doy", "week"} & set(roles))
    if role == "weekday":
        return "week" in roles
    if role in ("date", "year"):
        return not roles
    if role in ("month", "quarter", "week", "day", "doy"):
        return not dated and (role != "day" or "month" in roles)
    if role == "half":
        return bool(set(TIMES_OF_DAY) & set(roles))
    if role in ("minute", "second"):
        return "hour" in roles and (role == "minute" or "minute" in roles)
    return dated and not set(TIMES_OF_DAY) & set(roles)


def _cells(columns: Mapping[str, pa.ChunkedArray]) -> str:
    first = [str(as_text(column.slice(0, 1))[0].as_py()) for column in columns.values()]
    return " and ".join(map(repr, first))


def _joined(
    roles: Mapping[str, Part], date: Part, columns: Mapping[str, pa.ChunkedArray]
) -> pa.ChunkedArray:
    clock = [part for role, part in roles.items() if role in _ORDER[_ORDER.index("clock") :]]
    total = np.zeros(1, dtype=np.int64)
    for part in clock:
        total = total if part.role == "half" else total + part.values
    for part in roles.values():
        total = total if part.rest is None else total + part.rest
    if "half" in roles:
        total = on_whole_day(total, roles["half"])
    good = np.logical_and.reduce([part.good for part in roles.values()])
    if "date" in roles and _has_open_order(columns[date.name]):
        # the order of day and month is open until all files are read: it stays a text
        days = columns[date.name].cast(pa.string())
        for midnight in _MIDNIGHTS:
            days = pc.replace_substring_regex(days, midnight, "")
        clocks = _clock_texts(np.broadcast_to(total, good.shape))
        joined = pc.binary_join_element_wise(days, clocks, " ")
        return pc.if_else(pa.array(good), joined, None)
    good &= date.good & (np.abs(date.values) < 106_750)
    times = np.where(good, date.values * DAY + total, 0)
    return pa.chunked_array([pa.array(times, pa.timestamp("ns"), mask=~good)])


def _has_open_order(dates: pa.ChunkedArray) -> bool:
    """True for dates in text, but for those whose digits alone spell them."""
    if not is_text(dates.type):
        return False
    digits = pc.match_substring_regex(dates.cast(pa.string()), r"^\s*\d*\s*$")
    return not pc.all(digits).as_py()


def _clock_texts(clock: np.ndarray) -> pa.Array:
    """Nanoseconds of a day as ``06:10:00``, with the fraction where there is one."""
    distinct, rows = np.unique(clock, return_inverse=True)
    texts = []
    for time in distinct.tolist():
        seconds, rest = divmod(time, 10**9)
        text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        texts.append(f"{text}.{rest:09d}" if rest else text)
    return pa.array(texts, pa.string()).take(pa.array(rows))


def _word(part: Part, at_end: bool) -> str:
    seen = part.values[part.good]
    where = "end" if at_end else "start"
    if part.numbering is not None:
        counted = part.numbering
        last = counted.first + counted.parts - 1
        numbers = f"intervals {counted.first} to {last} of the day"
        return f"{part.name!r} ({numbers}, each reading at its {where})"
    if part.role == "hour" and len(seen):
        low, high = int(seen.min() // _HOUR), int(seen.max() // _HOUR)
        if high == 24:
            return f"{part.name!r} (hours {low} to 24, each the end of its hour)"
        return f"{part.name!r} (hours {low} to {high})"
    words = {"clock": "", "date": "", "doy": " (day of the year)", "week": " (week of ISO 8601)"}
    words |= {"weekday": " (day of the week, 1 is Monday)", "hh.mm": " (HH.MM)"}
    words |= {role: f" ({role.replace('_', ' ')})" for role in COUNTS_OF_DAY}
    words |= {"hhmm": " (HHMM)", "hhmmss": " (HHMMSS)", "half": " (AM and PM)"}
    return f"{part.name!r}{words.get(part.role, f' ({part.role})')}"

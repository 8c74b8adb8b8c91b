"""Times of all files of a log on one clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.clock_texts import (
    HALF_DAY_FORM,
    ClockTexts,
    ask_date,
    clock_of,
)
from latentode.data.reading.cells.date_digits import spelled_dates
from latentode.data.reading.cells.date_order import settle_dates
from latentode.data.reading.cells.number_column import NumberColumn
from latentode.data.reading.cells.padded_digits import padded_formats
from latentode.data.reading.cells.time_column import RawTimes
from latentode.data.reading.cells.time_numbers import (
    choose_clock,
    shifted,
    times_on_clock,
)
from latentode.data.reading.cells.time_scales import SERIAL_DAYS, unit_in_name
from latentode.data.reading.cells.time_spellings import SPAN
from latentode.data.reading.cells.time_stamps import (
    BAD,
    OK,
    Stamps,
    join_stamps,
    plain_stamps,
)
from latentode.data.reading.cells.told_clocks import clock_in_name, told_times
from latentode.data.reading.cells.told_zones import say_letters, zone_called, zone_told
from latentode.data.reading.cells.zone_names import (
    check_zone,
)
from latentode.data.reading.doubts import Doubts
from latentode.errors import ConfigError, DataError

_EXAMPLES = 5  # bad cells that a message may show
_MANY_ROWS, _INSTANT = 1_000, 10 * 10**9  # so many rows in so few nanoseconds are a wrong unit


@dataclass(frozen=True)
class Times:
    """Times of a log on one clock, shape (row,).

    Attributes:
        times: Nanoseconds; 0 where `status` is not OK.
        status: OK, NO_TIME, BAD or OUT_OF_RANGE.
        naive: True where a time is one of the wall clock, and still needs its zone.
        clock: What the times mean.
        examples: (row, text) of the first cells that are BAD or OUT_OF_RANGE.
        dayfirst: Whether the day stands before the month; None where dates do not leave it open.
    """

    times: Int64
    status: NDArray[np.uint8]
    naive: NDArray[np.bool_]
    clock: Clock
    examples: list[tuple[int, str]] = field(default_factory=list)
    dayfirst: bool | None = None


@dataclass(frozen=True)
class _Column:
    """The parts of a time column, with where decisions go."""

    parts: Sequence[RawTimes]
    name: str
    time: TimeConfig
    doubts: Doubts
    where: Callable[[int], str]

    def text(self, row: int) -> str:
        """Cell of a row of the log."""
        return text_of_row(self.parts, row)


def text_of_row(parts: Sequence[RawTimes], row: int) -> str:
    """Time of a row of a log, as it is written.

    Args:
        parts: Times of each file.
        row: Place among the rows of all.
    """
    for part in parts:
        if row < len(part.status):
            return part.text(row)
        row -= len(part.status)
    raise AssertionError("a row of the log")


def merge_times(
    parts: Sequence[RawTimes],
    name: str,
    time: TimeConfig,
    doubts: Doubts,
    where: Callable[[int], str],
    clock: Clock | None = None,
) -> Times:
    """Join the times of all files on one clock, and decide what they mean.

    Args:
        parts: As read, one of each file.
        name: Time column.
        time: What was told of it.
        doubts: Where decisions and questions go; after a question, the likeliest answer is taken.
        where: Says where a row of the log stands: "line 17".
        clock: An elapsed clock that is known already (of a model's log); None decides.

    Returns:
        The times.

    Raises:
        ConfigError: If no row has the format in the settings, or dates stand where they tell the
            unit of numbers.
        DataError: If some files hold dates and others numbers.
    """
    column = _Column(parts, name, time, doubts, where)
    if time.tz is not None:
        time = time.model_copy(update={"tz": check_zone(time.tz)})
    parts = _of_one_form(column)
    column = _Column(parts, name, time, doubts, where)
    if time.format is not None:
        _check_matches(column)
    if parts[0].clocks is not None:
        merged = _merge_clocks(column, clock)
    elif parts[0].numbers is not None:
        merged = _merge_numbers(column, clock)
    else:
        if clock is None:
            _check_unit(column)
        stamps = join_stamps([part.stamps for part in parts if part.stamps is not None])
        merged = _merge_stamps(column, stamps)
    bad = np.flatnonzero(merged.status >= BAD)[:_EXAMPLES].tolist()
    merged.examples.extend((row, column.text(row)) for row in bad)
    return merged


def _of_one_form(column: _Column) -> list[RawTimes]:
    """Parts of one form; those without any time take it."""
    forms = {_form(part): part for part in column.parts if (part.status == OK).any()}
    if len(forms) > 1:
        raise DataError(
            f"time column {column.name!r}: expected one form in all files, got "
            f"{' and '.join(sorted(forms))}. Read them one by one, or write them alike."
        )
    form = next(iter(forms), _form(column.parts[0]))
    return [part if _form(part) == form else _empty(part, form) for part in column.parts]


def _form(part: RawTimes) -> str:
    return "dates" if part.stamps else "numbers" if part.numbers is not None else "times of day"


def _empty(part: RawTimes, form: str) -> RawTimes:
    zero = np.zeros(len(part.status), dtype=np.int64)
    if form == "numbers":
        return RawTimes(part.status, part.text, numbers=zero)
    if form == "dates":
        return RawTimes(part.status, part.text, stamps=plain_stamps(zero, False, part.status))
    return RawTimes(part.status, part.text, clocks=ClockTexts(zero, part.status))


def _check_matches(column: _Column) -> None:
    status = np.concatenate([part.status for part in column.parts])
    wrong = np.flatnonzero(status == BAD)
    if len(wrong) and not (status == OK).any():
        row = int(wrong[0])
        raise ConfigError(
            f"--time-format: expected cells like {column.time.format!r} in {column.name!r}, got "
            f"{column.text(row)!r} ({column.where(row)}). Correct --time-format, or leave it out."
        )


def _check_unit(column: _Column) -> None:
    status = np.concatenate([part.status for part in column.parts])
    unit = column.time.unit
    if unit in NS_PER_UNIT and (status == OK).any():
        row = int(np.argmax(status == OK))
        raise ConfigError(
            f"--time-unit: {unit!r} is for numbers, but column {column.name!r} holds dates such as "
            f"{column.text(row)!r} ({column.where(row)}). Leave out --time-unit {unit}."
        )


def _merge_clocks(column: _Column, known: Clock | None) -> Times:
    clocks = [part.clocks for part in column.parts if part.clocks is not None]
    cells = ClockTexts(
        np.concatenate([each.times for each in clocks]),
        np.concatenate([each.status for each in clocks]),
        all(each.surely_elapsed for each in clocks),
        any(each.two_parts for each in clocks),
    )
    clock = known or clock_of(cells, column.name, column.time, column.doubts, column.text)
    return Times(cells.times, cells.status, np.zeros(len(cells.times), dtype=bool), clock)


def _merge_numbers(column: _Column, known: Clock | None) -> Times:
    status = np.concatenate([part.status for part in column.parts])
    numbers = np.concatenate([part.numbers for part in column.parts if part.numbers is not None])
    if known is None and column.time.unit in ("auto", "iso"):
        told = clock_in_name(column.name)
        if told is not None:
            times, status = told_times(numbers, status, told, column.name)
            column.doubts.decide(
                "time", f"{column.name!r} counted from the date in it", "so its name says"
            )
            zone = column.time.tz or "UTC"
            return Times(times, status, np.zeros(len(times), bool), Clock("calendar", zone, "iso"))
        doubtful = unit_in_name(column.name) is not None
        spelled = spelled_dates(numbers, status, doubtful=doubtful)
        if spelled is not None:
            first = column.text(int(np.argmax(status == OK)))
            column.doubts.decide(
                "time",
                f"digits of {column.name!r} read as {spelled.digits}",
                f"all spell dates of the calendar, from {first}",
            )
            return _merge_stamps(column, spelled.stamps)
    raw = NumberColumn(numbers, status, column.name, column.time, column.doubts, column.where)
    clock = known or _padded_clock(column, raw) or choose_clock(raw)
    if known is None:
        raw = shifted(raw, clock)
    times, status = times_on_clock(raw, clock)
    wall = clock.kind == "calendar" and (clock.unit in SERIAL_DAYS or clock.unit == "year")
    if wall and clock.zone is None:
        clock = Clock(clock.kind, zone_called(column.name, column.doubts), clock.unit)
    elif known is None:
        _say_if_odd(column, times[status == OK], clock)
    return Times(times, status, (status == OK) & wall, clock)


def _padded_clock(column: _Column, raw: NumberColumn) -> Clock | None:
    """Ask about cells that begin with 0 and spell dates, where no unit is told."""
    rows = np.flatnonzero(raw.rows)
    if not len(rows) or column.time.unit not in ("auto", "iso"):
        return None
    formats = padded_formats(raw.good, lambda row: column.text(int(rows[row])))
    if not formats:
        return None
    choices = " or ".join(f"--time-format {form}" for form in formats)
    first = column.text(int(rows[raw.good.argmin()]))
    column.doubts.ask(
        "time",
        f"time column {column.name!r}: cells such as {first!r}, which begin with 0, spell dates. "
        f"Pass {choices}.",
    )
    return Clock("elapsed", None, "s")


def _say_if_odd(column: _Column, times: Int64, clock: Clock) -> None:
    """Say that numbers may have another unit, where their times are strange."""
    if not len(times) or column.time.unit not in ("auto", "iso"):
        return
    last, span = int(times.max()), int(times.max() - times.min())
    choice = f"{column.name!r} read as an epoch in {clock.unit}"
    if clock.kind == "elapsed":
        choice = f"{column.name!r} read as elapsed {clock.unit}"
    evidence = ""
    if clock.kind == "calendar" and last > datetime.now(UTC).timestamp() * 1e9:
        evidence = f"although it then ends in the future, {_moment(last)}"
    elif len(times) > _MANY_ROWS and span < _INSTANT:
        evidence = f"although {len(times):,} rows then last {span / 1e9:.3g} s"
    if evidence:
        column.doubts.decide("time", choice, evidence, confidence="guess")


def _merge_stamps(column: _Column, stamps: Stamps) -> Times:
    stamps, dayfirst = settle_dates(
        stamps, column.name, column.time, column.doubts, column.where, column.text
    )
    say_letters(column.name, stamps.places, column.doubts)
    okay = stamps.status == OK
    if okay.any() and re.match(SPAN, text := column.text(int(okay.argmax())).strip()):
        choice = f"the time is the start of each span in {column.name!r}"
        column.doubts.decide("time", choice, f"such as {text!r}")
    if stamps.short_years and okay.any():
        row = int(okay.argmax())
        column.doubts.decide(
            "time",
            f"cells of {column.name!r} are a month and a year: {column.text(row)!r} is "
            f"{str(np.datetime64(int(stamps.times[row]), 'ns'))[:7]}",
            "they advance by months",
            confidence="likely",
            option="--time-format '%b-%d' where they are days",
        )
    bad = np.flatnonzero(stamps.status == BAD)
    if len(bad) and not okay.any() and re.match(HALF_DAY_FORM, column.text(int(bad[0])).strip()):
        what = f"{column.text(int(bad[0]))!r} is a time of day without a date"
        ask_date(column.doubts, column.name, what)
    aware = stamps.aware & okay
    zone = column.time.tz or (
        _typed_zone(column) if aware.any() else zone_told(column.name, stamps.places, column.doubts)
    )
    clock = Clock("calendar", zone, "iso")
    return Times(stamps.times, stamps.status, okay & ~aware, clock, dayfirst=dayfirst)


def _typed_zone(column: _Column) -> str:
    zones = {part.zone for part in column.parts if part.zone is not None}
    return zones.pop() if len(zones) == 1 else "UTC"


def _moment(time: int) -> str:
    return str(np.datetime64(time, "ns").astype("M8[m]")).replace("T", " ")

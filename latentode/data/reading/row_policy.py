"""Which rows and cells of a table count: bad ones by policy, and one clock for all times."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig, TimeConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.assembly.collect import NAMELESS, Collected
from latentode.data.reading.cells.bad_cells import leave_out_options
from latentode.data.reading.cells.merged_times import Times, merge_times, text_of_row
from latentode.data.reading.cells.time_column import time_on_clock
from latentode.data.reading.cells.time_stamps import NO_TIME, OK, OUT_OF_RANGE
from latentode.data.reading.cells.yearless import YearlessRows
from latentode.data.reading.cells.zones import Rows, localize
from latentode.data.reading.cells.zones_above import zone_above
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_table import ragged_message
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles
from latentode.data.reading.second_look.time_bounds import outside
from latentode.data.reading.tally import Tally
from latentode.errors import ConfigError, DataError

_MANY = 0.1  # of the rows: so many times in another form speak against a format that was told
#: Reason of a count -> what such rows lack, and the role of its column.
_LACKING = {
    "rows_without_time": ("a time", "time"),
    "rows_without_id": ("a series id", "id"),
    "rows_without_channel": ("a channel name", "channel"),
    "rows_without_mark": ("a mark", "mark"),
}

# share of rows without a time beyond which those that have one are no log either
_MOST_TIMELESS = 0.5


@dataclass
class RowPolicy:
    """Decides which rows and cells of a table count.

    A row of a log may lack its time or its id, up to ``max_bad`` of them; a row of another table
    stands for an event, a label or a question, and is left out only where ``on_bad_row`` says so.

    Attributes:
        table: The table.
        roles: Its columns.
        config: Policies.
        got: What was read.
        tally: Counts all that is left out; its doubts take decisions and questions.
        clock: A clock that is known already, such as that of the log beside the table.
        repeats: Rows here that are one row of the table.
        first_lines: Where the first row stands that was left out, by reason.
        dayfirst: Whether the day stands before the month in its times, once they were read.
    """

    table: Table
    roles: Roles
    config: DataConfig
    got: Collected
    tally: Tally
    clock: Clock | None = None
    repeats: int = 1
    first_lines: dict[str, str] = field(default_factory=dict)
    dayfirst: bool | None = None

    def rows(
        self, ignored: NDArray[np.bool_] | None = None
    ) -> tuple[Int64, NDArray[np.bool_], Clock]:
        """Decide on every row.

        Args:
            ignored: Rows that are left out whatever stands in them; None for none.

        Returns:
            Time of each row in nanoseconds, which rows are kept, and the clock.

        Raises:
            DataError: If rows are bad and the policy refuses them.
        """
        got = self.got
        self.tally.rows_read = len(got.series) // self.repeats + sum(
            len(table.ragged) for table in got.tables
        )
        self._refuse_ragged()
        if not len(got.series):
            raise DataError(f"no data rows in {self.table.name}. Give a log with readings.")
        merged = self._zoned(self._dated(self._merged()))
        self.dayfirst = merged.dayfirst
        self.got.times.clear()  # they are held once
        times, status = merged.times, merged.status
        if ignored is None:
            ignored = np.zeros(len(got.series), dtype=bool)
        status[ignored] = OK
        self._decide_on_times(merged)
        keep = (status == OK) & ~ignored
        self._leave_out("rows_without_id", keep & (got.series < 0))
        keep &= got.series >= 0
        if got.row_slot is not None:
            nameless = got.row_slot == NAMELESS
            what = "channel" if self._is_log else "mark"
            self._leave_out(f"rows_without_{what}", keep & nameless)
            if not self._is_log:  # a row of a log may still hold known inputs
                keep &= ~nameless
        if self.repeats > 1:
            keep = np.repeat(keep.reshape(-1, self.repeats).all(1), self.repeats)
        self._localize(merged, keep)
        self._say_unused_interval()
        self._leave_out_far(times, keep, merged.clock)
        return times, keep, self.clock or merged.clock

    @property
    def doubts(self) -> Doubts:
        """Decisions and questions."""
        return self.tally.doubts

    @property
    def _is_log(self) -> bool:
        return self.roles.layout != "rows"

    @cached_property
    def _time(self) -> TimeConfig:
        """How times are written, on the known clock if there is one."""
        time = self.config.time
        return time if self.clock is None else time_on_clock(self.clock, time)

    def _merged(self) -> Times:
        time, known, column = self._time, self.clock, self.roles.time
        on = replace(known, unit=time.unit) if known and known.kind == "elapsed" else None
        merged = merge_times(self.got.times, column, time, self.doubts, self.got.at, on)
        clock = merged.clock
        if known is None or clock.kind == known.kind or not (merged.status == OK).any():
            return merged
        if known.kind == "elapsed":
            raise DataError(
                f"{self.table.name}: column {column!r} holds dates, but the log counts elapsed "
                f"{known.unit}. Give times as numbers of {known.unit}."
            )
        raise DataError(
            f"{self.table.name}: column {column!r} holds elapsed times, but the log is on a "
            "calendar. Give times as in the log."
        )

    def _zoned(self, merged: Times) -> Times:
        """Times in the zone that lines above the rows tell, where nothing nearer tells one."""
        clock = merged.clock
        told = clock.kind != "calendar" or clock.zone is not None or self.clock is not None
        if told or not merged.naive.any():
            return merged
        lines = dict.fromkeys(line for table in self.got.tables for line in table.notes)
        zone = zone_above(list(lines), self.doubts)
        return replace(merged, clock=replace(clock, zone=zone))

    def _dated(self, merged: Times) -> Times:
        """Times with their years, where dates tell none."""
        if merged.clock.kind != "calendar":
            return merged
        got = self.got
        slots = 0 if got.row_slot is None or not self._is_log else got.row_slot + 1
        series = got.series.astype(np.int64) * (len(got.slots) + 2) + slots
        year, cells = self._time.year, partial(text_of_row, got.times)
        rows = YearlessRows(self.roles.time, series, year, self.doubts, got.at, cells)
        return rows.dated(merged)

    def _tolerates(self, number: int, total: int, *, empty: bool = False) -> bool:
        lenient = self.config.cells.on_bad_row != "error" or (empty and self._is_log)
        return lenient and number <= self.config.cells.max_bad * total

    def _refuse_ragged(self) -> None:
        for table in self.got.tables:
            if not table.ragged:
                continue
            line, fields = min(table.ragged)
            number = len(table.ragged)
            if not self._tolerates(number, table.num_rows + number):
                options = self._drop(number, table.num_rows + number)
                raise DataError(
                    ragged_message(table.name, line, table.num_fields, fields, number, options)
                )
            self.tally.add("ragged_rows", number)
            self.first_lines.setdefault("ragged_rows", f"{table.line_word} {line}")

    def _decide_on_times(self, merged: Times) -> None:
        status, at = merged.status, self.got.at
        if not status.any():
            return
        wrong = np.flatnonzero(status > NO_TIME)
        asked = any(each.about == "time" for each in self.doubts.questions)
        all_wrong = len(wrong) and not (status == OK).any()
        if len(wrong) and not (asked and all_wrong) and not self._tolerates(*self._numbers(wrong)):
            shown = ", ".join(f"{at(row)}: {text!r}" for row, text in merged.examples[:3])
            beyond = bool((status == OUT_OF_RANGE).any())
            rule = "times of the years 1678 to 2261" if beyond else "times"
            number, total = self._numbers(wrong)
            drop = "correct them, or pass --time-format"
            if number < total:
                drop = f"correct them, or drop these rows with {self._drop(number, total)}"
                if self.config.time.format is not None and number > _MANY * total:
                    drop = f"correct --time-format {self.config.time.format!r}, or leave it out"
            self.doubts.ask(
                "time",
                f"expected {rule} in {self.roles.time!r}, got {number} other cells "
                f"({shown or at(wrong[0])}). {drop[0].upper()}{drop[1:]}.",
            )
            if all_wrong:
                self.doubts.settle(self.table.name, "reading")
        blank = (status == NO_TIME) & self._holds_nothing
        self.count_rows("rows_without_time", np.flatnonzero(blank))
        self._leave_out("rows_without_time", (status == NO_TIME) & ~blank)
        self.count_rows("rows_with_bad_time", wrong)

    @cached_property
    def _holds_nothing(self) -> NDArray[np.bool_]:
        """True for rows of a wide log without a reading, and with text in columns of text alone."""
        got = self.got
        if got.row_slot is not None or not self._is_log:
            return np.zeros(len(got.series), dtype=bool)
        empty = got.cells.counts == 0
        empty[got.bad_rows[got.numeric[got.bad_slots] > 0]] = False
        return empty

    def _drop(self, number: int, total: int, how: str = "drop") -> str:
        return leave_out_options(self.config.cells, number / total, how)

    def _numbers(self, rows: NDArray[np.integer]) -> tuple[int, int]:
        """Rows of the table that some rows stand for, and all of them."""
        return len(np.unique(self.got.lines[rows])), len(self.got.series) // self.repeats

    def _leave_out(self, reason: str, rows: NDArray[np.bool_]) -> None:
        """Count rows that lack something, unless the policy refuses them."""
        index = np.flatnonzero(rows)
        if not len(index):
            return
        number, total = self._numbers(index)
        if not self._tolerates(number, total, empty=True):
            what, role = _LACKING[reason]
            column = getattr(self.roles, "channel" if role == "mark" else role)
            first = self.got.at(index[0])
            advice = f"Fill them, or drop them with {self._drop(number, total)}."
            if self._is_log:
                drop = self._drop(number, total, "")
                advice = f"Fill them, correct --{role}-column, or drop them with {drop}."
            if self._is_log and role == "time" and number > _MOST_TIMELESS * total:
                advice = "Write it in every row, or name another column with --time-column."
            raise DataError(
                f"{self.table.name}: expected {what} in column {column!r} of every row, got "
                f"{number} rows without one of {total} (first: {first}). {advice}"
            )
        self.count_rows(reason, index)

    def count_rows(self, reason: str, rows: NDArray[np.integer]) -> None:
        """Count rows that are left out, in all and by series."""
        if not len(rows):
            return
        self.tally.add(reason, self._numbers(rows)[0])
        self.first_lines.setdefault(reason, self.got.at(rows[0]))
        self.count_by_series(reason, rows)

    def count_by_series(self, reason: str, rows: NDArray[np.integer]) -> None:
        """Count rows by series."""
        series = self.got.series[rows]
        known = series[series >= 0]
        self.tally.add_by(reason, self.tally.per_series, self.got.series_ids, known)

    def _say_unused_interval(self) -> None:
        told = self._time.interval
        if told is not None and not any("--interval" in d.option for d in self.doubts.decisions):
            self.doubts.decide(
                "time", f"--interval {told} changes nothing", "no time is the number of an interval"
            )

    def _localize(self, merged: Times, keep: NDArray[np.bool_]) -> None:
        """Turn wall-clock times into UTC in place, where the log or the caller knows a zone."""
        got, clock, naive = self.got, merged.clock, merged.naive
        if self.clock is not None and self.clock.kind == "calendar" and self.clock.zone is None:
            aware = np.flatnonzero(keep & ~naive)
            if len(aware):
                raise DataError(
                    f"{self.table.name}: {got.at(aware[0])}: the time has an offset from UTC, but "
                    "the log has none. Write times without one, or train with --tz."
                )
        ambiguous = self._time.ambiguous
        if ambiguous is not None and (self.clock or clock).zone is None:
            raise ConfigError(
                "--ambiguous: expected times of a zone whose clocks change, got times without a "
                "zone. Pass --tz as well, the zone of the logger."
            )
        rows = np.flatnonzero(naive & keep)
        # which hours occur twice, the year tells
        unsure = any("--year YYYY" in each.message for each in self.doubts.questions)
        if clock.kind != "calendar" or clock.zone is None or not len(rows) or unsure:
            return
        if self._time.tz is None and bool((keep & ~naive).any()):
            other = int(np.flatnonzero(keep & ~naive)[0])
            raise DataError(
                f"{self.table.name}: times with and without an offset from UTC are mixed "
                f"({got.at(other)} has one, {got.at(rows[0])} has none). Pass --tz, the zone of "
                "those without."
            )
        where = Rows(
            got.series[rows],
            None if got.row_slot is None else got.row_slot[rows],
            lambda row: got.at(rows[row]),
        )
        times, dropped = localize(merged.times[rows], clock.zone, where, self.doubts, ambiguous)
        merged.times[rows] = times
        keep[rows[dropped]] = False
        self.count_rows("rows_of_repeated_hour", rows[dropped])

    def _leave_out_far(self, times: Int64, keep: NDArray[np.bool_], clock: Clock) -> None:
        """Leave out rows before ``time.start`` and after ``time.end``."""
        if self._time.start is None and self._time.end is None:
            return
        far = outside(times, clock, self._time) & keep
        keep[far] = False
        self.count_rows("rows_outside", np.flatnonzero(far))

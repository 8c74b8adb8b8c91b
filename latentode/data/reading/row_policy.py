"""Which rows and cells of a table count: bad ones by policy, and one clock for all times."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig, TimeConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.assembly.collect import NAMELESS, Collected
from latentode.data.reading.cells.numbers import advise
from latentode.data.reading.cells.time_column import merge_times, time_on_clock
from latentode.data.reading.cells.time_stamps import AMBIGUOUS, NO_TIME, OK, OUT_OF_RANGE
from latentode.data.reading.cells.zones import check_zone, localize
from latentode.data.reading.formats.csv_table import ragged_message
from latentode.data.reading.formats.table import Table
from latentode.data.reading.report import Tally
from latentode.data.reading.roles import Roles
from latentode.errors import DataError

#: Reason of a count -> what such rows lack, and the role of its column.
_LACKING = {
    "rows_without_time": ("a time", "time"),
    "rows_without_id": ("a series id", "id"),
    "rows_without_channel": ("a channel name", "channel"),
    "rows_without_mark": ("a mark", "mark"),
}


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
        tally: Counts all that is left out.
        clock: A clock that is known already, such as that of the log beside the table.
        repeats: Rows here that are one row of the table.
        first_lines: Line of the first row that was left out, by reason.
    """

    table: Table
    roles: Roles
    config: DataConfig
    got: Collected
    tally: Tally
    clock: Clock | None = None
    repeats: int = 1
    first_lines: dict[str, int] = field(default_factory=dict)

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
        self.tally.rows_read = len(got.series) // self.repeats + len(self.table.ragged)
        self._refuse_ragged()
        if not len(got.series):
            raise DataError(f"no data rows in {self.table.name}. Give a log with readings.")
        times, status, naive, clock = self._merged()
        if ignored is None:
            ignored = np.zeros(len(got.series), dtype=bool)
        status[ignored] = OK
        self._decide_on_times(status)
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
        self._localize(times, keep, naive, clock)
        return times, keep, self.clock or clock

    @property
    def _is_log(self) -> bool:
        return self.roles.layout != "rows"

    @cached_property
    def _time(self) -> TimeConfig:
        """How times are written, on the known clock if there is one."""
        time = self.config.time
        return time if self.clock is None else time_on_clock(self.clock, time)

    def _merged(self) -> tuple[Int64, NDArray[np.uint8], NDArray[np.bool_], Clock]:
        time, known, column = self._time, self.clock, self.roles.time
        if time.tz is not None:
            check_zone(time.tz)
        on = replace(known, unit=time.unit) if known and known.kind == "elapsed" else None
        merged = merge_times(self.got.times, column, time, on)
        _, status, _, clock = merged
        if known is None or clock.kind == known.kind or not (status == OK).any():
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

    def _tolerates(self, number: int, total: int, *, empty: bool = False) -> bool:
        lenient = self.config.cells.on_bad_row != "error" or (empty and self._is_log)
        return lenient and number <= self.config.cells.max_bad * total

    def _refuse_ragged(self) -> None:
        ragged = self.table.ragged
        if not ragged:
            return
        line, fields = min(ragged)
        if not self._tolerates(len(ragged), self.tally.rows_read):
            table = self.table
            raise DataError(ragged_message(table.name, line, table.num_fields, fields, len(ragged)))
        self.tally.add("ragged_rows", len(ragged))
        self.first_lines["ragged_rows"] = line

    def _decide_on_times(self, status: NDArray[np.uint8]) -> None:
        at, name, column = self.table.at, self.table.name, self.roles.time
        if not status.any():
            return
        lines = self.got.lines
        unclear = np.flatnonzero(status == AMBIGUOUS)
        if len(unclear):
            line = lines[unclear[0]]
            texts = [repr(cell.text) for cell in self.got.bad_times if cell.line == line]
            raise DataError(
                f"{name}: {at(line)}: {(texts or ['the time'])[0]} in {column!r} may "
                "be day/month or month/day. Pass --dayfirst, --no-dayfirst or --time-format, or "
                "write the year first."
            )
        wrong = np.flatnonzero(status > NO_TIME)
        if len(wrong) and not self._tolerates(*self._numbers(wrong)):
            cells = [cell for cell in self.got.bad_times if cell.line in set(lines[wrong])]
            shown = ", ".join(f"{at(cell.line)}: {cell.text!r}" for cell in cells)
            beyond = bool((status == OUT_OF_RANGE).any())
            rule = "times of the years 1678 to 2261" if beyond else "times"
            shown = shown or at(lines[wrong[0]])
            raise DataError(
                f"{name}: expected {rule} in {column!r}, got {self._numbers(wrong)[0]} other cells "
                f"({shown}). Correct them, pass --time-format, or drop up to --max-bad of the rows "
                "with --on-bad-row drop."
            )
        self._leave_out("rows_without_time", status == NO_TIME)
        self._count_rows("rows_with_bad_time", wrong)

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
            first = self.table.at(self.got.lines[index[0]])
            advice = "Fill them, or drop up to --max-bad of the rows with --on-bad-row drop."
            if self._is_log:
                advice = f"Fill them, correct --{role}-column, or raise --max-bad to drop them."
            raise DataError(
                f"{self.table.name}: expected {what} in column {column!r} of every row, got "
                f"{number} rows without one of {total} (first: {first}). {advice}"
            )
        self._count_rows(reason, index)

    def _count_rows(self, reason: str, rows: NDArray[np.integer]) -> None:
        if not len(rows):
            return
        self.tally.add(reason, self._numbers(rows)[0])
        self.first_lines.setdefault(reason, int(self.got.lines[rows[0]]))
        self._count_by_series(reason, rows)

    def _count_by_series(self, reason: str, rows: NDArray[np.integer]) -> None:
        series = self.got.series[rows]
        known = series[series >= 0]
        self.tally.add_by(reason, self.tally.per_series, self.got.series_ids, known)

    def _localize(
        self, times: Int64, keep: NDArray[np.bool_], naive: NDArray[np.bool_], clock: Clock
    ) -> None:
        """Turn wall-clock times into UTC in place, where the log or the caller knows a zone."""
        at, got = self.table.at, self.got
        if self.clock is not None and self.clock.kind == "calendar" and self.clock.zone is None:
            aware = np.flatnonzero(keep & ~naive)
            if len(aware):
                raise DataError(
                    f"{self.table.name}: {at(got.lines[aware[0]])}: the time has an offset "
                    "from UTC, but the log has none. Write naive times, or train with --tz."
                )
        naive = naive & keep
        if clock.kind != "calendar" or clock.zone is None or not naive.any():
            return
        if self._time.tz is None:
            row = int(np.flatnonzero(naive)[0])
            other = int(np.flatnonzero(keep & ~naive)[0])
            raise DataError(
                f"{self.table.name}: times with and without an offset from UTC are mixed "
                f"({at(got.lines[other])} has one, {at(got.lines[row])} has none). Pass --tz, the "
                "zone of those without."
            )
        rows = np.flatnonzero(naive)
        times[rows] = localize(
            times[rows],
            clock.zone,
            series=got.series[rows],
            slots=None if got.row_slot is None else got.row_slot[rows],
            lines=got.lines[rows],
            where=lambda line: f"{self.table.name}: {at(line)}",
        )

    def cells(self, keep: NDArray[np.bool_]) -> list[int]:
        """Apply the policy to bad cells; drops rows from `keep` in place.

        Returns:
            Slots that are text and no channel: they are left out.

        Raises:
            DataError: If bad cells are refused, or are more than ``max_bad``.
        """
        got, policy = self.got, self.config.cells
        if not len(got.bad_slots):
            return []
        count = len(got.slots)
        numeric = got.numeric
        bad = np.bincount(got.bad_slots, minlength=count)
        text = [] if self.roles.chosen else np.flatnonzero((bad > 0) & (numeric == 0)).tolist()
        text = [slot for slot in text if got.slots[slot] not in self.roles.future]
        for slot in text:
            name = got.slots[slot]
            self.tally.add("cells_of_text_columns", int(bad[slot]))
            column = got.row_slot is None or name in self.roles.values
            hint = " (if it tells the series apart: --id-column)" if column else ""
            self.tally.notes.append(f"{name!r} holds text only: left out{hint}")
        real = ~np.isin(got.bad_slots, text)
        rows, slots = got.bad_rows[real], got.bad_slots[real]
        if not len(rows):
            return text
        share = len(rows) / (len(rows) + numeric.sum())
        if policy.on_bad_row == "error" or share > policy.max_bad:
            raise DataError(self._bad_cells_message(set(slots.tolist()), len(rows), share))
        self.tally.add("bad_cells", len(rows))
        self.tally.add_by("bad_cells", self.tally.per_channel, got.slots, slots)
        self._count_by_series("bad_cells", rows)
        if policy.on_bad_row == "drop":
            dropped = np.unique(rows)
            self._count_rows("rows_with_bad_cells", dropped[keep[dropped]])
            keep[dropped] = False
        return text

    def _bad_cells_message(self, slots: set[int], number: int, share: float) -> str:
        examples = sorted(cell for slot in slots for cell in self.got.bad_cells.get(slot, []))[:3]
        shown = ", ".join(
            f"{self.table.at(cell.line)}, column {cell.column!r}: {cell.text!r}"
            for cell in examples
        )
        advice = advise([cell.text for cell in examples], self.table.decimal)
        limit = ""
        if self.config.cells.on_bad_row != "error":
            limit = f", {100 * share:.2g}% of the values and more than --max-bad allows"
        return f"{self.table.name}: {number} cells are not numbers{limit} ({shown}). {advice}"

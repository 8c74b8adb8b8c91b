"""Which rows and cells of a log count: bad ones by policy, and one clock for all times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.assembly.collect import Collected
from latentode.data.reading.cells.numbers import advise
from latentode.data.reading.cells.time_column import merge_times
from latentode.data.reading.cells.time_stamps import AMBIGUOUS, NO_TIME, OK, OUT_OF_RANGE
from latentode.data.reading.cells.zones import check_zone, localize
from latentode.data.reading.formats.csv_table import ragged_message
from latentode.data.reading.formats.table import Table
from latentode.data.reading.report import Tally
from latentode.data.reading.roles import Roles
from latentode.errors import DataError


@dataclass
class Judge:
    """Decides on rows and cells of a log.

    Attributes:
        table: The log.
        roles: Its columns.
        config: Policies.
        got: What was read.
        tally: Counts all that is left out.
    """

    table: Table
    roles: Roles
    config: DataConfig
    got: Collected
    tally: Tally

    def rows(self) -> tuple[Int64, NDArray[np.bool_], Clock]:
        """Decide on every row.

        Returns:
            Time of each row in nanoseconds, which rows are kept, and the clock.

        Raises:
            DataError: If rows are bad and the policy refuses them.
        """
        got = self.got
        self.tally.rows_read = len(got.series) + len(self.table.ragged)
        self._refuse_ragged()
        if not len(got.series):
            raise DataError(f"no data rows in {self.table.name}. Give a log with readings.")
        zone = self.config.time.tz
        if zone is not None:
            check_zone(zone)
        times, status, naive, clock = merge_times(got.times, self.roles.time, self.config.time)
        self._judge_times(status)
        keep = (status == OK) & (got.series >= 0)
        self._leave_out("rows_without_id", (status == OK) & (got.series < 0))
        nameless = got.nameless_rows()
        if nameless is not None:
            self._leave_out("rows_without_channel", keep & nameless)
        self._localize(times, keep, naive, clock)
        return times, keep, clock

    def _refuse_ragged(self) -> None:
        ragged = self.table.ragged
        if not ragged:
            return
        line, fields = min(ragged)
        share = len(ragged) / self.tally.rows_read
        expected = getattr(self.table, "num_fields", len(self.table.columns))
        if self.config.cells.on_bad_row == "error" or share > self.config.cells.max_bad:
            name = self.table.name
            raise DataError(ragged_message(name, line, expected, fields, len(ragged)))
        self.tally.add("ragged_rows", len(ragged))

    def _judge_times(self, status: NDArray[np.uint8]) -> None:
        place, name, column = self.table.place, self.table.name, self.roles.time
        if not status.any():
            return
        lines = self.got.lines
        unclear = np.flatnonzero(status == AMBIGUOUS)
        if len(unclear):
            raise DataError(
                f"{name}: {place} {lines[unclear[0]]}: {self._example(lines[unclear[0]])} in "
                f"{column!r} may be day/month or month/day. Pass --dayfirst or --no-dayfirst, or "
                "--time-format."
            )
        wrong = np.flatnonzero(status > NO_TIME)
        if len(wrong) and (
            self.config.cells.on_bad_row == "error"
            or len(wrong) > self.config.cells.max_bad * len(status)
        ):
            shown = ", ".join(f"{place} {cell.line}: {cell.text!r}" for cell in self.got.bad_times)
            beyond = bool((status == OUT_OF_RANGE).any())
            rule = "times of the years 1678 to 2261" if beyond else "times"
            shown = shown or f"{place} {lines[wrong[0]]}"
            raise DataError(
                f"{name}: expected {rule} in {column!r}, got {len(wrong)} other cells ({shown}). "
                "Pass --time-format, or drop up to --max-bad of the rows with --on-bad-row drop."
            )
        empty = np.flatnonzero(status == NO_TIME)
        if len(empty) > self.config.cells.max_bad * len(status):
            raise DataError(
                f"{name}: expected a time in every row, got {len(empty)} rows without one of "
                f"{len(status)} (first: {place} {lines[empty[0]]}). Raise --max-bad to drop them."
            )
        self._count_rows("rows_without_time", empty)
        self._count_rows("rows_with_bad_time", wrong)

    def _example(self, line: int) -> str:
        texts = [cell.text for cell in self.got.bad_times if cell.line == line]
        return repr(texts[0]) if texts else "the time"

    def _leave_out(self, reason: str, rows: NDArray[np.bool_]) -> None:
        """Count rows that lack something, unless they are too many."""
        index = np.flatnonzero(rows)
        if len(index) > self.config.cells.max_bad * len(rows):
            raise DataError(
                f"{self.table.name}: {len(index)} {reason.replace('_', ' ')} of {len(rows)} rows "
                f"(first: {self.table.place} {self.got.lines[index[0]]}). Repair the log, name "
                "another column with --id-column or --channel-column, or raise --max-bad to drop "
                "them."
            )
        self._count_rows(reason, index)

    def _count_rows(self, reason: str, rows: NDArray[np.integer]) -> None:
        self.tally.add(reason, len(rows))
        series = self.got.series[rows]
        if (series >= 0).any():
            axis = self.tally.per_series
            self.tally.add_by(reason, axis, self.got.series_ids, series[series >= 0])

    def _localize(
        self, times: Int64, keep: NDArray[np.bool_], naive: NDArray[np.bool_], clock: Clock
    ) -> None:
        """Turn wall-clock times into UTC in place, where the log or the caller knows a zone."""
        naive = naive & keep
        if clock.kind != "calendar" or clock.zone is None or not naive.any():
            return
        place, lines = self.table.place, self.got.lines
        if self.config.time.tz is None:
            row = int(np.flatnonzero(naive)[0])
            other = int(np.flatnonzero(keep & ~naive)[0])
            raise DataError(
                f"{self.table.name}: times with and without an offset from UTC are mixed ({place} "
                f"{lines[other]} has one, {place} {lines[row]} has none). Pass --tz, the zone of "
                "those without."
            )
        rows = np.flatnonzero(naive)
        times[rows] = localize(
            times[rows],
            clock.zone,
            series=self.got.series[rows],
            slots=None if self.got.row_slot is None else self.got.row_slot[rows],
            lines=lines[rows],
            place=place,
            source=self.table.name,
        )

    def judge_cells(self, keep: NDArray[np.bool_]) -> list[int]:
        """Apply the policy to bad cells; drops rows from `keep` in place.

        Returns:
            Slots that are text and no channel: they are left out.

        Raises:
            DataError: If bad cells are refused, or are more than ``max_bad``.
        """
        got, cells = self.got, self.config.cells
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
        if cells.on_bad_row == "error" or share > cells.max_bad:
            raise DataError(self._bad_cells_message(set(slots.tolist()), len(rows), share))
        self.tally.add("bad_cells", len(rows))
        self.tally.add_by("bad_cells", self.tally.per_channel, got.slots, slots)
        series = got.series[rows]
        axis = self.tally.per_series
        self.tally.add_by("bad_cells", axis, got.series_ids, series[series >= 0])
        if cells.on_bad_row == "drop":
            dropped = np.unique(rows)
            self._count_rows("rows_with_bad_cells", dropped[keep[dropped]])
            keep[dropped] = False
        return text

    def _bad_cells_message(self, slots: set[int], number: int, share: float) -> str:
        examples = sorted(cell for slot in slots for cell in self.got.bad_cells.get(slot, []))[:3]
        shown = ", ".join(
            f"{self.table.place} {cell.line}, column {cell.column!r}: {cell.text!r}"
            for cell in examples
        )
        advice = advise([cell.text for cell in examples], self.table.decimal)
        limit = ""
        if self.config.cells.on_bad_row != "error":
            limit = f", {100 * share:.2g}% of the values and more than --max-bad allows"
        return f"{self.table.name}: {number} cells are not numbers{limit} ({shown}). {advice}"

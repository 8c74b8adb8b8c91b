"""Rows and readings of the tables of a log, as flat arrays in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Float64, Int64
from latentode.data.reading.assembly.coding import Names, factorize, name_of_file
from latentode.data.reading.assembly.wide import count_filled, flattened
from latentode.data.reading.cells.numbers import Numbers, read_numbers
from latentode.data.reading.cells.split_times import join_times
from latentode.data.reading.cells.time_column import RawTimes, read_times
from latentode.data.reading.formats.table import MISSING_TEXTS, Table
from latentode.data.reading.roles import Roles

Int32 = NDArray[np.int32]
#: Slot of a row of a long log that has a value, but no channel name; of a row without a text.
NAMELESS = np.int32(-2)
NO_CODES = np.zeros(0, dtype=np.int32)


class Cells(NamedTuple):
    """Readings in the order of the rows.

    Attributes:
        counts: Number of readings of each row, shape (row,).
        slots: Slot of each reading: a channel or planned input, shape (reading,).
        values: Value of each reading.
    """

    counts: NDArray[np.integer]
    slots: Int32
    values: Float64

    def rows(self) -> Int64:
        """Row of each reading."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


@dataclass
class Collected:
    """What was read of a log.

    Attributes:
        tables: The tables, in the order of their rows.
        series: Code of the series of each row, -1 without an id, shape (row,).
        series_ids: Id of each code.
        times: Times of each table.
        columns: Values of each slot of a log that is only wide, NaN where there is none, shape
            (row,) each; None for others, which have `long_cells`.
        long_cells: Readings of any other log.
        slots: Name of each channel and planned input.
        row_slot: Long log: slot of each row, NAMELESS or, without a value, -1 where the channel has
            no name, shape (row,); rows without values: of the text; None for a wide log.
        bad_rows: Row of each bad cell.
        bad_slots: Slot of each bad cell, -1 where its channel has no name.
        numbers: What was found in the columns of values, one entry per table and column.
        row_cells: Cells of each row in columns of values.
        poor: Readings that were left out for their quality.
        static: Covariate -> (series code, text) pairs that occur.
    """

    tables: list[Table]
    series: Int32
    series_ids: list[str]
    times: list[RawTimes]
    columns: list[Float64] | None
    long_cells: Cells
    slots: list[str]
    row_slot: Int32 | None
    bad_rows: Int64
    bad_slots: Int32
    numbers: list[Numbers]
    row_cells: int
    poor: int
    static: dict[str, set[tuple[int, str]]]

    @cached_property
    def lines(self) -> Int64:
        """Line of each row in its table, shape (row,)."""
        return _joined([table.lines for table in self.tables])

    def forget_readings(self) -> None:
        """Forget values, once readings are made of them; how many there were is still known."""
        assert len(self.numeric) == len(self.slots), "they are counted before they go"
        self.columns, self.long_cells = None, Cells(NO_CODES, NO_CODES, np.zeros(0))
        self.__dict__.pop("cells", None)

    def release(self) -> None:
        """Forget the cells of times, once rows are made of them; lines are still known."""
        self.times.clear()
        for table in self.tables:
            table.release()
        pa.default_memory_pool().release_unused()

    def at(self, row: int) -> str:
        """Where a row stands, for a message: "line 17", with its file where there are several."""
        row = int(row)
        for table in self.tables:
            if row < table.num_rows:
                break
            row -= table.num_rows
        place = table.at(row)
        return place if len(self.tables) == 1 else f"{table.name} {place}"

    @cached_property
    def cells(self) -> Cells:
        """Readings in the order of the rows."""
        if self.columns is None:
            return self.long_cells
        return _cells_of(self.columns)

    @cached_property
    def numeric(self) -> Int64:
        """Number of readings of each slot, shape (slot,)."""
        if self.columns is not None:
            return np.array([np.count_nonzero(~np.isnan(column)) for column in self.columns])
        return np.bincount(self.long_cells.slots, minlength=len(self.slots))

    @property
    def missing_cells(self) -> int:
        """Number of empty cells in columns of values."""
        possible = len(self.series) * self.row_cells
        return possible - int(self.numeric.sum()) - len(self.bad_rows) - self.poor


@dataclass
class Collector:
    """Joins the tables of a log in order.

    Attributes:
        roles: Meaning of the columns, the same in all tables.
        config: How the log is read.
        files: Series -> file of other rows of the log, where files are a series each.
    """

    roles: Roles
    config: DataConfig
    files: dict[str, str] = field(default_factory=dict)
    _tables: list[Table] = field(default_factory=list)
    _ids: Names = field(default_factory=Names)
    _slots: Names = field(default_factory=Names)
    _series: list[Int32] = field(default_factory=list)
    _columns: list[list[Float64]] = field(default_factory=list)
    _cells: list[Cells] = field(default_factory=list)
    _row_slots: list[Int32] = field(default_factory=list)
    _times: list[RawTimes] = field(default_factory=list)
    _bad: list[tuple[Int64, Int32]] = field(default_factory=list)
    _numbers: list[Numbers] = field(default_factory=list)
    _poor: int = 0
    _static: dict[str, set[tuple[int, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._slots = Names(self.roles.values)

    def add(self, table: Table) -> None:
        """Read all columns of a table."""
        roles = self.roles
        start = sum(each.num_rows for each in self._tables)
        series = self._series_of(table)
        cells = None
        if roles.values:
            columns = self._wide(table, start)
            if roles.value is None:
                self._columns.append(columns)
            else:
                cells = _cells_of(columns)
        if roles.channel is not None:
            slots = self._slots.encode(factorize(table.text(roles.channel)))
            if roles.value is not None:
                long, slots = self._long(table, slots, start)
                cells = long if cells is None else interleaved(cells, long)
            else:
                slots = np.where(slots < 0, NAMELESS, slots)
            self._row_slots.append(slots)
        self._series.append(series)
        empty = Cells(np.zeros(table.num_rows, np.int8), NO_CODES, np.zeros(0))
        self._cells.append(empty if cells is None else cells)
        self._times.append(self._times_of(table))
        self._add_static(table, series)
        self._tables.append(table)
        table.release(keep=roles.time_parts)  # a folder of files is never whole in memory

    def collected(self) -> Collected:
        """All that was added."""
        cells = Cells(*(_joined(list(part)) for part in zip(*self._cells, strict=True)))
        self._cells.clear()
        bad = self._bad or [(np.zeros(0, np.int64), NO_CODES)]
        return Collected(
            tables=self._tables,
            series=_emptied(self._series),
            series_ids=list(self._ids.codes),
            times=self._times,
            columns=self._joined_columns(),
            long_cells=cells,
            slots=list(self._slots.codes),
            row_slot=_emptied(self._row_slots) if self._row_slots else None,
            bad_rows=_joined([rows for rows, _ in bad]),
            bad_slots=_joined([slots for _, slots in bad]),
            numbers=self._numbers,
            row_cells=len(self.roles.values) + (self.roles.value is not None),
            poor=self._poor,
            static=self._static,
        )

    def _joined_columns(self) -> list[Float64] | None:
        if not self._columns:
            return None
        joined = [_joined(list(parts)) for parts in zip(*self._columns, strict=True)]
        self._columns.clear()
        return joined

    def _series_of(self, table: Table) -> Int32:
        if self.roles.id is None:  # each table may be a series: `series_of_files` decides
            code = self._ids.codes.setdefault(self._name(table), len(self._ids.codes))
            return np.full(table.num_rows, code, dtype=np.int32)
        return self._ids.encode(factorize(table.text(self.roles.id)))

    def _name(self, table: Table) -> str:
        """Name of a table as a series: of its file, with the folder where another has that name."""
        name = name_of_file(table.name, table.stem, self.files, self._ids.codes)
        self.files[name] = table.name
        return name

    def _times_of(self, table: Table) -> RawTimes:
        time, decimal = self.config.time, table.decimal
        if not self.roles.time:
            zeros = np.zeros(table.num_rows, dtype=np.int64)
            return RawTimes(zeros.astype(np.uint8), lambda row: "", numbers=zeros)  # noqa: ARG005
        if len(self.roles.time_parts) > 1:
            joined = join_times({name: table.column(name) for name in self.roles.time_parts}, time)
            if joined.question:
                table.doubts.ask("time", f"{joined.question}.")
            return read_times(joined.column, joined.text, time, decimal)
        name = self.roles.time
        column = table.column(name)
        if (
            time.format is not None
            and table.line_word == "line"
            and pa.types.is_timestamp(column.type)
        ):
            column = table.text(name)  # a format holds for what is written, however it was parsed
        return read_times(column, lambda rows: table.text(name, rows), time, decimal)

    def _read(
        self, table: Table, name: str, groups: Int32 | None = None, names: Sequence[str] = ()
    ) -> Numbers:
        missing = (*MISSING_TEXTS, *self.roles.missing)
        numbers = read_numbers(
            table.column(name),
            self.config.cells,
            name=name,
            missing=missing,
            decimal=table.decimal,
            groups=groups,
            group_names=names,
            at=table.at,
        )
        self._leave_out_bad(table, name, numbers)
        self._numbers.append(replace(numbers, values=np.zeros(0)))  # they live on elsewhere
        return numbers

    def _leave_out_bad(self, table: Table, name: str, numbers: Numbers) -> None:
        """Take out values of a column that another does not call good."""
        for quality in self.roles.quality if self.config.cells.quality != "all" else ():
            if quality.of and name not in quality.of:
                continue
            codes, texts = factorize(table.text(quality.column))
            bad = ~np.array([quality.is_good(text) for text in texts])[codes]
            self._poor += int((bad & ~np.isnan(numbers.values)).sum())
            numbers.values[bad] = np.nan

    def _wide(self, table: Table, start: int) -> list[Float64]:
        columns = []
        for slot, name in enumerate(self.roles.values):
            numbers = self._read(table, name)
            columns.append(numbers.values)
            if len(numbers.bad):
                slots = np.full(len(numbers.bad), slot, dtype=np.int32)
                self._bad.append((numbers.bad + start, slots))
        return columns

    def _long(self, table: Table, slots: Int32, start: int) -> tuple[Cells, Int32]:
        assert self.roles.value is not None, "a long log has a column of values"
        numbers = self._read(table, self.roles.value, slots, list(self._slots.codes))
        there, nameless = ~np.isnan(numbers.values), slots < 0
        if len(numbers.bad):
            self._bad.append((numbers.bad + start, slots[numbers.bad]))
        if nameless.any():
            filled = there.copy()
            filled[numbers.bad] = True
            slots = np.where(nameless & filled, NAMELESS, slots)
            there &= ~nameless
        counts = there.astype(np.int8)
        if there.all():
            return Cells(counts, slots, numbers.values), slots
        return Cells(counts, slots[there], numbers.values[there]), slots

    def _add_static(self, table: Table, series: Int32) -> None:
        for name in self.roles.static:
            codes, texts = factorize(table.text(name))
            width = len(texts) + 1
            pairs = self._static.setdefault(name, set())
            for item in np.unique(series.astype(np.int64) * width + codes):
                pairs.add((int(item) // width, texts[int(item) % width]))


def _cells_of(columns: Sequence[Float64]) -> Cells:
    counts = count_filled(columns)
    return Cells(counts, *flattened(columns, counts))


def interleaved(first: Cells, second: Cells) -> Cells:
    """Readings of the same rows from two places, in the order of the rows."""
    order = np.argsort(np.concatenate([first.rows(), second.rows()]), kind="stable")
    slots = np.concatenate([first.slots, second.slots])[order]
    values = np.concatenate([first.values, second.values])[order]
    return Cells(first.counts + second.counts, slots, values)


def _emptied(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The parts as one; those of a folder of files are not held beside it."""
    whole = _joined(parts)
    parts.clear()
    return whole


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)

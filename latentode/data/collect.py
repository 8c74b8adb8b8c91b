"""Rows and readings of all chunks of a log, as flat arrays in the order of the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.cells import Numbers, to_numbers
from latentode.data.chunks import MISSING, Chunk, ReadPlan, Table, factorize
from latentode.data.dataset import Float64, Int64
from latentode.data.detect import Roles
from latentode.data.stamps import MISSING as NO_TIME
from latentode.data.timestamps import RawTimes, are_stamps, read_times

Int32 = NDArray[np.int32]


class Cells(NamedTuple):
    """Readings: row, slot (a channel or known input) and value of each."""

    rows: Int32
    slots: Int32
    values: Float64


class BadCell(NamedTuple):
    """A cell that is no number, for a message."""

    line: int
    column: str
    text: str


@dataclass
class Names:
    """Codes of names in the order in which they appear."""

    codes: dict[str, int] = field(default_factory=dict)

    def encode(self, texts: pd.Series) -> Int32:
        """Code of each text; -1 for an empty one."""
        codes, uniques = factorize(texts)
        table = [
            -1 if name == "" else self.codes.setdefault(name, len(self.codes)) for name in uniques
        ]
        return np.array(table + [-1], dtype=np.int32)[codes]

    def to_list(self) -> list[str]:
        """Names by code."""
        return list(self.codes)


@dataclass
class Collected:
    """What was read of a log.

    Attributes:
        series: Code of the series of each row, -1 without an id, shape (row,).
        series_ids: Id of each code.
        lines: Line of each row.
        times: Times of each chunk.
        bad_times: Examples of cells that are no time.
        cells: Readings.
        slots: Name of each channel and known input.
        row_slot: Long log: slot of each row, -1 without a channel name; None for a wide log.
        bad_rows: Row of each bad cell.
        bad_slots: Slot of each bad cell.
        bad_cells: Examples by slot, at most three each.
        missing_cells: Empty cells in columns of values.
        static: Covariate -> (series code, text) pairs that occur.
    """

    series: Int32
    series_ids: list[str]
    lines: Int64
    times: list[RawTimes]
    bad_times: list[BadCell]
    cells: Cells
    slots: list[str]
    row_slot: Int32 | None
    bad_rows: Int32
    bad_slots: Int32
    bad_cells: dict[int, list[BadCell]]
    missing_cells: int
    static: dict[str, set[tuple[int, str]]]


class Collector:
    """Reads the chunks of a log one after another."""

    def __init__(self, table: Table, roles: Roles, config: DataConfig) -> None:
        self._table, self._roles, self._time = table, roles, config.time
        self._stamps = are_stamps(table.head[roles.time], config.time, table.decimal)
        self._missing = frozenset((*MISSING, *roles.missing, *config.cells.na))
        self._ids = Names()
        self._slots = Names({name: index for index, name in enumerate(roles.values)})
        if roles.id is None:
            self._ids.codes[table.stem] = 0
        self._rows = 0
        self._series: list[Int32] = []
        self._lines: list[Int64] = []
        self._times: list[RawTimes] = []
        self._cells: list[Cells] = []
        self._row_slots: list[Int32] = []
        self._bad: list[tuple[Int32, Int32]] = []
        self._bad_times: list[BadCell] = []
        self._bad_cells: dict[int, list[BadCell]] = {}
        self._missing_cells = 0
        self._static: dict[str, set[tuple[int, str]]] = {name: set() for name in roles.static}

    def plan(self) -> ReadPlan:
        """What is needed of each chunk."""
        roles = self._roles
        text = (roles.id, roles.channel, *roles.static)
        numbers = (*roles.values, roles.value)
        return ReadPlan(
            text=tuple(name for name in text if name is not None),
            time=roles.time,
            stamps=self._stamps,
            numbers=tuple(name for name in numbers if name is not None),
            missing=tuple(self._missing),
            decimal=self._table.decimal,
        )

    def run(self) -> Collected:
        """Read all chunks."""
        for chunk in self._table.chunks(self.plan()):
            if len(chunk.lines):
                self._add(chunk)
        cells = Cells(
            *(np.concatenate(parts) for parts in zip(_NO_CELLS, *self._cells, strict=True))
        )
        self._cells.clear()
        bad = [np.concatenate(parts) for parts in zip(_NO_CELLS[:2], *self._bad, strict=True)]
        return Collected(
            series=np.concatenate(self._series or [_NO_CELLS.rows]),
            series_ids=self._ids.to_list(),
            lines=np.concatenate(self._lines or [np.zeros(0, dtype=np.int64)]),
            times=self._times,
            bad_times=self._bad_times,
            cells=cells,
            slots=self._slots.to_list(),
            row_slot=np.concatenate(self._row_slots) if self._row_slots else None,
            bad_rows=bad[0],
            bad_slots=bad[1],
            bad_cells=self._bad_cells,
            missing_cells=self._missing_cells,
            static=self._static,
        )

    def _add(self, chunk: Chunk) -> None:
        count, roles = len(chunk.lines), self._roles
        series = (
            np.zeros(count, dtype=np.int32)
            if roles.id is None
            else self._ids.encode(chunk.text(roles.id))
        )
        self._series.append(series)
        self._lines.append(chunk.lines)
        self._add_times(chunk)
        self._add_wide(chunk)
        if roles.channel is not None and roles.value is not None:
            self._add_long(chunk, roles.channel, roles.value)
        for name, pairs in self._static.items():
            codes, texts = factorize(chunk.text(name))
            seen = np.unique(series.astype(np.int64) * (len(texts) + 1) + codes)
            pairs.update(
                (int(item) // (len(texts) + 1), texts[int(item) % (len(texts) + 1)])
                for item in seen
            )
        self._rows += count

    def _add_times(self, chunk: Chunk) -> None:
        roles = self._roles
        raw = read_times(
            chunk, roles.time, stamps=self._stamps, time=self._time, decimal=self._table.decimal
        )
        wrong = np.flatnonzero(raw.status > NO_TIME)
        if len(wrong) and len(self._bad_times) < 3:
            texts = chunk.text(roles.time)
            self._bad_times += [
                BadCell(int(chunk.lines[row]), roles.time, str(texts.iloc[row]))
                for row in wrong[:3]
            ]
        self._times.append(raw)

    def _add_wide(self, chunk: Chunk) -> None:
        names = self._roles.values
        if not names:
            return
        grid = np.empty((len(chunk.lines), len(names)))
        for slot, name in enumerate(names):
            numbers = to_numbers(chunk.column(name), self._missing, self._table.decimal)
            grid[:, slot] = numbers.values
            self._add_bad(chunk, numbers, np.full(len(numbers.bad), slot, dtype=np.int32), name)
        rows, slots = np.nonzero(~np.isnan(grid))
        values = grid[rows, slots] if len(rows) < grid.size else grid.ravel()
        self._missing_cells += grid.size - len(rows)
        rows += self._rows
        self._cells.append(Cells(rows.astype(np.int32), slots.astype(np.int32), values))

    def _add_long(self, chunk: Chunk, channel: str, value: str) -> None:
        slots = self._slots.encode(chunk.text(channel))
        numbers = to_numbers(chunk.column(value), self._missing, self._table.decimal)
        self._row_slots.append(slots)
        named = Numbers(numbers.values, numbers.bad[slots[numbers.bad] >= 0], numbers.texts)
        self._add_bad(chunk, named, slots[named.bad], value)
        rows = np.flatnonzero(~np.isnan(numbers.values) & (slots >= 0))
        self._missing_cells += len(slots) - len(rows)
        cells = Cells((rows + self._rows).astype(np.int32), slots[rows], numbers.values[rows])
        self._cells.append(cells)

    def _add_bad(self, chunk: Chunk, numbers: Numbers, slots: Int32, column: str) -> None:
        if not len(numbers.bad):
            return
        self._bad.append(((numbers.bad + self._rows).astype(np.int32), slots))
        self._missing_cells -= len(numbers.bad)
        cells = chunk.column(column)
        for slot in np.unique(slots):
            examples = self._bad_cells.setdefault(int(slot), [])
            for row in numbers.bad[slots == slot][: 3 - len(examples)]:
                examples.append(BadCell(int(chunk.lines[row]), column, str(cells.iloc[row])))


_NO_CELLS = Cells(
    np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float64)
)

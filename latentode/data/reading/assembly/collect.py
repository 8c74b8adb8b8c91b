"""Rows and readings of all chunks of a log, as flat arrays in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.assembly.chunk_reader import (
    NO_CELLS,
    NO_CODES,
    BadCell,
    Cells,
    ChunkReader,
    ChunkRows,
    Coded,
    Int32,
    in_order,
    interleaved,
)
from latentode.data.reading.cells.numbers import Numbers
from latentode.data.reading.cells.time_column import RawTimes
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles

#: Slot of a row of a long log that has a value, but no channel name; of a row without a text.
NAMELESS = np.int32(-2)


@dataclass
class Collected:
    """What was read of a log.

    Attributes:
        series: Code of the series of each row, -1 without an id, shape (row,).
        series_ids: Id of each code.
        lines: Line of each row, shape (row,).
        times: Times of each chunk.
        bad_times: Examples of cells that are not a time.
        cells: Readings.
        slots: Name of each channel and known input.
        row_slot: Long log: slot of each row, NAMELESS or, without a value, -1 where the channel has
            no name, shape (row,); rows without values: of the text; None for a wide log.
        bad_rows: Row of each bad cell.
        bad_slots: Slot of each bad cell.
        bad_cells: Examples by slot, at most three each.
        row_cells: Cells of each row in columns of values.
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
    row_cells: int
    static: dict[str, set[tuple[int, str]]]

    @cached_property
    def numeric(self) -> Int64:
        """Number of readings of each slot, shape (slot,)."""
        return np.bincount(self.cells.slots, minlength=len(self.slots))

    @property
    def missing_cells(self) -> int:
        """Number of empty cells in columns of values."""
        possible = len(self.series) * self.row_cells
        return possible - len(self.cells.slots) - len(self.bad_rows)


class Names:
    """Codes of names in the order in which they appear."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.codes = {name: code for code, name in enumerate(names)}

    def encode(self, coded: Coded) -> Int32:
        """Code of each text; -1 for an empty one."""
        codes, names = coded
        known = self.codes
        table = [-1 if name == "" else known.setdefault(name, len(known)) for name in names]
        return np.array([*table, -1], dtype=np.int32)[codes]


class Collector:
    """Joins the parts of a log in order."""

    def __init__(self, table: Table, roles: Roles, config: DataConfig) -> None:
        self._table = table
        self._reader = ChunkReader(table, roles, config)
        self._ids = Names(() if roles.id is not None else (table.stem,))
        self._slots = Names(roles.values)
        self._row_cells = len(roles.values) + (roles.value is not None)
        self._rows = 0
        self._series = [NO_CODES]
        self._lines = [np.zeros(0, dtype=np.int64)]
        self._cells = [NO_CELLS]
        self._row_slots: list[Int32] = []
        self._times: list[RawTimes] = []
        self._bad = [(NO_CODES, NO_CODES)]
        self._bad_times: list[BadCell] = []
        self._bad_cells: dict[int, list[BadCell]] = {}
        self._static: dict[str, set[tuple[int, str]]] = {name: set() for name in roles.static}

    def run(self) -> Collected:
        """Read all chunks."""
        reader = self._reader
        for part in in_order(self._table.chunks(reader.plan()), reader.read):
            if len(part.lines):
                self._add(part)
        bad_rows, bad_slots = map(np.concatenate, zip(*self._bad, strict=True))
        cells = Cells(*map(np.concatenate, zip(*self._cells, strict=True)))
        self._cells.clear()
        return Collected(
            series=np.concatenate(self._series),
            series_ids=list(self._ids.codes),
            lines=np.concatenate(self._lines),
            times=self._times,
            bad_times=self._bad_times[:3],
            cells=cells,
            slots=list(self._slots.codes),
            row_slot=np.concatenate(self._row_slots) if self._row_slots else None,
            bad_rows=bad_rows,
            bad_slots=bad_slots,
            bad_cells=self._bad_cells,
            row_cells=self._row_cells,
            static=self._static,
        )

    def _add(self, part: ChunkRows) -> None:
        count = len(part.lines)
        series = np.zeros(count, np.int32) if part.ids is None else self._ids.encode(part.ids)
        self._series.append(series)
        self._lines.append(part.lines)
        self._times.append(part.times)
        self._bad_times += part.bad_times
        names = self._reader.roles.values
        cells = part.grid
        for slot, name in enumerate(names):
            if name in part.bad:
                rows = part.bad[name][0]
                self._add_bad(part, name, np.full(len(rows), slot, dtype=np.int32))
        if part.channel is not None and part.long is not None:
            long = self._long_cells(part, part.channel, part.long)
            cells = interleaved(cells, long) if names else long
        elif part.channel is not None:
            slots = self._slots.encode(part.channel)
            self._row_slots.append(np.where(slots < 0, NAMELESS, slots))
        self._cells.append(cells)
        for name, (codes, texts) in part.static.items():
            width = len(texts) + 1
            for item in np.unique(series.astype(np.int64) * width + codes):
                self._static[name].add((int(item) // width, texts[int(item) % width]))
        self._rows += count

    def _long_cells(self, part: ChunkRows, channel: Coded, numbers: Numbers) -> Cells:
        slots = self._slots.encode(channel)
        there, nameless = ~np.isnan(numbers.values), slots < 0
        filled = there.copy()
        filled[numbers.bad] = True
        self._row_slots.append(np.where(nameless & filled, NAMELESS, slots))
        there &= ~nameless
        value = self._reader.roles.value
        if value is not None and value in part.bad:
            self._add_bad(part, value, slots[part.bad[value][0]])
        counts = there.astype(np.int8)
        if there.all():
            return Cells(counts, slots, numbers.values)
        return Cells(counts, slots[there], numbers.values[there])

    def _add_bad(self, part: ChunkRows, column: str, slots: Int32) -> None:
        rows, texts = part.bad[column]
        named = np.flatnonzero(slots >= 0)
        self._bad.append(((rows[named] + self._rows).astype(np.int32), slots[named]))
        for slot in np.unique(slots[named]):
            examples = self._bad_cells.setdefault(int(slot), [])
            for position in np.flatnonzero(slots == slot)[: 3 - len(examples)]:
                line = int(part.lines[rows[position]])
                examples.append(BadCell(line, column, texts[position]))

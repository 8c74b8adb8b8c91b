"""Rows and readings of all chunks of a log, as flat arrays in the order of the log."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.cells import Numbers, to_numbers
from latentode.data.chunks import MISSING, Chunk, ReadPlan, Table, factorize
from latentode.data.dataset import Float64, Int64
from latentode.data.detect import Roles
from latentode.data.stamps import MISSING as NO_TIME
from latentode.data.timestamps import RawTimes, are_stamps, read_times

Int32 = NDArray[np.int32]
Coded = tuple[NDArray[np.integer], Sequence[str]]
_MOST_THREADS = 4
#: Slot of a row of a long log that has a value, but no channel name.
NAMELESS = np.int32(-2)


class Cells(NamedTuple):
    """Readings in the order of the rows.

    Attributes:
        counts: Number of readings of each row, shape (row,).
        slots: Slot of each reading: a channel or known input, shape (reading,).
        values: Value of each reading.
    """

    counts: NDArray[np.integer]
    slots: Int32
    values: Float64

    def rows(self) -> Int64:
        """Row of each reading."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


_NO_CODES = np.zeros(0, dtype=np.int32)
_NO_CELLS = Cells(np.zeros(0, dtype=np.int8), _NO_CODES, np.zeros(0))


class BadCell(NamedTuple):
    """A cell that is no number or no time, for a message."""

    line: int
    column: str
    text: str


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
        series_rows: Number of rows of each series code.
        numeric: Number of readings of each slot.
        row_slot: Long log: slot of each row, NAMELESS or, without a value, -1 where the channel
            has no name; None for a wide log.
        bad_rows: Row of each bad cell.
        bad_slots: Slot of each bad cell.
        bad_cells: Examples by slot, at most three each.
        missing_cells: Empty cells in columns of values.
        static: Covariate -> (series code, text) pairs that occur.
    """

    series: Int32
    series_ids: list[str]
    lines: Int32
    times: list[RawTimes]
    bad_times: list[BadCell]
    cells: Cells
    slots: list[str]
    series_rows: Int64
    numeric: Int64
    row_slot: Int32 | None
    bad_rows: Int32
    bad_slots: Int32
    bad_cells: dict[int, list[BadCell]]
    missing_cells: int
    static: dict[str, set[tuple[int, str]]]


@dataclass
class Part:
    """What a chunk holds, before its names have the codes of the whole log.

    Attributes:
        lines: Line of each row.
        ids: Codes and names of the series; None without an id column.
        times: Times.
        bad_times: Examples of cells that are no time.
        grid: Wide columns: the readings that are there.
        channel: Long: codes and names of the channels.
        long: Long: values, one a row.
        bad: Column -> rows of its bad cells, and three examples.
        static: Covariate -> codes and texts.
    """

    lines: Int64
    ids: Coded | None
    times: RawTimes
    bad_times: list[BadCell]
    grid: Cells = _NO_CELLS
    channel: Coded | None = None
    long: Numbers | None = None
    bad: dict[str, tuple[Int64, list[str]]] = field(default_factory=dict)
    static: dict[str, Coded] = field(default_factory=dict)


class PartReader:
    """Reads a chunk on its own; many threads may use one reader."""

    def __init__(self, table: Table, roles: Roles, config: DataConfig) -> None:
        self.roles, self.time, self.decimal = roles, config.time, table.decimal
        self.stamps = are_stamps(table.head[roles.time], config.time, table.decimal)
        self.missing = frozenset((*MISSING, *roles.missing, *config.cells.na))

    def plan(self) -> ReadPlan:
        """What is needed of each chunk."""
        roles = self.roles
        text = (roles.id, roles.channel, *roles.static)
        numbers = (*roles.values, roles.value)
        return ReadPlan(
            text=tuple(name for name in text if name is not None),
            time=roles.time,
            stamps=self.stamps,
            numbers=tuple(name for name in numbers if name is not None),
            missing=tuple(self.missing),
            decimal=self.decimal,
        )

    def read(self, make: Callable[[], Chunk]) -> Part:
        """Read all columns of a chunk."""
        chunk, roles = make(), self.roles
        if not len(chunk.lines):
            raw = RawTimes(None, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8))
            return Part(chunk.lines, None, raw, [])
        ids = None if roles.id is None else factorize(chunk.text(roles.id))
        times, bad_times = self._times(chunk)
        part = Part(chunk.lines, ids, times, bad_times)
        if roles.values:
            part.grid = self._grid(chunk, part.bad)
        if roles.channel is not None and roles.value is not None:
            part.channel = factorize(chunk.text(roles.channel))
            part.long = self._numbers(chunk, roles.value, part.bad)
        part.static = {name: factorize(chunk.text(name)) for name in roles.static}
        return part

    def _times(self, chunk: Chunk) -> tuple[RawTimes, list[BadCell]]:
        name = self.roles.time
        raw = read_times(chunk, name, stamps=self.stamps, time=self.time, decimal=self.decimal)
        wrong = np.flatnonzero(raw.status > NO_TIME)[:3]
        if not len(wrong):
            return raw, []
        texts = chunk.text(name)
        return raw, [BadCell(int(chunk.lines[row]), name, str(texts.iloc[row])) for row in wrong]

    def _numbers(self, chunk: Chunk, name: str, bad: dict[str, tuple[Int64, list[str]]]) -> Numbers:
        column = chunk.column(name)
        numbers = to_numbers(column, self.missing, self.decimal)
        if len(numbers.bad):
            bad[name] = numbers.bad, [str(column.iloc[row]) for row in numbers.bad]
        return numbers

    def _grid(self, chunk: Chunk, bad: dict[str, tuple[Int64, list[str]]]) -> Cells:
        names = self.roles.values
        grid = np.empty((len(chunk.lines), len(names)))
        for slot, name in enumerate(names):
            grid[:, slot] = self._numbers(chunk, name, bad).values
        there = ~np.isnan(grid)
        slots = np.tile(np.arange(len(names), dtype=np.int32), len(grid))
        counts = np.count_nonzero(there, axis=1).astype(np.int32)
        if there.all():
            return Cells(counts, slots, grid.ravel())
        return Cells(counts, slots[there.ravel()], grid[there])


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
        self._reader = PartReader(table, roles, config)
        self._ids = Names(() if roles.id is not None else (table.stem,))
        self._slots = Names(roles.values)
        self._rows = 0
        self._series: list[Int32] = []
        self._lines: list[Int32] = []
        self._cells: list[Cells] = []
        self._row_slots: list[Int32] = []
        self._times: list[RawTimes] = []
        self._bad: list[tuple[Int32, Int32]] = []
        self._bad_times: list[BadCell] = []
        self._bad_cells: dict[int, list[BadCell]] = {}
        self._numeric = self._series_rows = np.zeros(0, dtype=np.int64)
        self._missing = 0
        self._static: dict[str, set[tuple[int, str]]] = {name: set() for name in roles.static}

    def run(self) -> Collected:
        """Read all chunks."""
        reader = self._reader
        for part in _in_order(self._table.chunks(reader.plan()), reader.read):
            if len(part.lines):
                self._add(part)
        no_bad = (_NO_CODES, _NO_CODES)
        bad = [np.concatenate(pair) for pair in zip(no_bad, *self._bad, strict=True)]
        joined = [np.concatenate(parts) for parts in zip(_NO_CELLS, *self._cells, strict=True)]
        self._cells.clear()
        self._numeric = _added(self._numeric, _NO_CODES, len(self._slots.codes))
        return Collected(
            series=np.concatenate([*self._series, _NO_CODES]),
            series_ids=list(self._ids.codes),
            lines=np.concatenate([*self._lines, _NO_CODES]),
            times=self._times,
            bad_times=self._bad_times[:3],
            cells=Cells(*joined),
            slots=list(self._slots.codes),
            series_rows=self._series_rows,
            numeric=self._numeric,
            row_slot=np.concatenate(self._row_slots) if self._row_slots else None,
            bad_rows=bad[0],
            bad_slots=bad[1],
            bad_cells=self._bad_cells,
            missing_cells=self._missing,
            static=self._static,
        )

    def _add(self, part: Part) -> None:
        count = len(part.lines)
        series = np.zeros(count, np.int32) if part.ids is None else self._ids.encode(part.ids)
        self._series.append(series)
        known = series if part.ids is None or series.min() >= 0 else series[series >= 0]
        self._series_rows = _added(self._series_rows, known, len(self._ids.codes))
        self._lines.append(part.lines.astype(np.int32))
        self._times.append(part.times)
        self._bad_times += part.bad_times
        names = self._reader.roles.values
        cells = part.grid
        for slot, name in enumerate(names):
            if name in part.bad:
                rows = part.bad[name][0]
                self._add_bad(part, name, np.full(len(rows), slot, dtype=np.int32))
        possible = count * len(names)
        if part.channel is not None and part.long is not None:
            long = self._long_cells(part, part.channel, part.long)
            cells = _interleaved(cells, long) if names else long
            possible += count
        self._missing += possible - len(cells.slots)
        self._numeric = _added(self._numeric, cells.slots, len(self._slots.codes))
        self._cells.append(cells)
        for name, (codes, texts) in part.static.items():
            width = len(texts) + 1
            for item in np.unique(series.astype(np.int64) * width + codes):
                self._static[name].add((int(item) // width, texts[int(item) % width]))
        self._rows += count

    def _long_cells(self, part: Part, channel: Coded, numbers: Numbers) -> Cells:
        slots = self._slots.encode(channel)
        there = ~np.isnan(numbers.values)
        if slots.min() < 0:
            nameless = slots < 0
            there[numbers.bad] = True
            self._row_slots.append(np.where(nameless & there, NAMELESS, slots))
            there[numbers.bad] = False
            there &= ~nameless
        else:
            self._row_slots.append(slots)
        value = self._reader.roles.value
        if value is not None and value in part.bad:
            self._add_bad(part, value, slots[part.bad[value][0]])
        counts = there.astype(np.int8)
        if there.all():
            return Cells(counts, slots, numbers.values)
        return Cells(counts, slots[there], numbers.values[there])

    def _add_bad(self, part: Part, column: str, slots: Int32) -> None:
        rows, texts = part.bad[column]
        named = np.flatnonzero(slots >= 0)
        self._missing -= len(named)
        self._bad.append(((rows[named] + self._rows).astype(np.int32), slots[named]))
        for slot in np.unique(slots[named]):
            examples = self._bad_cells.setdefault(int(slot), [])
            for position in np.flatnonzero(slots == slot)[: 3 - len(examples)]:
                line = int(part.lines[rows[position]])
                examples.append(BadCell(line, column, texts[position]))


def _interleaved(first: Cells, second: Cells) -> Cells:
    """Readings of the same rows from two places, in the order of the rows."""
    order = np.argsort(np.concatenate([first.rows(), second.rows()]), kind="stable")
    slots = np.concatenate([first.slots, second.slots])[order]
    values = np.concatenate([first.values, second.values])[order]
    return Cells(first.counts + second.counts, slots, values)


def _added(counts: Int64, codes: Int32, number: int) -> Int64:
    """Counts of codes, with those of a chunk added; new codes may have appeared."""
    more = np.bincount(codes, minlength=number)
    more[: len(counts)] += counts
    return more


def _in_order(
    makers: Iterable[Callable[[], Chunk]], work: Callable[[Callable[[], Chunk]], Part]
) -> Iterator[Part]:
    """Map over chunks on a few threads (parsers and numpy release the lock), results in order."""
    threads = min(_MOST_THREADS, max((os.cpu_count() or 1) - 1, 1))
    pending: deque[Future[Part]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for make in makers:
                pending.append(pool.submit(work, make))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

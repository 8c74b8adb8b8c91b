"""A chunk of a log read column by column, on a thread of its own."""

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
from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.numbers import Numbers, to_numbers
from latentode.data.reading.cells.time_column import RawTimes, are_stamps, read_times
from latentode.data.reading.cells.time_stamps import NO_TIME
from latentode.data.reading.formats.table import MISSING_TEXTS, Chunk, ReadPlan, Table, factorize
from latentode.data.reading.roles import Roles

Int32 = NDArray[np.int32]
Coded = tuple[NDArray[np.integer], Sequence[str]]
_MOST_THREADS = 4  # each holds a chunk in memory


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


NO_CODES = np.zeros(0, dtype=np.int32)
NO_CELLS = Cells(np.zeros(0, dtype=np.int8), NO_CODES, np.zeros(0))


class BadCell(NamedTuple):
    """A cell that is not a number, or not a time, for a message."""

    line: int
    column: str
    text: str


@dataclass
class ChunkRows:
    """What a chunk holds, before its names have the codes of the whole log.

    Attributes:
        lines: Line of each row.
        ids: Codes and names of the series; None without an id column.
        times: Times.
        bad_times: Examples of cells that are not a time.
        grid: Wide columns: the readings that are there.
        channel: Long: codes and names of the channels; rows: of the texts.
        long: Long: values, one a row.
        bad: Column -> rows of its bad cells, and three examples.
        static: Covariate -> codes and texts.
    """

    lines: Int64
    ids: Coded | None
    times: RawTimes
    bad_times: list[BadCell]
    grid: Cells = NO_CELLS
    channel: Coded | None = None
    long: Numbers | None = None
    bad: dict[str, tuple[Int64, list[str]]] = field(default_factory=dict)
    static: dict[str, Coded] = field(default_factory=dict)


class ChunkReader:
    """Reads a chunk on its own; many threads may use one reader."""

    def __init__(self, table: Table, roles: Roles, config: DataConfig) -> None:
        self.roles, self.time, self.decimal = roles, config.time, table.decimal
        self.stamps = not roles.time or are_stamps(
            table.head[roles.time], config.time, table.decimal
        )
        self.missing = frozenset((*MISSING_TEXTS, *roles.missing, *config.cells.na))

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

    def read(self, make: Callable[[], Chunk]) -> ChunkRows:
        """Read all columns of a chunk."""
        chunk, roles = make(), self.roles
        ids = None if roles.id is None else factorize(chunk.text(roles.id))
        times, bad_times = self._times(chunk)
        part = ChunkRows(chunk.lines, ids, times, bad_times)
        if roles.values:
            part.grid = self._grid(chunk, part.bad)
        if roles.channel is not None:
            part.channel = factorize(chunk.text(roles.channel))
        if roles.value is not None:
            part.long = self._numbers(chunk, roles.value, part.bad)
        part.static = {name: factorize(chunk.text(name)) for name in roles.static}
        return part

    def _times(self, chunk: Chunk) -> tuple[RawTimes, list[BadCell]]:
        name = self.roles.time
        if not name:
            rows = len(chunk.lines)
            return RawTimes(None, np.zeros(rows, np.int64), np.zeros(rows, np.uint8)), []
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


def interleaved(first: Cells, second: Cells) -> Cells:
    """Readings of the same rows from two places, in the order of the rows."""
    order = np.argsort(np.concatenate([first.rows(), second.rows()]), kind="stable")
    slots = np.concatenate([first.slots, second.slots])[order]
    values = np.concatenate([first.values, second.values])[order]
    return Cells(first.counts + second.counts, slots, values)


def in_order(
    makers: Iterable[Callable[[], Chunk]], work: Callable[[Callable[[], Chunk]], ChunkRows]
) -> Iterator[ChunkRows]:
    """Map over chunks on a few threads (parsers and numpy release the lock), results in order."""
    threads = min(_MOST_THREADS, max((os.cpu_count() or 1) - 1, 1))
    pending: deque[Future[ChunkRows]] = deque()
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

"""Rows that are found by an id and a time: the one reader of events, labels, windows and queries.

A row of a log is an id, a time and values; an event is an id, a time and a mark; a label an id,
perhaps a time, and a class; a query an id and a time alone, and a row of a plan has numbers too.
All of them are read here, by the same names of columns, on the same clocks and under the same
policy for bad rows as a log.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Float64, Int64, positions
from latentode.data.reading.assembly.collect import Collected, Collector
from latentode.data.reading.formats.open_table import LogFile, open_table
from latentode.data.reading.formats.table import Table
from latentode.data.reading.key_columns import TextColumn, key_roles
from latentode.data.reading.roles import Roles
from latentode.data.reading.row_policy import RowPolicy
from latentode.data.reading.tally import REASONS, Tally
from latentode.errors import DataError, LatentODEWarning

Source = LogFile
_NO_CLOCK = Clock("elapsed", None, "s")


@dataclass(frozen=True)
class KeyedRows:
    """Rows in the order of their table, bad ones left out.

    Attributes:
        series_ids: Names of the series, in the order in which they appear.
        series: Index into them, shape (row,).
        times: Nanoseconds of the clock; zeros where rows have no time, shape (row,).
        texts: Mark or class as it is written, shape (row,); None without such a column.
        lines: Line or row of the table, shape (row,).
        clock: What the times mean.
        table: The table.
        roles: Its columns.
        numbers: Columns of numbers, NaN where a cell is empty, shape (row, number).
    """

    series_ids: tuple[str, ...]
    series: Int64
    times: Int64
    texts: NDArray[np.object_] | None
    lines: Int64
    clock: Clock
    table: Table
    roles: Roles
    numbers: Float64

    @property
    def ids(self) -> NDArray[np.object_]:
        """Name of the series of each row, shape (row,)."""
        return np.array(self.series_ids, dtype=object)[self.series]

    def index(self, known: Sequence[str]) -> Int64:
        """Index of the series of each row among known ones, -1 for others, shape (row,)."""
        return positions(self.series_ids, known)[self.series]

    def at(self, row: int) -> str:
        """Where a row stands, for a message."""
        return f"{self.table.name}: {self.table.line_word} {self.lines[row]}"


def read_rows(
    source: Source | Table,
    config: DataConfig,
    *,
    text: TextColumn | None = None,
    clock: Clock | None = None,
    series_ids: Sequence[str] | None = None,
    timed: bool = True,
    only_known: bool = False,
    repeats: int = 1,
    numbers: Sequence[str] = (),
    ids_needed: bool = True,
) -> KeyedRows:
    """Read rows of ids and times, and a text of each.

    A row without an id, a time or a text, or with a time that cannot be read, is bad: refused, or
    left out where ``cells.on_bad_row`` is "drop" or "nan" (there is no value to leave empty, so
    that both mean the same) and no more than ``cells.max_bad`` of the rows are. What is left out
    is said as a warning.

    Args:
        source: File, data frame, or table that is open.
        config: How it is read, as for a log.
        text: The column of marks or classes; None for rows of ids and times alone.
        clock: A clock that is known already, on which times are read.
        series_ids: Series of the log that the rows belong to, whose settings `config` then has: its
            names of columns count where the table has them. None for a table of its own.
        timed: False for rows without times.
        only_known: Whether rows of other series are left out unread.
        repeats: Rows of an open table that stand for one row of its source.
        numbers: Columns of numbers, all of which the table has.
        ids_needed: Whether a table beside several series must name them.

    Returns:
        The rows that count.

    Raises:
        DataError: If a column cannot be found, a cell of `numbers` holds none, or rows are bad and
            the policy refuses them.
    """
    table = source if isinstance(source, Table) else open_rows(source, config)
    roles = key_roles(
        table, config, text, series_ids=series_ids, timed=timed, numbers=numbers,
        ids_needed=ids_needed,
    )  # fmt: skip
    got = _collected(table, roles, config, clock)
    _refuse_words(table, got)
    ignored = np.zeros(len(got.series), dtype=bool)
    if text is not None and got.row_slot is not None:
        ignored |= _are_among(text.missing, got.slots, got.row_slot)
    if only_known and roles.id is not None:
        ignored |= (got.series >= 0) & ~_are_among(series_ids or (), got.series_ids, got.series)
    policy = RowPolicy(
        table, roles, config, got, Tally(doubts=table.doubts), clock if timed else _NO_CLOCK,
        repeats=repeats,
    )  # fmt: skip
    times, keep, clock = policy.rows(ignored)
    table.doubts.settle(table.name, "reading")
    _say(table, policy)
    series_ids = got.series_ids if roles.id is not None else (series_ids or got.series_ids)
    texts = None
    if got.row_slot is not None:
        texts = np.array([*got.slots, ""], dtype=object)[got.row_slot[keep]]
    return KeyedRows(
        tuple(series_ids), got.series[keep].astype(np.int64), times[keep], texts, got.lines[keep],
        clock, table, roles, np.stack([*(got.columns or []), times.astype(float)], 1)[keep, :-1],
    )  # fmt: skip


def open_rows(source: Source, config: DataConfig) -> Table:
    """Open a table of keyed rows, whatever the layout of the log."""
    return open_table(source, config.model_copy(update={"layout": "auto"}))


def ids_repeat(source: Source, config: DataConfig, series_ids: Sequence[str]) -> bool:
    """Whether a table beside a log has several rows of a series; True where it names no ids.

    Args:
        source: File or data frame.
        config: How it is read.
        series_ids: Series of the log.
    """
    table = open_rows(source, config)
    roles = key_roles(table, config, None, series_ids=series_ids, timed=True)
    got = _collected(table, roles, config, None)
    return roles.id is None or len(got.series_ids) < len(got.series)


def _collected(table: Table, roles: Roles, config: DataConfig, clock: Clock | None) -> Collected:
    if clock is not None:  # a log of epochs may have dates beside it
        config = config.model_copy(update={"time": config.time.model_copy(update={"unit": "auto"})})
    collector = Collector(roles, config)
    collector.add(table)
    return collector.collected()


def _refuse_words(table: Table, got: Collected) -> None:
    """Refuse a cell in a column of numbers that holds none, which no policy leaves out."""
    texts = [each for numbers in got.numbers for each in numbers.texts]
    if texts:
        first = min(texts, key=lambda each: each.row)
        raise DataError(
            f"{table.name}: {first.where}: expected a number in {first.column}, got "
            f"{first.text!r} ({len(got.bad_rows)} such cells). Write one, or leave the cell empty."
        )


def _are_among(
    wanted: Collection[str], names: Sequence[str], codes: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Whether the name of each row is among some; a code below 0 stands for an empty name."""
    return (positions((*names, ""), tuple(wanted)) >= 0)[np.maximum(codes, -1)]


def _say(table: Table, policy: RowPolicy) -> None:
    notes = [str(decision) for decision in policy.doubts.decisions]
    for reason, number in policy.tally.counts.items():
        notes.append(f"{number:,} {REASONS[reason]} (first: {policy.first_lines[reason]})")
    for note in notes:
        warnings.warn(f"{table.name}: {note}", LatentODEWarning, stacklevel=2)


def codes_of(rows: KeyedRows, texts: NDArray[np.object_], known: Sequence[str]) -> Int64:
    """Index of the text of each row among known ones, shape (row,).

    Args:
        rows: The rows.
        texts: Their texts, shape (row,).
        known: Names in order.

    Raises:
        DataError: If a text is not known, with its line.
    """
    codes = positions(texts, known)
    strange = np.flatnonzero(codes < 0)
    if len(strange):
        shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise DataError(
            f"{rows.at(strange[0])}: expected one of {shown}, which the model knows, got "
            f"{texts[strange[0]]!r}. Drop these rows, or train on them."
        )
    return codes

"""Dates that stand in the first row of each day alone: carried into the empty cells below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.reading.cells.split_parts import date_part
from latentode.data.reading.cells.split_times import find_split_times, join_times
from latentode.data.reading.cells.time_column import read_times
from latentode.data.reading.cells.time_stamps import OK
from latentode.data.reading.formats.table import Table, is_text
from latentode.data.reading.roles import time_parts

_HEAD = 5_000  # rows by which it is told
_FEWEST_EMPTY = 0.2  # share of the cells; fewer are gaps, which nothing fills


def find_carried(table: Table, config: DataConfig) -> str | None:
    """Find a column of dates of which each holds for the rows below, up to the next.

    Args:
        table: The log.
        config: What is known of it.

    Returns:
        Its name; None where no column is one, or where the times of day beside it do not run on
        over its empty cells and start again where a date stands.
    """
    told = config.columns.time
    there = dict.fromkeys(table.columns)
    names = there if told is None else time_parts(told, table.columns)
    columns = {name: table.column(name) for name in names if name in there}
    head = {name: cells.slice(0, _HEAD) for name, cells in columns.items()}
    found = (name for name in head if _holds(head, name))
    return next((name for name in found if _holds(columns, name)), None)


def _holds(columns: Mapping[str, pa.ChunkedArray], name: str) -> bool:
    """Whether each date of a column holds for the rows below it."""
    cells = columns[name]
    empty = _empty(cells)
    if not _FEWEST_EMPTY < empty.mean() < 1 or empty[0] or date_part(name, cells) is None:
        return False
    filled = {**columns, name: _filled(cells)}
    parts = find_split_times(filled)
    return parts is not None and name in parts and _runs_on(filled, parts, empty)


def _empty(cells: pa.ChunkedArray) -> NDArray[np.bool_]:
    blank = cells.is_null()
    if is_text(cells.type):
        texts = pc.utf8_trim_whitespace(pc.fill_null(cells.cast(pa.string()), ""))
        blank = pc.equal(texts, "")
    return np.asarray(blank)


def _filled(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells, each empty one as the last above it that is not."""
    empty = pa.chunked_array([pa.array(_empty(cells))])
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    return pc.fill_null_forward(pc.if_else(empty, pa.scalar(None, cells.type), cells))


def _runs_on(
    columns: Mapping[str, pa.ChunkedArray], parts: Sequence[str], empty: NDArray[np.bool_]
) -> bool:
    """Whether times go on in each row without a date, in one direction for the whole log."""
    joined = join_times({name: columns[name] for name in parts})
    stamps = read_times(joined.column, joined.text, DataConfig().time).stamps
    if stamps is None:
        return False
    settled = max(
        (stamps.settled("dmy"), stamps.settled("mdy")), key=lambda each: (each.status == OK).sum()
    )
    steps = np.diff(settled.times)[empty[1:]]
    known = bool((settled.status == OK).all())
    return known and bool((steps >= 0).all() or (steps <= 0).all()) and bool((steps != 0).any())


def carried(table: Table, name: str) -> Table:
    """A table whose column of dates is carried into its empty cells, if its times run on so.

    Args:
        table: The log.
        name: The column.
    """
    if name not in table.columns or not _holds(
        {each: table.column(each) for each in table.columns}, name
    ):
        return table
    cells = table.column(name)
    count = int(_empty(cells).sum())
    table.add(name, _filled(cells))
    table.doubts.decide(
        "time",
        f"each date in {name!r} holds for the rows below it, up to the next",
        f"{count:,} of {len(cells):,} cells are empty, and the times beside them run on",
        confidence="likely",
        option="--time-column NAME",
    )
    return table

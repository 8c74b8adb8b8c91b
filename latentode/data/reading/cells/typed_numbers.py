"""Columns of values whose source has types: integers, floats, decimals, booleans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.bad_cells import BadText, Kind
from latentode.data.reading.cells.number_cells import (
    Grouping,
    Numbers,
    Rules,
    is_no_size,
    leave_out,
)
from latentode.data.reading.cells.plain_numbers import as_floats


def read_typed(column: pa.ChunkedArray, rules: Rules, grouping: Grouping) -> Numbers:
    """Read a column of a type other than text.

    Args:
        column: Cells; all but numbers and booleans are bad.
        rules: What the user said.
        grouping: Channels.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_typed(column.cast(kind.value_type), rules, grouping)
    if pa.types.is_null(kind):
        return Numbers(np.full(len(column), np.nan), np.zeros(0, dtype=np.int64))
    if not (_is_number(kind) or pa.types.is_boolean(kind)):
        return _read_no_numbers(column, rules, grouping)
    values = _as_numbers(column, rules)
    rows = np.flatnonzero(is_no_size(values))
    if not len(rows):
        return Numbers(values, rows)
    numbers, first, counts = np.unique(values[rows], return_index=True, return_counts=True)
    texts = [
        _bad_text(repr(float(number)), int(count), rows[each : each + 1], rules, grouping, "size")
        for number, each, count in zip(numbers, first, counts, strict=True)
    ]
    values[rows] = np.nan
    return Numbers(values, rows, tuple(sorted(texts, key=lambda text: text.row)))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _as_numbers(column: pa.ChunkedArray, rules: Rules) -> Float64:
    """Numbers, NaN where missing or where they are said to stand for missing."""
    kind = column.type
    if pa.types.is_decimal(kind):
        # arrow rounds a decimal twice on its way to a double, but reads its text exactly
        column = column.cast(pa.string())
    values = as_floats(column.cast(pa.float64(), safe=False))
    if not pa.types.is_boolean(kind):
        leave_out(values, rules.na)
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        narrow = kind.to_pandas_dtype()
        with np.errstate(over="ignore"):
            leave_out(values, [float(narrow(number)) for number in rules.na])
    return values


def _read_no_numbers(column: pa.ChunkedArray, rules: Rules, grouping: Grouping) -> Numbers:
    """Dates, durations, lists and the like are not readings."""
    values = np.full(len(column), np.nan)
    rows = np.flatnonzero(pc.is_valid(column).to_numpy())
    if not len(rows):
        return Numbers(values, rows)
    cell = str(column[int(rows[0])].as_py())
    text = _bad_text(cell, len(rows), rows[:1], rules, grouping, "time")
    channels = np.unique(grouping.of(rows)).tolist()
    return Numbers(values, rows, (text,), tuple(map(grouping.name, channels)))


def _bad_text(
    text: str, count: int, row: Int64, rules: Rules, grouping: Grouping, kind: Kind
) -> BadText:
    group = int(grouping.of(row)[0])
    return BadText(
        text=text,
        column=grouping.subject(group),
        channel=grouping.name(group),
        count=count,
        row=int(row[0]),
        where=rules.at(int(row[0])),
        kind=kind,
    )

"""Columns of values whose source has types: integers, floats, decimals, booleans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.reading.cells.bad_cells import BadText, kept_texts
from latentode.data.reading.cells.number_cells import Numbers, Rules, is_no_size, leave_out
from latentode.data.reading.cells.plain_numbers import as_floats


def read_typed(column: pa.ChunkedArray, rules: Rules, name: str) -> Numbers:
    """Read a column of a type other than text.

    Args:
        column: Cells; all but numbers and booleans are bad.
        rules: What the user said.
        name: Name of the column.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_typed(column.cast(kind.value_type), rules, name)
    if pa.types.is_null(kind):
        return Numbers(np.full(len(column), np.nan), np.zeros(0, dtype=np.int64))
    if not (_is_number(kind) or pa.types.is_boolean(kind)):
        return _read_no_numbers(column, rules, name)
    if pa.types.is_decimal(kind):
        # arrow rounds a decimal twice on its way to a double, but reads its text exactly
        column = column.cast(pa.string())
    values = as_floats(column.cast(pa.float64(), safe=False)).copy()
    leave_out(values, rules.na)
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        narrow = kind.to_pandas_dtype()
        with np.errstate(over="ignore"):
            leave_out(values, [float(narrow(number)) for number in rules.na])
    rows = np.flatnonzero(is_no_size(values))
    if not len(rows):
        return Numbers(values, rows)
    numbers, first, counts = np.unique(values[rows], return_index=True, return_counts=True)
    texts = [
        BadText(
            repr(float(number)),
            f"column {name!r}",
            int(count),
            int(row),
            rules.at(int(row)),
            "size",
        )
        for number, row, count in zip(numbers, rows[first], counts, strict=True)
    ]
    text_only = () if len(rows) < np.count_nonzero(~np.isnan(values)) else (name,)
    values[rows] = np.nan
    return Numbers(values, rows, kept_texts(texts), text_only)


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _read_no_numbers(column: pa.ChunkedArray, rules: Rules, name: str) -> Numbers:
    """Dates, durations, lists and the like are not readings."""
    rows = np.flatnonzero(pc.is_valid(column).to_numpy())
    if not len(rows):
        return Numbers(np.full(len(column), np.nan), rows)
    row = int(rows[0])
    text = BadText(
        str(column[row].as_py()), f"column {name!r}", len(rows), row, rules.at(row), "time"
    )
    return Numbers(np.full(len(column), np.nan), rows, (text,), (name,))

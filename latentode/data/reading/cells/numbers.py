"""Columns of values: numbers, missing values, and bad cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config.data import CellsConfig
from latentode.data.dataset import Float64
from latentode.data.reading.cells.number_cells import (
    Grouping,
    Numbers,
    Rules,
    is_no_size,
    leave_out,
)
from latentode.data.reading.cells.other_forms import read_other_forms
from latentode.data.reading.cells.plain_numbers import plain_numbers
from latentode.data.reading.cells.states import known_states
from latentode.data.reading.cells.typed_numbers import read_typed
from latentode.data.reading.formats.table import MISSING_TEXTS, as_text, is_text

__all__ = ["Numbers", "read_numbers", "sample_numbers"]


def read_numbers(
    column: pa.ChunkedArray,
    cells: CellsConfig,
    *,
    name: str,
    missing: Collection[str] = (),
    decimal: str = ".",
    groups: NDArray[np.integer] | None = None,
    group_names: Sequence[str] = (),
    at: Callable[[int], str] = "row {}".format,
) -> Numbers:
    """Read a column of values.

    Infinite values, values that overflow float32 (3.4e38) and subnormal ones (below 2.2e-308
    without being 0) are bad: a sensor does not write them, a damaged file does.

    Args:
        column: Cells as numbers, booleans or text.
        cells: What the user said of cells.
        name: Name of the column.
        missing: Spellings of a missing value, beside the usual ones and those of `cells`.
        decimal: Decimal mark of the log.
        groups: Code of the channel of each row, -1 without one; None where all are one channel.
        group_names: Name of each code.
        at: Words for where a row stands.

    Returns:
        The numbers, and what is to be said of them.
    """
    rules = Rules(
        decimal=decimal,
        said=cells.decimal,
        states=known_states(cells.states),
        censored=cells.censored,
        na=_numbers_of(cells.na or ()),
        na_texts={**cells.na_by_channel, "": cells.na or ()},
        at=at,
    )
    grouping = Grouping(name, groups, tuple(group_names))
    for channel, texts in cells.na_by_channel.items():
        column = _without(column, texts, grouping.rows_of(channel))
    found = _read(column, [*missing, *(cells.na or ())], decimal, grouping, rules)
    for channel, texts in cells.na_by_channel.items():
        # cells that are written otherwise than Python writes their numbers
        if np.any(rows := grouping.rows_of(channel)):
            leave_out(found.values, _numbers_of(texts), rows)
    return found


def _read(
    column: pa.ChunkedArray,
    missing: Collection[str],
    decimal: str,
    grouping: Grouping,
    rules: Rules,
) -> Numbers:
    if not is_text(column.type):
        return read_typed(column, rules, grouping)
    values, rest = plain_numbers(column, {*MISSING_TEXTS, *missing}, decimal)
    leave_out(values, rules.na)
    rest |= is_no_size(values)
    if not rest.any():
        return Numbers(values, np.zeros(0, dtype=np.int64))
    return read_other_forms(column, values, rest, grouping, rules)


def _without(
    column: pa.ChunkedArray, texts: Collection[str], rows: NDArray[np.bool_] | bool
) -> pa.ChunkedArray:
    """A column without some texts and numbers in some rows."""
    if not np.any(rows) or not texts:
        return column
    numbers, spelled = [*_numbers_of(texts)], set(texts)
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        numbers += [float(column.type.to_pandas_dtype()(number)) for number in numbers]
    column = column.cast(pa.string()) if is_text(column.type) else column
    distinct = column.unique()
    cells = as_text(pa.chunked_array([distinct])).cast(pa.string()).to_pylist()
    gone = [text.strip() in spelled or bool({*_numbers_of([text])} & {*numbers}) for text in cells]
    coded = pc.is_in(column, value_set=distinct.filter(pa.array(gone)), skip_nulls=True)
    missing = pa.chunked_array([pa.array(np.asarray(coded) & rows)])
    if not is_text(column.type):
        return pc.if_else(missing, pa.scalar(None, column.type), column)
    return pc.if_else(missing, "", column)


def sample_numbers(
    column: pa.ChunkedArray,
    cells: CellsConfig,
    *,
    missing: Collection[str] = (),
    decimal: str = ".",
) -> Float64:
    """Numbers of a sample of a column, NaN elsewhere; words of states are none.

    Args:
        column: As in `read_numbers`, like the others.
        cells: What the user said of cells.
        missing: Spellings of a missing value.
        decimal: Decimal mark of the log.
    """
    values = read_numbers(column, cells, name="", missing=missing, decimal=decimal).values
    if is_text(column.type):
        digits = pc.match_substring_regex(column.cast(pa.string()), "[0-9]").fill_null(False)
        values[~digits.to_numpy()] = np.nan
    return values


def _numbers_of(texts: Collection[str]) -> tuple[float, ...]:
    numbers = []
    for text in texts:
        try:
            numbers.append(float(text.strip().replace(",", ".")))
        except ValueError:
            continue
    return tuple(number for number in numbers if not np.isnan(number))

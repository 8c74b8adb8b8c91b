"""Cells of value columns: numbers, missing values, and bad cells."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.formats.table import factorize

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORDS = {"true": 1.0, "false": 0.0}
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Numbers:
    """A column of values.

    Attributes:
        values: Numbers, NaN where missing or bad, shape (row,).
        bad: Rows that hold something that is not a number, shape (bad,).
    """

    values: Float64
    bad: NDArray[np.int64]


def to_numbers(column: pd.Series, missing: Collection[str], decimal: str = ".") -> Numbers:
    """Read a column of values.

    ``True`` and ``False`` are 1 and 0. Infinite values, values that overflow float32 (3.4e38) and
    subnormal ones (below 2.2e-308 without being 0) are bad: a sensor does not write them, a damaged
    file does.

    Args:
        column: Cells as numbers, booleans or text.
        missing: Spellings of a missing value.
        decimal: Decimal mark of text cells.

    Returns:
        The numbers, and the rows that hold none.
    """
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        no_number = np.zeros(len(values), dtype=bool)
    else:
        values, no_number = _read_text(column, set(missing), decimal)
    with np.errstate(invalid="ignore"):
        size = np.abs(values)
        bad = no_number | (size > _LARGEST)
        # two comparisons of whole columns are saved where nothing is tiny
        if len(size) and np.nanmin(size, initial=1.0) < _SMALLEST:
            bad |= (size > 0) & (size < _SMALLEST)
    rows = np.flatnonzero(bad)
    return Numbers(np.where(bad, np.nan, values) if len(rows) else values, rows)


def _read_text(
    column: pd.Series, missing: set[str], decimal: str
) -> tuple[Float64, NDArray[np.bool_]]:
    """Numbers of a column of text or mixed objects, and where a cell is not a number."""
    kinds = pd.CategoricalDtype | pd.StringDtype
    if column.dtype != object and not isinstance(column.dtype, kinds):
        # dates, durations and the like are not readings
        return np.full(len(column), np.nan), column.notna().to_numpy()
    try:
        codes, uniques = factorize(column)
    except TypeError:  # lists and the like
        codes, uniques = np.arange(len(column)), column.tolist()
    parsed = [parse_cell(item, missing, decimal) for item in uniques]
    table = np.array([np.nan if item is None else item for item in parsed] + [np.nan])
    wrong = np.array([item is None for item in parsed] + [False])
    return table[codes], wrong[codes]


def parse_cell(item: object, missing: set[str], decimal: str = ".") -> float | None:
    """Read one cell: a number, NaN where it is missing, None where it is neither.

    Args:
        item: The cell.
        missing: Spellings of a missing value.
        decimal: Decimal mark of text.
    """
    if not isinstance(item, str):
        try:
            return float(item)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
    text = item.strip()
    if item in missing or text in missing:
        return np.nan
    if decimal == ",":
        text = text.replace(",", ".", 1) if "." not in text else text + "?"
    if _NUMBER.fullmatch(text):
        return float(text)
    return _WORDS.get(text.lower())


def advise(texts: Collection[str], decimal: str) -> str:
    """Say which option would make sense of bad cells."""
    commas = [text for text in texts if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text)]
    if commas and decimal == "." and len(commas) == len(texts):
        return "Pass --decimal , if the comma is a decimal mark."
    words = [text.strip() for text in texts if not re.search(r"\d", text)]
    if words:
        names = ",".join(dict.fromkeys(words))
        hint = f"Pass --na {names} if that means missing"
    elif any(re.search(r"inf|e[+-]?\d{3}", text, re.IGNORECASE) for text in texts):
        hint = "Repair the cells"
    else:
        hint = "Repair the cells, pass --decimal , or --na with what means missing"
    return f"{hint}, or --on-bad-row drop|nan."

"""Cells that are a plain number or missing, in whole columns; all else is left to other forms."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Float64

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# the other mark stands where the point stands
_PATTERNS = {".": _NUMBER, ",": _NUMBER.replace(r"\.", ",")}
_NOTHING = pa.scalar(None, pa.string())
# rows that are tried at once: one odd cell costs the slow way for as many
_BLOCK = 1 << 16
_PROBE = 64


def plain_numbers(
    column: pa.ChunkedArray, missing: Collection[str], decimal: str = "."
) -> tuple[Float64, NDArray[np.bool_]]:
    """Read the cells of a column of text that are plain numbers.

    Args:
        column: Cells, of type ``string`` or ``dictionary`` of strings, blanks around them or not.
        missing: Spellings of a missing value.
        decimal: Decimal mark.

    Returns:
        Numbers, NaN elsewhere, and True where a cell is neither a finite number nor missing, of
        shape (row,) both.
    """
    texts = pa.array(sorted({"", *missing, *(text.strip() for text in missing)}), pa.string())
    parts = [part for chunk in column.chunks for part in _parts(chunk, texts, decimal)]
    if not parts:
        return np.zeros(0), np.zeros(0, dtype=bool)
    values, rest = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(rest)


def _parts(
    chunk: pa.Array, missing: pa.Array, decimal: str
) -> Iterator[tuple[Float64, NDArray[np.bool_]]]:
    if pa.types.is_dictionary(chunk.type):
        texts = chunk.dictionary.cast(pa.string())
        yield _by_code(chunk.indices, *_block(texts, missing, decimal))
        return
    for start in range(0, len(chunk), _BLOCK):
        yield _block(chunk.slice(start, _BLOCK).cast(pa.string()), missing, decimal)


def _block(cells: pa.Array, missing: pa.Array, decimal: str) -> tuple[Float64, NDArray[np.bool_]]:
    empty = pc.is_in(cells, value_set=missing)
    filled = pc.if_else(empty, _NOTHING, cells)
    try:
        # a cast takes long where many cells fail: a few tell soon
        _cast(filled.slice(0, _PROBE), decimal)
        values = _cast(filled, decimal)
    except pa.ArrowInvalid:
        coded = filled.dictionary_encode()
        values, rest = _mixed(coded.dictionary, missing, decimal)
        return _by_code(coded.indices, values, rest)
    # words for infinite and for no number are cast as well
    return values, pc.is_valid(filled).to_numpy(zero_copy_only=False) & ~np.isfinite(values)


def _mixed(texts: pa.Array, missing: pa.Array, decimal: str) -> tuple[Float64, NDArray[np.bool_]]:
    """Texts not all of which are numbers."""
    trimmed = pc.utf8_trim_whitespace(texts)
    filled = pc.if_else(pc.is_in(trimmed, value_set=missing), _NOTHING, trimmed)
    plain = pc.match_substring_regex(filled, _PATTERNS[decimal])
    values = _cast(pc.if_else(plain, filled, _NOTHING), decimal)
    return values, pc.is_valid(filled).to_numpy(zero_copy_only=False) & ~np.isfinite(values)


def _by_code(
    codes: pa.Array, values: Float64, rest: NDArray[np.bool_]
) -> tuple[Float64, NDArray[np.bool_]]:
    """What holds for distinct texts, for the rows that have them."""
    rows = codes.cast(pa.int64()).fill_null(len(values)).to_numpy(zero_copy_only=False)
    return np.append(values, np.nan)[rows], np.append(rest, False)[rows]


def _cast(cells: pa.Array, decimal: str) -> Float64:
    """Numbers of texts, NaN for nulls.

    Raises:
        pa.ArrowInvalid: If a text is not a number.
    """
    if decimal == ",":
        if pc.any(pc.match_substring(cells, ".")).as_py():
            raise pa.ArrowInvalid("a point, where the decimal mark is a comma")
        cells = pc.replace_substring(cells, ",", ".", max_replacements=1)
    return as_floats(pc.cast(cells, pa.float64()))


def as_floats(cells: pa.Array | pa.ChunkedArray) -> Float64:
    """A column of doubles as an array of its own, NaN where missing."""
    values, start = np.empty(len(cells)), 0
    for chunk in cells.chunks if isinstance(cells, pa.ChunkedArray) else [cells]:
        values[start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
        start += len(chunk)
    return values


def parse_cell(text: str, missing: Collection[str], decimal: str = ".") -> float | None:
    """Read one cell: a number, NaN where it is missing, None where it is neither.

    Args:
        text: The cell.
        missing: Spellings of a missing value.
        decimal: Decimal mark.
    """
    stripped = text.strip()
    if text in missing or stripped in missing:
        return np.nan
    if re.fullmatch(_PATTERNS[decimal], stripped, re.ASCII):
        return float(stripped.replace(",", "."))
    return {"true": 1.0, "false": 0.0}.get(stripped.lower())

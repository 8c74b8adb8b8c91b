"""Static covariates: one value a series, numbers as they are, words one-hot."""

from __future__ import annotations

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.plain_numbers import parse_cell
from latentode.errors import DataError


def build_static(
    pairs: dict[str, set[tuple[int, str]]],
    rank: Int64,
    series_ids: tuple[str, ...],
    missing: set[str],
    source: str,
    decimal: str = ".",
) -> tuple[tuple[str, ...], Float64 | None]:
    """Build the matrix of static covariates.

    A column of words becomes a column for each word, named ``site=A``; a series without a word has
    NaN in all of them.

    Args:
        pairs: Column -> (series code, text) pairs that occur in the log.
        rank: Index of each series code in the data set, -1 where it is left out.
        series_ids: Ids of the data set.
        missing: Spellings of a missing value.
        source: Name of the log.
        decimal: Decimal mark.

    Returns:
        Names, and values of shape (series, static); None without covariates.

    Raises:
        DataError: If a covariate changes within a series.
    """
    names: list[str] = []
    columns: list[Float64] = []
    for name, seen in pairs.items():
        values = _one_each(name, seen, rank, series_ids, missing, source, decimal)
        numbers = [parse_cell(text, missing, decimal) for text in values]
        words = sorted({text for text in values if text not in missing})
        if all(number is not None for number in numbers):
            names.append(name)
            columns.append(np.array(numbers, dtype=np.float64))
            continue
        known = np.array([text not in missing for text in values])
        for word in words:
            names.append(f"{name}={word}")
            hot = np.array([text == word for text in values], dtype=np.float64)
            columns.append(np.where(known, hot, np.nan))
    return tuple(names), np.stack(columns, axis=1) if columns else None


def _one_each(
    name: str,
    seen: set[tuple[int, str]],
    rank: Int64,
    series_ids: tuple[str, ...],
    missing: set[str],
    source: str,
    decimal: str,
) -> list[str]:
    """The text of each series, "" where there is none."""
    values = [""] * len(series_ids)
    for code, text in sorted(seen):
        text = text.strip()
        if code < 0 or rank[code] < 0 or text in missing:
            continue
        index = int(rank[code])
        former = values[index]
        if former and former != text:
            pair = parse_cell(former, missing, decimal), parse_cell(text, missing, decimal)
            if pair[0] is None or pair[0] != pair[1]:
                raise DataError(
                    f"{source}: static column {name!r}: expected one value a series, got "
                    f"{former!r} and {text!r} in series {series_ids[index]!r}. Leave it out of "
                    "--static-columns, or name it in --future-columns if it is a planned input."
                )
        values[index] = text
    return values

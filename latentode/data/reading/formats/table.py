"""Rows of a log, a chunk at a time, whatever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.errors import DataError

ROWS_PER_CHUNK = 500_000
HEAD_ROWS = 1_000

#: Spellings of a missing value. Ids and channel names have none: "NA" is an id.
MISSING_TEXTS = (
    *("", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>"),
    *("null", "NULL", "Null", "None", "none", "NONE", "NaT"),
)


@dataclass(frozen=True)
class ReadPlan:
    """Which columns are needed, and as what.

    Attributes:
        text: Columns that are kept byte for byte (ids, channel names, static covariates).
        time: Time column.
        stamps: True where times are written as dates, False where they are numbers.
        numbers: Columns of values.
        missing: Spellings of a missing value in `numbers`.
        decimal: Decimal mark.
    """

    text: tuple[str, ...]
    time: str
    stamps: bool
    numbers: tuple[str, ...]
    missing: tuple[str, ...] = MISSING_TEXTS
    decimal: str = "."


class Chunk(Protocol):
    """Some consecutive rows."""

    @property
    def lines(self) -> Int64:
        """Line (of a file, from 1) or row (of a frame, from 0) of each row."""

    def text(self, name: str) -> pd.Series:
        """A column as strings, byte for byte; a missing cell is empty."""

    def column(self, name: str) -> pd.Series:
        """A column with the type in which it came or was parsed."""

    def fixed_width(self, name: str) -> NDArray[np.uint8] | None:
        """Bytes of a column, shape (row, width); None unless all its cells have one width."""


class Table(Protocol):
    """A log that is opened.

    Attributes:
        name: How messages call it.
        stem: Id of the series where the log names none.
        place: "line" or "row": what the numbers of `Chunk.lines` count.
        columns: Column names, distinct.
        head: First rows, as `Chunk.column` gives them.
        decimal: Decimal mark that was configured or found.
        notes: Decisions in words; complete only after the chunks are read.
        ragged: (line, number of fields) of each row that was left out for a wrong number of fields.
    """

    name: str
    stem: str
    place: str
    decimal: str
    notes: list[str]
    ragged: list[tuple[int, int]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names."""

    @property
    def head(self) -> pd.DataFrame:
        """First rows."""

    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:
        """Makers of chunks in the order of the log; each may be called on a thread of its own."""


def refuse_ragged(table: Table) -> None:
    """Refuse a table, all of whose chunks were read, that has rows of another length.

    Raises:
        DataError: With the first of them.
    """
    if table.ragged:
        line, fields = min(table.ragged)
        raise DataError(
            f"{table.name}: line {line}: got {fields} fields, unlike the header. Repair it."
        )


def factorize(texts: pd.Series) -> tuple[NDArray[np.int64], Sequence[str]]:
    """Codes of a column of strings, and the string of each code."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        return texts.cat.codes.to_numpy().astype(np.int64), texts.cat.categories.tolist()
    codes, uniques = pd.factorize(texts)
    return codes, list(uniques)

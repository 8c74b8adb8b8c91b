"""Rows of a log, a chunk at a time, whatever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
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


@dataclass
class FrameChunk:
    """Rows of a data frame.

    Attributes:
        frame: The rows.
        lines: Line or row number of each.
    """

    frame: pd.DataFrame
    lines: Int64

    def text(self, name: str) -> pd.Series:
        """See `Chunk.text`."""
        return as_text(self.frame[name])

    def column(self, name: str) -> pd.Series:
        """See `Chunk.column`."""
        return self.frame[name]

    def fixed_width(self, name: str) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """A frame keeps no bytes."""
        return None


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


@dataclass
class FrameTable:
    """A data frame, or a small table that was read as text.

    Attributes:
        frame: All rows.
        name: See `Table`.
        stem: See `Table`.
        place: See `Table`.
        lines: Line of each row; None counts rows from 0.
        decimal: See `Table`.
        notes: See `Table`.
        ragged: See `Table`.
    """

    frame: pd.DataFrame
    name: str = "DataFrame"
    stem: str = "series"
    place: str = "row"
    lines: Int64 | None = None
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    ragged: list[tuple[int, int]] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """See `Table`."""
        return tuple(self.frame.columns)

    @property
    def head(self) -> pd.DataFrame:
        """See `Table`."""
        return self.frame.iloc[:HEAD_ROWS]

    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:  # noqa: ARG002
        """See `Table`."""
        lines = np.arange(len(self.frame)) if self.lines is None else self.lines
        for start in range(0, len(self.frame), ROWS_PER_CHUNK):
            rows = slice(start, start + ROWS_PER_CHUNK)
            yield partial(FrameChunk, self.frame.iloc[rows], lines[rows])


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


def as_text(column: pd.Series) -> pd.Series:
    """Write a column as strings, as a CSV file would hold them; missing cells are empty.

    Whole numbers have no decimal point, so that the id 7 is "7" in a frame as in a file, also
    where a missing cell turned the column into floats.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [*as_text(pd.Series(column.cat.categories)).tolist(), ""]
        return pd.Series(np.array(names, dtype=object)[column.cat.codes.to_numpy()])
    if isinstance(column.dtype, pd.StringDtype):
        return column.fillna("")
    codes, uniques = pd.factorize(column.to_numpy(dtype=object), use_na_sentinel=True)
    texts = np.array([_cell_text(item) for item in uniques] + [""], dtype=object)
    return pd.Series(texts[codes], dtype=object)


def _cell_text(item: object) -> str:
    if isinstance(item, float | np.floating) and float(item).is_integer():
        return str(int(item))
    return item.isoformat() if hasattr(item, "isoformat") else str(item)


def factorize(texts: pd.Series) -> tuple[NDArray[np.int64], Sequence[str]]:
    """Codes of a column of strings, and the string of each code."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        return texts.cat.codes.to_numpy().astype(np.int64), texts.cat.categories.tolist()
    codes, uniques = pd.factorize(texts)
    return codes, list(uniques)

"""Logs in data frames, and small tables that were read as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.formats.table import HEAD_ROWS, ROWS_PER_CHUNK, Chunk, ReadPlan
from latentode.errors import DataError


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


def _from_frame(frame: pd.DataFrame) -> FrameTable:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError("DataFrame: expected one level of column names, got a MultiIndex.")
    named = [name for name in frame.index.names if name is not None]
    if named or isinstance(frame.index, pd.DatetimeIndex):
        names: Any = [
            name if name is not None else f"index{level or ''}"
            for level, name in enumerate(frame.index.names)
        ]
        frame = frame.rename_axis(index=names).reset_index()
    frame = frame.rename(columns=str)
    if not len(frame):
        raise DataError("no data rows in the DataFrame. Give a log with readings.")
    return FrameTable(frame.reset_index(drop=True))

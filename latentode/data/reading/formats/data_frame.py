"""Logs in data frames, and small tables that were read as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode.data.dataset import Int64
from latentode.data.reading.formats.table import (
    HEAD_ROWS,
    ROWS_PER_CHUNK,
    Chunk,
    Format,
    LogSource,
    ReadPlan,
    Table,
)
from latentode.errors import DataError


@dataclass
class FrameChunk(Chunk):
    """Rows of a data frame.

    Attributes:
        frame: The rows.
        lines: Line or row number of each.
    """

    frame: pd.DataFrame
    lines: Int64

    def text(self, name: str) -> pd.Series:
        """A column as a CSV file would hold it."""
        return as_text(self.frame[name])

    def column(self, name: str) -> pd.Series:
        """A column as it is."""
        return self.frame[name]


class FrameTable(Table):
    """A data frame, or a small table that was read as text.

    Attributes:
        frame: All rows.
        lines: Line of each row; of a data frame, its number from 0.
    """

    def __init__(
        self, frame: pd.DataFrame, path: Path | None = None, lines: Int64 | None = None
    ) -> None:
        super().__init__(path)
        self.frame = frame
        self.columns = tuple(frame.columns)
        self.head = frame.iloc[:HEAD_ROWS]
        self.line_word = "row" if lines is None else "line"
        self.lines: Int64 = np.arange(len(frame)) if lines is None else lines

    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:  # noqa: ARG002
        """Slices of the frame."""
        for start in range(0, len(self.frame), ROWS_PER_CHUNK):
            rows = slice(start, start + ROWS_PER_CHUNK)
            yield partial(FrameChunk, self.frame.iloc[rows], self.lines[rows])


class DataFrameFormat(Format):
    """A pandas data frame; a named index is a column like others."""

    name = "pandas data frame"
    rank = 0

    def can_open(self, source: LogSource) -> bool:
        """Whether it is a data frame, and no file."""
        return isinstance(source.log, pd.DataFrame)

    def open(self, source: LogSource) -> Table:
        """Turn the index into columns; the frame of the caller stays as it is."""
        assert isinstance(source.log, pd.DataFrame), "only data frames are opened here"
        return FrameTable(_with_index_as_columns(source.log))


FORMAT = DataFrameFormat()


def _with_index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(
            "DataFrame: expected one level of column names, got a MultiIndex. "
            "Join the levels of each name."
        )
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
    return frame.reset_index(drop=True)


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

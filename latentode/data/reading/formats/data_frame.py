"""Logs in data frames."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from latentode.data.reading.formats.table import Format, LogSource, Table
from latentode.errors import DataError


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
        return frame_table(_with_index_as_columns(source.log))


FORMAT = DataFrameFormat()


def frame_table(frame: pd.DataFrame) -> Table:
    """A data frame as a table; names of columns are written as text.

    Raises:
        DataError: If it has no rows.
    """
    if frame.columns.has_duplicates:
        double = frame.columns[frame.columns.duplicated()][0]
        raise DataError(
            f"DataFrame: expected distinct column names, got {double!r} "
            f"{int((frame.columns == double).sum())} times. Rename one of them."
        )
    return Table({str(name): _arrow(frame[name]) for name in frame.columns})


def _with_index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(
            "DataFrame: expected one level of column names, got a MultiIndex. "
            "Join the levels of each name."
        )
    named = [name for name in frame.index.names if name is not None]
    if named or isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        names: Any = [
            name if name is not None else f"index{level or ''}"
            for level, name in enumerate(frame.index.names)
        ]
        frame = frame.rename_axis(index=names).reset_index()
    frame = frame.rename(columns=str)
    if not len(frame):
        raise DataError("no data rows in the DataFrame. Give a log with readings.")
    return frame.reset_index(drop=True)


def _arrow(column: pd.Series) -> pa.ChunkedArray:
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    try:
        cells = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # cells of several types, or of none that arrow knows: as a file would hold them
        codes, distinct = _distinct(column)
        texts = ["" if _is_missing(item) else _written(item) for item in distinct]
        cells = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts))
    return cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])


def _distinct(column: pd.Series) -> tuple[Any, list[object]]:
    cells = column.to_numpy(dtype=object)
    try:
        codes, distinct = pd.factorize(cells, use_na_sentinel=False)
        # 1, 1.0 and True are one key, but three texts
        if len({(type(item), item) for item in cells.tolist()}) == len(distinct):
            return codes, distinct.tolist()
    except TypeError:  # lists and the like
        pass
    return range(len(cells)), cells.tolist()


def _is_missing(item: object) -> bool:
    missing = pd.isna(item)  # type: ignore[call-overload]
    return missing if isinstance(missing, bool) else False


def _written(item: object) -> str:
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    return item.isoformat() if hasattr(item, "isoformat") else str(item)

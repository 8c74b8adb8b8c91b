"""Opening a log: CSV, packed CSV, annotated CSV, Parquet or a data frame."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode.config import DataConfig
from latentode.data.reading.formats.csv_table import CsvTable, check_distinct
from latentode.data.reading.formats.table import (
    HEAD_ROWS,
    ROWS_PER_CHUNK,
    Chunk,
    FrameChunk,
    FrameTable,
    ReadPlan,
)
from latentode.data.reading.formats.table import Table as Table
from latentode.data.reading.formats.text_blocks import kind_of, read_blocks
from latentode.errors import DataError, ResourceError

#: Columns that InfluxDB adds itself; all others are tags.
INFLUX_OWN = frozenset(
    {"result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"}
)


def open_table(source: str | os.PathLike[str] | pd.DataFrame, config: DataConfig) -> Table:
    """Open a log.

    Args:
        source: File, or data frame.
        config: How it is read.

    Returns:
        The table, its rows not read yet.

    Raises:
        DataError: If it cannot be opened, is empty, or has a column name twice.
        ResourceError: If it has more columns than ``max_channels`` allows.
    """
    table = _open(source, config)
    check_distinct(table.columns, table.name)
    if len(table.columns) > config.max_channels + 50:
        raise ResourceError(
            f"{table.name}: expected at most {config.max_channels} channels, got "
            f"{len(table.columns)} columns. Raise --max-channels, or choose some with --channels."
        )
    return table


def _open(source: str | os.PathLike[str] | pd.DataFrame, config: DataConfig) -> Table:
    if isinstance(source, pd.DataFrame):
        return _from_frame(source)
    path = Path(source)
    kind = kind_of(path)
    if kind == "parquet":
        return ParquetTable(path)
    if config.layout == "influx" or (config.layout == "auto" and _is_annotated(path, config)):
        return read_annotated(path, config)
    return CsvTable(path, config.cells)


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


def _is_annotated(path: Path, config: DataConfig) -> bool:
    block = next(read_blocks(path, config.cells.encoding, []), None)
    start = "" if block is None else block.data[:4096].decode(errors="ignore").lstrip()
    return start.startswith(("#group", "#datatype", "#default"))


def read_annotated(path: Path, config: DataConfig) -> FrameTable:
    """Read InfluxDB annotated CSV: rows of ``#`` skipped, a new header after every blank line.

    Args:
        path: File.
        config: How it is read.

    Returns:
        All its tables under one another, as text; a column that a table lacks is empty there.

    Raises:
        DataError: If it holds no rows, or a row with a wrong number of fields.
    """
    notes: list[str] = []
    blocks = read_blocks(path, config.cells.encoding, notes)
    text = b"".join(block.data for block in blocks).decode()
    table = FrameTable(pd.DataFrame(), str(path), path.name.split(".")[0], "line", notes=notes)
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    header: list[str] | None = None
    reader = csv.reader(io.StringIO(text, newline=""))
    for row in reader:
        if not row or row[0].startswith("#"):
            header = None
        elif header is None:
            header = [name.strip() for name in row]
            check_distinct([name for name in header if name], table.name)
            for name in header:
                columns.setdefault(name, [""] * len(lines))
        elif len(row) != len(header):
            table.ragged.append((reader.line_num, len(row)))
        else:
            cells = dict(zip(header, row, strict=True))
            for name, column in columns.items():
                column.append(cells.get(name, ""))
            lines.append(reader.line_num)
    columns.pop("", None)
    if not lines:
        raise DataError(f"no data rows in {path}. Give a log with a header and readings.")
    frame = pd.DataFrame(columns, dtype=object)
    table.frame = _name_fields(frame)
    table.lines = np.array(lines, dtype=np.int64)
    return table


def _name_fields(frame: pd.DataFrame) -> pd.DataFrame:
    """Tell fields of one name in several measurements apart, where tags make the series."""
    if not {"_measurement", "_field"} <= set(frame.columns) or set(frame.columns) <= INFLUX_OWN:
        return frame
    pairs = frame[["_measurement", "_field"]].drop_duplicates()
    if not pairs["_field"].duplicated().any():
        return frame
    return frame.assign(_field=frame["_measurement"] + "." + frame["_field"])


@dataclass
class ParquetTable:
    """A Parquet file; see `Table` for the attributes that tables share.

    Attributes:
        path: File.
        name: See `Table`.
        stem: See `Table`.
        place: See `Table`.
        columns: See `Table`.
        decimal: See `Table`.
        head: See `Table`.
        notes: See `Table`.
        ragged: See `Table`.
    """

    path: Path
    name: str = ""
    stem: str = ""
    place: str = "row"
    columns: tuple[str, ...] = ()
    decimal: str = "."
    head: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[str] = field(default_factory=list)
    ragged: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = str(self.path)
        self.stem = self.path.name.split(".")[0] or "series"
        self.columns = tuple(self._open().schema_arrow.names)
        check_distinct(self.columns, self.name)
        first = next(self._frames(HEAD_ROWS), None)
        if first is None or not len(first):
            raise DataError(f"no data rows in {self.path}. Give a log with readings.")
        self.head = first

    def _open(self) -> Any:
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise DataError(
                f"{self.path}: reading Parquet needs pyarrow. Type: pip install "
                "'latentode[parquet]'"
            ) from None
        try:
            return parquet.ParquetFile(self.path)
        except (ArrowException, OSError) as error:
            raise DataError(f"{self.path}: the Parquet file is damaged ({error}).") from None

    def _frames(self, rows: int) -> Iterator[pd.DataFrame]:
        try:
            for batch in self._open().iter_batches(batch_size=rows):
                # columns by position: the index that pandas may have stored is a column here
                yield batch.to_pandas(ignore_metadata=True)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: the Parquet file is damaged ({error}).") from None

    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:  # noqa: ARG002
        """See `Table`."""
        start = 0
        for frame in self._frames(ROWS_PER_CHUNK):
            yield partial(FrameChunk, frame, np.arange(start, start + len(frame)))
            start += len(frame)

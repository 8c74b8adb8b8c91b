"""Logs in Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode.data.reading.formats.data_frame import FrameChunk
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


class ParquetFormat(Format):
    """Parquet, by pyarrow: an optional package, imported where a file of this kind is opened."""

    name = "Parquet"
    rank = 10

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins as every Parquet file does."""
        return source.start.startswith(b"PAR1")

    def open(self, source: LogSource) -> Table:
        """Read the schema and the first rows."""
        return ParquetTable(source.path)


FORMAT = ParquetFormat()


class ParquetTable(Table):
    """A Parquet file.

    Attributes:
        path: File.
    """

    line_word = "row"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.columns = tuple(self._open().schema_arrow.names)
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
        """Batches of rows, in the order of the file."""
        start = 0
        for frame in self._frames(ROWS_PER_CHUNK):
            yield partial(FrameChunk, frame, np.arange(start, start + len(frame)))
            start += len(frame)

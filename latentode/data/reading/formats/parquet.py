"""Logs in Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode.data.reading.formats.csv_table import check_distinct
from latentode.data.reading.formats.data_frame import FrameChunk
from latentode.data.reading.formats.table import HEAD_ROWS, ROWS_PER_CHUNK, Chunk, ReadPlan
from latentode.errors import DataError


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

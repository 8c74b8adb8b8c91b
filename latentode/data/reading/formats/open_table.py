"""Opening a log: CSV, packed CSV, annotated CSV, Parquet or a data frame."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from latentode.config import DataConfig
from latentode.data.reading.formats.csv_table import CsvTable, check_distinct
from latentode.data.reading.formats.data_frame import _from_frame
from latentode.data.reading.formats.influx import _is_annotated, read_annotated
from latentode.data.reading.formats.parquet import ParquetTable
from latentode.data.reading.formats.table import Table as Table
from latentode.data.reading.formats.text_blocks import kind_of
from latentode.errors import ResourceError


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

"""Logs in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from latentode.data.reading.formats.table import Format, LogSource, Table, check_distinct
from latentode.errors import DataError

_US = pa.timestamp("us")
_CELL = 16  # bytes, about, of a cell while it is read


class ParquetFormat(Format):
    """Parquet: columns with the types that the file gives them; text is read coded."""

    name = "Parquet"
    rank = 10

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins as every Parquet file does."""
        return source.start.startswith(b"PAR1")

    def open(self, source: LogSource) -> Table:
        """Read all columns; an index that pandas stored is a column like others.

        Raises:
            DataError: If the file is damaged, or has no rows.
        """
        path = source.path
        with _damage_told(path):
            with parquet.ParquetFile(path, read_dictionary=_texts(path)) as file:
                data = file.read(use_threads=True)
                old = _old_stamps(file)
            data.validate(full=True)  # texts and codes of a damaged file may be none
            columns = {name: data.column(name) for name in data.column_names}
            columns |= _far_stamps(path, old, columns)
        return Table(columns, path)

    def weight(self, source: LogSource) -> int:
        """Bytes of all cells as numbers."""
        with _damage_told(source.path):
            facts = parquet.read_metadata(source.path)
        return int(facts.num_rows * facts.num_columns * _CELL)

    def blocks(self, source: LogSource, size: int) -> Iterator[Table]:
        """Read some rows after others; old stamps of Spark only all at once."""
        path, first = source.path, 0
        with (
            _damage_told(path),
            parquet.ParquetFile(path, read_dictionary=_texts(path)) as file,
        ):
            if _old_stamps(file):
                yield self.open(source)
                return
            rows = max(1, size // (_CELL * max(1, file.metadata.num_columns)))
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                data = pa.Table.from_batches([batch])
                data.validate(full=True)
                table = Table({name: data.column(name) for name in data.column_names}, path)
                table.lines = np.arange(first, first + table.num_rows)
                table.weight = table.num_rows * _CELL * len(table.columns)
                first += table.num_rows
                yield table
                del batch, data, table  # not to be held beside the next ones


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the Parquet file is damaged ({error}).") from None


def _texts(path: Path) -> list[str]:
    """Columns of text, which are read coded."""
    with parquet.ParquetFile(path) as file:
        check_distinct(file.schema_arrow.names, str(path))
        return [
            field.name
            for field in file.schema_arrow
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]


FORMAT = ParquetFormat()


def _old_stamps(file: parquet.ParquetFile) -> list[str]:
    """Columns of INT96 stamps, of days and nanoseconds, which Spark and Impala wrote."""
    fields = [file.schema.column(place) for place in range(len(file.schema))]
    return [each.path for each in fields if each.physical_type == "INT96" and "." not in each.path]


def _far_stamps(
    path: Path, names: Sequence[str], columns: Mapping[str, pa.ChunkedArray]
) -> dict[str, pa.ChunkedArray]:
    """Those of some INT96 columns that 64 bits of nanoseconds do not hold, in microseconds."""
    if not names:
        return {}
    coarse = parquet.read_table(path, columns=list(names), coerce_int96_timestamp_unit="us")
    return {
        name: coarse.column(name)
        for name in names
        # beyond 1677 to 2262 nanoseconds turn over without a word
        if pc.any(pc.not_equal(columns[name].cast(_US, safe=False), coarse.column(name))).as_py()
    }

"""Logs in Parquet files."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import parquet

from latentode.data.reading.formats.table import Format, LogSource, Table, check_distinct
from latentode.errors import DataError


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
        try:
            with parquet.ParquetFile(path) as file:
                check_distinct(file.schema_arrow.names, str(path))
                texts = [
                    field.name
                    for field in file.schema_arrow
                    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
                ]
            with parquet.ParquetFile(path, read_dictionary=texts) as file:
                data = file.read(use_threads=True)
            data.validate(full=True)  # texts and codes of a damaged file may be none
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path}: the Parquet file is damaged ({error}).") from None
        return Table({name: data.column(name) for name in data.column_names}, path)


FORMAT = ParquetFormat()

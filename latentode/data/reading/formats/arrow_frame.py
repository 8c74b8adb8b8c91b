"""Logs in frames of other libraries than pandas."""

from __future__ import annotations

import pandas as pd

from latentode.data.reading.formats.arrow_file import typed_table
from latentode.data.reading.formats.frames import as_arrow, is_frame
from latentode.data.reading.formats.table import Format, LogSource, Table


class ArrowFrameFormat(Format):
    """A frame of Polars, DuckDB, pyarrow or another library that speaks Arrow."""

    name = "frame of Polars, DuckDB or pyarrow"
    rank = 1

    def can_open(self, source: LogSource) -> bool:
        """Whether it speaks Arrow, and is no frame of pandas, which does too."""
        return is_frame(source.log) and not isinstance(source.log, pd.DataFrame)

    def open(self, source: LogSource) -> Table:
        """Take its columns; those of lists, records or bytes are left out and said.

        Raises:
            DataError: If it is a single column, has no rows, or has a type unknown to Arrow.
        """
        return typed_table(as_arrow(source.log))


FORMAT = ArrowFrameFormat()

"""Frames of rows, of pandas or of any library that hands its columns on as Arrow does.

Polars, DuckDB, pyarrow, Ibis, Modin and others do so by one method, the Arrow PyCapsule interface,
so that none of them is needed here.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol, runtime_checkable

import pandas as pd
import pyarrow as pa

from latentode.errors import DataError


@runtime_checkable
class ArrowFrame(Protocol):
    """A frame that hands on its columns as Arrow does: of Polars, DuckDB, pyarrow and others.

    Reference:
        The Arrow PyCapsule interface,
        https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A stream of record batches."""


#: Frames of rows: of pandas, or of any library that speaks Arrow.
Frame = pd.DataFrame | ArrowFrame


def is_frame(source: object) -> bool:
    """Whether something is a frame, of pandas or of another library."""
    return isinstance(source, pd.DataFrame | ArrowFrame) or _is_lazy(source)


def held(source: Any) -> Any:
    """A frame that can be read more than once; anything else as it is.

    A reader of record batches gives its rows once, and a lazy frame computes them each time.

    Args:
        source: A frame, file or anything else.

    Raises:
        DataError: If it is no frame of columns.

    Example:
        >>> import pyarrow as pa
        >>> log = pa.table({"time": [1, 2], "flow": [0.5, 0.7]})
        >>> held(log.to_reader()).num_rows
        2
    """
    is_table = isinstance(source, pd.DataFrame | pa.Table)
    return source if is_table or not is_frame(source) else as_arrow(source)


def as_arrow(source: Any) -> pa.Table:
    """The columns of a frame that speaks Arrow; numbers, dates and times are not copied.

    Args:
        source: The frame. A lazy one of Polars is collected.

    Raises:
        DataError: If it is a single column, has a type that Arrow does not know, or cannot be
            collected.
    """
    frame = _collected(source) if _is_lazy(source) else source
    try:
        return pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        kind = f"{type(source).__module__.partition('.')[0]} {type(source).__name__}"
        raise DataError(
            f"{kind}: expected a frame of columns whose types Arrow has, got another ({error}). "
            "Give a frame with a column of times, and cast what is no number, text or time."
        ) from None


def _collected(source: Any) -> Any:
    polars = sys.modules["polars"]
    try:
        return source.collect()
    except (polars.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]  # what follows is the whole plan
        raise DataError(
            f"polars LazyFrame: expected one that can be collected, got an error ({said}). Collect "
            "it on its own, and mend it."
        ) from None


def _is_lazy(source: object) -> bool:
    polars = sys.modules.get("polars")  # no frame is of it, unless the caller imported it
    return polars is not None and isinstance(source, polars.LazyFrame)

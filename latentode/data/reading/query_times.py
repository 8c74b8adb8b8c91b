"""Times at which predictions are wanted, on the clock of the log they are for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig, LatentODEConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.keyed_rows import KeyedRows, Source, read_rows
from latentode.errors import DataError


def read_query_times(
    source: Source,
    *,
    series_ids: Sequence[str],
    clock: Clock,
    config: DataConfig | None = None,
) -> tuple[Int64, Int64]:
    """Read the times at which predictions are wanted.

    Args:
        source: File or data frame with a column of times, and one of ids unless there is one
            series. Times may repeat and come in any order, which is kept; see
            `latentode.data.reading.keyed_rows.read_rows` for bad rows.
        series_ids: Ids of the data set.
        clock: Clock of the data set; times are read on it.
        config: How the log was read; its column names count where the source has them.

    Returns:
        Series index and time in nanoseconds of each query, shape (query,) each.

    Raises:
        DataError: If an id is unknown, or a cell holds no time of this clock; with the line.
    """
    rows = read_rows(source, config or LatentODEConfig().data, clock=clock, series_ids=series_ids)
    index = rows.index(series_ids)
    refuse_unknown(rows, index, series_ids)
    return index, rows.times


def refuse_unknown(rows: KeyedRows, index: Int64, series_ids: Sequence[str]) -> None:
    """Refuse rows of series that a log does not have.

    Args:
        rows: The rows.
        index: What `KeyedRows.index` gave.
        series_ids: Ids of the log.

    Raises:
        DataError: If there is one, with its line and the nearest id.
    """
    unknown = np.flatnonzero(index < 0)
    if len(unknown):
        name = rows.series_ids[rows.series[unknown[0]]]
        near = difflib.get_close_matches(name, series_ids, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(series_ids[:8]) + (", ..." if len(series_ids) > 8 else "")
        raise DataError(
            f"{rows.at(unknown[0])}: no series {name!r} in the log. {hint}There are: {shown}."
        )

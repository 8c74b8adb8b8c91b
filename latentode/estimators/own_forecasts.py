"""Forecasts made elsewhere, as they are read from a file or frame."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentode.config import DataConfig
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.reading.formats.table import RenamedTable, Table
from latentode.data.reading.keyed_rows import Source, open_rows, read_rows
from latentode.errors import DataError, LatentODEWarning

_QUANTILE = re.compile(r"q(0?\.\d+)")
_MEDIAN = 0.5  # the level that stands for a value
_COLUMNS = "id, origin, time, channel, and value or quantiles such as q0.05, q0.5, q0.95"


@dataclass(frozen=True, eq=False)
class OwnForecasts:
    """Forecasts made elsewhere, a row each.

    Attributes:
        table: Where they stand.
        series: Series of each in the log, -1 for none, shape (row,).
        origins: Nanoseconds, shape (row,).
        times: Nanoseconds, shape (row,).
        channels: Name of the channel of each, shape (row,).
        are_timed: Rows whose times could be read, shape (row,).
        points: Value or median, NaN where there is none, shape (row,).
        levels: Probabilities of the quantiles; empty where there are none.
        quantiles: Shape (level, row).
    """

    table: Table
    series: Int64
    origins: Int64
    times: Int64
    channels: np.ndarray
    are_timed: np.ndarray
    points: Float64
    levels: tuple[float, ...]
    quantiles: Float64

    @classmethod
    def read(cls, source: Source, dataset: TimeSeriesDataset, config: DataConfig) -> OwnForecasts:
        """Read a file or frame.

        Args:
            source: Columns id (or that of the log; none where the log is one series), origin, time,
                channel, and value or quantiles.
            dataset: The log, on whose clock times are.
            config: How the log was read.

        Raises:
            DataError: If a column is absent, or its times cannot be read.
        """
        table = open_rows(source, config)
        levels = {name: float(m[1]) for name in table.columns if (m := _QUANTILE.fullmatch(name))}
        identity = [name for name in (config.columns.id, "id") if name in table.columns][:1]
        _check_columns(table, levels.values(), is_named=bool(identity) or len(dataset) == 1)
        with _said_once():
            series, origins, has_origin = _timed(table, identity, "origin", dataset, config)
            _, times, has_time = _timed(table, identity, "time", dataset, config)
        ordered = sorted(levels, key=lambda name: levels[name])
        quantiles = np.array([_numbers(table, name) for name in ordered])
        median = next((name for name in ordered if levels[name] == _MEDIAN), "value")
        own = cls(
            table,
            series,
            origins,
            times,
            np.array(table.text("channel").to_pylist(), dtype=object),
            has_origin & has_time,
            _numbers(table, "value" if "value" in table.columns else median),
            tuple(levels[name] for name in ordered),
            quantiles.reshape(len(ordered), table.num_rows),
        )
        own._check_order()
        return own

    def at(self, row: int) -> str:
        """Where a row stands, for a message."""
        return f"{self.table.name}: {self.table.at(row)}"

    def _check_order(self) -> None:
        falling = np.flatnonzero((np.diff(self.quantiles, axis=0) < 0).any(axis=0))
        if len(falling):
            raise DataError(
                f"{self.at(falling[0])}: expected quantiles that do not fall from one level "
                f"to the next, got {self.quantiles[:, falling[0]].tolist()}. Sort them."
            )

    @property
    def are_numbers(self) -> np.ndarray:
        """Rows in which nothing is missing, shape (row,)."""
        return np.isfinite(self.points) & np.isfinite(self.quantiles).all(axis=0)


def _check_columns(table: Table, levels: Collection[float], *, is_named: bool) -> None:
    absent = [] if is_named else ["id"]
    absent += [name for name in ("origin", "time", "channel") if name not in table.columns]
    if "value" not in table.columns and _MEDIAN not in levels:
        absent.append("value (or q0.5)")
    if absent:
        raise DataError(
            f"{table.name}: expected columns {_COLUMNS}, got {', '.join(table.columns)}. "
            f"Add {', '.join(absent)}."
        )


@contextmanager
def _said_once() -> Iterator[None]:
    """Let what is said of a table that is read twice be said once."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", LatentODEWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in said):
        warnings.warn(text, LatentODEWarning, stacklevel=6)


def _timed(
    table: Table, identity: list[str], time: str, dataset: TimeSeriesDataset, config: DataConfig
) -> tuple[Int64, Int64, np.ndarray]:
    """Series and time of each row by one of its columns, and whether they can be read."""
    own = {"id": identity[0] if identity else None, "time": time}
    columns = config.columns.model_copy(update=own)
    cells = config.cells.model_copy(update={"on_bad_row": "drop", "max_bad": 1.0})
    rows = read_rows(
        RenamedTable(table, {name: name for name in (*identity, time)}),
        config.model_copy(update={"columns": columns, "cells": cells}),
        clock=dataset.clock,
        series_ids=dataset.series_ids,
    )
    place = np.searchsorted(table.lines, rows.lines)
    series, times = np.full(table.num_rows, -1), np.zeros(table.num_rows, np.int64)
    series[place], times[place] = rows.index(dataset.series_ids), rows.times
    return series, times, np.isin(np.arange(table.num_rows), place)


def _numbers(table: Table, name: str) -> Float64:
    cells = pd.Series(table.text(name).to_pylist(), dtype=object)
    if table.decimal != ".":
        cells = cells.str.replace(table.decimal, ".", regex=False)
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)

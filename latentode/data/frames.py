"""From data sets and nanoseconds back to tables with the log's own time stamps."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64, TimeSeriesDataset
from latentode.errors import ConfigError


def to_timestamps(times: Int64, clock: Clock) -> pd.Index:
    """Write times as the log's clock does.

    Args:
        times: Nanoseconds, shape (row,).
        clock: Clock of the times.

    Returns:
        ``datetime64[ns, UTC]`` where the zone is known, ``datetime64[ns]`` (naive wall clock) where
        the log names none, and numbers in ``clock.unit`` for an elapsed clock: int64 for "ns",
        float64 for other units, exact to the nanosecond up to 26 days.
    """
    if clock.kind == "calendar":
        stamps = pd.DatetimeIndex(np.asarray(times, dtype=np.int64).view("datetime64[ns]"))
        return stamps if clock.zone is None else stamps.tz_localize("UTC")
    scale = NS_PER_UNIT[clock.unit]
    return pd.Index(times if scale == 1 else np.asarray(times, dtype=np.float64) / scale)


def to_frame(
    dataset: TimeSeriesDataset,
    layout: Literal["wide", "long"] = "wide",
    *,
    id_column: str = "series",
    time_column: str = "time",
    channel_column: str = "channel",
    value_column: str = "value",
) -> pd.DataFrame:
    """Write the readings of a data set as a table, sorted by series and time.

    Known inputs and static covariates are left out. A series without readings has no rows.

    Args:
        dataset: Source.
        layout: "wide": one row per time stamp, one column per channel, NaN where it was not
            read; "long": one row per reading.
        id_column: Name of the column of series ids (strings).
        time_column: Name of the column of time stamps; see `to_timestamps`.
        channel_column: Long layout: name of the column of channel names.
        value_column: Long layout: name of the column of values.

    Returns:
        The table, with a plain integer index.

    Raises:
        ConfigError: If `layout` is unknown, or a column would appear twice.
    """
    if layout not in ("wide", "long"):
        raise ConfigError(f'layout: expected "wide" or "long", got {layout!r}.')
    keys = [id_column, time_column]
    columns = keys + ([*dataset.channels] if layout == "wide" else [channel_column, value_column])
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise ConfigError(
            f"columns: expected each name once, got {', '.join(map(repr, repeated))} twice. "
            "Choose another id_column or time_column."
        )
    return _wide(dataset, keys) if layout == "wide" else _long(dataset, columns)


def _wide(dataset: TimeSeriesDataset, keys: list[str]) -> pd.DataFrame:
    readings = dataset.readings
    frame = pd.DataFrame(readings.dense(slice(0, readings.num_rows)), columns=[*dataset.channels])
    frame.insert(0, keys[0], np.array(dataset.series_ids, dtype=object)[readings.row_series()])
    frame.insert(1, keys[1], to_timestamps(readings.times, dataset.clock))
    return frame


def _long(dataset: TimeSeriesDataset, columns: list[str]) -> pd.DataFrame:
    readings = dataset.readings
    rows = readings.reading_rows()
    names = np.array(dataset.channels, dtype=object)
    return pd.DataFrame(
        {
            columns[0]: np.array(dataset.series_ids, dtype=object)[readings.row_series()[rows]],
            columns[1]: to_timestamps(readings.times[rows], dataset.clock),
            columns[2]: names[readings.channel_index],
            columns[3]: readings.values,
        }
    )

"""Predictions as a long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentode.data.dataset import Clock, Int64
from latentode.results.dataset import DEFAULT_QUANTILES, summarize, time_coordinate
from latentode.results.scenarios import by_scenario


@by_scenario
def to_frame(dataset: xr.Dataset, quantiles: Sequence[float] = DEFAULT_QUANTILES) -> pd.DataFrame:
    """Lay a prediction out with one row for each series, time and channel.

    Args:
        dataset: Result of `to_dataset`.
        quantiles: Levels between 0 and 1.

    Returns:
        Columns series, time, channel (or latent), mean, sd and one for each level ("q0.05", ...),
        in the order in which the times were asked for; padding is left out. Times are local to
        the zone of the log with their offset, naive where the log names no zone, numbers where
        its clock is elapsed. Periods of `aggregate` have end, num_times and complete at the end.

    Raises:
        ConfigError: If a level is not between 0 and 1.
    """
    levels = list(dict.fromkeys(float(level) for level in quantiles))
    summary = summarize(dataset, levels)
    dim = str(dataset["value"].dims[-1])
    names = dataset[dim].values
    moments = dataset["time"].values
    series, step = np.nonzero(~pd.isna(moments))
    if "query" in dataset.coords:
        order = np.argsort(dataset["query"].values[series, step], kind="stable")
        series, step = series[order], step[order]
    columns: dict[str, Any] = {
        "series": np.repeat(dataset["series"].values[series], len(names)),
        "time": zoned(moments[series, step], dataset["time"].attrs).repeat(len(names)),
        dim: np.tile(names, len(series)),
        "mean": summary["mean"].values[series, step].ravel(),
        "sd": summary["sd"].values[series, step].ravel(),
    }
    for level, values in zip(levels, summary["quantiles"].values, strict=True):
        columns[f"q{level:.12g}"] = values[series, step].ravel()
    for name in ("end", "num_times", "complete"):  # of periods
        if name in dataset.coords:
            cells: Any = dataset[name].values[series, step]
            if name == "end":
                cells = zoned(cells, dataset["time"].attrs)
            columns[name] = cells.repeat(len(names))
    return pd.DataFrame(columns)


def local_times(times: Int64, clock: Clock) -> pd.Index:
    """Times in nanoseconds of a clock as `to_frame` writes them, shape (time,)."""
    real = np.ones((1, len(times)), dtype=bool)
    _, moments, attributes = time_coordinate(times[None], real, clock)
    return zoned(moments[0], attributes)


def zoned(times: Any, attributes: Mapping[str, str]) -> pd.Index:
    """Times of a prediction as they are written: local to the zone that they name.

    Args:
        times: One axis of datetime64, UTC or without a zone, or of numbers.
        attributes: Those of the coordinate ``time``.
    """
    zone = attributes.get("timezone", "naive")
    if zone == "naive":
        return pd.Index(times)
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone)

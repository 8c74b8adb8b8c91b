"""Intensities and next events as xarray data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentode.data.dataset import Clock
from latentode.results.dataset import provenance, time_coordinate


def intensity_dataset(
    rates: Any,
    times: Any,
    *,
    series_ids: Sequence[str],
    mark_names: Sequence[str],
    clock: Clock,
    unit: str,
    real: Any = None,
) -> xr.Dataset:
    """Label rates with series, times and marks.

    Args:
        rates: Events per `unit`, shape (series, step, channel), or with draws on a first axis.
        times: Nanoseconds of the clock, shape (series, step).
        series_ids: Names of the series.
        mark_names: Names of the marks.
        clock: What times mean.
        unit: Unit of time of the rates.
        real: False for steps that only pad shorter series, (series, step); None pads nothing.

    Returns:
        ``intensity`` (series, step, mark), or (draw, series, step, mark), with the coordinate
        ``time`` (series, step).
    """
    stamps, values = np.asarray(times, dtype=np.int64), np.asarray(rates)
    real = np.ones(stamps.shape, dtype=bool) if real is None else real
    dims = ("draw", "series", "step", "mark")[4 - values.ndim :]
    return xr.Dataset(
        {"intensity": (dims, values, {"units": f"1/{unit}"})},
        coords={
            "series": ("series", np.array(list(series_ids), dtype=object)),
            "mark": ("mark", np.array(list(mark_names), dtype=object)),
            "time": time_coordinate(stamps, real, clock),
        },
        attrs=provenance("intensity", ()),
    )


def next_event_dataset(
    quantiles: Any,
    levels: Sequence[float],
    mean: Any,
    survival: Any,
    marks: Any,
    expected: Any,
    counts: Any,
    *,
    series_ids: Sequence[str],
    mark_names: Sequence[str],
    unit: str,
) -> xr.Dataset:
    """Label what comes next.

    Args:
        quantiles: Time to the next event, infinity beyond the horizon, (series, quantile).
        levels: Their probabilities.
        mean: Mean time to the next event or the horizon, shape (series,).
        survival: Probability of no event until the horizon, shape (series,).
        marks: Probability of each kind at the median (or the horizon), (series, mark).
        expected: Expected number of events until the horizon, shape (series, mark).
        counts: Simulated numbers of events until the horizon, (draw, series, mark).
        series_ids: Names of the series.
        mark_names: Names of the marks.
        unit: Unit of time.

    Returns:
        ``quantile_time``, ``mean_time``, ``survival``, ``mark_probability``, ``expected_count`` and
        ``count``.
    """
    time = {"units": unit}
    return xr.Dataset(
        {
            "quantile_time": (("series", "quantile"), np.asarray(quantiles), time),
            "mean_time": (("series",), np.asarray(mean), time),
            "survival": (("series",), np.asarray(survival)),
            "mark_probability": (("series", "mark"), np.asarray(marks)),
            "expected_count": (("series", "mark"), np.asarray(expected)),
            "count": (("draw", "series", "mark"), np.asarray(counts)),
        },
        coords={
            "series": ("series", np.array(list(series_ids), dtype=object)),
            "mark": ("mark", np.array(list(mark_names), dtype=object)),
            "quantile": ("quantile", np.asarray(levels, dtype=float)),
        },
        attrs=provenance("next_event", ()),
    )


def intensity_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """Rows ``series, time, mark, intensity``; with draws their mean, and the quantiles q05, q95."""
    rates = dataset["intensity"]
    columns = {"intensity": rates}
    if "draw" in rates.dims:
        columns = {"intensity": rates.mean("draw")}
        for name, level in (("q05", 0.05), ("q95", 0.95)):
            columns[name] = rates.quantile(level, "draw", skipna=False).drop_vars("quantile")
    frame = xr.Dataset(columns).to_dataframe().reset_index()
    return frame[["series", "time", "mark", *columns]].dropna(subset="intensity")


def next_event_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a series: quantiles, mean, survival, likeliest kind, expected counts."""
    columns: dict[str, Any] = {"series": dataset["series"].values}
    for level in dataset["quantile"].values:
        columns[f"q{level:g}"] = dataset["quantile_time"].sel(quantile=level).values
    columns["mean"] = dataset["mean_time"].values
    columns["survival"] = dataset["survival"].values
    best = dataset["mark_probability"].argmax("mark").values
    columns["likeliest"] = dataset["mark"].values[best]
    for name in dataset["mark"].values:
        columns[f"expected_{name}"] = dataset["expected_count"].sel(mark=name).values
    return pd.DataFrame(columns)

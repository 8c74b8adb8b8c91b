"""Predictions of a model as an xarray data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Float64
from latentode.errors import ConfigError, ShapeError
from latentode.results.scenarios import by_scenario

DEFAULT_QUANTILES = (0.05, 0.5, 0.95)
_NOT_A_TIME = np.iinfo(np.int64).min


def to_dataset(
    draws: Any,
    times: Any,
    *,
    series_ids: Sequence[str],
    channels: Sequence[str] | None,
    clock: Clock,
    units: Sequence[tuple[str, str]] = (),
    valid: Any = None,
    mean: Any = None,
    kind: str = "forecast",
    dim: Literal["channel", "latent"] = "channel",
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Label draws of a model with series, times and channels.

    The result has the variable ``value`` (draw, series, step, channel) and the coordinate ``time``
    (series, step): every series has times of its own. On a calendar clock ``time`` is
    datetime64[ns], UTC if the attribute ``timezone`` names a zone and wall-clock time if it is
    "naive"; on an elapsed clock it is a float in the unit of the attribute ``units``. Series with
    fewer steps than the longest are padded with NaN, and NaT for a time.

    Args:
        draws: Draws in original units, array or tensor, shape (draw, series, step, channel).
        times: Nanoseconds on `clock`, int64, shape (series, step).
        series_ids: Id of each series.
        channels: Name of each channel; None numbers them, as for a latent state.
        clock: What the times mean.
        units: Unit of each channel where it is known.
        valid: False where a step is padding, shape (series, step); None means no padding.
        mean: Mean in closed form, shape (series, step, channel), where the model has one;
            `summarize` prefers it to the mean of the draws.
        kind: What was predicted: "forecast", "interpolation", "latent_trajectory", ...
        dim: Name of the last axis.
        attrs: Further attributes; what is neither text nor a number is stored as JSON.

    Returns:
        The data set; ``attrs`` has creator, latentode_version, created (UTC), kind and units
        (JSON).

    Raises:
        ShapeError: If the arrays disagree on an axis with each other or with the names.
    """
    values, stamps = _floating(draws), _array(times).astype(np.int64)
    real = np.ones(stamps.shape, dtype=bool) if valid is None else _array(valid).astype(bool)
    names = list(range(values.shape[-1])) if channels is None else list(channels)
    expected = (len(values), len(series_ids), stamps.shape[-1], len(names))
    _check_shape("draws", values.shape, expected, ("draw", "series", "step", dim))
    _check_shape("times", stamps.shape, expected[1:3], ("series", "step"))
    _check_shape("valid", real.shape, expected[1:3], ("series", "step"))
    variables: dict[str, Any] = {"value": (("draw", "series", "step", dim), _padded(values, real))}
    if mean is not None:
        expected_mean = _floating(mean)
        _check_shape("mean", expected_mean.shape, expected[1:], ("series", "step", dim))
        variables["mean"] = (("series", "step", dim), _padded(expected_mean, real))
    return xr.Dataset(
        variables,
        coords={
            "series": ("series", np.array(list(series_ids), dtype=object)),
            dim: (dim, np.array(names, dtype=object if channels is not None else np.int64)),
            "time": time_coordinate(stamps, real, clock),
        },
        attrs=provenance(kind, units) | {k: _plain(v) for k, v in (attrs or {}).items()},
    )


@by_scenario
def summarize(dataset: xr.Dataset, quantiles: Sequence[float] = DEFAULT_QUANTILES) -> xr.Dataset:
    """Reduce the draws to mean, standard deviation and quantiles.

    Args:
        dataset: Result of `to_dataset`.
        quantiles: Levels between 0 and 1, in the order wanted.

    Returns:
        A data set with ``mean`` and ``sd`` (series, step, channel) and ``quantiles`` (quantile,
        series, step, channel), float64. The standard deviation has n - 1 in the denominator and
        is NaN for a single draw. Quantiles are those of the draws, interpolated linearly.

    Raises:
        ConfigError: If a level is not between 0 and 1.
    """
    levels = check_levels(quantiles)
    value = dataset["value"]
    draws, dims = value.values, value.dims[1:]
    with np.errstate(invalid="ignore"):  # an infinite draw has no spread; the result is NaN
        mean = dataset["mean"].values if "mean" in dataset else draws.mean(0, dtype=np.float64)
        single = np.full(draws.shape[1:], np.nan)
        sd = draws.std(0, ddof=1, dtype=np.float64) if len(draws) > 1 else single
        at_levels = np.quantile(draws, levels, axis=0).astype(np.float64)
    return xr.Dataset(
        {"mean": (dims, mean), "sd": (dims, sd), "quantiles": (("quantile", *dims), at_levels)},
        coords={**dataset.coords, "quantile": levels},
        attrs=dataset.attrs,
    )


def check_levels(quantiles: Sequence[float]) -> Float64:
    """Levels of quantiles as an array.

    Raises:
        ConfigError: If a level is not between 0 and 1.
    """
    levels = np.asarray(quantiles, dtype=np.float64)
    if levels.ndim != 1 or not np.all((levels >= 0) & (levels <= 1)):
        raise ConfigError(f"quantiles: expected numbers between 0 and 1, got {list(quantiles)!r}.")
    return levels


def _array(values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):  # a tensor; told apart without importing torch
        values = values.detach().cpu()
    return np.asarray(values)


def _floating(values: Any) -> NDArray[np.floating]:
    array = _array(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _padded(values: NDArray[np.floating], real: NDArray[np.bool_]) -> NDArray[np.floating]:
    return values if real.all() else np.where(real[..., None], values, np.nan)


def time_coordinate(
    stamps: NDArray[np.int64], real: NDArray[np.bool_], clock: Clock
) -> tuple[tuple[str, str], NDArray[Any], dict[str, str]]:
    """Times of (series, step) as a coordinate; where not `real` there is none.

    Args:
        stamps: Nanoseconds of the clock, shape (series, step).
        real: True where there is a time, shape (series, step).
        clock: What the stamps mean.

    Returns:
        Dimensions, datetime64 or elapsed times in the unit of the clock, attributes.
    """
    dims = ("series", "step")
    if clock.kind == "calendar":
        moments = np.where(real, stamps, _NOT_A_TIME).view("datetime64[ns]")
        return dims, moments, {"timezone": clock.zone or "naive"}
    elapsed = np.where(real, stamps / NS_PER_UNIT[clock.unit], np.nan)
    return dims, elapsed, {"units": clock.unit}


def provenance(kind: str, units: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Attributes of every result: creator, version, time, kind and units."""
    return {
        "creator": "latentode",
        "latentode_version": _release(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": kind,
        "units": json.dumps(dict(units), ensure_ascii=False),
    }


@cache  # it is looked for in files
def _release() -> str:
    try:
        return version("latentode")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown"


def _plain(value: Any) -> str | int | float:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _check_shape(
    name: str, shape: tuple[int, ...], expected: tuple[int, ...], dims: tuple[str, ...]
) -> None:
    if shape != expected:
        raise ShapeError(f"{name}: expected {expected} ({', '.join(dims)}), got {shape}.")

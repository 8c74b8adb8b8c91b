"""Predictions as a fan of central intervals, with the readings they stand beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import ConfigError
from latentode.plot.style import (
    ACCENT,
    MODEL,
    MUTED,
    OBSERVED,
    name_axis,
    panels,
    plot_times,
    time_axis,
    title,
)
from latentode.results import summarize

if TYPE_CHECKING:
    from xarray import Dataset

_MAX_CHANNELS = 8  # below each other on one page, unless more are named
_HISTORY = 3.0  # spans of the forecast that are shown before it


def forecast(
    dataset: Dataset,
    *,
    observed: TimeSeriesDataset | None = None,
    series: str | Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    history: float = _HISTORY,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw a forecast: median and central intervals, with the readings before it and after.

    Readings before the forecast begins are filled; readings after it begins, which the model has
    not seen, are hollow.

    Args:
        dataset: Result of `latentode.results.to_dataset`.
        observed: The log; series and channels are matched by name.
        series: Series ids, one a column; None takes the first.
        channels: Channels, one a row; None takes the first 8.
        levels: Probabilities of the central intervals, between 0 and 1.
        history: How much is shown before the forecast, in spans of the forecast.
        ax: Axes to draw into, as many as series times channels; None makes a new figure.

    Returns:
        The axes, shape (channel, series).

    Raises:
        ConfigError: If a series, channel or level is not one that can be drawn.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    return _fans(dataset, "forecast", observed, series, channels, levels, history, ax)


def interpolation(
    dataset: Dataset,
    *,
    observed: TimeSeriesDataset | None = None,
    held_out: TimeSeriesDataset | None = None,
    series: str | Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    ax: Any = None,
) -> NDArray[Any]:
    """Draw an interpolation: median and central intervals, with the readings it goes through.

    Args:
        dataset: Result of `latentode.results.to_dataset`.
        observed: The readings that the model has seen, drawn filled.
        held_out: Readings that were kept from the model, drawn hollow.
        series: Series ids, one a column; None takes the first.
        channels: Channels, one a row; None takes the first 8.
        levels: Probabilities of the central intervals, between 0 and 1.
        ax: Axes to draw into, as many as series times channels; None makes a new figure.

    Returns:
        The axes, shape (channel, series).

    Raises:
        ConfigError: If a series, channel or level is not one that can be drawn.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    grid = _fans(dataset, "interpolation", observed, series, channels, levels, np.inf, ax)
    if held_out is not None:
        names = _chosen(dataset, "series", series, 1), _chosen(dataset, "channel", channels)
        for (row, column), axes in np.ndenumerate(grid):
            times, values = _readings(dataset, held_out, names[0][column], names[1][row])
            _points(axes, times, values, filled=False, label="held out")
        _legend(grid)
    return grid


def _fans(
    dataset: Dataset,
    kind: Literal["forecast", "interpolation"],
    observed: TimeSeriesDataset | None,
    series: str | Sequence[str] | None,
    channels: Sequence[str] | None,
    levels: Sequence[float],
    history: float,
    ax: Any,
) -> NDArray[Any]:
    rows, columns = _chosen(dataset, "channel", channels), _chosen(dataset, "series", series, 1)
    widths = sorted({float(level) for level in levels}, reverse=True)
    if not all(0 < width < 1 for width in widths):
        raise ConfigError(f"levels: expected numbers between 0 and 1, got {list(levels)!r}.")
    quantiles = [0.5, *(0.5 - w / 2 for w in widths), *(0.5 + w / 2 for w in widths)]
    units = json.loads(dataset.attrs.get("units", "{}"))
    # sharing the axis within a column is right only if all its panels are ours
    grid = panels(len(rows), len(columns), ax, size=(7.2, 2.1), sharex="col")
    for column, series_id in enumerate(columns):
        one = dataset.sel(series=[series_id])
        order = np.argsort(plot_times(one["time"].values[0]), kind="stable")
        times = plot_times(one["time"].values[0])[order]
        real = np.isfinite(times)
        bands = summarize(one, quantiles)["quantiles"]
        for row, channel in enumerate(rows):
            axes = grid[row, column]
            values = bands.sel(channel=channel).values[:, 0][:, order][:, real]
            _draw_fan(axes, times[real], values, widths)
            if observed is not None:
                points = _readings(dataset, observed, series_id, channel)
                _draw_observed(axes, *points, times[real], kind, history)
            unit = units.get(channel)
            name_axis(axes.yaxis, f"{channel} ({unit})" if unit else str(channel))
        title(
            grid[0, column], _title(kind, series_id, dataset, rows), pad=22
        )  # room for the legend
        time_axis(grid[-1, column], dataset["time"].attrs)
    _legend(grid)
    return grid


def _draw_fan(
    axes: Axes, times: NDArray[Any], bands: NDArray[Any], widths: Sequence[float]
) -> None:
    number = len(widths)
    for index, width in enumerate(widths):
        axes.fill_between(
            times,
            bands[1 + index],
            bands[1 + number + index],
            color=MODEL,
            alpha=0.18 + 0.14 * index,
            linewidth=0,
            label=f"{width:.0%} interval",
        )
    axes.plot(times, bands[0], color=MODEL, linewidth=1.6, label="median")


def _draw_observed(
    axes: Axes,
    times: NDArray[Any],
    values: NDArray[Any],
    predicted: NDArray[Any],
    kind: str,
    history: float,
) -> None:
    if kind == "interpolation" or not len(predicted):
        _points(axes, times, values, filled=True, label="observed")
        return
    start, end = predicted[0], predicted[-1]
    span = end - start
    shown = (times >= start - history * span) & (times <= end + 0.02 * span)
    after = shown & (times >= start)
    before = shown & (times < start)
    _points(axes, times[before], values[before], filled=True, label="observed")
    _points(axes, times[after], values[after], filled=False, label="observed later")
    axes.axvline(start, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))


def _points(
    axes: Axes, times: NDArray[Any], values: NDArray[Any], *, filled: bool, label: str
) -> None:
    if len(times):
        axes.plot(
            times,
            values,
            linestyle="none",
            marker="o",
            markersize=3.2 if filled else 4.2,
            color=OBSERVED if filled else ACCENT,
            markerfacecolor=OBSERVED if filled else "white",
            markeredgewidth=0 if filled else 1.1,
            label=label,
            zorder=3,
        )


def _readings(
    dataset: Dataset, observed: TimeSeriesDataset, series_id: str, channel: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Times, on the axis of `dataset`, and values of one channel of one series."""
    if series_id not in observed.series_ids or channel not in observed.channels:
        return np.empty(0), np.empty(0)
    rows = observed.readings.rows_of(observed.series_ids.index(series_id))
    values = observed.readings.dense(rows)[:, observed.channels.index(channel)]
    read = np.isfinite(values)
    stamps = observed.readings.times[rows][read]
    attrs = dataset["time"].attrs
    if "timezone" in attrs:
        return plot_times(stamps.view("datetime64[ns]")), values[read]
    return stamps / NS_PER_UNIT[attrs["units"]], values[read]


def _chosen(
    dataset: Dataset, dim: str, names: str | Sequence[str] | None, default: int = _MAX_CHANNELS
) -> list[str]:
    if dim not in dataset.dims:
        raise ConfigError(f"{dim}: expected a prediction of channels, got {dict(dataset.sizes)}.")
    known = [str(name) for name in dataset[dim].values]
    chosen = (
        known[:default] if names is None else [names] if isinstance(names, str) else list(names)
    )
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        shown = ", ".join(repr(name) for name in known[:10])
        raise ConfigError(f"{dim}: expected some of {shown}, got {unknown or chosen!r}.")
    return chosen


def _title(kind: str, series_id: str, dataset: Dataset, rows: Sequence[str]) -> str:
    total = dataset.sizes["channel"]
    some = f" ({len(rows)} of {total} channels)" if len(rows) < total else ""
    return f"{kind.capitalize()} of {series_id}{some}"


def _legend(grid: NDArray[Any]) -> None:
    labelled: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labelled.setdefault(label, handle)
    grid[0, 0].legend(
        labelled.values(),
        labelled.keys(),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(labelled),
        frameon=False,
        fontsize=8.5,
        handlelength=1.4,
        columnspacing=1.1,
        borderaxespad=0.2,
        borderpad=0.1,
    )

"""Predictions as a fan of central intervals and some sample paths, beside the readings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import ConfigError
from latentode.plot import style
from latentode.results import summarize

if TYPE_CHECKING:
    from xarray import Dataset

_MAX_CHANNELS = 8  # below each other on one page, unless more are named
_PATHS = 8  # sample paths beside a fan: more hide it
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
    """Draw a forecast: median, central intervals and sample paths, with the readings around it.

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
    grid, fans = _fans(dataset, "Forecast", series, channels, levels, ax)
    for fan in fans if observed is not None else ():
        _draw_before_and_after(fan, *_readings(dataset, observed, fan), history)
    return _with_legend(grid)


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
    """Draw an interpolation: median, central intervals and sample paths, with the readings.

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
    grid, fans = _fans(dataset, "Interpolation", series, channels, levels, ax)
    for fan in fans:
        _points(fan.axes, *_readings(dataset, observed, fan), filled=True, label="observed")
        _points(fan.axes, *_readings(dataset, held_out, fan), filled=False, label="held out")
    return _with_legend(grid)


class _Fan(NamedTuple):
    """A panel with the fan of one channel of one series, drawn over sorted times."""

    axes: Axes
    series: str
    channel: str
    times: NDArray[Any]


def _fans(
    dataset: Dataset,
    kind: str,
    series: str | Sequence[str] | None,
    channels: Sequence[str] | None,
    levels: Sequence[float],
    ax: Any,
) -> tuple[NDArray[Any], list[_Fan]]:
    rows = style.chosen(dataset, "channel", channels, _MAX_CHANNELS)
    columns = style.chosen(dataset, "series", series, 1)
    widths = sorted({float(level) for level in levels}, reverse=True)
    if not all(0 < width < 1 for width in widths):
        raise ConfigError(f"levels: expected numbers between 0 and 1, got {list(levels)!r}.")
    quantiles = [0.5, *(0.5 - w / 2 for w in widths), *(0.5 + w / 2 for w in widths)]
    units = json.loads(dataset.attrs.get("units", "{}"))
    total = dataset.sizes["channel"]
    some = f" ({len(rows)} of {total} channels)" if len(rows) < total else ""
    some += f": {dataset.attrs['aggregate']}" if "aggregate" in dataset.attrs else ""
    # sharing the axis within a column is right only if all its panels are ours
    grid = style.panels(len(rows), len(columns), ax, size=(7.2, 2.1), sharex="col")
    fans = []
    for column, series_id in enumerate(columns):
        one = dataset.sel(series=[series_id])
        order, times = style.in_order(one["time"].values[0])
        bands = summarize(one, quantiles)["quantiles"]
        for axes, channel in zip(grid[:, column], rows, strict=True):
            _draw_fan(axes, times, bands.sel(channel=channel).values[:, 0, order], widths)
            _draw_paths(axes, times, one["value"].sel(channel=channel).values[:, 0, order])
            if "complete" in one.coords:
                median = bands.sel(channel=channel).values[0, 0, order]
                partial = ~one["complete"].values[0, order]
                _points(axes, times[partial], median[partial], filled=False, label="period in part")
            unit = units.get(channel)
            style.name_axis(axes.yaxis, f"{channel} ({unit})" if unit else channel)
            fans.append(_Fan(axes, series_id, channel, times))
        style.title(grid[0, column], f"{kind} of {series_id}{some}", pad=22)  # room for the legend
        style.time_axis(grid[-1, column], dataset["time"].attrs)
    return grid, fans


def _draw_fan(
    axes: Axes, times: NDArray[Any], bands: NDArray[Any], widths: Sequence[float]
) -> None:
    number = len(widths)
    for index, width in enumerate(widths):
        axes.fill_between(
            times,
            bands[1 + index],
            bands[1 + number + index],
            color=style.MODEL,
            alpha=0.18 + 0.14 * index,
            linewidth=0,
            label=f"{width:.0%} interval",
        )
    axes.plot(times, bands[0], color=style.MODEL, linewidth=1.6, label="median")


def _draw_paths(axes: Axes, times: NDArray[Any], draws: NDArray[Any]) -> None:
    """Draw the first draws as thin lines; a single one is the median already."""
    for index, path in enumerate(draws[:_PATHS] if len(draws) > 1 else ()):
        label = "sample paths" if index == 0 else None
        axes.plot(times, path, color=style.MODEL, linewidth=0.5, alpha=0.6, label=label)


def _draw_before_and_after(
    fan: _Fan, times: NDArray[Any], values: NDArray[Any], history: float
) -> None:
    if not len(fan.times):
        _points(fan.axes, times, values, filled=True, label="observed")
        return
    start, end = fan.times[0], fan.times[-1]
    span = end - start
    before = (times >= start - history * span) & (times < start)
    after = (times >= start) & (times <= end + 0.02 * span)
    _points(fan.axes, times[before], values[before], filled=True, label="observed")
    _points(fan.axes, times[after], values[after], filled=False, label="observed later")
    fan.axes.axvline(start, color=style.MUTED, linewidth=0.8, linestyle=style.DASHED)


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
            color=style.OBSERVED if filled else style.ACCENT,
            markerfacecolor=style.OBSERVED if filled else "white",
            markeredgewidth=0 if filled else 1.1,
            label=label,
            zorder=3,
        )


def _readings(
    dataset: Dataset, log: TimeSeriesDataset | None, fan: _Fan
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Times, on the axis of `dataset`, and values of the readings of a fan's channel."""
    if log is None or fan.series not in log.series_ids or fan.channel not in log.channels:
        return np.empty(0), np.empty(0)
    rows = log.readings.rows_of(log.series_ids.index(fan.series))
    values = log.readings.dense(rows)[:, log.channels.index(fan.channel)]
    times = style.stamp_positions(log.readings.times[rows], dataset["time"].attrs)
    read = np.isfinite(values)
    return times[read], values[read]


def _with_legend(grid: NDArray[Any]) -> NDArray[Any]:
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
    return grid

"""Predictions as a fan of central intervals and some sample paths, beside the readings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ConfigError
from latentode.plot import style
from latentode.plot.observed import observed_log, readings_of, why_none
from latentode.results import summarize

if TYPE_CHECKING:
    from xarray import Dataset

_MAX_CHANNELS = 8  # below each other on one page, unless more are named
_PATHS = 8  # sample paths beside a fan: more hide it
_HISTORY = 3.0  # spans of the forecast that are shown before it


def forecast(
    dataset: Dataset,
    *,
    observed: Any = None,
    series: str | Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    window: tuple[Any, Any] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    history: float = _HISTORY,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw a forecast: median, central intervals and sample paths, with the readings around it.

    Readings before the forecast begins are filled; readings after it begins, which the model has
    not seen, are hollow. Where a channel has no reading in this time, the panel says so. Of a state
    of 0 and 1 the probability of 1 is drawn.

    Args:
        dataset: Result of `latentode.LatentODE.forecast`, or of `latentode.results.to_dataset`.
        observed: The log, in any form that `latentode.LatentODE.fit` takes; it is read as the log
            of the model was. Series and channels are matched by name.
        series: Series ids, one per column of panels, or "all"; None takes the first.
        channels: Channels, one per row, or "all"; None takes the first 8.
        window: First and last time that are shown, e.g. ("2025-11-01", None); None for an end that
            is left as it is.
        levels: Probabilities of the central intervals, between 0 and 1.
        history: How much is shown before the forecast, in spans of the forecast, where `window`
            has no first time.
        ax: Axes to draw into, as many as series times channels; None makes a new figure.

    Returns:
        The axes, shape (channel, series).

    Raises:
        ConfigError: If a series, channel, time or level is not one that can be drawn.
        DataError: If the log cannot be read.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    log, ends = observed_log(dataset, observed), style.window_ends(window, dataset["time"].attrs)
    grid, fans = _fans(dataset, "Forecast", series, channels, levels, ends, ax)
    if log is not None:
        for fan in fans:
            times, values = readings_of(dataset, log, fan.series, fan.channel)
            if not _draw_before_and_after(fan, times, values, history, ends):
                _write(fan.axes, why_none(dataset, log, fan.series, fan.channel))
    style.show_window(grid, ends)
    return _with_legend(grid)


def interpolation(
    dataset: Dataset,
    *,
    observed: Any = None,
    held_out: Any = None,
    series: str | Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    window: tuple[Any, Any] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    ax: Any = None,
) -> NDArray[Any]:
    """Draw an interpolation: median, central intervals and sample paths, with the readings.

    Args:
        dataset: Result of `latentode.LatentODE.interpolate`, or of `latentode.results.to_dataset`.
        observed: The readings that the model has seen, drawn filled, as in `forecast`.
        held_out: Readings that were kept from the model, drawn hollow, likewise.
        series: Series ids, one per column of panels, or "all"; None takes the first.
        channels: Channels, one per row, or "all"; None takes the first 8.
        window: First and last time that are shown, as in `forecast`.
        levels: Probabilities of the central intervals, between 0 and 1.
        ax: Axes to draw into, as many as series times channels; None makes a new figure.

    Returns:
        The axes, shape (channel, series).

    Raises:
        ConfigError: If a series, channel, time or level is not one that can be drawn.
        DataError: If a log cannot be read.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    ends = style.window_ends(window, dataset["time"].attrs)
    grid, fans = _fans(dataset, "Interpolation", series, channels, levels, ends, ax)
    seen, hidden = observed_log(dataset, observed), observed_log(dataset, held_out)
    for fan in fans:
        shown = _within(*readings_of(dataset, seen, fan.series, fan.channel), ends)
        _points(fan.axes, *shown, filled=True, label="observed")
        later = _within(*readings_of(dataset, hidden, fan.series, fan.channel), ends)
        _points(fan.axes, *later, filled=False, label="held out")
        if seen is not None and not len(shown[0]) and not len(later[0]):
            _write(fan.axes, why_none(dataset, seen, fan.series, fan.channel))
    style.show_window(grid, ends)
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
    ends: tuple[float, float],
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
    kinds = {} if "aggregate" in dataset.attrs else json.loads(dataset.attrs.get("kinds", "{}"))
    fans = []
    for column, series_id in enumerate(columns):
        one = dataset.sel(series=[series_id])
        order, every = style.in_order(one["time"].values[0])
        times, order = _within(every, order, ends)
        bands = summarize(one, quantiles)["quantiles"]
        for axes, channel in zip(grid[:, column], rows, strict=True):
            draws = one["value"].sel(channel=channel).values[:, 0, order]
            if is_state := kinds.get(channel) == "binary":
                _draw_chance(axes, times, draws)
            else:
                _draw_fan(axes, times, bands.sel(channel=channel).values[:, 0, order], widths)
                _draw_paths(axes, times, draws)
            if "complete" in one.coords:
                median = bands.sel(channel=channel).values[0, 0, order]
                partial = ~one["complete"].values[0, order]
                _points(axes, times[partial], median[partial], filled=False, label="period in part")
            unit = units.get(channel)
            unit = "chance of 1" if is_state else unit
            style.name_axis(axes.yaxis, f"{channel} ({unit})" if unit else channel)
            if len(order) and np.isnan(draws).all():
                _write(axes, "no prediction of this channel", top=False)
            fans.append(_Fan(axes, series_id, channel, every))
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


def _draw_chance(axes: Axes, times: NDArray[Any], draws: NDArray[Any]) -> None:
    """Draw the probability of 1 of a state: bands of it would be 0 to 1, and say nothing."""
    chance = draws.mean(axis=0)
    axes.fill_between(times, chance, color=style.MODEL, alpha=0.18, linewidth=0)
    axes.plot(times, chance, color=style.MODEL, linewidth=1.6)


def _draw_paths(axes: Axes, times: NDArray[Any], draws: NDArray[Any]) -> None:
    """Draw the first draws as thin lines; a single one is the median already."""
    for index, path in enumerate(draws[:_PATHS] if len(draws) > 1 else ()):
        label = "sample paths" if index == 0 else None
        axes.plot(times, path, color=style.MODEL, linewidth=0.5, alpha=0.6, label=label)


def _draw_before_and_after(
    fan: _Fan,
    times: NDArray[Any],
    values: NDArray[Any],
    history: float,
    ends: tuple[float, float],
) -> bool:
    """Draw readings; False where there is none to draw."""
    if not len(fan.times):
        shown = _within(times, values, ends)
        _points(fan.axes, *shown, filled=True, label="observed")
        return bool(len(shown[0]))
    start, end = fan.times[0], fan.times[-1]
    span = end - start
    first = ends[0] if np.isfinite(ends[0]) else start - history * span
    last = ends[1] if np.isfinite(ends[1]) else end + 0.02 * span
    times, values = _within(times, values, (first, last))
    before = times < start
    _points(fan.axes, times[before], values[before], filled=True, label="observed")
    _points(fan.axes, times[~before], values[~before], filled=False, label="observed later")
    if ends[0] <= start <= ends[1]:
        fan.axes.axvline(start, color=style.MUTED, linewidth=0.8, linestyle=style.DASHED)
    return bool(len(times))


def _within(
    times: NDArray[Any], values: NDArray[Any], ends: tuple[float, float]
) -> tuple[NDArray[Any], NDArray[Any]]:
    inside = (times >= ends[0]) & (times <= ends[1])
    return times[inside], values[inside]


def _write(axes: Axes, text: str, *, top: bool = True) -> None:
    """Say in a panel what is not there, above or below the middle."""
    axes.text(
        0.02, 0.94 if top else 0.06, text, transform=axes.transAxes, fontsize=9,
        color=style.MUTED, va="top" if top else "bottom", parse_math=False,
    )  # fmt: skip


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
        fontsize=8,  # all six names fit above a panel beside wide labels
        handlelength=1.2,
        handletextpad=0.5,
        columnspacing=0.9,
        borderaxespad=0.2,
        borderpad=0.1,
    )
    return grid

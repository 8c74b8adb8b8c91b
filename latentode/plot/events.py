"""Rates of events, and whether a process explains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ShapeError
from latentode.plot import style

if TYPE_CHECKING:
    import xarray as xr

_MAX_PANELS = 6  # kinds of events below each other on one page
_LEVEL = 0.05  # a right model has a smaller p once in twenty times


def intensity(
    result: xr.Dataset, *, series: str | None = None, observed: Any = None, ax: Any = None
) -> NDArray[Any]:
    """Draw the rate of each kind of event over time, with the events as ticks below.

    Draws are shown as their mean and the central 90 % of them.

    Args:
        result: Rates (series, step, mark), or with draws: what `EventForecaster.intensity` or
            `LatentODE.events.intensity` returns.
        series: One series; the first by default.
        observed: Event streams whose events are marked.
        ax: As many axes as there are kinds (six at most); None makes a new figure.

    Returns:
        The axes, one per kind.

    Raises:
        ConfigError: If there is no such series.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    (name,) = style.chosen(result, "series", series, 1)
    marks = style.chosen(result, "mark", None, _MAX_PANELS)
    grid: NDArray[Any] = style.panels(len(marks), 1, ax, size=(7.2, 2.0), sharex="col")[:, 0]
    time = result["time"].sel(series=name)
    places = style.plot_times(time.values)
    for mark, axes in enumerate(grid):
        rates = result["intensity"].sel(series=name).isel(mark=mark)
        if "draw" in rates.dims:
            low, high = rates.quantile([0.05, 0.95], "draw", skipna=False).values
            axes.fill_between(places, low, high, color=style.MODEL, alpha=0.25, linewidth=0)
            rates = rates.mean("draw", skipna=False)
        axes.plot(places, rates.values, color=style.MODEL, linewidth=1.2)
        if observed is not None:
            _ticks(axes, observed, name, mark, time.attrs)
        axes.set_ylim(bottom=0)
        style.name_axis(axes.yaxis, f"events per {result['intensity'].attrs['units'][2:]}")
        style.title(axes, f"{name}: {marks[mark]}")
    style.time_axis(grid[-1], time.attrs)
    return grid


def _ticks(axes: Axes, observed: Any, series: str, mark: int, clock: Mapping[str, Any]) -> None:
    """Events as ticks on the lower edge."""
    row = observed.series_ids.index(series)
    part = slice(observed.starts[row], observed.starts[row + 1])
    places = style.stamp_positions(observed.times[part][observed.marks[part] == mark], clock)
    axes.plot(
        places, np.zeros(len(places)), linestyle="", marker="|", markersize=9, color=style.ACCENT,
        clip_on=False,
    )  # fmt: skip


def rescaled_gaps(
    expected: Sequence[float],
    observed: Sequence[float],
    *,
    p_value: float | None = None,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw rescaled gaps against the exponential: on the diagonal, if the process is right.

    Args:
        expected: Exponential quantiles, see `goodness_of_fit.quantiles`.
        observed: Sorted gaps in expected events.
        p_value: Of the test of Kolmogorov and Smirnov, which the title puts in words.
        ax: One axes; None makes a new figure.

    Returns:
        The axes, shape (1,).

    Raises:
        ShapeError: If there is not one observed gap for each expected one.
    """
    if len(expected) != len(observed):
        raise ShapeError(
            f"gaps: expected as many quantiles as gaps, got {len(expected)} and {len(observed)}."
        )
    grid: NDArray[Any] = style.panels(1, 1, ax, size=(4.0, 3.6))[0]
    top = max(1.0, *map(float, expected[-1:]), *map(float, observed[-1:]))
    grid[0].plot([0, top], [0, top], color=style.MUTED, linewidth=1, linestyle=style.DASHED)
    grid[0].plot(expected, observed, color=style.MODEL, linestyle="", marker=".", markersize=3)
    style.name_axis(grid[0].xaxis, "gap that the model expects (exponential quantile)")
    style.name_axis(grid[0].yaxis, "gap as observed (rescaled, in expected events)")
    style.title(grid[0], _fits(p_value))
    return grid


def _fits(p_value: float | None) -> str:
    """Put a test of the gaps in words."""
    if p_value is None:
        return "Gaps between events (on the line is right)"
    how = "nothing against the model" if p_value > _LEVEL else "the model does not fit"
    return f"Gaps between events: {how} (p = {p_value:.3g})"

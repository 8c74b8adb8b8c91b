"""When limits are crossed, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from latentode.plot import style

if TYPE_CHECKING:
    from xarray import Dataset

_MAX_LIMITS = 8  # below each other on one page, unless more are named


def crossings(
    dataset: Dataset,
    *,
    series: str | Sequence[str] | None = None,
    limits: str | Sequence[str] | None = None,
    window: tuple[Any, Any] | None = None,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw how likely limits are exceeded at each time, and have been reached until then.

    A dashed line marks the median time of the first crossing of the draws that ever cross.

    Args:
        dataset: Result of `latentode.results.exceedance`.
        series: Series ids, one per column of panels, or "all"; None takes the first.
        limits: Limits, one per row, as they are written in the result; None takes the first 8.
        window: First and last time that are shown; None for an end that is left as it is.
        ax: Axes to draw into, as many as series times limits; None makes a new figure.

    Returns:
        The axes, shape (limit, series).

    Raises:
        ConfigError: If a series or limit is not in it, or a time cannot be read.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    rows = style.chosen(dataset, "condition", limits, _MAX_LIMITS)
    columns = style.chosen(dataset, "series", series, 1)
    grid = style.panels(len(rows), len(columns), ax, size=(7.2, 2.1), sharex="col")
    for column, series_id in enumerate(columns):
        for row, limit in enumerate(rows):
            _draw(grid[row, column], dataset.sel(condition=limit, series=series_id))
            head = f"{limit}, {series_id}" if dataset.sizes["series"] > 1 else limit
            style.title(grid[row, column], head)
        style.time_axis(grid[-1, column], dataset["time"].attrs)
    style.show_window(grid, style.window_ends(window, dataset["time"].attrs))
    grid[0, 0].legend(frameon=False, fontsize=8.5, loc="upper left")
    return grid


def _draw(axes: Axes, one: Dataset) -> None:
    """Draw one limit of one series."""
    order, times = style.in_order(one["time"].values)
    reached, beyond = (one[name].values[order] for name in ("reached", "probability"))
    marker = "o" if len(times) == 1 else ""
    axes.fill_between(times, reached, color=style.MODEL, alpha=0.18, linewidth=0)
    axes.plot(times, reached, color=style.MODEL, marker=marker, label="reached until then")
    axes.plot(times, beyond, color=style.ACCENT, marker=marker, label="beyond it at the time")
    first = style.plot_times(one["first_time"].values)
    crossed = first[np.isfinite(first)]
    if len(crossed):
        median = float(np.quantile(crossed, 0.5, method="inverted_cdf"))
        axes.axvline(
            median,
            color=style.MUTED,
            linestyle=style.DASHED,
            linewidth=1.0,
            label="median of first crossings",
        )
    axes.set_ylim(0.0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    style.name_axis(axes.yaxis, "probability")

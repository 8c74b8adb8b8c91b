"""A log before anything is trained on it: where its readings are, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.data.dataset import TimeSeriesDataset
from latentode.plot import style

_MAX_CHANNELS = 8  # below each other on one page
_MAX_SERIES = 40  # lines of the first panel; more could not be told apart
_MAX_NAMES = 12  # series whose ids fit beside the first panel
_MAX_CURVES = len(style.CYCLE)  # series whose values are drawn
_MAX_POINTS = 20_000  # of a curve; more only blacken the panel


def readings(
    dataset: TimeSeriesDataset,
    *,
    span: tuple[int, int] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw when each series was read, and below it the values of the first eight channels.

    Args:
        dataset: The log.
        span: First and last time of the axis in nanoseconds; None takes all readings.
        ranges: Channel -> least and greatest value that is drawn; None, and for others, all.
        ax: As many axes as channels and one; None makes a new figure.

    Returns:
        The axes, shape (1 + channel, 1).

    Raises:
        ShapeError: If `ax` has another number of axes.
    """
    names = dataset.channels[:_MAX_CHANNELS]
    clock = dataset.clock
    attrs: dict[str, Any] = {"units": clock.unit}
    if clock.kind == "calendar":
        attrs = {"timezone": clock.zone or "naive"}
    grid = style.panels(1 + len(names), 1, ax, size=(9.0, 1.7), sharex="col")
    positions = style.stamp_positions(dataset.readings.times, attrs)
    _draw_times(grid[0, 0], dataset, positions)
    units = dict(dataset.units)
    for axes, name in zip(grid[1:, 0], names, strict=True):
        within = (ranges or {}).get(name, (-np.inf, np.inf))
        _draw_channel(axes, dataset, dataset.channels.index(name), positions, within)
        style.name_axis(axes.yaxis, f"{name} ({units[name]})" if name in units else name)
    if span is not None:
        ends = style.stamp_positions(np.array(span, dtype=np.int64), attrs)
        margin = 0.02 * (ends[1] - ends[0])
        for axes in grid[:, 0]:
            axes.set_xlim(ends[0] - margin, ends[1] + margin)
    style.title(grid[0, 0], _title(dataset))
    style.time_axis(grid[-1, 0], attrs)
    return grid


def _title(dataset: TimeSeriesDataset) -> str:
    """What is drawn, and of how many."""
    parts = []
    if len(dataset.channels) > _MAX_CHANNELS:
        parts.append(f"{_MAX_CHANNELS} of {len(dataset.channels)} channels")
    if len(dataset) > _MAX_CURVES:
        parts.append(f"values of {_MAX_CURVES} of {len(dataset)} series")
    return f"Readings ({'; '.join(parts)})" if parts else "Readings"


def _draw_times(axes: Axes, dataset: TimeSeriesDataset, positions: NDArray[np.float64]) -> None:
    """A line of strokes for each series, one where a row is."""
    shown = dataset.series_ids[:_MAX_SERIES]
    for index in range(len(shown)):
        times = _thinned(positions[dataset.readings.rows_of(index)])
        color = style.CYCLE[index] if index < _MAX_CURVES else style.MUTED
        axes.plot(times, np.full(len(times), index), "|", color=color, alpha=0.6, markersize=7)
    few = len(shown) <= _MAX_NAMES
    axes.set_yticks(range(len(shown)) if few else [], shown if few else [], parse_math=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    more = f" (first {len(shown)})" if len(shown) < len(dataset) else ""
    style.name_axis(axes.yaxis, f"{len(dataset)} series{more}")


def _draw_channel(
    axes: Axes,
    dataset: TimeSeriesDataset,
    channel: int,
    positions: NDArray[np.float64],
    within: tuple[float, float],
) -> None:
    rows, values = dataset.readings.reading_rows(), dataset.readings.values
    own = dataset.readings.channel_index == channel
    own &= (values >= within[0]) & (values <= within[1])
    for index in range(min(len(dataset), _MAX_CURVES)):
        part = dataset.readings.rows_of(index)
        at = _thinned(np.flatnonzero(own & (rows >= part.start) & (rows < part.stop)))
        axes.plot(positions[rows[at]], values[at], ".", markersize=2, color=style.CYCLE[index])


def _thinned(array: NDArray[Any]) -> NDArray[Any]:
    return array[:: 1 + len(array) // _MAX_POINTS]

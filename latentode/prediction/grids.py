"""Times at which predictions are made: flat (series, time) pairs."""

from __future__ import annotations

import numpy as np

from latentode.config.durations import format_duration
from latentode.data.dataset import Int64, TimeSeriesDataset, ragged_arange
from latentode.data.windows import typical_gap_and_span
from latentode.errors import DataError, ResourceError
from latentode.prediction.query_windows import NO_ORIGIN

Grid = tuple[Int64, Int64]
_MAX_QUERIES = 20_000_000  # all answers are in memory at once
_MAX_DEFAULT_STEPS = 500  # times of a forecast where no spacing is given


def default_spacing(dataset: TimeSeriesDataset, length_ns: int) -> int:
    """The typical gap between readings, but at most 500 steps over a length."""
    try:
        gap, _ = typical_gap_and_span(dataset)
    except DataError:  # no two readings: the length alone decides
        gap = 0
    return max(1, gap, length_ns // _MAX_DEFAULT_STEPS)


def forecast_grid(
    dataset: TimeSeriesDataset,
    horizon_ns: int,
    spacing_ns: int | None,
    origins: Int64 | None = None,
) -> Grid:
    """Steps after the last reading of each series, or after its origin, up to the horizon.

    Args:
        dataset: Readings.
        horizon_ns: Nanoseconds from the last reading to the last step.
        spacing_ns: Nanoseconds from step to step; None is the typical gap between readings.
        origins: When series begin that were never read, as in `windows_of_queries`; None leaves
            all of these out.

    Raises:
        DataError: If the horizon is shorter than a step.
        ResourceError: If there are more than 2e7 steps.
    """
    spacing = spacing_ns
    if spacing is None:  # rare readings: one step at the horizon is better than none
        spacing = min(default_spacing(dataset, horizon_ns), horizon_ns)
    first, last = dataset.readings.first_and_last()
    begin = np.where(last >= first, last, NO_ORIGIN if origins is None else origins)
    filled = np.flatnonzero(begin != NO_ORIGIN)
    count = horizon_ns // spacing
    if count == 0:
        raise DataError(
            f"forecast: expected a horizon of at least one step, got {format_duration(horizon_ns)} "
            f"with steps of {format_duration(spacing)}. Give a shorter --every."
        )
    check_size(len(filled) * count)
    steps = np.arange(1, count + 1) * spacing
    return np.repeat(filled, count), (begin[filled][:, None] + steps).ravel()


def span_grid(dataset: TimeSeriesDataset, spacing_ns: int | None) -> Grid:
    """An even grid from the first reading of each series to its last.

    Args:
        dataset: Readings.
        spacing_ns: Nanoseconds from step to step; None is the typical gap between readings, but
            at most 500 steps over the longest series.

    Raises:
        ResourceError: If there are more than 2e7 steps.
    """
    first, last = dataset.readings.first_and_last()
    if spacing_ns is None:
        spacing_ns = default_spacing(dataset, int((last - first).max(initial=1)))
    counts = np.where(last >= first, (last - first) // spacing_ns + 1, 0)
    check_size(int(counts.sum()))
    series = np.repeat(np.arange(len(dataset)), counts)
    return series, first[series] + ragged_arange(np.zeros_like(counts), counts) * spacing_ns


def missing_grid(dataset: TimeSeriesDataset) -> Grid:
    """Time stamps of the log at which some channel was not read."""
    readings = dataset.readings
    gaps = np.diff(readings.row_starts) < len(dataset.channels)
    return readings.row_series()[gaps], readings.times[gaps]


def check_size(num_queries: int, num_draws: int = 1, num_channels: int = 1) -> None:
    """Refuse what would not fit in memory, before it is allocated.

    Args:
        num_queries: Times.
        num_draws: Draws at each.
        num_channels: Numbers of each draw.

    Raises:
        ResourceError: If there would be more than 2e7 queries or 2.5e8 numbers.
    """
    numbers = num_queries * num_draws * num_channels
    if num_queries > _MAX_QUERIES or numbers > 250_000_000:
        raise ResourceError(
            f"prediction: expected at most {_MAX_QUERIES:,} times and 250,000,000 numbers, got "
            f"{num_queries:,} times, {num_draws} draws and {num_channels} channels. "
            "Take a longer --every, fewer --samples or fewer series."
        )

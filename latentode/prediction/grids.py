"""Times at which predictions are made: flat (series, time) pairs."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from latentode.config.durations import format_duration
from latentode.config.memory import check_drawn
from latentode.data.clock_steps import clock_steps
from latentode.data.dataset import Clock, Int64, TimeSeriesDataset, ragged_arange
from latentode.data.windows import round_step, typical_gap_and_span
from latentode.errors import ConfigError, DataError
from latentode.prediction.query_windows import NO_ORIGIN

Grid = tuple[Int64, Int64]
Align = Literal["clock", "origin"]
_MAX_DEFAULT_STEPS = 500  # times of a forecast where no spacing is given
_FEW = 1_000_000  # steps that one call may make for all series, most of them unused


def default_spacing(dataset: TimeSeriesDataset, length_ns: int) -> int:
    """A round step near the typical gap between readings, so that a length has 1 to 500 of them."""
    gap = usual_gap(dataset)
    return round_step(gap, at_least=length_ns // _MAX_DEFAULT_STEPS, at_most=length_ns)


def usual_gap(dataset: TimeSeriesDataset) -> int:
    """The typical gap between readings; a nanosecond where there are no two, and none decides."""
    try:
        return typical_gap_and_span(dataset)[0]
    except DataError:
        return 1


def forecast_grid(
    dataset: TimeSeriesDataset,
    horizon_ns: int,
    spacing_ns: int,
    origins: Int64 | None = None,
    *,
    align: Align = "clock",
) -> Grid:
    """Steps after the last reading of each series, or after its origin, up to the horizon.

    Args:
        dataset: Readings.
        horizon_ns: Nanoseconds from the last reading until which there are steps.
        spacing_ns: Nanoseconds from step to step.
        origins: When series begin that were never read, as in `windows_of_queries`; None leaves
            all of these out.
        align: "clock" for full steps of it, see `clock_steps`, at least one; "origin" for steps
            counted from the last reading of each series.

    Raises:
        ConfigError: If it is aligned with neither.
        DataError: If the horizon is shorter than a step.
        ResourceError: If they would take too much memory.
    """
    _check_align(align)
    first, last = dataset.readings.first_and_last()
    begin = np.where(last >= first, last, NO_ORIGIN if origins is None else origins)
    filled = np.flatnonzero(begin != NO_ORIGIN)
    count = horizon_ns // spacing_ns
    if count == 0:
        raise DataError(
            f"forecast: expected a horizon of at least one step, got {format_duration(horizon_ns)} "
            f"with steps of {format_duration(spacing_ns)}. Give a shorter --every."
        )
    check_drawn(len(filled) * count)
    if align == "origin":
        steps = np.arange(1, count + 1) * spacing_ns
        return np.repeat(filled, count), (begin[filled][:, None] + steps).ravel()
    begins, ends = begin[filled], begin[filled] + horizon_ns
    # where the clocks change, the first step may lie just beyond
    counts, times = _clock_steps(begins, ends, spacing_ns, dataset.clock, beyond=3 * spacing_ns)
    return np.repeat(filled, counts), times


def span_grid(dataset: TimeSeriesDataset, spacing_ns: int, align: Align = "clock") -> Grid:
    """An even grid from the first reading of each series to its last.

    Args:
        dataset: Readings.
        spacing_ns: Nanoseconds from step to step.
        align: "clock" for full steps of it, or the first reading where a span holds none; "origin"
            for steps counted from the first reading.

    Raises:
        ConfigError: If it is aligned with neither.
        ResourceError: If they would take too much memory.
    """
    _check_align(align)
    first, last = dataset.readings.first_and_last()
    filled = np.flatnonzero(last >= first)
    counts = (last - first)[filled] // spacing_ns + 1
    check_drawn(int(counts.sum()))
    if align == "clock":
        first, last = first[filled], last[filled]
        counts, times = _clock_steps(first - 1, last, spacing_ns, dataset.clock)
        empty = np.flatnonzero(counts == 0)
        times = np.insert(times, np.cumsum(counts)[empty], first[empty])
        return np.repeat(filled, np.maximum(counts, 1)), times
    series = np.repeat(filled, counts)
    return series, first[series] + ragged_arange(np.zeros_like(counts), counts) * spacing_ns


def span_spacing(dataset: TimeSeriesDataset) -> int:
    """The default distance of a grid inside of spans: at most 500 steps over the longest series."""
    first, last = dataset.readings.first_and_last()
    return default_spacing(dataset, int((last - first).max(initial=1)))


def _check_align(align: str) -> None:
    if align not in get_args(Align):
        raise ConfigError(f"align: expected clock or origin, got {align!r}.")


def _clock_steps(
    begins: Int64, ends: Int64, spacing: int, clock: Clock, beyond: int = 0
) -> tuple[Int64, Int64]:
    """Full steps of the clock after each begin, up to its end: how many, and all of them.

    Args:
        begins: Exclusive, shape (series,).
        ends: Inclusive.
        spacing: From step to step.
        clock: What the times mean.
        beyond: How far beyond the end to look where none lies before it.
    """
    if not len(begins):
        return begins, begins
    low, high = int(begins.min()), int(ends.max())
    if (high - low) // spacing > _FEW + ((ends - begins) // spacing).sum():  # far apart
        pairs = [
            _clock_steps(begins[i : i + 1], ends[i : i + 1], spacing, clock, beyond)
            for i in range(len(begins))
        ]
        counts, times = zip(*pairs, strict=True)
        return np.concatenate(counts), np.concatenate(times)
    steps = clock_steps(low, high + beyond, spacing, clock)
    first, stop = (np.searchsorted(steps, edge, side="right") for edge in (begins, ends))
    counts = np.maximum(stop - first, 1 if beyond else 0)
    return counts, steps[ragged_arange(first, counts)]


def missing_grid(dataset: TimeSeriesDataset) -> Grid:
    """Time stamps of the log at which some channel was not read."""
    readings = dataset.readings
    gaps = np.diff(readings.row_starts) < len(dataset.channels)
    return readings.row_series()[gaps], readings.times[gaps]

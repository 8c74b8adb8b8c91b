"""Cutting series into windows of time, and choosing how long they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.config import WindowConfig
from latentode.config.durations import NS_PER_UNIT, parse_duration
from latentode.data.dataset import Int64, Readings, TimeSeriesDataset, ragged_arange
from latentode.errors import DataError

_BURSTS = 20  # median gaps in a mean one: see `typical_gap_and_span`
_ROUND = [
    step * NS_PER_UNIT[unit]
    for unit, steps in {
        "ns": (1, 2, 5, 10, 20, 50, 100, 200, 500),
        "us": (1, 2, 5, 10, 20, 50, 100, 200, 500),
        "ms": (1, 2, 5, 10, 20, 50, 100, 200, 500),
        "s": (1, 2, 5, 10, 15, 30),
        "min": (1, 2, 5, 10, 15, 30),
        "h": (1, 2, 3, 6, 12),
        "d": (1, 2, 7, 14, 30, 90, 365),
    }.items()
    for step in steps
]


@dataclass(frozen=True)
class WindowLengths:
    """Context and horizon of a model.

    Attributes:
        context_ns: Nanoseconds before (and up to) the anchor that the encoder reads.
        horizon_ns: Nanoseconds after the anchor that are predicted.
        reason: One line that says how they were chosen.
    """

    context_ns: int
    horizon_ns: int
    reason: str


def choose_lengths(dataset: TimeSeriesDataset, config: WindowConfig) -> WindowLengths:
    """Take context and horizon from the settings, or choose them from the data.

    A calendar log of at least ten days with several readings a day gets one day of horizon, the
    period that most of them share. Any other gets a fourteenth of the typical series, but at most
    150 typical gaps, rounded down to a customary length; and three gaps where that is shorter than
    one. The context is two horizons (three without a calendar).

    Raises:
        DataError: If no series has two rows and a length is not given.
    """
    unit = dataset.clock.unit if dataset.clock.kind == "elapsed" else "s"
    horizon = None if config.horizon is None else parse_duration(config.horizon, unit)
    context = None if config.context is None else parse_duration(config.context, unit)
    if horizon is not None and context is not None:
        return WindowLengths(context, horizon, "as given")
    gap, span = typical_gap_and_span(dataset)
    day = NS_PER_UNIT["d"]
    daily = dataset.clock.kind == "calendar" and span >= 10 * day and gap <= day // 6
    if horizon is None:
        horizon = day if daily else _round_down(min(span // 14, 150 * gap))
        horizon = horizon if horizon >= gap else _round_down(3 * gap)
        reason = (
            "one day, the calendar's period" if daily else "from the log's span and typical gap"
        )
    else:
        reason = "horizon as given"
    return WindowLengths(context or (2 if daily else 3) * horizon, horizon, reason)


def typical_gap_and_span(dataset: TimeSeriesDataset) -> tuple[int, int]:
    """Typical gap between rows of a series, and median span of the series with two rows or more.

    The gap is the median one; the mean one where it is more than twenty times as long: such a log
    is read in bursts, and what changes from burst to burst would fit into no window.

    Raises:
        DataError: If no series has two rows.
    """
    readings = dataset.readings
    counts = np.diff(readings.series_starts)
    several = counts > 1
    if not several.any():
        raise DataError(
            f"log: expected a series with two time stamps or more, got {len(counts)} series with "
            "at most one each. Give --context and --horizon, or check --id-column."
        )
    gaps = np.diff(readings.times)
    ends = readings.series_starts[1:-1]
    inside = np.ones(len(gaps), dtype=bool)
    inside[ends[(ends > 0) & (ends <= len(gaps))] - 1] = False
    spans = (
        readings.times[readings.series_starts[1:][several] - 1]
        - readings.times[readings.series_starts[:-1][several]]
    )
    median, mean = float(np.median(gaps[inside])), float(gaps[inside].mean())
    gap = mean if mean > _BURSTS * median else median
    return max(1, int(gap)), max(1, int(np.median(spans)))


def _round_down(nanoseconds: int) -> int:
    fitting = [length for length in _ROUND if length <= nanoseconds]
    return fitting[-1] if fitting else 1


def cut(
    dataset: TimeSeriesDataset, series: Int64, starts: Int64, stops: Int64
) -> TimeSeriesDataset:
    """Cut windows ``start < time <= stop``, one series of the result a window.

    A series may be cut many times; ids, static covariates and known inputs come along (inputs are
    not cut: they are known outside the window too).

    Args:
        dataset: Source.
        series: Series index of each window, shape (window,).
        starts: Exclusive start of each window in nanoseconds, shape (window,).
        stops: Inclusive end, shape (window,).

    Returns:
        A data set with one series a window.
    """
    source = dataset.readings
    first = np.empty(len(series), dtype=np.int64)
    last = np.empty(len(series), dtype=np.int64)
    for index in np.unique(series):
        own = source.rows_of(int(index))
        chosen = series == index
        times = source.times[own]
        first[chosen] = own.start + np.searchsorted(times, starts[chosen], side="right")
        last[chosen] = own.start + np.searchsorted(times, stops[chosen], side="right")
    counts = np.maximum(last - first, 0)
    rows = ragged_arange(first, counts)
    per_row = np.diff(source.row_starts)[rows]
    position = ragged_arange(source.row_starts[rows], per_row)
    readings = Readings(
        channels=source.channels,
        series_starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        times=source.times[rows],
        row_starts=np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64),
        channel_index=source.channel_index[position],
        values=source.values[position],
    )
    return TimeSeriesDataset(
        series_ids=tuple(dataset.series_ids[i] for i in series),
        readings=readings,
        clock=dataset.clock,
        inputs=None if dataset.inputs is None else dataset.inputs.select_series(series),
        static_columns=dataset.static_columns,
        static=None if dataset.static is None else dataset.static[series],
        units=dataset.units,
    )

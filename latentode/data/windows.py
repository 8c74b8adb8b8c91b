"""Cutting series into windows of time, and choosing how long they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.config import WindowConfig
from latentode.config.durations import NS_PER_UNIT, parse_duration
from latentode.data.dataset import Int64, TimeSeriesDataset, first_after
from latentode.errors import DataError

_FEWEST_GAPS = 12  # of a context, where a series is long enough for three windows
_BURSTS = 20  # median gaps in a mean one: see `typical_gap_and_span`
# a gap so many times as long as all others of its series together, in a series of so many gaps, is
# a pause or a wrong clock; a series has few of them
_VAST, _SHOWN, _FEW = 3.0, 10, 3
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
    one. The context is two horizons (three without a calendar), or as many as hold twelve typical
    gaps where series are three windows long then: fewer rows do not show how a channel moves.

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
        horizon = day if daily else customary(min(span // 14, 150 * gap))
        horizon = horizon if horizon >= gap else customary(3 * gap)
        reason = (
            "one day, the calendar's period" if daily else "from the log's span and typical gap"
        )
    else:
        reason = "horizon as given"
    horizons = min(-(-_FEWEST_GAPS * gap // horizon), span // (3 * horizon) - 1)
    context = context or max(2 if daily else 3, horizons) * horizon
    return WindowLengths(context, horizon, reason)


def typical_gap_and_span(dataset: TimeSeriesDataset) -> tuple[int, int]:
    """Typical gap between rows of a series, and median span of the series with two rows or more.

    The gap is the median one; the mean one where it is more than twenty times as long: such a log
    is read in bursts, and what changes from burst to burst would fit into no window. Neither counts
    the few gaps of a series that are far longer than all its others together.

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
    gaps, spans = _usual_gaps(readings.gaps(), counts[several] - 1)
    median, mean = float(np.median(gaps)), float(gaps.mean())
    gap = mean if mean > _BURSTS * median else median
    return max(1, int(gap)), max(1, int(np.median(spans)))


def _usual_gaps(gaps: Int64, counts: Int64) -> tuple[Int64, Int64]:
    """Gaps without the vast ones, and how long those of each series are together.

    Args:
        gaps: Gaps of all series, one series after another, shape (gap,).
        counts: How many each series has, shape (series,).
    """
    starts = np.cumsum(counts) - counts
    spans = np.add.reduceat(gaps, starts)
    usual = np.ones(len(gaps), dtype=bool)
    for _ in range(_FEW):
        longest = np.maximum.reduceat(np.where(usual, gaps, 0), starts)
        vast = (counts >= _SHOWN) & (longest > _VAST * (spans - longest))
        if not vast.any():
            break
        usual &= gaps < np.repeat(np.where(vast, longest, gaps.max() + 1), counts)
        spans = spans - np.where(vast, longest, 0)
    return gaps[usual], spans


def round_step(gap: int, *, at_least: int, at_most: int) -> int:
    """The customary length nearest to a gap, by their ratio, within limits.

    Args:
        gap: Nanoseconds.
        at_least: Shorter ones are not taken.
        at_most: Nor longer ones, which counts first.
    """
    longest = max(_ROUND[0], customary(at_most))
    fitting = [step for step in _ROUND if at_least <= step <= longest] or [longest]
    return min(fitting, key=lambda step: max(step, gap) / min(step, gap))


def customary(nanoseconds: int) -> int:
    """The longest customary length (an hour, two days, ...) that is not longer."""
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
    readings = dataset.readings.runs(*rows_within(dataset, series, starts, stops))
    return dataset.select_series(series, readings)


def rows_within(
    dataset: TimeSeriesDataset, series: Int64, starts: Int64, stops: Int64
) -> tuple[Int64, Int64]:
    """First row of each window ``start < time <= stop``, and how many it has.

    Args:
        dataset: Source.
        series: Series index of each window, shape (window,).
        starts: Exclusive start of each window in nanoseconds, shape (window,).
        stops: Inclusive end, shape (window,).
    """
    source, edges = dataset.readings, np.stack([starts, stops], axis=1)
    first, last = first_after(source.series_starts, source.times, series, edges).T
    return first, np.maximum(last - first, 0)

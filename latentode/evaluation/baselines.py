r"""Naive forecasters that every result is compared with; they read what the model reads.

- "last": the last reading of the channel before the target; hard to beat at short horizons.
- "mean": the mean of the window's readings; hard to beat at long horizons.
- "linear": a straight line between neighbours, a least-squares line outside the readings.
- "spline": a natural cubic spline between the readings, a straight line outside them; the strongest
  interpolator of smooth, densely read signals, and a poor forecaster of noisy ones.
- "seasonal": the reading one period earlier (or later, where it is visible).

All of them treat the channels of a window one by one, are exact in int64 time (a shift of the log
changes nothing) and answer with the training mean where a channel was never read in a window. A
naive forecast that is a distribution stands beside them in every evaluation,
`latentode.data.climatology.Climatology`, and the values a week and a year earlier where the log is
long enough, `latentode.evaluation.past_seasons.PastSeasons`; bands around all of them are those of
`latentode.evaluation.error_bands.ErrorBands`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.errors import ConfigError, ShapeError
from latentode.evaluation.natural_spline import natural_curvature

NAMES = ("last", "mean", "linear", "spline", "seasonal")

_TOLERANCE_SHARE = 24  # of a period: an hour of a day
_MAX_PERIODS = 100  # as far as the seasonal forecaster looks: a tiny period cannot hang it


def predict(
    name: str,
    visible: TimeSeriesDataset,
    targets: Targets,
    *,
    fallback: Float64,
    period_ns: int | None = None,
) -> Float64:
    """Predict readings with one naive forecaster.

    Args:
        name: One of `NAMES`.
        visible: Windows, one series each.
        targets: Readings to be predicted; their values are not looked at.
        fallback: Answer where a channel has no reading in a window, in general the training mean,
            shape (channel,).
        period_ns: Period of "seasonal" in nanoseconds; None makes it equal to "last".

    Returns:
        Predictions in original units, shape (target,).

    Raises:
        ConfigError: If the name is unknown, or the period not positive.
        ShapeError: If `fallback` has another number of channels, or a target lies outside the
            windows or channels.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1) or [NAMES[0]]
        raise ConfigError(
            f"baseline: expected one of {', '.join(NAMES)}, got {name!r}. Did you mean {near[0]!r}?"
        )
    return predict_all(visible, targets, fallback=fallback, period_ns=period_ns, names=(name,))[
        name
    ]


def predict_all(
    visible: TimeSeriesDataset,
    targets: Targets,
    *,
    fallback: Float64,
    period_ns: int | None = None,
    names: tuple[str, ...] = NAMES,
) -> dict[str, Float64]:
    """Predict readings with several naive forecasters, sorting the windows once.

    Args:
        visible: Windows, one series each.
        targets: Readings to be predicted; their values are not looked at.
        fallback: Answer where a channel has no reading in a window, shape (channel,).
        period_ns: Period of "seasonal" in nanoseconds; None makes it equal to "last".
        names: Some of `NAMES`.

    Returns:
        Predictions in original units by name, each of shape (target,).

    Raises:
        ConfigError: If the period is not positive.
        ShapeError: See `predict`.
    """
    fallback = np.asarray(fallback, dtype=np.float64)
    _check(visible, targets, fallback, period_ns)
    group = targets.window * len(visible.channels) + targets.channel
    groups, known = _Groups.build(visible, group, targets.times, period_ns)
    answers = {name: fallback[targets.channel] for name in names}
    if known.any():
        for name, answer in answers.items():
            answer[known] = _FORECASTERS[name](groups)
    return answers


def distances(visible: TimeSeriesDataset, targets: Targets) -> Int64:
    """Time from each target to the nearest visible reading of its channel.

    Args:
        visible: Windows, one series each.
        targets: Readings to be predicted; their values are not looked at.

    Returns:
        Nanoseconds, the largest int64 where the window shows no reading, shape (target,).
    """
    group = targets.window * len(visible.channels) + targets.channel
    groups, known = _Groups.build(visible, group, targets.times, None)
    found = np.full(len(targets), np.iinfo(np.int64).max)
    left = np.maximum(groups.at - 1, groups.first)
    right = np.minimum(groups.at, groups.stop - 1)
    sides = np.abs(groups.times[np.stack([left, right])] - groups.query)
    found[known] = sides.min(axis=0)
    return found


@dataclass(frozen=True, eq=False)
class _Groups:
    """Visible readings in groups (window, channel), and the group of each target.

    Attributes:
        first: First reading of each target's group, shape (target,).
        stop: One after the last reading of each target's group; > first, shape (target,).
        at: First reading of the group at or after the target; `stop` if none, shape (target,).
        query: Time of each target, int64 nanoseconds, shape (target,).
        group: Group of each target, shape (target,).
        owner: Group of each reading, shape (reading,).
        starts: First reading of each group, shape (group + 1,).
        times: Time of each reading, in order of group and time, shape (reading,).
        values: Value of each reading, shape (reading,).
        distinct: Distinct times of all readings, shape (time,).
        keys: Sortable (group, time) of each reading, shape (reading,).
        period_ns: Period of the seasonal forecaster, or None.
    """

    first: Int64
    stop: Int64
    at: Int64
    query: Int64
    group: Int64
    owner: Int64
    starts: Int64
    times: Int64
    values: Float64
    distinct: Int64
    keys: Int64
    period_ns: int | None

    @classmethod
    def build(
        cls, visible: TimeSeriesDataset, group: Int64, query: Int64, period_ns: int | None
    ) -> tuple[_Groups, np.ndarray]:
        """Sort the readings; leave out targets of empty groups; also which targets remain."""
        source, count = visible.readings, len(visible.channels)
        rows = source.reading_rows()
        owner = source.row_series()[rows] * count + source.channel_index
        order = np.argsort(owner, kind="stable")  # rows are in order of time already
        owner, times = owner[order], source.times[rows][order]
        starts = np.searchsorted(owner, np.arange(len(visible) * count + 1))
        distinct = np.unique(times)
        keys = _keys(distinct, owner, times)
        known = starts[group + 1] > starts[group]
        group, query = group[known], query[known]
        groups = cls(
            first=starts[group],
            stop=starts[group + 1],
            at=np.searchsorted(keys, _keys(distinct, group, query)),
            query=query,
            group=group,
            owner=owner,
            starts=starts,
            times=times,
            values=source.values[order],
            distinct=distinct,
            keys=keys,
            period_ns=period_ns,
        )
        return groups, known


def _keys(distinct: Int64, group: Int64, times: Int64) -> Int64:
    # a rank instead of the time itself: group and nanoseconds together do not fit into 64 bits
    return group * (len(distinct) + 1) + np.searchsorted(distinct, times)


def _check(
    visible: TimeSeriesDataset, targets: Targets, fallback: Float64, period_ns: int | None
) -> None:
    count = len(visible.channels)
    if fallback.shape != (count,):
        raise ShapeError(f"fallback: expected shape ({count},), got {fallback.shape}.")
    for axis, size in (("window", len(visible)), ("channel", count)):
        index = getattr(targets, axis)
        if len(index) and not 0 <= index.min() <= index.max() < size:
            raise ShapeError(
                f"targets.{axis}: expected 0 to {size - 1}, got {index.min()} to {index.max()}."
            )
    if period_ns is not None and period_ns <= 0:
        raise ConfigError(f"period_ns: expected a positive number or None, got {period_ns}.")


def _last(groups: _Groups) -> Float64:
    # before the first reading: the nearest later one, which is the first
    return groups.values[np.maximum(groups.at - 1, groups.first)]


def _mean(groups: _Groups) -> Float64:
    return _group_means(groups, groups.values)[groups.group]


def _group_means(groups: _Groups, values: Float64) -> Float64:
    size = len(groups.starts) - 1
    counts = np.maximum(np.diff(groups.starts), 1)
    return np.bincount(groups.owner, weights=values, minlength=size) / counts


def _linear(groups: _Groups) -> Float64:
    inside, left, weight = _between(groups)
    answer = _least_squares(groups)
    # not low + weight * (high - low), which misses `high` at weight 1 by rounding
    answer[inside] = (1.0 - weight) * groups.values[left] + weight * groups.values[left + 1]
    return answer


def _between(groups: _Groups) -> tuple[np.ndarray, Int64, Float64]:
    """Targets between two readings: which, the reading on the left, the share of the gap passed."""
    # the first reading is the right end of no gap: a target there takes the left end of the first
    at_first = (groups.at == groups.first) & (groups.times[groups.first] == groups.query)
    inside = (groups.at < groups.stop) & ((groups.at > groups.first) | at_first)
    inside &= groups.stop - groups.first > 1
    left = np.maximum(groups.at - 1, groups.first)[inside]
    gap = groups.times[left + 1] - groups.times[left]
    return inside, left, (groups.query[inside] - groups.times[left]) / gap


def _least_squares(groups: _Groups) -> Float64:
    # times from the group's first reading, in spans of the group: exact in int64, free of overflow
    origin = groups.times[np.minimum(groups.starts[:-1], len(groups.times) - 1)]
    end = groups.times[np.maximum(groups.starts[1:] - 1, 0)]
    span = np.maximum(end - origin, 1)
    offset = (groups.times - origin[groups.owner]) / span[groups.owner]
    centre, level = _group_means(groups, offset), _group_means(groups, groups.values)
    offset -= centre[groups.owner]
    residual = groups.values - level[groups.owner]
    variance = _group_means(groups, np.square(offset))
    # a single reading has no slope
    slope = _group_means(groups, offset * residual) / np.where(variance > 0, variance, 1.0)
    group = groups.group
    ahead = (groups.query - origin[group]) / span[group] - centre[group]
    return level[group] + slope[group] * ahead


def _spline(groups: _Groups) -> Float64:
    curvature = natural_curvature(groups.times, groups.values, groups.owner)
    inside, left, weight = _between(groups)
    answer = np.empty(len(groups.query))
    gap = (groups.times[left + 1] - groups.times[left]).astype(np.float64)
    low, high = groups.values[left], groups.values[left + 1]
    rest = 1.0 - weight
    bend = (rest**3 - rest) * curvature[left] + (weight**3 - weight) * curvature[left + 1]
    answer[inside] = rest * low + weight * high + np.square(gap) / 6 * bend
    answer[~inside] = _end_lines(groups, curvature, ~inside)
    return answer


def _end_lines(groups: _Groups, curvature: Float64, outside: np.ndarray) -> Float64:
    """Continue with the slope of the nearest end, whose curvature is zero."""
    first, last = groups.first[outside], groups.stop[outside] - 1
    after = groups.at[outside] == groups.stop[outside]
    end = np.where(after, last, first)
    inner = np.where(after, np.maximum(last - 1, first), np.minimum(first + 1, last))
    gap = (groups.times[end] - groups.times[inner]).astype(np.float64)  # < 0 before the first
    rise = groups.values[end] - groups.values[inner]
    slope = rise / np.where(gap == 0, 1.0, gap) + gap * curvature[inner] / 6
    return groups.values[end] + slope * (groups.query[outside] - groups.times[end])


def _seasonal(groups: _Groups) -> Float64:
    answer = _last(groups)
    period = groups.period_ns
    if period is None:
        return answer
    before = groups.query - groups.times[groups.first]
    after = groups.times[groups.stop - 1] - groups.query
    reach = np.maximum(before, after) // period + 1  # periods that can still meet a reading
    waiting = np.arange(len(answer))
    for shift in range(1, min(_MAX_PERIODS, int(reach.max())) + 1):
        waiting = waiting[reach[waiting] >= shift]
        if not len(waiting):
            break
        near, reading = _one_period(groups, waiting, shift * period)
        answer[waiting[near]] = groups.values[reading[near]]
        waiting = waiting[~near]
    return answer


def _one_period(groups: _Groups, which: Int64, shift: int) -> tuple[np.ndarray, Int64]:
    """Reading nearest to a shift into the past or future (the past first); whether it is near."""
    tolerance = (groups.period_ns or 0) // _TOLERANCE_SHARE
    best, best_distance = groups.first[which], np.full(len(which), np.iinfo(np.int64).max)
    for query in (groups.query[which] - shift, groups.query[which] + shift):
        keys = _keys(groups.distinct, groups.group[which], query)
        right = np.searchsorted(groups.keys, keys)
        for side in (right - 1, right):
            reading = np.clip(side, groups.first[which], groups.stop[which] - 1)
            distance = np.abs(groups.times[reading] - query)
            closer = distance < best_distance
            best = np.where(closer, reading, best)
            best_distance = np.where(closer, distance, best_distance)
    return best_distance <= tolerance, best


_FORECASTERS: dict[str, Callable[[_Groups], Float64]] = {
    "last": _last,
    "mean": _mean,
    "linear": _linear,
    "spline": _spline,
    "seasonal": _seasonal,
}

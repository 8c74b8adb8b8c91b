"""Stamps far from all others, large gaps, stamps out of order, and channels that fall silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64, Readings
from latentode.data.reading.second_look.channel_readings import ChannelReadings
from latentode.data.reading.second_look.log_rows import LogRows

_FEW = 0.1  # of the rows may be far from all others
# where they are out of order in the file, or of a year in which clocks without a battery begin
_FEW_OF_FAULTS = 0.45
_RESETS = [1970, 1980, 2000]  # Unix, GPS, most loggers
_FEWEST_ROWS = 8  # of a log, that show where its bulk is
_ROUNDS = 4  # stamps far from what is left once those farther away are told
_FAR = 3.0  # spans of the bulk between it and a stamp that is far
_WIDE = 12.0  # part of the span: narrower gaps do not part its bulk from anything
_LARGE_GAP = 10.0  # usual steps that make a gap worth a line
# times as long as all gaps but 1 %, or three of a short log, lest any uneven log had some
_RARE_GAP, _RARE, _FEW_GAPS = 3.0, 100, 3
_LEAST_SILENCE = 0.05  # of the span of a series
_SILENT_STEPS = 20.0  # mean gaps of a channel that its silence lasts at least
_OWN_GAPS = 3.0  # times its own largest gap
_FEW_OUT_OF_ORDER = 0.01  # of the rows: where more are, the file has no order that tells anything
_SAMPLE = 1 << 17  # gaps of a long log by which the usual ones are told


@dataclass(frozen=True)
class Strays:
    """Stamps far from all others.

    Attributes:
        first: Earliest of them, nanoseconds.
        last: Latest.
        count: Number of rows.
        bulk: First and last time of the bulk that they are far from.
    """

    first: int
    last: int
    count: int
    bulk: tuple[int, int]

    @property
    def is_early(self) -> bool:
        """Whether they stand before the bulk."""
        return self.first < self.bulk[0]

    @property
    def distance(self) -> int:
        """Nanoseconds to the bulk."""
        return self.bulk[0] - self.last if self.is_early else self.first - self.bulk[1]


@dataclass(frozen=True)
class Gap:
    """A time without readings of any channel.

    Attributes:
        series: Index of the series.
        start: Last time before it, nanoseconds.
        end: First time after it.
    """

    series: int
    start: int
    end: int


@dataclass(frozen=True)
class Gaps:
    """Gaps far above the usual step.

    Attributes:
        longest: The longest of them.
        number: How many there are.
        least: Length that all of them exceed, nanoseconds.
    """

    longest: tuple[Gap, ...]
    number: int
    least: int


@dataclass(frozen=True)
class Silence:
    """A channel, or a whole series, that ends long before the others.

    Attributes:
        series: Index of the series.
        channel: The channel; None for the whole series.
        last: Its last time, nanoseconds.
        missed: Nanoseconds from there to the end of the series, or of the log.
    """

    series: int
    channel: str | None
    last: int
    missed: int


@dataclass(frozen=True)
class OutOfOrder:
    """Rows whose time is before that of the row before, in the order of the file.

    Attributes:
        count: Number of rows; of those that go forward where the log is written newest first.
        row: First of them.
        newest_first: Whether times mostly fall.
        hours: Hours of the clock in which these rows are, since 1970; none of a log in no order.
    """

    count: int
    row: int | None
    newest_first: bool
    hours: tuple[int, ...] = ()


def find_order(rows: LogRows) -> OutOfOrder | None:
    """Find rows out of order of time within their series; None where all are in order."""
    if rows.rise:
        return None
    order, key = None, rows.series
    if rows.channel is not None:
        key = key.astype(np.int64) * (int(rows.channel.max()) + 1) + rows.channel
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key.astype(np.min_scalar_type(int(key.max()))), kind="stable")
        key = key[order]
    back, forward = _turns(rows.times if order is None else rows.times[order], key)
    newest_first = int(back.sum()) > int(forward.sum())
    wrong = np.flatnonzero(forward if newest_first else back) + 1
    wrong = wrong if order is None else np.sort(order[wrong])
    if not len(wrong) and not newest_first:
        return None
    few = wrong[: 0 if len(wrong) > _FEW_OUT_OF_ORDER * len(key) else None]
    hours = tuple(np.unique(rows.times[few] // NS_PER_UNIT["h"]).tolist())
    return OutOfOrder(len(wrong), int(wrong[0]) if len(wrong) else None, newest_first, hours)


def _turns(times: Int64, key: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each row but the first goes back in its series' time, and whether it goes on."""
    same = key[1:] == key[:-1]
    return same & (times[1:] < times[:-1]), same & (times[1:] > times[:-1])


def steps_between(readings: Readings) -> Int64:
    """Nanoseconds from each row to the next of its series, -1 at the end of a series."""
    steps = np.diff(readings.times)
    ends = readings.series_starts[1:-1]
    steps[ends[(ends > 0) & (ends <= len(steps))] - 1] = -1
    return steps


def usual_steps(steps: Int64) -> tuple[int, int] | None:
    """Median of some steps, and the longest of the usual ones; None without steps."""
    if len(steps) > 4 * _SAMPLE:
        steps = steps[np.random.default_rng(0).integers(0, len(steps), _SAMPLE)]
    inside = np.sort(steps[steps >= 0])  # faster than to part it by two quantiles
    if not len(inside):
        return None
    number = len(inside)
    middle, longest = (number - 1) // 2, number - 1
    longest -= max(number // _RARE, min(_FEW_GAPS, number // 8))
    return int(inside[middle]), int(inside[longest])


def find_gaps(readings: Readings, steps: Int64, usual: tuple[int, int] | None, most: int) -> Gaps:
    """Find gaps far above the usual step.

    Args:
        readings: What was read.
        steps: From `steps_between`.
        usual: From `usual_steps`.
        most: How many are returned: the longest.
    """
    if usual is None:
        return Gaps((), 0, 0)
    least = max(_LARGE_GAP * usual[0], _RARE_GAP * usual[1])
    rows = np.flatnonzero(steps > least)
    number = len(rows)
    rows = rows[np.argsort(-steps[rows], kind="stable")][:most]
    series = np.searchsorted(readings.series_starts, rows, side="right") - 1
    ends = zip(series, readings.times[rows], readings.times[rows + 1], strict=True)
    longest = tuple(Gap(int(s), int(start), int(end)) for s, start, end in ends)
    return Gaps(longest, number, int(least))


def find_silences(channel: ChannelReadings, readings: Readings) -> Iterator[Silence]:
    """Find the series in which a channel falls silent long before their end."""
    starts, times = readings.series_starts, readings.times
    counts = np.diff(channel.bounds)
    several = np.flatnonzero(counts >= 5)
    if channel.all_rows is None or not len(several):
        return  # a channel that has every row ends with its series
    begins, ends = starts[several], starts[several + 1] - 1
    first = channel.times_at(channel.bounds[several], times)
    last = channel.times_at(channel.bounds[several + 1] - 1, times)
    missed = times[ends] - last
    step = (last - first) / (counts[several] - 1)
    long = (missed > _LEAST_SILENCE * (times[ends] - times[begins])) & (
        missed > _SILENT_STEPS * step
    )
    for at in np.flatnonzero(long):
        series = int(several[at])
        index = np.arange(channel.bounds[series], channel.bounds[series + 1])
        own = np.diff(channel.times_at(index, times))
        if missed[at] > _OWN_GAPS * own.max():
            yield Silence(series, channel.name, int(last[at]), int(missed[at]))


def find_ended_series(readings: Readings, step: int) -> Iterator[Silence]:
    """Find series that end long before the others, where most end together."""
    first, last = readings.first_and_last()
    filled = np.flatnonzero(last >= first)
    if len(filled) < 3:
        return
    end, begin = int(last[filled].max()), int(first[filled].min())
    missed = end - last[filled]
    near = missed <= max(0.01 * (end - begin), 2 * step)
    if near.sum() * 2 <= len(filled):
        return
    for at in np.flatnonzero(missed > max(_LEAST_SILENCE * (end - begin), _SILENT_STEPS * step)):
        yield Silence(int(filled[at]), None, int(last[filled[at]]), int(missed[at]))


def find_strays(readings: Readings, clock: Clock, order: OutOfOrder | None) -> list[Strays]:
    """Find few stamps separated from all others by many times the span of those.

    Series are looked at together, since bounds that leave such stamps out hold for all of them.

    Args:
        readings: What was read.
        clock: What its times mean: on a calendar, clocks begin anew in known years.
        order: What is out of order in the file, as rows of a clock that was wrong for a while are.
    """
    misplaced = order is not None and order.count > 0
    times, starts = readings.times, readings.series_starts
    strays: list[Strays] = []
    for _ in range(_ROUNDS):  # the span within which gaps are wide shrinks with each
        runs = _runs(times, starts)
        bulk, far = _parted(runs, clock, misplaced)
        if not far:
            break
        strays += far
        inside = (times >= bulk[0]) & (times <= bulk[1])
        starts = np.concatenate([[0], np.cumsum(inside)])[starts]
        times = times[inside]
    return _merged(strays)


def _runs(times: Int64, starts: Int64) -> Int64:
    """First time, last time and number of rows between wide gaps of all series, (run, 3)."""
    if not len(times):
        return np.empty((0, 3), dtype=np.int64)
    least = (int(times.max()) - int(times.min())) / _WIDE
    begins = np.zeros(len(times), dtype=bool)
    begins[1:] = np.diff(times) > least
    begins[starts[:-1][np.diff(starts) > 0]] = True
    edges = np.flatnonzero(begins)
    ends = np.append(edges[1:], len(times))
    runs = np.stack([times[edges], times[ends - 1], ends - edges], axis=1)
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(runs[:, 1])
    edges = np.flatnonzero(np.append(True, runs[1:, 0] - reach[:-1] > least))
    last = reach[np.append(edges[1:], len(runs)) - 1]
    return np.stack([runs[edges, 0], last, np.add.reduceat(runs[:, 2], edges)], axis=1)


def _parted(runs: Int64, clock: Clock, misplaced: bool) -> tuple[tuple[int, int], list[Strays]]:
    """Span of the bulk among some runs in order of time, and the runs that are far from it."""
    total = int(runs[:, 2].sum())
    if len(runs) < 2 or total < _FEWEST_ROWS:
        return (0, 0), []
    first, last, _ = runs[runs[:, 2].argmax()].tolist()
    if not _are_few(runs[runs[:, 0] != first], total, clock, misplaced):
        return (0, 0), []
    least = _FAR * (last - first)
    early, late = first - runs[:, 1] > least, runs[:, 0] - last > least
    near = runs[~early & ~late]
    bulk = (int(near[:, 0].min()), int(near[:, 1].max()))
    sides = [runs[side] for side in (early, late) if side.any()]
    return bulk, [
        Strays(int(some[0, 0]), int(some[-1, 1]), int(some[:, 2].sum()), bulk) for some in sides
    ]


def _are_few(others: Int64, total: int, clock: Clock, misplaced: bool) -> bool:
    """Whether runs beside the largest hold few enough rows to be faults of a clock."""
    counts = others[:, 2]
    years = others[:, 0].view("M8[ns]").astype("M8[Y]").astype(np.int64) + 1970
    faults = misplaced | (np.isin(years, _RESETS) & (clock.kind == "calendar"))
    few = counts[~faults].sum() <= max(1, _FEW * total)
    return bool(few and counts.sum() <= max(1, _FEW_OF_FAULTS * total))


def _merged(strays: list[Strays]) -> list[Strays]:
    """Early and late ones of all rounds together, with the bulk of the last."""
    sides = [[each for each in strays if each.is_early is is_early] for is_early in (True, False)]
    return [
        Strays(
            min(each.first for each in some),
            max(each.last for each in some),
            sum(each.count for each in some),
            strays[-1].bulk,
        )
        for some in sides
        if some
    ]

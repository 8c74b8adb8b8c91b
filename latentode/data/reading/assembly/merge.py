"""Readings in order, one a (series, time, channel): repeated readings merged, outliers clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Clock, Float64, Int64, reading_order
from latentode.data.reading.assembly.collect import Collected
from latentode.data.reading.assembly.repeats import likely_cause
from latentode.data.reading.tally import Tally
from latentode.errors import DataError

_MAD_TO_SD = 1.4826  # of a normal distribution
#: Share of readings that are averaged without a question.
FEW_REPEATS = 0.01


@dataclass(frozen=True)
class Triplets:
    """Readings as flat arrays.

    Attributes:
        series_ids: Names of the series.
        channels: Names of the channels.
        series: Series of each reading, shape (reading,).
        times: Nanoseconds.
        channel: Channel.
        values: Value.
        rows: Row of the log in which each reading stands.
    """

    series_ids: Sequence[str]
    channels: Sequence[str]
    series: NDArray[np.int32]
    times: Int64
    channel: NDArray[np.int32]
    values: Float64
    rows: NDArray[np.int32]

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> Triplets:
        """Some readings, by index or mask."""
        return replace(
            self,
            series=self.series[index],
            times=self.times[index],
            channel=self.channel[index],
            values=self.values[index],
            rows=self.rows[index],
        )

    def count(self, tally: Tally, reason: str, index: Int64) -> None:
        """Count some readings, in all and by series and channel.

        Args:
            tally: Counts them.
            reason: Why.
            index: Which of them, shape (counted,).
        """
        tally.add(reason, len(index))
        tally.add_by(reason, tally.per_series, self.series_ids, self.series[index])
        tally.add_by(reason, tally.per_channel, self.channels, self.channel[index])

    def in_order(self) -> Triplets:
        """Sorted by series, time and channel; equal ones stay in the order of the log."""
        order = reading_order(self.series, self.times, self.channel)
        return self if order is None else self.take(order)


def merge_duplicates(
    readings: Triplets,
    policy: Literal["auto", "error", "mean", "first", "last"],
    *,
    tally: Tally,
    clock: Clock,
    got: Collected,
) -> Triplets:
    """Leave one reading a (series, time, channel).

    Args:
        readings: In order.
        policy: "mean", "first" or "last" in the order of the log; "error" refuses repeats; "auto"
            averages a few, and asks where more than 1 % of the readings differ from another.
        tally: Counts every reading that is merged into another; its doubts take the question.
        clock: What the times mean.
        got: The rows.

    Returns:
        Readings without repeats.

    Raises:
        DataError: If a reading is repeated and the policy is "error".
    """
    same = _repeat_the_one_before(readings)
    if not same.any():
        return readings
    if policy == "error":
        at = int(np.flatnonzero(same)[0])
        first, second = (got.at(row) for row in sorted(readings.rows[at : at + 2]))
        raise DataError(
            f"{got.tables[0].name}: channel {readings.channels[readings.channel[at]]!r} of series "
            f"{readings.series_ids[readings.series[at]]!r} has two readings at one time "
            f"({first} and {second}), {int(same.sum())} such in all. "
            "Pass --duplicates mean, first or last."
        )
    single, merged, identical = one_each(readings, policy)
    readings.count(tally, "duplicates_merged", merged)
    readings.count(tally, "duplicates_identical", identical)
    if policy == "auto" and len(merged):
        _tell_cause(readings, merged, tally, clock, got)
    return single


def one_each(
    readings: Triplets, policy: Literal["auto", "mean", "first", "last"]
) -> tuple[Triplets, Int64, Int64]:
    """One reading a (series, time, channel), and which readings were merged into others.

    Args:
        readings: In order.
        policy: As in `merge_duplicates`; "auto" averages.

    Returns:
        Readings without repeats; which of the given ones repeat another with a different value, and
        which with the same.
    """
    same = _repeat_the_one_before(readings)
    none = np.zeros(0, dtype=np.int64)
    if not same.any():
        return readings, none, none
    kept = np.concatenate([[True], ~same])
    group = np.cumsum(kept) - 1
    crowded = np.bincount(group) > 1
    inside = np.flatnonzero(crowded[group])
    merged, different = _merge(readings.values[inside], group[inside], policy)
    extra = ~kept[inside]
    values = readings.values.copy()
    values[inside] = merged
    single = replace(readings, values=values).take(kept)
    return single, inside[extra & different], inside[extra & ~different]


def _repeat_the_one_before(readings: Triplets) -> NDArray[np.bool_]:
    same = readings.times[1:] == readings.times[:-1]
    same &= readings.channel[1:] == readings.channel[:-1]
    same &= readings.series[1:] == readings.series[:-1]
    return same


def _tell_cause(
    readings: Triplets, merged: Int64, tally: Tally, clock: Clock, got: Collected
) -> None:
    """Say why readings repeat; ask where they are many."""
    share = len(merged) / len(readings.times)
    series, channel = _most_often(readings.series[merged], readings.channel[merged])
    one = np.flatnonzero((readings.series == series) & (readings.channel == channel))
    cause = likely_cause(
        readings.times[one],
        readings.values[one],
        readings.rows[one],
        np.isin(one, merged),
        clock=clock,
        at=got.at,
    )
    tally.merge_cause = cause.words
    first = got.at(readings.rows[merged].min())
    many = f"{len(merged):,} reading{'s' if len(merged) > 1 else ''}"
    doubts = tally.doubts
    if share > FEW_REPEATS and any(each.about in ("series", "time") for each in doubts.questions):
        return  # that answer comes first: readings may repeat for want of it
    if share > FEW_REPEATS:
        doubts.ask(
            "repeats",
            f"{many} ({100 * share:.2g} %) have the series, channel and time of another and a "
            f"different value (first: {first}): {cause.words}. {cause.cure}.",
        )
        return
    doubts.decide(
        "repeats",
        f"{many} averaged with another of the same series, channel and time",
        f"{100 * share:.2g} % of all, first: {first}; {cause.words}",
        confidence="guess",
        option=cause.option,
    )


def _most_often(series: NDArray[np.int32], channel: NDArray[np.int32]) -> tuple[int, int]:
    """The series and the channel that stand together most often."""
    width = int(channel.max()) + 1
    code = int(np.bincount(series.astype(np.int64) * width + channel).argmax())
    return code // width, code % width


def _merge(
    values: Float64, group: Int64, policy: Literal["auto", "mean", "first", "last"]
) -> tuple[Float64, NDArray[np.bool_]]:
    """Merged value of each reading's group, and whether the values of the group differ."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(group) != 0]))
    counts = np.diff(np.append(starts, len(values)))
    # sorted, so that the rounding of a sum does not depend on the order of the rows
    ordered = values[np.lexsort((values, group))]
    different = ordered[starts] != ordered[starts + counts - 1]
    if policy in ("mean", "auto"):
        mean = np.add.reduceat(ordered, starts) / counts
        merged = np.where(different, mean, ordered[starts])
    else:
        merged = values[starts] if policy == "first" else values[starts + counts - 1]
    return np.repeat(merged, counts), np.repeat(different, counts)


def clip_outliers(readings: Triplets, spread: float, tally: Tally) -> Triplets:
    """Clip the values of each channel to its median +- `spread` robust standard deviations.

    The deviation is 1.4826 times the median absolute deviation; a channel where that is 0 (half of
    its readings are equal) is left as it is.

    Args:
        readings: Readings without repeats.
        spread: Robust standard deviations beyond which values are clipped.
        tally: Counts them.

    Returns:
        Readings with clipped values.
    """
    values = readings.values.copy()
    for code in range(len(readings.channels)):
        index = np.flatnonzero(readings.channel == code)
        if not len(index):
            continue
        middle = float(np.median(values[index]))
        reach = spread * _MAD_TO_SD * float(np.median(np.abs(values[index] - middle)))
        if reach == 0:
            continue
        outside = index[np.abs(values[index] - middle) > reach]
        values[outside] = np.clip(values[outside], middle - reach, middle + reach)
        readings.count(tally, "values_clipped", outside)
    return replace(readings, values=values)

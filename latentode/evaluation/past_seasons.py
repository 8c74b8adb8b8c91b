"""Naive forecasts that look a week or a year back, farther than any window of a model.

Where a log goes on as it did a week or a year ago, these are the forecasts to beat. They may look
at all readings of the series until the origin, not only at those that the model reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.calendar import WEEK_NS
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, positions
from latentode.data.targets import Targets

#: A year of 52 weeks keeps the hour of the day and the day of the week.
PERIODS_NS = {"weekly": WEEK_NS, "yearly": 52 * WEEK_NS}
_FEWEST_PERIODS = 2  # of training: with one there is hardly an error to learn a band from
_LEAST_TOLERANCE = NS_PER_UNIT["h"] // 2  # how far off the reading may be, at least
_MOST_PERIODS = 60  # as far as is looked back: more than a year of weeks


def periods_within(span_ns: int) -> dict[str, int]:
    """The periods of which a training part of some length holds at least two, by name."""
    return {name: p for name, p in PERIODS_NS.items() if span_ns >= _FEWEST_PERIODS * p}


@dataclass(frozen=True, eq=False)
class PastSeasons:
    """Readings of whole series in order of channel and time, looked up whole periods earlier.

    Attributes:
        log: The series.
        periods_ns: Periods in nanoseconds, by the name of their row.
        group: Series and channel of each reading, ascending, shape (reading,).
        times: Time of each, ascending within a group, shape (reading,).
        values: Value of each, shape (reading,).
        distinct: Distinct times, shape (time,).
        keys: Sortable (group, time) of each reading, shape (reading,).
        tolerance: How far from a whole number of periods the reading of a channel may be, half of
            its typical gap or half an hour, nanoseconds, shape (channel,).
    """

    log: TimeSeriesDataset
    periods_ns: Mapping[str, int]
    group: Int64
    times: Int64
    values: Float64
    distinct: Int64
    keys: Int64
    tolerance: Int64

    @classmethod
    def of(cls, log: TimeSeriesDataset, periods_ns: Mapping[str, int]) -> Self:
        """Sort the readings of a log.

        Args:
            log: The whole log, from which windows are cut.
            periods_ns: Periods by name.
        """
        readings = log.readings
        rows = readings.reading_rows()
        group = readings.row_series()[rows] * len(log.channels) + readings.channel_index
        order = np.argsort(group, kind="stable")  # rows are in order of time already
        group, times = group[order], readings.times[rows][order]
        distinct = np.unique(times)
        keys = _keys(distinct, group, times)
        tolerance = _tolerance(group, times, len(log.channels))
        values = readings.values[order]
        return cls(log, periods_ns, group, times, values, distinct, keys, tolerance)

    def predict(self, name: str, visible: TimeSeriesDataset, targets: Targets) -> Float64:
        """The reading nearest to a whole number of periods before each target, the least there is.

        Args:
            name: Of the period.
            visible: Windows that end at their origins, after which nothing is looked at.
            targets: Readings to be predicted; their values are not looked at.

        Returns:
            Predictions in original units, NaN where no reading lies within the tolerance, shape
            (target,).
        """
        period = self.periods_ns[name]
        origins = visible.readings.first_and_last()[1][targets.window]
        series = positions(visible.series_ids, self.log.series_ids)[targets.window]
        group = series * len(self.log.channels) + targets.channel
        answer = np.full(len(targets), np.nan)
        waiting = np.arange(len(targets))
        for count in range(1, _MOST_PERIODS + 1):
            query = targets.times[waiting] - count * period
            found = self._nearest(group[waiting], query, origins[waiting])
            answer[waiting] = found
            first = self.distinct[0] if len(self.distinct) else 0
            waiting = waiting[np.isnan(found) & (query > first)]
            if not len(waiting):
                break
        return answer

    def _nearest(self, group: Int64, query: Int64, until: Int64) -> Float64:
        """Reading of a group nearest to a time, none after another time; NaN where none is near."""
        if not len(self.keys):
            return np.full(len(query), np.nan)
        # of a time after the last one that may be looked at, the nearest reading is before that
        known = _keys(self.distinct, group, np.minimum(query, until))
        right = np.searchsorted(self.keys, known)
        best = np.full(len(query), np.nan)
        least = self.tolerance[group % len(self.log.channels)] + 1
        for side in (right - 1, right):
            reading = np.clip(side, 0, len(self.keys) - 1)
            apart = np.abs(self.times[reading] - query)
            allowed = (self.group[reading] == group) & (self.times[reading] <= until)
            nearer = allowed & (apart < least)
            best = np.where(nearer, self.values[reading], best)
            least = np.where(nearer, apart, least)
        return best


def _tolerance(group: Int64, times: Int64, num_channels: int) -> Int64:
    """Half of the typical gap of each channel, but not less than is always allowed."""
    gaps, inside = np.diff(times), group[1:] == group[:-1]
    gaps, channel = gaps[inside], group[1:][inside] % num_channels
    found = np.full(num_channels, _LEAST_TOLERANCE)
    for index in np.unique(channel):
        found[index] = max(_LEAST_TOLERANCE, int(np.median(gaps[channel == index])) // 2)
    return found


def _keys(distinct: Int64, group: Int64, times: Int64) -> Int64:
    # a rank instead of the time itself: group and nanoseconds together do not fit into 64 bits
    return group * (len(distinct) + 1) + np.searchsorted(distinct, times)

"""What training saw of each channel, as a distribution: the forecast that looks at no reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.calendar import DAY_NS, utc_offsets
from latentode.data.channel_readings import ChannelReadings, by_channel
from latentode.data.dataset import Clock, Float64, Int64, Readings

#: What the names of stored arrays of a climatology begin with.
CLIMATOLOGY = "climatology."
NUM_QUANTILES = 49  # odd, so that one of them is the median
_HOUR_NS = NS_PER_UNIT["h"]
_ENOUGH = 20  # readings of an hour of the day that make a distribution of their own


@dataclass(frozen=True, eq=False)
class Climatology:
    """Quantiles of the training readings of each channel, by hour of the day where days repeat.

    Attributes:
        quantiles: Quantiles of equal shares of the readings in original units, by local hour of the
            day (one row stands for any time), shape (hour, channel, quantile); NaN for a channel
            that training never read.
        counts: Number of training readings, shape (channel,).
    """

    quantiles: Float64
    counts: Int64

    @classmethod
    def fit(cls, readings: Readings, clock: Clock, *, daily: bool) -> Climatology:
        """Learn the quantiles of some training readings.

        Args:
            readings: The readings.
            clock: What their times mean.
            daily: Whether the hours of the day have quantiles of their own; an hour with fewer than
                twenty readings of a channel takes those of all hours.
        """
        channels = [
            (len(channel.values), channel_quantiles(channel, clock, daily=daily))
            for channel in by_channel(readings)
        ]
        return cls.of(channels, daily=daily)

    @classmethod
    def of(cls, channels: Sequence[tuple[int, Float64]], *, daily: bool) -> Climatology:
        """Put channels together.

        Args:
            channels: Number of training readings of each, and what `channel_quantiles` says.
            daily: As in `fit`.
        """
        quantiles = np.empty((24 if daily else 1, len(channels), NUM_QUANTILES))
        for index, (_, found) in enumerate(channels):
            quantiles[:, index] = found
        return cls(quantiles, np.array([count for count, _ in channels], dtype=np.int64))

    def at(self, times: Int64, channel: Int64, clock: Clock) -> Float64:
        """Quantiles of some readings, from the least up, shape (quantile, reading).

        Args:
            times: Time of each in nanoseconds, shape (reading,).
            channel: Channel of each, shape (reading,).
            clock: What the times mean.
        """
        hour = hour_of_day(times, clock) if len(self.quantiles) > 1 else 0
        return self.quantiles[hour, channel].T

    def pack(self) -> dict[str, np.ndarray]:
        """Arrays by names that begin with `CLIMATOLOGY`."""
        return {f"{CLIMATOLOGY}{name}": array for name, array in vars(self).items()}

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray], num_channels: int) -> Climatology | None:
        """What `pack` was asked of; None from no arrays, as earlier versions stored.

        Args:
            arrays: Arrays by name.
            num_channels: Channels of the model.

        Raises:
            ValueError: If the arrays are not those of a climatology.
        """
        if not arrays:
            return None
        quantiles = arrays.get(f"{CLIMATOLOGY}quantiles", np.empty(0))
        counts = arrays.get(f"{CLIMATOLOGY}counts", np.empty(0))
        sound = (
            len(arrays) == 2
            and quantiles.shape in [(n, num_channels, NUM_QUANTILES) for n in (1, 24)]
            and quantiles.dtype == np.float64
            and (counts.shape, counts.dtype) == ((num_channels,), np.int64)
            and bool((np.isfinite(quantiles) == (counts > 0)[:, None]).all())
            and bool((np.diff(quantiles[:, counts > 0]) >= 0).all())
        )
        if not sound:
            raise ValueError("climatology: quantiles or counts that are not those of the channels")
        return cls(quantiles, counts)


def channel_quantiles(channel: ChannelReadings, clock: Clock, *, daily: bool) -> Float64:
    """Quantiles of the readings of one channel, (hour, quantile); NaN without any.

    Args:
        channel: Training readings.
        clock: What their times mean.
        daily: As in `Climatology.fit`.
    """
    quantiles = np.full((24 if daily else 1, NUM_QUANTILES), np.nan)
    values = channel.values[channel.timed]
    if len(values):
        quantiles[:] = equal_shares(values)
        if daily:
            _set_hours(quantiles, values, hour_of_day(channel.times, clock))
    return quantiles


def hour_of_day(times: Int64, clock: Clock) -> Int64:
    """Hour of the local day of each time, 0 to 23."""
    return (times + utc_offsets(times, clock)) % DAY_NS // _HOUR_NS


def _set_hours(quantiles: Float64, values: Float64, hour: Int64) -> None:
    """Fill in the hours (hour, quantile) that have readings enough."""
    order = np.argsort(hour, kind="stable")
    edges = np.searchsorted(hour[order], np.arange(25))
    for each in np.flatnonzero(np.diff(edges) >= _ENOUGH):
        quantiles[each] = equal_shares(values[order[edges[each] : edges[each + 1]]])


def equal_shares(values: Float64) -> Float64:
    """Quantiles in the middles of `NUM_QUANTILES` equal shares of some numbers, (quantile,)."""
    count = len(values)
    places = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES * count - 0.5
    between = np.interp(places, np.arange(count), np.sort(values))
    # rounding of what lies between equal readings could fall
    return np.maximum.accumulate(between)

"""What is learned of the values of a log, one channel after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.channel_readings import ChannelReadings, by_channel
from latentode.data.climatology import Climatology, channel_quantiles
from latentode.data.counters import NO_COUNTERS, Counters
from latentode.data.dataset import Clock, Float64, TimeSeriesDataset
from latentode.data.families import Families, channel_family, check_declared
from latentode.data.parting import Parting
from latentode.data.scaler import Scaler, channel_scale
from latentode.errors import DataError

#: Training readings without which a channel gets no forecast: its scale would be off by a quarter.
FEWEST_TRAINING = 10


@dataclass(frozen=True, eq=False)
class LearnedChannels:
    """Scales, kinds and distributions of the channels of a log.

    Attributes:
        scaler: Channel scales.
        families: What the readings of each channel can be.
        climatology: Distribution of the training readings.
    """

    scaler: Scaler
    families: Families
    climatology: Climatology

    @classmethod
    def of(
        cls,
        channels: Iterable[tuple[ChannelReadings, Float64]],
        config: LatentODEConfig,
        clock: Clock,
        *,
        daily: bool,
    ) -> LearnedChannels:
        """Learn from channels, which are looked at once and not kept.

        Args:
            channels: Readings of each in the training part, and values of the validation part.
            config: Settings.
            clock: What times mean.
            daily: Whether days repeat.

        Raises:
            DataError: If no channel has ten readings in the training part.
            ConfigError: If readings contradict what was declared of a channel.
        """
        names, scales, families, quantiles = [], [], [], []
        for training, later in channels:
            names.append(training.name)
            scales.append(channel_scale(training.values))
            families.append(channel_family(training, later, config.channels))
            found = channel_quantiles(training, clock, daily=daily)
            quantiles.append((len(training.values), found))
            del training, later  # the next channel takes their place in memory
        check_declared(names, config.channels)
        climatology = Climatology.of(quantiles, daily=daily)
        _check_enough(names, climatology)
        return cls(Scaler.of(scales), Families.of(families), climatology)


def _check_enough(names: list[str], climatology: Climatology) -> None:
    counts = climatology.counts
    if counts.max() < FEWEST_TRAINING:
        raise DataError(
            f"training part: expected at least {FEWEST_TRAINING} readings of a channel, got "
            f"{counts.max()} of {names[counts.argmax()]!r}. Give a longer log, or "
            "more files of it, or check --split."
        )


@dataclass(frozen=True, eq=False)
class Learned:
    """All that is learned of the values of a log.

    Attributes:
        counters: Channels that are running totals: all else is learned of their rates.
        channels: Of the channels.
        input_scaler: Scales of known inputs; None without.
        static_mean: Training means of static covariates, shape (static,).
        static_std: Training standard deviations, shape (static,).
    """

    counters: Counters
    channels: LearnedChannels
    input_scaler: Scaler | None
    static_mean: Float64
    static_std: Float64

    @classmethod
    def of_log(cls, log: TimeSeriesDataset, parting: Parting, config: LatentODEConfig) -> Learned:
        """Learn from the training part of a log.

        Args:
            log: The whole log.
            parting: How it is parted.
            config: Settings.

        Raises:
            DataError: If no channel has ten readings in the training part.
            ConfigError: If readings contradict what was declared of a channel.
        """
        starts, stops = parting.split.bounds(log, "train")
        names, counters = config.channels.counters, NO_COUNTERS
        if names:
            training = log.readings.within(starts, stops)
            counters = Counters.fit(training, names, parting.lengths.horizon_ns)
        modelled = counters.as_rates(log.readings)
        training = modelled.within(starts, stops)
        later = by_channel(modelled.within(*parting.split.bounds(log, "validation")))
        channels = zip(by_channel(training), (each.values for each in later), strict=True)
        found = LearnedChannels.of(channels, config, log.clock, daily=parting.daily)
        inputs = log.inputs
        input_scaler = None if inputs is None else Scaler.fit(inputs.within(starts, stops))
        return cls(counters, found, input_scaler, *static_statistics(log.static, stops > starts))


def static_statistics(static: Float64 | None, training: np.ndarray) -> tuple[Float64, Float64]:
    """Means and standard deviations of static covariates, shape (static,).

    Args:
        static: Covariates, shape (series, static); None without any.
        training: True for series of the training part, shape (series,).
    """
    if static is None:
        return np.zeros(0), np.ones(0)
    values = np.nan_to_num(static[training])
    std = values.std(axis=0)
    return values.mean(axis=0), np.where(std > 0, std, 1.0)

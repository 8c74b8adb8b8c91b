"""What is learned of a log in parts before a training: the same, to the bit, as of it in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.channel_readings import ChannelReadings, sampled
from latentode.data.counters import NO_COUNTERS, Counters, check_counters
from latentode.data.dataset import Float64, Int64, Readings
from latentode.data.learned import Learned, LearnedChannels, static_statistics
from latentode.data.parting import Parting
from latentode.data.scaler import Scaler, channel_scale
from latentode.data.schema import DataSchema
from latentode.data.splits import Part
from latentode.scale.census import Census, Gathered, Order
from latentode.scale.manifest import ChannelEntry
from latentode.scale.part_files import read_channels
from latentode.scale.parts import Parts, joined_readings

_AT_ONCE = 8_000_000  # readings of channels that are read together; one alone may have more
_MOST = 60_000_000  # readings of a channel, beyond which some parts stand for all: 2.5 GB
_CHOICE = 23  # names the stream of random numbers that chooses these


def learn_schema(
    parts: Parts, census: Census, parting: Parting, config: LatentODEConfig
) -> DataSchema:
    """Learn what `DataSchema.fit` does, one channel after another.

    In memory are about 45 bytes for each training reading of the channel that has most; beyond 60
    million readings, a random choice of parts stands for all of them.

    Args:
        parts: The parts.
        census: Their series.
        parting: How the log is parted.
        config: Settings.

    Raises:
        DataError: If no channel has ten readings in the training part.
        ConfigError: If readings contradict what was declared of a channel.
    """
    passes = _Passes.of(parts, census, parting, config.train.seed)
    counters = passes.counters(config.channels.counters, parting.lengths.horizon_ns)
    channels = LearnedChannels.of(
        passes.channels(counters), config, parts.manifest.clock_of, daily=parting.daily
    )
    inputs = None
    if parts.manifest.inputs:
        training = passes.of_part(parts.manifest.inputs, NO_COUNTERS, "train")
        inputs = Scaler.of([channel_scale(each.values) for each in training])
    starts, stops = passes.bounds["train"]
    static = static_statistics(census.times.static, stops > starts)
    return DataSchema.of(census.times, parting, Learned(counters, channels, inputs, *static))


@dataclass(frozen=True, eq=False)
class _Passes:
    """Reads some channels of all parts at a time.

    Attributes:
        parts: The parts.
        census: Their series.
        bounds: Exclusive start and inclusive end of a part of the split of each series.
        seed: Of the choice of parts that stand for all.
    """

    parts: Parts
    census: Census
    bounds: dict[Part, tuple[Int64, Int64]]
    seed: int

    @classmethod
    def of(cls, parts: Parts, census: Census, parting: Parting, seed: int) -> _Passes:
        names: tuple[Part, ...] = ("train", "validation")
        bounds = {name: parting.split.bounds(census.times, name) for name in names}
        return cls(parts, census, bounds, seed)

    def channels(self, counters: Counters) -> Iterator[tuple[ChannelReadings, Float64]]:
        """Training readings of every channel, and values of the validation part."""
        for group in _groups(self.parts.manifest.channels):
            training = self.of_part(group, counters, "train")
            later = self.of_part(group, counters, "validation")
            while training:
                yield training.pop(0), later.pop(0).values

    def of_part(
        self, channels: Sequence[ChannelEntry], counters: Counters, part: Part
    ) -> list[ChannelReadings]:
        """Readings of some channels in a part of the split.

        Args:
            channels: The channels, or known inputs.
            counters: Channels whose rates are wanted.
            part: Part of the split.
        """
        chosen = telling_parts(self.parts, channels, self.seed)
        ranks, num_series = [self.census.ranks[index] for index in chosen], len(self.census.times)
        gathered = [_Gathered(channel) for channel in channels]
        for readings in self._read(chosen, channels, counters, part):
            for index, each in enumerate(gathered):
                each.add(readings, index)
        merged = []
        while gathered:  # what is merged need not be held twice
            merged.append(gathered.pop(0).merged(ranks, num_series))
        return merged

    def counters(self, names: Sequence[str], unit_ns: int) -> Counters:
        """Learn how fast counters rise.

        Args:
            names: Channels that are counters.
            unit_ns: Time that rates are to be stated for.
        """
        if not names:
            return NO_COUNTERS
        check_counters(names, self.parts.channels)
        chosen = [each for each in self.parts.manifest.channels if each.name in names]
        every = range(len(self.parts))
        merged = joined_readings([*self._read(every, chosen, NO_COUNTERS, "train")])
        order = np.argsort(np.concatenate(self.census.ranks))
        return Counters.fit(merged.select_series(order), names, unit_ns)

    def _read(
        self,
        chosen: Sequence[int],
        channels: Sequence[ChannelEntry],
        counters: Counters,
        part: Part,
    ) -> Iterator[Readings]:
        """The readings of some channels within a part of the split, one file after another."""
        starts, stops = self.bounds[part]
        manifest, folder = self.parts.manifest, self.parts.folder
        for index in chosen:
            kept, rank = self.census.kept[index], self.census.ranks[index]
            readings = read_channels(folder, manifest, index, channels).select_series(kept)
            yield counters.as_rates(readings).within(starts[rank], stops[rank])


class _Gathered:
    """Readings of one channel, one file after another."""

    def __init__(self, channel: ChannelEntry) -> None:
        self._name = channel.name
        self._counts: list[Int64] = []
        self._values = Gathered(channel.readings, np.float64)
        self._times = Gathered(channel.readings, np.int64)

    def add(self, readings: Readings, channel: int) -> None:
        """Add those of the next file."""
        mine = np.flatnonzero(readings.channel_index == channel)
        row = readings.reading_rows()[mine]
        series = readings.row_series()[row]
        self._counts.append(np.bincount(series, minlength=readings.num_series))
        self._values.add(readings.values[mine])
        self._times.add(readings.times[row])

    def merged(self, ranks: Sequence[Int64], num_series: int) -> ChannelReadings:
        """All of them, in order of all series."""
        order = Order.of(ranks, self._counts, num_series)
        values = order.merged(self._values.numbers)
        series = np.repeat(np.arange(num_series, dtype=np.int32), np.diff(order.starts))
        timed = sampled(len(series))
        times = order.merged_at(self._times.numbers, timed)
        return ChannelReadings(self._name, values, series, timed, times)


def telling_parts(parts: Parts, channels: Sequence[ChannelEntry], seed: int) -> Sequence[int]:
    """Parts that tell of some channels: all, or as many at random as can be held.

    Args:
        parts: The parts.
        channels: Channels that are looked at together.
        seed: Of the choice.
    """
    readings = sum(each.readings for each in channels)
    if readings <= _MOST:
        return range(len(parts))
    order = np.random.default_rng((seed, _CHOICE)).permutation(len(parts))
    sizes = np.array([each.readings for each in parts.manifest.parts])[order]
    share = np.cumsum(sizes) / sizes.sum()
    return sorted(order[: max(1, int((share <= _MOST / readings).sum()))].tolist())


def _groups(channels: Sequence[ChannelEntry]) -> Iterator[list[ChannelEntry]]:
    """Channels that are read together, so that many small ones take few passes."""
    group: list[ChannelEntry] = []
    most = max(_AT_ONCE, *(each.readings for each in channels))
    for channel in channels:
        if group and sum(each.readings for each in group) + channel.readings > most:
            yield group
            group = []
        group.append(channel)
    yield group

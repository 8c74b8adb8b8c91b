"""What is learned of a log in parts before a training: the same, to the bit, as of it in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.channel_readings import ChannelReadings, by_channel
from latentode.data.counters import NO_COUNTERS, Counters, check_counters
from latentode.data.dataset import Float64, Int64, Readings
from latentode.data.learned import Learned, LearnedChannels, static_statistics
from latentode.data.parting import Parting
from latentode.data.scaler import Scaler, channel_scale
from latentode.data.schema import DataSchema
from latentode.data.splits import Part
from latentode.scale.census import Census, in_order
from latentode.scale.manifest import ChannelEntry
from latentode.scale.part_files import read_channels
from latentode.scale.parts import Parts, joined_readings

_AT_ONCE = 8_000_000  # readings of channels that are read together; one alone may have more


def learn_schema(
    parts: Parts, census: Census, parting: Parting, config: LatentODEConfig
) -> DataSchema:
    """Learn what `DataSchema.fit` does, one channel after another.

    In memory are about 50 bytes for each training reading of the channel that has most.

    Args:
        parts: The parts.
        census: Their series.
        parting: How the log is parted.
        config: Settings.

    Raises:
        DataError: If no channel has ten readings in the training part.
        ConfigError: If readings contradict what was declared of a channel.
    """
    passes = _Passes.of(parts, census, parting)
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
    """

    parts: Parts
    census: Census
    bounds: dict[Part, tuple[Int64, Int64]]

    @classmethod
    def of(cls, parts: Parts, census: Census, parting: Parting) -> _Passes:
        names: tuple[Part, ...] = ("train", "validation")
        return cls(
            parts, census, {name: parting.split.bounds(census.times, name) for name in names}
        )

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
        found = [[*_pieces(each)] for each in self._read(channels, counters, part)]
        merged = []
        for index, channel in enumerate(channels):
            merged.append(self._merged(channel.name, [each[index] for each in found]))
            for each in found:  # what is merged need not be held twice
                each[index] = _NOTHING
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
        training = [*self._read(chosen, NO_COUNTERS, "train")]
        merged = joined_readings(training)
        order = np.argsort(np.concatenate(self.census.ranks))
        return Counters.fit(merged.select_series(order), names, unit_ns)

    def _read(
        self, channels: Sequence[ChannelEntry], counters: Counters, part: Part
    ) -> Iterator[Readings]:
        """The readings of some channels within a part of the split, one file after another."""
        starts, stops = self.bounds[part]
        manifest, folder = self.parts.manifest, self.parts.folder
        for index, (kept, rank) in enumerate(zip(self.census.kept, self.census.ranks, strict=True)):
            readings = read_channels(folder, manifest, index, channels).select_series(kept)
            yield counters.as_rates(readings).within(starts[rank], stops[rank])

    def _merged(self, name: str, pieces: Sequence[_Piece]) -> ChannelReadings:
        """Readings of a channel in all files, in order of all series."""
        counts, values, times = zip(*pieces, strict=True)
        ranks, num_series = self.census.ranks, len(self.census.times)
        starts, all_values = in_order(ranks, counts, values, num_series)
        _, all_times = in_order(ranks, counts, times, num_series)
        series = np.repeat(np.arange(num_series, dtype=np.int32), np.diff(starts))
        return ChannelReadings(name, all_values, series, all_times)


class _Piece(NamedTuple):
    """Readings of one channel in one file: how many each series has, their values and times."""

    counts: Int64
    values: Float64
    times: Int64


_NOTHING = _Piece(*[np.zeros(0, dtype=np.int64)] * 3)  # type: ignore[arg-type]


def _pieces(readings: Readings) -> Iterator[_Piece]:
    for each in by_channel(readings):
        counts = np.bincount(each.series, minlength=readings.num_series)
        yield _Piece(counts, each.values, each.times)


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

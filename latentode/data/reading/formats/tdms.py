"""Measurements in TDMS files of LabVIEW: each channel at the times that its segments tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.data.reading.formats.table import LogSource, Table
from latentode.data.reading.formats.tdms_clocks import (
    Changes,
    Clock,
    clock_channels,
    waveform_changes,
    waveform_clock,
)
from latentode.errors import DataError
from latentode.files.packages import optional_package

# what npTDMS raises of files that are damaged, and of types that it does not read
_DAMAGE = (ValueError, EOFError, LookupError, OSError, struct.error, NotImplementedError)
_CUT = "The last segment is not complete: the file breaks off. Copy it again."
_UNTIMED = (
    "Write the properties wf_start_time and wf_increment of each channel, or a channel of time "
    "stamps into its group, when it is recorded or with npTDMS."
)


class TdmsFormat(LongFormat):
    """TDMS, by npTDMS."""

    name = "TDMS"
    rank = 22

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins with the mark of a segment."""
        return source.start.startswith(b"TDSm")

    def open(self, source: LogSource) -> Table:
        """Read all channels of numbers that have times.

        Raises:
            DataError: If the file is damaged, or none of its channels has times.
        """
        nptdms = optional_package("nptdms", "tdms", source.path)
        try:
            # by handle, not by path: an old index file beside it would be believed
            with source.path.open("rb") as file:
                changes = waveform_changes(file)
            with source.path.open("rb") as file:
                content = nptdms.TdmsFile.read(file, raw_timestamps=True)
        except _DAMAGE as error:
            raise DataError(
                f"{source.path}: the TDMS file is damaged, or is not of a known kind ({error}). "
                "Copy it again, or export it as CSV."
            ) from None
        is_cut = content.file_status.incomplete_final_segment
        table = _table(list(_channels(content, changes)), source, _CUT if is_cut else _UNTIMED)
        if is_cut:
            table.doubts.decide(
                "format", "read to where the file breaks off", "its last segment is not complete"
            )
        return table


FORMAT = TdmsFormat()


@dataclass(frozen=True)
class _Channel:
    """A channel as it was read.

    Attributes:
        name: Its name, with that of its group where there are several.
        unit: Its unit.
        values: Its readings.
        clock: Its times.
    """

    name: str
    unit: str
    values: Any
    clock: Clock

    @property
    def is_number(self) -> bool:
        return getattr(self.values.dtype, "kind", "O") in "biuf"


def _channels(content: Any, changes: Mapping[str, Changes]) -> Iterator[_Channel]:
    """All channels with readings, but for those that are the clock of others."""
    groups = [
        [channel for channel in group.channels() if len(channel)] for group in content.groups()
    ]
    several = sum(bool(group) for group in groups) > 1
    for group in groups:
        cells = {channel.name: channel[:] for channel in group}
        units = {channel.name: _unit(channel.properties) for channel in group}
        waveforms = {c.name for c in group if "wf_increment" in c.properties}
        clocks = clock_channels(cells, units, waveforms)
        for channel in group:
            told = changes.get(channel.path, [])
            assert told or "wf_increment" not in channel.properties, "segments tell properties"
            values = cells[channel.name]
            clock = waveform_clock(told, len(values))
            of_group = _of_group(clocks, len(values))
            if clock is None or (of_group.has_date and not clock.has_date):
                clock = of_group
            if channel.name not in clocks:
                name = f"{channel.group_name}/{channel.name}" if several else channel.name
                yield _Channel(name, units[channel.name], values, clock)


def _unit(properties: Mapping[str, Any]) -> str:
    return str(properties.get("unit_string") or properties.get("NI_UnitDescription") or "")


def _of_group(clocks: Mapping[str, Clock], count: int) -> Clock:
    """Times of the first channel of times of that length."""
    fitting = [c for c in clocks.values() if c.times is not None and len(c.times) == count]
    if fitting:
        return fitting[0]
    return Clock(None, False, "neither wf_increment nor a channel of times of its length is there")


def _table(channels: list[_Channel], source: LogSource, advice: str) -> LongTable:
    numbers = [channel for channel in channels if channel.is_number]
    timed = [channel for channel in numbers if channel.clock.times is not None]
    dated = [channel for channel in timed if channel.clock.has_date]
    kept = dated or timed
    if not kept:
        reasons = "; ".join(f"{c.name!r}: {c.clock.why}" for c in numbers[:5]) or "no numbers"
        raise DataError(
            f"{source.path}: expected channels with times, got {len(channels)} channels without "
            f"({reasons}). {advice}"
        )
    parts = [
        ChannelPart(
            channel.name,
            channel.clock.times if dated else pa.array(channel.clock.times, pa.duration("ns")),
            channel.values.astype("f8"),
            unit=channel.unit,
        )
        for channel in kept
    ]
    table = LongTable(parts, source.path, tz="UTC" if dated else None)
    for channel in channels:
        if not channel.is_number:
            table.doubts.decide("channel", f"channel {channel.name!r} left out", "no numbers")
        elif channel in kept and channel.clock.why:
            table.doubts.decide("time", f"times of {channel.name!r}", channel.clock.why)
    if not dated:
        table.doubts.decide("time", "times count from the start", "no start is told")
    left_out = [channel for channel in numbers if channel not in kept]
    if left_out:
        _ask(table, left_out, [channel.name for channel in kept], source)
    return table


def _ask(table: LongTable, left_out: list[_Channel], kept: list[str], source: LogSource) -> None:
    """What has no time is no reading; whoever names channels has seen that."""
    reasons = "; ".join(
        f"{channel.name!r} ({channel.clock.why or 'no start is told, as of others'})"
        for channel in left_out
    )
    if source.config.columns.channels is None:
        table.doubts.ask(
            "time",
            f"channels without times: {reasons}. Go on without them with --channels "
            f"'{','.join(kept)}'.",
            blocks="training",
        )
    else:
        table.doubts.decide("channel", "channels without times left out", reasons)

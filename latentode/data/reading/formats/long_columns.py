"""Logs that are read channel by channel: one reading per row, so that no channel needs a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.formats.table import Format, Table
from latentode.data.reading.roles import Roles, check_role
from latentode.errors import DataError


@dataclass(frozen=True)
class ChannelPart:
    """Readings of one channel of one series, at times of their own.

    Attributes:
        channel: Name of the channel.
        times: Nanoseconds since 1970, shape (reading,), or an array of ``timestamp`` or
            ``duration``, with or without a zone.
        values: Readings, shape (reading,); NaN where there is none.
        series: Id of the series; None in all parts where the log is one series.
        unit: Unit of the readings; empty where the source tells none.
    """

    channel: str
    times: Int64 | pa.Array
    values: NDArray[np.floating]
    series: str | None = None
    unit: str = ""


class LongTable(Table):
    """Columns "series" (where told), "time", "channel" and "value"; the rows part by part.

    `units` is by channel. A channel that comes in several units becomes one channel per unit.

    Args:
        parts: The channels; one may come in several parts, of one series or of several.
        path: File; None where there is none.
        tz: Zone of times that are whole numbers, such as "UTC"; None where they are local times,
            no time zone given.
    """

    def __init__(
        self, parts: Sequence[ChannelPart], path: Path | None = None, tz: str | None = None
    ) -> None:
        if not parts:
            raise DataError(f"{path or 'log'}: expected channels with readings, got none.")
        names = _names_by_unit(parts)
        channels = [names[part.channel, part.unit] for part in parts]
        columns = {
            "time": _times(parts, tz),
            "channel": _repeated(channels, parts),
            "value": pa.chunked_array(
                [pa.array(part.values, pa.float64(), from_pandas=True) for part in parts]
            ),
        }
        if any(part.series is not None for part in parts):
            ids = [part.series for part in parts if part.series is not None]
            assert len(ids) == len(parts), "either all parts have a series, or none has"
            columns = {"series": _repeated(ids, parts), **columns}
        super().__init__(columns, path)
        self.units = {
            name: part.unit for name, part in zip(channels, parts, strict=True) if part.unit
        }
        for (channel, unit), name in names.items():
            if name != channel:
                self.doubts.decide(
                    "channel",
                    f"{channel!r} in {unit or 'no unit'} is the channel {name!r}",
                    "the channel comes in several units",
                )


class LongFormat(Format):
    """A format whose tables are of the class `LongTable`, with columns that are known."""

    def roles(self, table: Table, config: DataConfig) -> Roles | None:
        """The known columns, unless the settings name others."""
        if not isinstance(table, LongTable):
            return None
        columns = config.columns
        time = columns.time or "time"
        identity = columns.id or ("series" if "series" in table.columns else None)
        channel, value = columns.channel or "channel", columns.value or "value"
        names = {"time": time, "id": identity, "channel": channel, "value": value}
        for role, name in names.items():
            check_role(role, name, table.columns, table.name)
        return Roles("long", (time,), id=identity, channel=channel, value=value)


def _names_by_unit(parts: Sequence[ChannelPart]) -> Mapping[tuple[str, str], str]:
    """(channel, unit) -> name that is distinct for each unit."""
    units: dict[str, dict[str, None]] = {}
    for part in parts:
        units.setdefault(part.channel, {})[part.unit] = None
    return {
        (channel, unit): f"{channel} ({unit})" if unit and len(of_channel) > 1 else channel
        for channel, of_channel in units.items()
        for unit in of_channel
    }


def _times(parts: Sequence[ChannelPart], tz: str | None) -> pa.ChunkedArray:
    stamps = pa.timestamp("ns", tz)
    arrays = [
        part.times if isinstance(part.times, pa.Array) else pa.array(part.times, stamps)
        for part in parts
    ]
    zones = {getattr(array.type, "tz", None) for array in arrays}
    assert len(zones) == 1, "times of all parts are in one zone, or in none"
    kind = pa.duration("ns") if pa.types.is_duration(arrays[0].type) else pa.timestamp("ns", *zones)
    return pa.chunked_array([array.cast(kind) for array in arrays])


def _repeated(names: Sequence[str], parts: Sequence[ChannelPart]) -> pa.ChunkedArray:
    """A name per part -> a name per row, coded."""
    code_of = {name: code for code, name in enumerate(dict.fromkeys(names))}
    codes = np.repeat([code_of[name] for name in names], [len(part.values) for part in parts])
    return pa.chunked_array(
        [pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(list(code_of)))]
    )

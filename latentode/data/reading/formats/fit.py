"""Activities in FIT files: each field of the record messages at the stamps it came."""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.data.reading.formats.table import LogSource, Table
from latentode.errors import DataError
from latentode.files.packages import optional_package

_EPOCH = 631_065_600  # 1989-12-31 00:00 UTC, from which the format counts seconds
_LEAST_DATE = 0x10000000  # below it, stamps count from when the device was switched on
_DEGREES = 180 / 2**31  # of a semicircle

# what fitdecode raises of bytes that are no message
_DAMAGE = (ValueError, TypeError, LookupError, AssertionError, struct.error)


class FitFormat(LongFormat):
    """FIT of sports watches and bike computers, by fitdecode."""

    name = "FIT"
    rank = 21

    def can_open(self, source: LogSource) -> bool:
        """Whether the mark of the format stands in its header."""
        return source.start[8:12] == b".FIT"

    def open(self, source: LogSource) -> Table:
        """Read the record messages of all activities in the file.

        Raises:
            DataError: If its check sum is wrong, or it has no records with stamps.
        """
        fitdecode = optional_package("fitdecode", "fit", source.path)
        records = _Records()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                for number, frame in _messages(fitdecode, source.path):
                    records.add(number, frame)
            except (fitdecode.FitError, *_DAMAGE) as error:
                raise DataError(
                    f"{source.path}: the FIT file is damaged ({error}), after {records.told()}. "
                    "Copy it from the device again."
                ) from None
        for warning in told:
            records.doubts.decide("format", str(warning.message), "fitdecode says so")
        return records.table(source.path)


FORMAT = FitFormat()


def _messages(fitdecode: Any, path: Path) -> Iterator[tuple[int, Any]]:
    """(number of the activity in the file, from 0; message), values scaled, stamps as they are."""
    with fitdecode.FitReader(path, processor=None, check_crc=fitdecode.CrcCheck.RAISE) as reader:
        for frame in reader:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA:
                yield reader.fit_file_index, frame


class _Key(NamedTuple):
    """What tells a channel from others."""

    activity: int
    name: str
    unit: str
    developer: int | None  # number of the app that defined the field
    elapsed: bool


@dataclass
class _Records:
    """Readings that gather while the messages are walked through."""

    readings: dict[_Key, tuple[list[int], list[float]]] = field(default_factory=dict)
    doubts: Doubts = field(default_factory=Doubts)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)
    last: int = 0

    def add(self, activity: int, message: Any) -> None:
        """Take a message."""
        self.counts[message.name] += 1
        if message.name == "field_description":
            self._describe(message)
        if message.name != "record":
            return
        stamp = message.get_value("timestamp", fallback=None)
        if not isinstance(stamp, int):
            self.counts["record without a stamp"] += 1
            return
        self.last = stamp
        cells: dict[_Key, Any] = {}
        for item in message.fields:
            if item.name == "timestamp" or item.value is None:
                continue
            key, value = self._reading(activity, item, stamp < _LEAST_DATE)
            # a field that was stored goes before one that was made of the bits of another
            if key is not None and (item.field_def is not None or key not in cells):
                cells[key] = value
        for key, value in cells.items():
            times, values = self.readings.setdefault(key, ([], []))
            times.append(stamp)
            values.append(value)

    def _describe(self, message: Any) -> None:
        """Say a scale of a developer's field: the maker's own readers disagree on its use."""
        name = message.get_value("field_name", fallback=None)
        scale = message.get_value("scale", fallback=None) or 1
        offset = message.get_value("offset", fallback=None) or 0
        if (scale, offset) != (1, 0):
            self.doubts.decide(
                "channel", f"field {name!r} read as stored",
                f"some readers divide it by {scale} and subtract {offset}, as its app describes",
                confidence="guess",
            )  # fmt: skip

    def _reading(self, activity: int, item: Any, elapsed: bool) -> tuple[_Key | None, float]:
        value, unit = item.value, str(item.units or "")
        if isinstance(value, str | bytes | tuple) or getattr(item.type, "enum", None):
            kind = "several values a reading" if isinstance(value, tuple | bytes) else "text"
            self.left_out[item.name] = kind
            return None, np.nan
        developer = None
        if item.field_def is not None and item.field_def.is_dev:
            developer = item.field_def.dev_data_index
        if unit == "semicircles":
            value, unit = value * _DEGREES, "deg"
        return _Key(activity, item.name, unit, developer, elapsed), float(value)

    def told(self) -> str:
        """How far the file was read, for a message."""
        if not self.last:
            return "no record"
        stamp = np.datetime64(_EPOCH + self.last, "s")
        return f"{self.counts['record']} records, the last at {stamp} UTC"

    def table(self, path: Path) -> LongTable:
        """The log, and what was decided about it."""
        stamped = {key: cells for key, cells in self.readings.items() if not key.elapsed}
        readings = stamped or self.readings
        if not readings:
            raise DataError(
                f"{path}: expected record messages with stamps and numbers, got "
                f"{dict(self.counts) or 'none'}. Give a file of an activity."
            )
        table = LongTable(list(_parts(readings, path)), path, tz="UTC" if stamped else None)
        self._say(len(self.readings) - len(readings))
        table.doubts.decisions += self.doubts.decisions
        return table

    def _say(self, num_elapsed: int) -> None:
        for name, kind in self.left_out.items():
            self.doubts.decide("channel", f"field {name!r} left out", kind)
        others = [
            f"{count} {name}" for name, count in self.counts.most_common() if name != "record"
        ]
        if others:
            self.doubts.decide("channel", "only record messages are read", ", ".join(others))
        if num_elapsed:
            self.doubts.decide(
                "time", "records before the first date left out",
                "their stamps count from when the device was switched on",
            )  # fmt: skip
        if self.counts["session"] > 1:
            self.doubts.decide(
                "series", "the sessions of one activity are one series",
                f"{self.counts['session']} sessions",
            )  # fmt: skip


def _parts(
    readings: dict[_Key, tuple[list[int], list[float]]], path: Path
) -> Iterator[ChannelPart]:
    several = len({key.activity for key in readings}) > 1
    sources = Counter(name for name, _ in {(key.name, key.developer) for key in readings})
    for key, (stamps, values) in readings.items():
        seconds = np.array(stamps, dtype=np.int64)
        times = (
            pa.array(seconds * 10**9, pa.duration("ns"))
            if key.elapsed
            else (seconds + _EPOCH) * 10**9
        )
        clashes = key.developer is not None and sources[key.name] > 1
        name = f"{key.name} (developer {key.developer})" if clashes else key.name
        series = f"{path.name.split('.')[0]}-{key.activity + 1}" if several else None
        yield ChannelPart(name, times, np.array(values), series, key.unit)

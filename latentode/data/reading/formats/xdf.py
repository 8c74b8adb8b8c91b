"""Recordings of the lab streaming layer in XDF files: each stream at the stamps of its samples."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from latentode.data.reading.formats.channel_names import distinct_names
from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.data.reading.formats.table import LogSource, Table
from latentode.errors import DataError
from latentode.files.packages import optional_package

_LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}  # bytes of a chunk's length -> how it is written
_LARGEST_STAMP = 9e9  # seconds; more nanoseconds do not fit into 64 bits
# pyxdf says so of every stream without clock offsets; nothing is wrong with it
_HARMLESS = "Segments and clock-segments differ"


class XdfFormat(LongFormat):
    """XDF, by pyxdf, without its smoothing of stamps."""

    name = "XDF"
    rank = 23

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins with the mark of the format."""
        return source.start.startswith(b"XDF:")

    def open(self, source: LogSource) -> Table:
        """Read all streams of numbers, their clocks brought to that of the recorder.

        Raises:
            DataError: If the file is damaged, or has no stream of numbers.
        """
        pyxdf = optional_package("pyxdf", "xdf", source.path)
        content = source.path.read_bytes()
        whole = _end_of_whole_chunks(content)
        messages = _Messages()
        logger = logging.getLogger("pyxdf.pyxdf")
        logger.addHandler(messages)
        try:
            # dejittering draws a straight line through the stamps, and erases the gaps
            streams, _ = pyxdf.load_xdf(io.BytesIO(content[:whole]), dejitter_timestamps=False)
        except (ValueError, LookupError, TypeError, SyntaxError, struct.error) as error:
            messages.errors.append(str(error))
        finally:
            logger.removeHandler(messages)
        if messages.errors:
            raise DataError(
                f"{source.path}: the XDF file is damaged ({messages.errors[0]}). Copy it again."
            )
        evidence = f"byte {whole} of {len(content)}"
        is_cut = whole < len(content)
        advice = "Markers and texts are no readings."
        if is_cut:
            advice = f"The file breaks off at {evidence}: copy it again."
        table = _table(streams, source, advice)
        if is_cut:
            table.doubts.decide("format", "read to where the file breaks off", evidence)
        for message in messages.warnings:
            table.doubts.decide("format", message, "pyxdf says so")
        return table


FORMAT = XdfFormat()


class _Messages(logging.Handler):
    """What pyxdf says, which raises no error where it leaves samples out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self.errors.append(text)
        elif _HARMLESS not in text:
            self.warnings.append(text)


def _end_of_whole_chunks(content: bytes) -> int:
    """Bytes up to the end of the last chunk that is whole: pyxdf makes up half samples."""
    end = len(b"XDF:")
    while end < len(content):
        form = _LENGTHS.get(content[end])
        start = end + 1 + content[end]
        if form is None or start > len(content):
            break
        after = start + struct.unpack_from(form, content, end + 1)[0]
        if after > len(content):
            break
        end = after
    return end


def _table(streams: list[Any], source: LogSource, advice: str) -> LongTable:
    numbers = [
        stream
        for stream in streams
        if len(stream["time_stamps"]) and stream["info"]["channel_format"][0] != "string"
    ]
    if not numbers:
        kinds = {_name(stream): stream["info"]["channel_format"][0] for stream in streams}
        raise DataError(
            f"{source.path}: expected streams of numbers with samples, got {kinds or 'none'}. "
            f"{advice}"
        )
    names = iter(
        distinct_names(
            [
                f"{_name(stream)}/{label}" if len(numbers) > 1 else label
                for stream in numbers
                for label, _ in _labels(stream)
            ]
        )
    )
    parts = []
    for stream in numbers:
        times = _times(stream, source)
        for values, (_, unit) in zip(stream["time_series"].T, _labels(stream), strict=True):
            parts.append(ChannelPart(next(names), times, values.astype("f8"), unit=unit))
    table = LongTable(parts, source.path)
    for stream in streams:
        if stream not in numbers:
            why = "texts" if len(stream["time_stamps"]) else "no samples"
            table.doubts.decide("channel", f"stream {_name(stream)!r} left out", why)
    _say_clocks(table, numbers)
    return table


def _times(stream: Any, source: LogSource) -> pa.Array:
    stamps = stream["time_stamps"]
    wrong = np.flatnonzero(~(np.abs(stamps) < _LARGEST_STAMP))
    if len(wrong):
        raise DataError(
            f"{source.path}: expected stamps of seconds, got {stamps[wrong[0]]} in sample "
            f"{wrong[0]} of stream {_name(stream)!r}. Copy the file again."
        )
    return pa.array(np.rint(stamps * 1e9).astype(np.int64), pa.duration("ns"))


def _name(stream: Any) -> str:
    return stream["info"]["name"][0] or f"stream {stream['info']['stream_id']}"


def _labels(stream: Any) -> list[tuple[str, str]]:
    """Label and unit of each channel, numbered where it has no label."""
    described = _children(_first(_first(stream["info"], "desc"), "channels"), "channel")
    count = stream["time_series"].shape[1]
    described = [*described[:count], *[None] * (count - len(described))]
    return [
        (_first(channel, "label") or f"channel {place}", _first(channel, "unit") or "")
        for place, channel in enumerate(described, start=1)
    ]


def _children(node: Any, name: str) -> list[Any]:
    """Elements of that name below one; none below an empty one."""
    return list(node[name]) if isinstance(node, Mapping) and name in node else []


def _first(node: Any, name: str) -> Any:
    return next(iter(_children(node, name)), None)


def _say_clocks(table: LongTable, streams: list[Any]) -> None:
    table.doubts.decide(
        "time", "times are seconds of the recorder's clock, with no date",
        "the format stamps samples so",
    )  # fmt: skip
    offsets = {_name(stream): stream["clock_values"] for stream in streams}
    synced = {name: values for name, values in offsets.items() if values}
    if synced:
        largest = max(np.abs(values).max() for values in synced.values())
        table.doubts.decide(
            "time", f"stamps of {', '.join(synced)} moved to the recorder's clock",
            f"clock offsets of up to {largest:.3g} s in the file",
        )  # fmt: skip
    resets = [_name(s) for s in streams if len(s["info"]["clock_segments"]) > 1]
    if resets:
        table.doubts.decide(
            "time", f"clocks of {', '.join(resets)} followed through resets",
            "their clock offsets jump", confidence="likely",
        )  # fmt: skip
    unsynced = [name for name in offsets if name not in synced]
    if synced and unsynced:
        table.doubts.decide(
            "time", f"stamps of {', '.join(unsynced)} as they were sent",
            "without clock offsets, while other streams have them", confidence="guess",
        )  # fmt: skip

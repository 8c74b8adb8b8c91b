"""Recordings in EDF and EDF+ files: each record at its own onset, each signal at its own rate."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from latentode.data.dataset import Int64
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.channel_names import distinct_names
from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.data.reading.formats.table import LogSource, Table
from latentode.errors import DataError
from latentode.files.packages import optional_package

_SAMPLE_BYTES = 2  # of a sample, and of a unit in which annotations are counted
_ANNOTATIONS = b"EDF Annotations"
_ONSET = re.compile(rb"[+-]\d+(?:\.\d*)?(?=\x14)")
_NS = 10**9  # of a second
# what edfio says of files that break off, or were never closed; said here in other words
_OF_CUTS = re.compile(r"data records, but file contains|^Incomplete data record")
_ONSET_NOISE = 1000  # nanoseconds; writers add up floats of seconds


class EdfFormat(LongFormat):
    """EDF and EDF+, by edfio."""

    name = "EDF"
    rank = 20

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins with version 0 and with a header as long as its signals need."""
        start = source.start
        if not start.startswith(b"0       ") or not start[252:256].strip().isdigit():
            return False
        return start[184:192].strip() == str(256 * (int(start[252:256]) + 1)).encode()

    def open(self, source: LogSource) -> Table:
        """Read all signals, in the units of the file.

        Raises:
            DataError: If the file is damaged, or has no signals.
        """
        edfio = optional_package("edfio", "edf", source.path)
        header = _Header.of(source.path)
        doubts = Doubts()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                start = header.start(doubts)
                recording = edfio.read_edf(source.path, header_encoding=header.encoding)
                header.compare(recording.num_data_records, doubts)
                onsets = header.onsets(recording.num_data_records, doubts)
                parts = _parts(recording.signals, start, onsets, header.record_ns)
            except (ValueError, OSError, ArithmeticError) as error:
                raise DataError(
                    f"{source.path}: the EDF file is damaged ({error}). Copy it again."
                ) from None
        for message in (str(warning.message) for warning in told):
            if not _OF_CUTS.search(message):
                doubts.decide("format", message, "edfio says so")
        table = LongTable(parts, source.path)
        table.doubts.decisions += doubts.decisions
        return table


FORMAT = EdfFormat()


@dataclass(frozen=True)
class _Header:
    """What the readings' times depend on: start, record duration, and where annotations are.

    Attributes:
        path: File.
        raw: Header of the file and of all signals.
    """

    path: Path
    raw: bytes

    @classmethod
    def of(cls, path: Path) -> _Header:
        with path.open("rb") as file:
            raw = file.read(256)
            raw += file.read(256 * int(raw[252:256]))
        header = cls(path, raw)
        if len(raw) < 256 * (header.num_signals + 1) or header.record_ns <= 0:
            raise DataError(
                f"{path}: expected a whole header with a record duration above 0, got "
                f"{len(raw)} bytes and a duration of {header._text(244, 8)!r}. Copy it again; "
                "a file of annotations alone has no readings."
            )
        return header

    def _text(self, start: int, width: int) -> str:
        return self.raw[start : start + width].decode(self.encoding).strip()

    @property
    def num_signals(self) -> int:
        return int(self.raw[252:256])

    def compare(self, num_records: int, doubts: Doubts) -> None:
        """Say where the file has other records than the header tells of; -1 was never closed."""
        told = int(self._text(236, 8))
        if told != num_records:
            said = (
                "read to where the file breaks off"
                if told > num_records
                else "all whole records read"
            )
            doubts.decide("format", said, f"{num_records} are there, the header tells of {told}")

    @cached_property
    def encoding(self) -> str:
        """The standard says ASCII; files with a unit of µV have bytes beyond it."""
        try:
            self.raw.decode()
        except UnicodeDecodeError:
            return "latin-1"
        return "utf-8"

    @cached_property
    def record_ns(self) -> int:
        try:
            return int(Decimal(self._text(244, 8)) * _NS)
        except InvalidOperation:
            return 0

    def start(self, doubts: Doubts) -> int | None:
        """Start of the recording to the second, in local time; None where the file has none."""
        identification = self._text(88, 80).split()
        long_date = identification[1] if identification[:1] == ["Startdate"] else ""
        short_date = self._text(168, 8)
        date = _long_date(long_date) or _short_date(short_date)
        clock = _ints(self._text(176, 8))
        if date is None or clock is None:
            doubts.decide(
                "time", "times count from the start of the recording",
                f"its start {short_date!r} {self._text(176, 8)!r} is no date and time of day",
            )  # fmt: skip
            return None
        choice = f"the recording starts on {date:%Y-%m-%d}, in local time"
        if long_date == "X" or (not _long_date(long_date) and short_date == "01.01.85"):
            doubts.decide(
                "time", f"{choice}, a date that stands for one that was removed",
                "the start date is anonymised", confidence="guess",
            )  # fmt: skip
        elif date != (_short_date(short_date) or date):
            doubts.decide(
                "time", choice, f"{long_date}; another field says {short_date}", confidence="likely"
            )
        else:
            doubts.decide("time", choice, f"{long_date or short_date} in the header")
        hour, minute, second = clock
        stamp = np.datetime64(date.replace(hour=hour, minute=minute, second=second), "ns")
        return int(stamp.astype(np.int64))

    def onsets(self, num_records: int, doubts: Doubts) -> Int64:
        """Nanoseconds from the start to each record, as its first annotation tells."""
        continuous = np.arange(num_records) * self.record_ns
        lists = self._annotation_lists(num_records)
        matches = [_ONSET.match(entries) for entries in lists]
        if not matches:
            return continuous
        if None in matches:
            if self._text(192, 5) == "EDF+D":
                raise ValueError(f"record {matches.index(None)} has no onset")
            doubts.decide("time", "records follow each other", "not each has an onset")
            return continuous
        onsets = np.array([int(Decimal(match[0].decode()) * _NS) for match in matches if match])
        follows_on = onsets[0] + continuous
        if np.abs(onsets - follows_on).max() <= _ONSET_NOISE:
            onsets = follows_on
        num_gaps = np.count_nonzero(np.abs(np.diff(onsets) - self.record_ns) > _ONSET_NOISE)
        if num_gaps:
            doubts.decide("time", "each record starts at its own onset", f"gaps: {num_gaps}")
        num_texts = sum(len(entries.strip(b"\0").split(b"\0")) - 1 for entries in lists)
        if num_texts:
            doubts.decide(
                "channel", f"{num_texts} annotations left out", "texts with times, no readings"
            )
        return onsets

    def _annotation_lists(self, num_records: int) -> list[bytes]:
        """Bytes of the first annotation signal, a record each; none where there is no such."""
        num = self.num_signals
        labels = [self.raw[256 + 16 * k : 272 + 16 * k].rstrip() for k in range(num)]
        if _ANNOTATIONS not in labels:
            return []
        counts = [int(self._text(256 + 216 * num + 8 * k, 8)) for k in range(num)]
        ends = _SAMPLE_BYTES * np.cumsum([0, *counts])
        shape = (num_records, int(ends[-1]))
        records = np.memmap(self.path, np.uint8, "r", offset=len(self.raw), shape=shape)
        first = labels.index(_ANNOTATIONS)
        return [row.tobytes() for row in records[:, ends[first] : ends[first + 1]]]


def _ints(text: str) -> tuple[int, int, int] | None:
    """Three numbers between dots, as dates and times of day are written here."""
    match = re.fullmatch(r"(\d\d?)[.:](\d\d?)[.:](\d\d?)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _short_date(text: str) -> datetime | None:
    """``16.09.87``; the standard counts years of two digits from 1985 to 2084."""
    day, month, year = _ints(text) or (0, 0, 0)
    try:
        return datetime(year + (1900 if year >= 85 else 2000), month, day)
    except ValueError:
        return None


_MONTHS = [*("JAN", "FEB", "MAR", "APR", "MAY", "JUN"), *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC")]


def _long_date(text: str) -> datetime | None:
    """``16-SEP-1987``, with English names of months."""
    try:
        day, month, year = text.upper().split("-")
        return datetime(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None


def _parts(signals: Any, start: int | None, onsets: Int64, record_ns: int) -> list[ChannelPart]:
    names = distinct_names([signal.label for signal in signals])
    parts = []
    for name, signal in zip(names, signals, strict=True):
        count = signal.samples_per_data_record
        steps = (np.arange(count) * record_ns + count // 2) // count
        after = (onsets[:, None] + steps).ravel()
        times = pa.array(after, pa.duration("ns")) if start is None else start + after
        parts.append(ChannelPart(name, times, signal.data, unit=signal.physical_dimension))
    return parts

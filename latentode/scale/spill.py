"""Blocks of a log, put aside by the part that each series belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.reading.roles import natural_key
from latentode.scale.parts import parts_of

_KINDS = ("readings", "inputs")  # what a data set holds of each series
_LISTS = (("times", pa.int64()), ("counts", pa.int32()), ("channels", pa.int32()),
          ("values", pa.float64()))  # fmt: skip
_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        *((f"{kind}_{name}", pa.list_(item)) for kind in _KINDS for name, item in _LISTS),
    ]
)


class Flat(NamedTuple):
    """Readings of some series in the order of the blocks, shape (reading,).

    Attributes:
        series: Index of the series.
        times: Nanoseconds.
        channel: Code of the channel.
        values: Value.
    """

    series: NDArray[np.int32]
    times: Int64
    channel: NDArray[np.int32]
    values: Float64

    def of_series(self, index: int) -> Flat:
        """Those of one series, which is the first."""
        one = np.flatnonzero(self.series == index)
        first = np.zeros(len(one), np.int32)
        return Flat(first, self.times[one], self.channel[one], self.values[one])

    @classmethod
    def joined(cls, parts: Sequence[Flat]) -> Flat:
        """Parts one after another."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    @classmethod
    def empty(cls) -> Flat:
        """No reading."""
        codes = np.zeros(0, np.int32)
        return cls(codes, np.zeros(0, np.int64), codes, np.zeros(0))


@dataclass(frozen=True)
class Bucket:
    """All that blocks hold of the series of one part.

    Attributes:
        series_ids: Their ids, in natural order.
        readings: Readings.
        inputs: Planned inputs.
    """

    series_ids: tuple[str, ...]
    readings: Flat
    inputs: Flat


class Spill:
    """Puts blocks aside, each series into the file of its part.

    A file is a stream of Arrow per block, so that none has to be open for long and a part is
    gathered without a look at any other.

    Args:
        folder: A new folder.
        parts: Number of parts.
    """

    def __init__(self, folder: Path, parts: int) -> None:
        self._folder, self._parts = folder, parts
        self._codes: tuple[dict[str, int], dict[str, int]] = ({}, {})
        folder.mkdir()

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each code of a channel."""
        return tuple(self._codes[0])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name of each code of a planned input."""
        return tuple(self._codes[1])

    def add(self, dataset: TimeSeriesDataset) -> None:
        """Put a block aside.

        Args:
            dataset: Its series.
        """
        part = parts_of(dataset.series_ids, self._parts)
        order = np.argsort(part, kind="stable")
        dataset = dataset.select_series(order)
        lists = [
            array
            for readings, codes in zip((dataset.readings, dataset.inputs), self._codes, strict=True)
            for array in _lists(readings, codes, len(dataset))
        ]
        whole = pa.RecordBatch.from_arrays(
            [pa.array(dataset.series_ids, pa.string()), *lists], schema=_SCHEMA
        )
        bounds = np.searchsorted(part[order], np.arange(self._parts + 1))
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            first, stop = int(bounds[number]), int(bounds[number + 1])
            with (
                self._path(number).open("ab") as file,
                pa.ipc.new_stream(file, _SCHEMA, options=options) as stream,
            ):
                stream.write_batch(whole.slice(first, stop - first))

    def take(self, number: int) -> Bucket | None:
        """What was put aside for a part, which is forgotten; None where it has no series.

        Args:
            number: The part.
        """
        path = self._path(number)
        if not path.exists():
            return None
        batches = list(_batches(path))
        path.unlink()
        names = [batch.column(0).to_pylist() for batch in batches]
        ids = sorted({name for block in names for name in block}, key=natural_key)
        rank = {name: index for index, name in enumerate(ids)}
        series = [np.array([rank[name] for name in block], np.int32) for block in names]
        flat = [_flat(batches, series, kind) for kind in _KINDS]
        return Bucket(tuple(ids), *flat)

    def take_as_one(self, names: Sequence[str]) -> Bucket:
        """All that was put aside, as one series.

        Args:
            names: Its parts in their order, of which the first gives the name.
        """
        taken = (self.take(number) for number in range(self._parts))
        of = {
            name: (bucket, index)
            for bucket in taken
            if bucket is not None
            for index, name in enumerate(bucket.series_ids)
        }
        parts = [of[name] for name in names]
        readings = [bucket.readings.of_series(index) for bucket, index in parts]
        inputs = [bucket.inputs.of_series(index) for bucket, index in parts]
        return Bucket((names[0],), Flat.joined(readings), Flat.joined(inputs))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.arrows"


def _lists(readings: Readings | None, codes: dict[str, int], num_series: int) -> list[pa.Array]:
    """Columns of the stream: of each series its times, their counts, channels and values."""
    if readings is None:
        return [pa.nulls(num_series, pa.list_(item)) for _, item in _LISTS]
    of = np.array([codes.setdefault(name, len(codes)) for name in readings.channels], np.int32)
    channel = of[readings.channel_index] if len(of) else readings.channel_index
    rows, places = readings.series_starts, readings.row_starts[readings.series_starts]
    counts = np.diff(readings.row_starts).astype(np.int32)
    arrays = ((rows, readings.times), (rows, counts), (places, channel), (places, readings.values))
    return [
        pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), pa.array(items))
        for starts, items in arrays
    ]


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        size = path.stat().st_size
        while file.tell() < size:
            with pa.ipc.open_stream(file) as stream:
                yield from stream


def _flat(
    batches: Sequence[pa.RecordBatch], series: Sequence[NDArray[np.int32]], kind: str
) -> Flat:
    def joined(name: str) -> NDArray[Any]:
        parts = [batch.column(f"{kind}_{name}").flatten().to_numpy() for batch in batches]
        return np.concatenate(parts)

    lengths = [
        batch.column(f"{kind}_times").value_lengths().fill_null(0).to_numpy() for batch in batches
    ]
    counts = joined("counts")
    rows = np.repeat(np.concatenate(series), np.concatenate(lengths))
    return Flat(
        np.repeat(rows, counts),
        np.repeat(joined("times"), counts),
        joined("channels"),
        joined("values"),
    )

"""Folders of parts: written once, read a part at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latentode.data.dataset import Int64, Readings, TimeSeriesDataset, offsets
from latentode.data.reading.formats.part_folder import MANIFEST, names_parts
from latentode.data.reading.roles import natural_key
from latentode.errors import DataError, OutputExistsError
from latentode.files import atomic_folder, atomic_write
from latentode.scale.manifest import (
    ChannelTally,
    ClockEntry,
    Manifest,
    PartEntry,
)
from latentode.scale.part_files import Columns, read_part, write_part


@dataclass(frozen=True)
class Parts:
    """A log in parts, each of which holds whole series.

    Attributes:
        folder: Where they lie.
        manifest: What the folder says of itself.
    """

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: str | Path) -> Parts:
        """The parts of a folder.

        Args:
            folder: The folder.

        Raises:
            DataError: If it is none of `partition`.
        """
        return cls(Path(folder), Manifest.read(Path(folder)))

    def __len__(self) -> int:
        return len(self.manifest.parts)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel names."""
        return tuple(each.name for each in self.manifest.channels)

    @property
    def paths(self) -> list[Path]:
        """Their files."""
        return [self.folder / each.file for each in self.manifest.parts]

    def read(self, index: int) -> TimeSeriesDataset:
        """A part as a data set, with its series in natural order of their ids.

        Args:
            index: Its number, from 0.

        Raises:
            DataError: If it is absent, damaged or not the one that the manifest names.
        """
        return read_part(self.folder, self.manifest, index)

    def __iter__(self) -> Iterator[TimeSeriesDataset]:
        return (self.read(index) for index in range(len(self)))

    def whole(self, indices: Sequence[int] | None = None) -> TimeSeriesDataset:
        """Some parts as one data set, equal to that of a log with their series alone.

        Args:
            indices: Numbers of the parts; None for all.
        """
        chosen = range(len(self)) if indices is None else indices
        return in_natural_order(joined([self.read(index) for index in chosen]))


def is_parts(path: str | Path) -> bool:
    """Whether a path is a folder of parts."""
    return names_parts(Path(path))


class PartsWriter:
    """Writes a folder of parts, one part after another; `closed` writes its manifest.

    Args:
        folder: An empty folder.
        like: A data set with the clock, channels, inputs, covariates and units of all parts.
    """

    def __init__(self, folder: Path, like: TimeSeriesDataset) -> None:
        self._folder = folder
        self._like = like
        inputs = () if like.inputs is None else like.inputs.channels
        self._columns = Columns.of(like.channels, inputs, like.static_columns)
        self._channels, self._inputs = ChannelTally(len(like.channels)), ChannelTally(len(inputs))
        self._parts: list[PartEntry] = []
        self._first, self._last = np.iinfo(np.int64).max, np.iinfo(np.int64).min

    def write(self, dataset: TimeSeriesDataset) -> None:
        """Write the next part; nothing where it has no series.

        Args:
            dataset: Its series, in natural order of their ids.
        """
        if not len(dataset):
            return
        path = self._folder / f"part-{len(self._parts):05d}.parquet"
        self._parts.append(write_part(path, dataset, self._columns))
        self._channels.add(dataset.readings)
        if dataset.inputs is not None:
            self._inputs.add(dataset.inputs)
        if dataset.readings.num_rows:
            self._first = min(self._first, int(dataset.readings.times.min()))
            self._last = max(self._last, int(dataset.readings.times.max()))

    def closed(
        self,
        *,
        log: Sequence[str] = (),
        reading: Mapping[str, Any] | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> Manifest:
        """Write the manifest.

        Args:
            log: Names of the files that were read.
            reading: Settings under which they were read.
            left_out: Rows and readings that were left out, by reason.

        Raises:
            DataError: If there is no reading in all parts.
        """
        if self._first > self._last:
            raise DataError("parts: expected a log with readings, got none. Check --channels.")
        like, columns, parts = self._like, self._columns, self._parts
        inputs = () if like.inputs is None else like.inputs.channels
        clock = like.clock
        manifest = Manifest(
            log=tuple(log),
            clock=ClockEntry(kind=clock.kind, zone=clock.zone, unit=clock.unit),
            first_ns=self._first,
            last_ns=self._last,
            series=sum(each.series for each in parts),
            rows=sum(each.rows for each in parts),
            readings=sum(each.readings for each in parts),
            id_column=columns.id,
            time_column=columns.time,
            channels=self._channels.entries(like.channels, columns.channels, dict(like.units)),
            inputs=self._inputs.entries(inputs, columns.inputs, {}),
            static_columns=tuple(zip(like.static_columns, columns.static, strict=True)),
            reading=dict(reading or {}),
            left_out=dict(left_out or {}),
            parts=tuple(parts),
        )
        atomic_write(self._folder / MANIFEST, manifest.to_json())
        return manifest


def replaceable(folder: Path, *, overwrite: bool = False) -> list[str]:
    """Names of files of a folder that may give way to parts.

    Args:
        folder: The folder, which need not exist.
        overwrite: Whether parts may be replaced.

    Raises:
        OutputExistsError: If it holds other files, or parts that may not be replaced.
    """
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return []
    if not names_parts(folder):
        raise OutputExistsError(
            f"{folder}: expected a new or empty folder, got one that holds other files, or a file. "
            "Choose another name."
        )
    if not overwrite:
        raise OutputExistsError(
            f"{folder}: holds parts already. Choose another name, or pass --overwrite to "
            "`partition`."
        )
    return [*(path.name for path in folder.glob("part-[0-9]*.parquet")), MANIFEST]


def write_parts(dataset: TimeSeriesDataset, folder: str | Path, num_parts: int) -> Parts:
    """Write a data set as parts; the folder is there whole or not at all.

    Args:
        dataset: The log.
        folder: Folder to make.
        num_parts: Number of parts; one that no series falls into is left out.

    Returns:
        The parts.

    Raises:
        DataError: If the log has no reading.
        OutputExistsError: If the folder holds files already.
        ResourceError: If it cannot be written.

    Example:
        >>> import tempfile
        >>> from latentode.data.synthetic import make
        >>> from latentode.scale import write_parts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = make("toy_periodic", num_series=20).dataset
        ...     parts = write_parts(log, f"{folder}/parts", 4)
        ...     len(parts), parts.manifest.series
        (4, 20)
    """
    replaceable(Path(folder))
    with atomic_folder(folder) as new:
        writer_of(dataset, new, num_parts).closed()
    return Parts.open(folder)


def writer_of(dataset: TimeSeriesDataset, folder: Path, num_parts: int) -> PartsWriter:
    """A writer that has written a data set, and has still to be closed.

    Args:
        dataset: The log.
        folder: An empty folder.
        num_parts: Number of parts.
    """
    dataset = in_natural_order(dataset)
    part = parts_of(dataset.series_ids, num_parts)
    writer = PartsWriter(folder, dataset)
    for number in range(num_parts):
        writer.write(dataset.select_series(np.flatnonzero(part == number)))
    return writer


def parts_of(series_ids: Sequence[str], num_parts: int) -> Int64:
    """Part of each series, by a sum of its id: the same for any log and in any order.

    Args:
        series_ids: Ids.
        num_parts: Number of parts.
    """
    sums = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in series_ids)
    return np.array([int.from_bytes(each, "little") % num_parts for each in sums], np.int64)


def in_natural_order(dataset: TimeSeriesDataset) -> TimeSeriesDataset:
    """The same series in natural order of their ids, as a log is read."""
    ids = dataset.series_ids
    order = sorted(range(len(ids)), key=lambda index: natural_key(ids[index]))
    return dataset if order == [*range(len(ids))] else dataset.select_series(order)


def joined(datasets: Sequence[TimeSeriesDataset]) -> TimeSeriesDataset:
    """Data sets of different series and the same channels as one.

    Args:
        datasets: One or more.
    """
    first = datasets[0]
    if len(datasets) == 1:
        return first
    inputs = [each.inputs for each in datasets if each.inputs is not None]
    static = [each.static for each in datasets if each.static is not None]
    return replace(
        first,
        series_ids=tuple(name for each in datasets for name in each.series_ids),
        readings=joined_readings([each.readings for each in datasets]),
        inputs=joined_readings(inputs) if inputs else None,
        static=np.concatenate(static) if static else None,
    )


def joined_readings(parts: Sequence[Readings]) -> Readings:
    """Readings of different series and the same channels as one.

    Args:
        parts: One or more.
    """
    return Readings(
        channels=parts[0].channels,
        series_starts=offsets(np.concatenate([np.diff(each.series_starts) for each in parts])),
        times=np.concatenate([each.times for each in parts]),
        row_starts=offsets(np.concatenate([np.diff(each.row_starts) for each in parts])),
        channel_index=np.concatenate([each.channel_index for each in parts]),
        values=np.concatenate([each.values for each in parts]),
    )

"""A part: a Parquet file of whole series, a row a time stamp, a column a channel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from latentode.data.dataset import (
    Clock,
    Float64,
    Int64,
    Readings,
    TimeSeriesDataset,
    first_after,
    offsets,
)
from latentode.errors import CheckpointError, DataError
from latentode.files import atomic_write
from latentode.files.regular import read_regular
from latentode.scale.manifest import ChannelEntry, Manifest, PartEntry


@dataclass(frozen=True)
class Columns:
    """Which column of a part holds what.

    Attributes:
        id: Column of series ids, text.
        time: Column of times: stamps of a calendar, or nanoseconds of an elapsed clock. A series
            without any row has one whose time is null.
        channels: Columns of channels, null where nothing was read.
        inputs: Columns of known inputs.
        static: Columns of static covariates, the same in all rows of a series.
    """

    id: str
    time: str
    channels: tuple[str, ...]
    inputs: tuple[str, ...]
    static: tuple[str, ...]

    @classmethod
    def of(
        cls, channels: Sequence[str], inputs: Sequence[str] = (), static: Sequence[str] = ()
    ) -> Columns:
        """Columns with the names of the log, with a ``_`` behind one that is taken already.

        Args:
            channels: Channel names.
            inputs: Names of known inputs.
            static: Names of static covariates.
        """
        taken: set[str] = set()

        def free(name: str) -> str:
            while name in taken:
                name += "_"
            taken.add(name)
            return name

        named = [tuple(free(name) for name in names) for names in (channels, inputs, static)]
        return cls(free("series"), free("time"), *named)

    @classmethod
    def named(cls, manifest: Manifest) -> Columns:
        """Columns that a manifest names."""
        return cls(
            manifest.id_column,
            manifest.time_column,
            tuple(each.column for each in manifest.channels),
            tuple(each.column for each in manifest.inputs),
            tuple(column for _, column in manifest.static_columns),
        )

    def schema(self, clock: Clock) -> pa.Schema:
        """Types of the columns.

        Args:
            clock: What times mean.
        """
        stamp = pa.timestamp("ns", tz=None if clock.zone is None else "UTC")
        numbers = (*self.channels, *self.inputs, *self.static)
        return pa.schema(
            [
                (self.id, pa.string()),
                (self.time, stamp if clock.kind == "calendar" else pa.int64()),
                *((name, pa.float64()) for name in numbers),
            ]
        )


def write_part(path: Path, dataset: TimeSeriesDataset, columns: Columns) -> PartEntry:
    """Write a part, whole or not at all.

    Args:
        path: The file.
        dataset: Its series.
        columns: Where each thing goes.

    Raises:
        ResourceError: If it cannot be written.
    """
    series, times, unread = _rows(dataset)
    grids = [_grid(dataset.readings, series, times)]
    if columns.inputs:
        assert dataset.inputs is not None
        grids.append(_grid(dataset.inputs, series, times))
    if columns.static:
        assert dataset.static is not None
        grids.append(dataset.static[series])
    schema = columns.schema(dataset.clock)
    ids = pa.array(dataset.series_ids, pa.string())
    stamps = pa.array(times, pa.int64(), mask=unread).cast(schema.field(columns.time).type)
    numbers = [pa.array(column, from_pandas=True) for grid in grids for column in grid.T]
    table = pa.Table.from_arrays([ids.take(pa.array(series)), stamps, *numbers], schema=schema)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", use_dictionary=[columns.id])
    content = sink.getvalue().to_pybytes()
    atomic_write(path, content)
    return PartEntry(
        file=path.name,
        series=len(dataset),
        rows=int((~unread).sum()),
        readings=dataset.readings.num_readings,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def read_part(folder: Path, manifest: Manifest, index: int) -> TimeSeriesDataset:
    """Read a part, as it was before it was written.

    Args:
        folder: The folder of parts.
        manifest: Its manifest.
        index: Which of its parts.

    Raises:
        DataError: If the file is absent, another one than the manifest names, or damaged.
    """
    entry = manifest.parts[index]
    path = folder / entry.file
    columns = Columns.named(manifest)
    table = _table(path, entry, columns.schema(manifest.clock_of))
    codes, ids, read, times = _keys(table, columns)
    sorted_in = (np.diff(codes) > 0) | ((np.diff(codes) == 0) & (np.diff(times) > 0))
    if len(ids) != entry.series or not bool(sorted_in.all()):
        raise DataError(f"{path}: expected whole series in order of time. {_AGAIN}")

    def readings(names: Sequence[str], channels: Sequence[str]) -> Readings:
        grid = np.stack([_numbers(table, name) for name in names], axis=1)
        return _readings(codes[read], times[read], grid[read], len(ids), channels)

    static = None
    if columns.static:
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        static = np.stack([_numbers(table, name)[first] for name in columns.static], axis=1)
    inputs = [each.name for each in manifest.inputs]
    return TimeSeriesDataset(
        series_ids=ids,
        readings=readings(columns.channels, [each.name for each in manifest.channels]),
        clock=manifest.clock_of,
        inputs=readings(columns.inputs, inputs) if inputs else None,
        static_columns=tuple(name for name, _ in manifest.static_columns),
        static=static,
        units=manifest.units,
    )


def read_channels(
    folder: Path, manifest: Manifest, index: int, channels: Sequence[ChannelEntry]
) -> Readings:
    """Some channels, or known inputs, of a part that `read_part` has found to be whole.

    Args:
        folder: The folder of parts.
        manifest: Its manifest.
        index: Which of its parts.
        channels: Which channels.

    Returns:
        Their readings; the series are all of the part, in its order.
    """
    columns = Columns.named(manifest)
    wanted = [columns.id, columns.time, *(each.column for each in channels)]
    table = parquet.read_table(folder / manifest.parts[index].file, columns=wanted)
    codes, ids, read, times = _keys(table, columns)
    grid = np.stack([_numbers(table, each.column) for each in channels], axis=1)
    names = [each.name for each in channels]
    return _readings(codes[read], times[read], grid[read], len(ids), names)


def _keys(
    table: pa.Table, columns: Columns
) -> tuple[NDArray[np.int32], tuple[str, ...], NDArray[np.bool_], Int64]:
    """Series of each row and their ids, whether the row is one of a time, and its time."""
    coded = table.column(columns.id).combine_chunks().dictionary_encode()
    stamps = table.column(columns.time).combine_chunks()
    read = stamps.is_valid().to_numpy(zero_copy_only=False)
    times = stamps.cast(pa.int64()).fill_null(0).to_numpy()
    return coded.indices.to_numpy(), tuple(coded.dictionary.to_pylist()), read, times


_AGAIN = "Make the parts again with `partition`, or take the file from where it is whole."


def _table(path: Path, entry: PartEntry, schema: pa.Schema) -> pa.Table:
    try:
        content = read_regular(path, entry.bytes)
    except CheckpointError as error:
        raise DataError(
            f"{error} The manifest names a part of {entry.bytes:,} bytes. {_AGAIN}"
        ) from None
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise DataError(
            f"{path}: expected the part of {entry.bytes:,} bytes that the manifest names, got "
            f"another content of {len(content):,} bytes. {_AGAIN}"
        )
    try:
        table = parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: the part is damaged ({error}). {_AGAIN}") from None
    if not table.schema.equals(schema):
        raise DataError(
            f"{path}: expected the columns {', '.join(schema.names)}, got "
            f"{', '.join(table.schema.names)} or other types. {_AGAIN}"
        )
    return table


def _rows(dataset: TimeSeriesDataset) -> tuple[Int64, Int64, NDArray[np.bool_]]:
    """Series and time of every row, and which stand for a series without any."""
    sources = [dataset.readings, *([] if dataset.inputs is None else [dataset.inputs])]
    series = np.concatenate([each.row_series() for each in sources])
    times = np.concatenate([each.times for each in sources])
    if len(sources) > 1:
        series, times = np.unique(np.stack([series, times]), axis=1)
    silent = np.setdiff1d(np.arange(len(dataset)), series)
    order = np.argsort(np.concatenate([series, silent]), kind="stable")
    unread = np.repeat([False, True], [len(series), len(silent)])[order]
    all_series = np.concatenate([series, silent])[order]
    all_times = np.concatenate([times, np.zeros(len(silent), np.int64)])[order]
    return all_series, all_times, unread


def _grid(readings: Readings, series: Int64, times: Int64) -> Float64:
    """Values at some rows, which hold all of the readings' own, shape (row, channel)."""
    grid = np.full((len(times), len(readings.channels)), np.nan)
    starts = np.searchsorted(series, np.arange(readings.num_series + 1))
    place = np.arange(len(times))
    if readings.num_rows != len(times):
        own = readings.row_series()
        place = first_after(starts, times, own, readings.times - 1)
    rows = np.repeat(place, np.diff(readings.row_starts))
    grid[rows, readings.channel_index] = readings.values
    return grid


def _numbers(table: pa.Table, name: str) -> Float64:
    numbers: Float64 = table.column(name).to_numpy().astype(np.float64, copy=False)
    return numbers


def _readings(
    codes: NDArray[np.int32], times: Int64, grid: Float64, num_series: int, channels: Sequence[str]
) -> Readings:
    present = ~np.isnan(grid)
    counts = present.sum(axis=1)
    kept = counts > 0
    return Readings(
        channels=tuple(channels),
        series_starts=offsets(np.bincount(codes[kept], minlength=num_series)),
        times=times[kept],
        row_starts=offsets(counts[kept]),
        channel_index=np.nonzero(present)[1].astype(np.int32),
        values=grid[present],
    )

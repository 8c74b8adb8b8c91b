"""Logs that are read: a long and a wide one as CSV and Parquet, and a folder of long ones.

Every row has a time of its own, so that no reader gains by parsing a repeated stamp once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv, parquet

SENSORS, STATIONS = 50, 10
CHANNELS = ("temperature", "humidity", "light", "voltage")
WIDE_CHANNELS = (*CHANNELS, "pressure", "flow", "level", "power")
EMPTY = 0.1  # share of empty cells of the wide log
START = np.datetime64("2017-03-01T00:00:00", "ms")
BLOCK = 500_000  # rows that are made at once


def long_blocks(rows: int, seed: int) -> Iterator[pa.Table]:
    """``sensor,time,channel,value``: readings in the order of arrival, about one a second, in UTC.

    Args:
        rows: Number of readings.
        seed: Seed of values, sensors and times.
    """
    generator = np.random.default_rng(seed)
    sensors = pa.array([f"node-{i:02d}" for i in range(SENSORS)])
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        seconds = np.arange(first, first + count)
        milliseconds = seconds * 1_000 + generator.integers(0, 1_000, count)
        yield pa.table(
            {
                "sensor": sensors.take(pa.array(generator.integers(0, SENSORS, count))),
                "time": pa.array(START + milliseconds).cast(pa.timestamp("ms", "UTC")),
                "channel": pa.array(CHANNELS).take(
                    pa.array(generator.integers(0, len(CHANNELS), count))
                ),
                "value": _values(generator, count),
            }
        )


def wide_blocks(rows: int, seed: int) -> Iterator[pa.Table]:
    """``station,time`` and eight channels: about a row a minute, local time without a zone.

    Args:
        rows: Number of rows.
        seed: Seed of values, gaps, stations and times.
    """
    generator = np.random.default_rng(seed)
    stations = pa.array([f"station-{i}" for i in range(STATIONS)])
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        seconds = np.arange(first, first + count) * 60 + generator.integers(0, 60, count)
        columns = {
            "station": stations.take(pa.array(generator.integers(0, STATIONS, count))),
            "time": pa.array(START.astype("M8[s]") + seconds),
        }
        for name in WIDE_CHANNELS:
            empty = generator.random(count) < EMPTY
            columns[name] = pc.if_else(pa.array(empty), None, _values(generator, count))
        yield pa.table(columns)


BLOCKS = {"long": long_blocks, "wide": wide_blocks}


def write(layout: str, rows: int, seed: int, folder: Path) -> None:
    """Write one log as ``LAYOUT.csv`` and ``LAYOUT.parquet``.

    Args:
        layout: "long" or "wide".
        rows: Number of its rows.
        seed: Seed of what it holds.
        folder: Where to.
    """
    first, *others = BLOCKS[layout](rows, seed)
    with parquet.ParquetWriter(folder / f"{layout}.parquet", first.schema) as typed:
        for block in (first, *others):
            typed.write_table(block)
    _write_csv(folder / f"{layout}.csv", [first, *others])


def write_folder(rows: int, files: int, seed: int, folder: Path) -> None:
    """Write the long log in many files of equal size: ``folder/part-000.csv``, ...

    Args:
        rows: Number of rows of all files together.
        files: Number of files.
        seed: Seed of what they hold.
        folder: Where to; one more such file is written beside the folder, as ``one.csv``.
    """
    (folder / "folder").mkdir()
    table = pa.concat_tables(long_blocks(rows, seed))
    size = rows // files
    for index in range(files):
        part = table.slice(index * size, size)
        _write_csv(folder / "folder" / f"part-{index:03d}.csv", [part])
    _write_csv(folder / "one.csv", [table.slice(0, size)])


def _values(generator: np.random.Generator, count: int) -> pa.Array:
    return pa.array(np.round(generator.normal(20, 5, count), 3))


def _write_csv(path: Path, blocks: list[pa.Table]) -> None:
    """Write stamps in ISO 8601 with a "T", and a "Z" where they are in UTC."""
    options = csv.WriteOptions(quoting_style="none", quoting_header="none")
    texts = map(_with_stamps, blocks)
    head = next(texts)
    with csv.CSVWriter(path, head.schema, write_options=options) as file:
        for block in (head, *texts):
            file.write_table(block)


def _with_stamps(block: pa.Table) -> pa.Table:
    stamps = pc.replace_substring(block["time"].cast(pa.string()), " ", "T")
    return block.set_column(block.schema.get_field_index("time"), "time", stamps)

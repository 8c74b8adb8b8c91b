"""Readers that are compared: each takes a path and a number of threads, and returns its rows.

Packages are imported inside, so that a process holds and pays for the one that it measures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Held:
    """What a reader made of a log.

    Attributes:
        rows: Number of rows, by which readers are checked against each other.
        arrays: Bytes of the arrays that are kept; only ours is asked.
    """

    rows: int
    arrays: int = 0


def latentode(path: Path, _threads: int) -> Held:
    """Everything that `read_log` does: roles, clock, series in order, report."""
    from latentode.data.reading.log import read_log

    readings = read_log(path)[0].readings
    arrays = (readings.times, readings.row_starts, readings.channel_index, readings.values)
    return Held(readings.num_rows, sum(array.nbytes for array in arrays))


def pandas(path: Path, threads: int) -> Held:
    """``read_csv`` with dates parsed: what most people type."""
    _limit_arrow(threads)
    import pandas as pd

    if path.suffix == ".parquet":
        return Held(len(pd.read_parquet(path)))
    return Held(len(pd.read_csv(path, parse_dates=["time"])))


def pandas_arrow(path: Path, threads: int) -> Held:
    """The same on columns of Arrow."""
    _limit_arrow(threads)
    import pandas as pd

    if path.suffix == ".parquet":
        return Held(len(pd.read_parquet(path, dtype_backend="pyarrow")))
    frame = pd.read_csv(path, parse_dates=["time"], engine="pyarrow", dtype_backend="pyarrow")
    return Held(len(frame))


def pyarrow(path: Path, threads: int) -> Held:
    """Columns as they are, types inferred."""
    _limit_arrow(threads)
    from pyarrow import csv, parquet

    parallel = threads > 1
    if path.suffix == ".parquet":
        return Held(len(parquet.read_table(path, use_threads=parallel)))
    return Held(len(csv.read_csv(path, csv.ReadOptions(use_threads=parallel))))


def polars(path: Path, _threads: int) -> Held:
    """Eager, dates tried; its threads are set by POLARS_MAX_THREADS before it is imported."""
    import polars as pl

    if path.suffix == ".parquet":
        return Held(len(pl.read_parquet(path)))
    return Held(len(pl.read_csv(path, try_parse_dates=True)))


def duckdb(path: Path, threads: int) -> Held:
    """Into an Arrow table, types sniffed."""
    import duckdb as db

    with db.connect() as connection:
        connection.execute(f"SET threads = {threads}")
        read = "read_parquet" if path.suffix == ".parquet" else "read_csv"
        return Held(len(connection.sql(f"FROM {read}('{path}')").to_arrow_table()))


def _limit_arrow(threads: int) -> None:
    import pyarrow as pa

    pa.set_cpu_count(threads)
    pa.set_io_thread_count(threads)


Reader = Callable[[Path, int], Held]
#: Reader by name, with the package that it needs.
READERS: dict[str, tuple[str, Reader]] = {
    "ours": ("latentode", latentode),
    "pandas": ("pandas", pandas),
    "pandas, Arrow columns": ("pandas", pandas_arrow),
    "pyarrow": ("pyarrow", pyarrow),
    "polars": ("polars", polars),
    "duckdb": ("duckdb", duckdb),
}

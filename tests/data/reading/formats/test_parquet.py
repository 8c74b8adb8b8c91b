"""Stamps of 96 bits, as old programs wrote them into Parquet files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import ns
from pyarrow import parquet

from latentode.config import LatentODEConfig
from latentode.data.reading.formats.open_table import open_table
from latentode.data.reading.log import read_log
from latentode.errors import DataError

DATA = LatentODEConfig().data


def write(path, times):
    table = pa.table({"time": times, "level": np.arange(float(len(times)))})
    parquet.write_table(table, path, use_deprecated_int96_timestamps=True)
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(pd.Timestamp("1300-01-01"), pd.Timestamp("2900-01-01")), min_size=1))
def test_stamps_of_any_year_are_those_that_were_written(tmp_path_factory, stamps):
    times = pa.array(stamps, pa.timestamp("us"))
    path = write(tmp_path_factory.mktemp("log") / "log.parquet", times)
    found = open_table(path, DATA).column("time")
    assert found.cast(pa.timestamp("us")).to_pylist() == stamps


def test_nanoseconds_are_kept_where_they_fit(tmp_path):
    times = pa.array(ns("2024-03-04") + np.arange(30) * 1_000_000_007, pa.timestamp("ns"))
    log, _ = read_log(write(tmp_path / "log.parquet", times))
    assert log.readings.times.tolist() == times.cast(pa.int64()).to_pylist()


def test_stamps_beyond_the_range_are_refused_by_their_rows(tmp_path):
    stamps = [*pd.date_range("2024-03-04", periods=40, freq="h").to_pydatetime()]
    stamps[7] = pd.Timestamp("2300-01-01").to_pydatetime()
    times = pa.array(stamps, pa.timestamp("us"))
    with pytest.raises(DataError, match=r"row 7: .2300-01-01.*--on-bad-row drop"):
        read_log(write(tmp_path / "log.parquet", times))

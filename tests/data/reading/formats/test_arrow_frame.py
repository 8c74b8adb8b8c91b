"""Frames of Polars, DuckDB and pyarrow: read as the equal frame of pandas, CSV and Parquet."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from latentode.config import LatentODEConfig
from latentode.data.reading.formats.frames import as_arrow, held, is_frame
from latentode.data.reading.formats.open_table import open_table
from latentode.data.reading.log import read_log
from latentode.errors import DataError

pl = pytest.importorskip("polars", reason="needs polars")
duckdb = pytest.importorskip("duckdb", reason="needs duckdb")
CONFIG = LatentODEConfig().data


@pytest.fixture(scope="module")
def frame():
    """A log of two pumps with gaps, as pandas has it."""
    rng, count = np.random.default_rng(0), 200
    log = pd.DataFrame(
        {
            "pump": np.repeat(["a", "b"], count // 2),
            "time": pd.date_range("2024-03-30", periods=count, freq="17min", tz="UTC"),
            "flow": np.round(rng.normal(20, 5, count), 3),
            "on": rng.random(count) > 0.5,
            "count": pd.array(rng.integers(0, 9, count), dtype="Int64"),
            "note": pd.Categorical(rng.choice(["x", "y", "z"], count)),
        }
    )
    log.loc[rng.random(count) < 0.2, "flow"] = np.nan
    log.loc[rng.random(count) < 0.2, "count"] = pd.NA
    return log


def facts(dataset):
    """What is read, as plain values, to the bit."""
    readings = dataset.readings
    arrays = (readings.times, readings.values, readings.channel_index, readings.row_series())
    return (
        dataset.channels, dataset.series_ids, dataset.clock.kind, dataset.units,
        *(array.tolist() for array in arrays),
    )  # fmt: skip


def told(report):
    """What is said of it, but for what it is called."""
    return {**report.to_dict(), "source": None}


def of_duckdb(frame):
    connection = duckdb.connect()
    connection.register("log", frame)
    return connection.sql("SELECT * FROM log")


WAYS = {
    "polars": pl.from_pandas,
    "polars, lazy": lambda log: pl.from_pandas(log).lazy(),
    "polars, categories": lambda log: pl.from_pandas(log).with_columns(
        pl.col("pump").cast(pl.Categorical)
    ),
    "polars, milliseconds": lambda log: pl.from_pandas(log).with_columns(
        pl.col("time").cast(pl.Datetime("ms", "UTC"))
    ),
    "polars, nanoseconds": lambda log: pl.from_pandas(log).with_columns(
        pl.col("time").cast(pl.Datetime("ns", "UTC"))
    ),
    "polars, NaN": lambda log: pl.from_pandas(log).with_columns(
        pl.col("flow").fill_null(float("nan"))
    ),
    "polars, decimals": lambda log: pl.from_pandas(log).with_columns(
        pl.col("flow").cast(pl.Decimal(12, 3))
    ),
    "pyarrow": pa.Table.from_pandas,
    "pyarrow, a batch": lambda log: pa.RecordBatch.from_pandas(log),
    "pyarrow, a reader": lambda log: pa.Table.from_pandas(log).to_reader(max_chunksize=37),
    "duckdb": of_duckdb,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_frame_is_read_as_the_equal_frame_of_pandas(way, frame):
    dataset, report = read_log(frame)
    again, said = read_log(WAYS[way](frame))
    assert facts(again) == facts(dataset)
    expected = told(report)
    if way == "duckdb":  # it calls the zone so
        expected["clock"] = {**expected["clock"], "zone": said.to_dict()["clock"]["zone"]}
    assert told(said) == expected
    assert said.source == "DataFrame"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_frame_is_read_as_the_file_that_it_writes(ending, frame, tmp_path):
    log = pl.from_pandas(frame)
    path = tmp_path / f"series.{ending}"
    getattr(log, f"write_{ending}")(path)
    assert facts(read_log(path)[0]) == facts(read_log(log)[0])


DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(40)]
HOURS = pl.Series([dt.datetime(2024, 3, 30, 12) + dt.timedelta(hours=k) for k in range(40)])
VALUES = [1.5 * step for step in range(40)]
COLUMNS = {
    "dates": {"day": DAYS},
    "a duration": {"since": [dt.timedelta(seconds=7 * step) for step in range(40)]},
    "an epoch": {"time": pl.Series([1_700_000_000 + 60 * k for k in range(40)], dtype=pl.UInt64)},
    "local times": {"time": HOURS},
    "a zone": {"time": HOURS.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")},
    "a date and a time": {"date": DAYS[:1] * 40, "time": [dt.time(1, k) for k in range(40)]},
    "states": {"day": DAYS, "valve": pl.Series(["on", "off"] * 20, dtype=pl.Enum(["off", "on"]))},
    "a long log": {
        "day": [day for day in DAYS[:20] for _ in "ab"],
        "channel": pl.Series(["b", "a"] * 20, dtype=pl.Enum(["c", "a", "b"])),
    },
    "small and empty numbers": {"day": DAYS, "n": pl.Series(range(40), dtype=pl.Int8)},
    "nothing": {"day": DAYS, "empty": [None] * 40},
}


@pytest.mark.parametrize("case", COLUMNS)
def test_types_of_columns_mean_what_they_mean_in_pandas(case):
    log = pl.DataFrame({**COLUMNS[case], "value": VALUES})
    dataset, report = read_log(log.to_pandas())
    again, said = read_log(log)
    assert facts(again) == facts(dataset)
    assert told(said) == told(report)
    assert len(dataset.readings.values) >= 40


def test_categories_that_no_row_has_are_no_series():
    ids = pl.Series(["a", "b", "c"] * 20, dtype=pl.Categorical)
    log = pl.DataFrame({"day": DAYS[:20] * 3, "pump": ids, "value": [*VALUES, *VALUES[:20]]})
    log = log.sort("pump").filter(pl.col("pump") != pl.lit("b"))
    assert read_log(log)[0].series_ids == ("a", "c")


def test_columns_of_lists_and_records_are_left_out_and_said():
    log = pl.DataFrame(
        {"day": DAYS, "value": VALUES, "l": [[1.0]] * 40, "r": [{"x": 1}] * 40, "b": [b"x"] * 40}
    )
    dataset, report = read_log(log)
    assert dataset.channels == ("value",)
    lines = [str(decision) for decision in report.decisions]
    for name, kind in (("l", "list"), ("r", "struct"), ("b", "binary")):
        assert any(f"column {name!r} left out" in line and kind in line for line in lines)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (pl.Series("a", [1, 2]), "polars Series: expected a frame of columns"),
        (pd.Series([1, 2]), "pandas Series: expected a frame of columns"),
        (pa.chunked_array([[1]]), "pyarrow ChunkedArray: expected a frame of columns"),
        (pl.DataFrame({"t": pl.Series([1], dtype=pl.Int128)}), "cast what is no number"),
        (pl.DataFrame(), "no data rows in DataFrame"),
        (pl.DataFrame({"time": [], "v": []}), "no data rows in DataFrame"),
        (pa.table([[1], [2]], names=["a", "a"]), "DataFrame: expected distinct column names, got"),
        ({"a": [1]}, "frame of Polars, DuckDB or pyarrow"),
    ],
)
def test_what_is_no_log_is_refused(log, words):
    with pytest.raises(DataError, match=words):
        read_log(log)


def test_numbers_and_times_are_not_copied(frame):
    log = pl.from_pandas(frame)
    addresses = [pa.table(log)[name].chunk(0).buffers()[1].address for name in ("flow", "time")]
    table = open_table(log, CONFIG)
    found = [table.column(name).chunk(0).buffers()[1].address for name in ("flow", "time")]
    assert found == addresses


def test_a_reader_that_gives_its_rows_once_is_held(frame):
    reader = pa.Table.from_pandas(frame).to_reader()
    table = held(reader)
    assert table.num_rows == len(frame)
    assert reader.read_all().num_rows == 0
    assert held(table) is table
    assert held(frame) is frame
    assert held("log.csv") == "log.csv"
    assert as_arrow(pl.from_pandas(frame).lazy()).num_rows == len(frame)
    assert [is_frame(each) for each in (frame, table, pl.LazyFrame({"a": [1]}), "a", [1])] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["no column", "no file"])
def test_a_lazy_frame_that_cannot_be_collected_is_said_in_a_line(tmp_path, fault):
    lazy = {
        "no column": lambda: pl.LazyFrame({"time": [1, 2]}).select("flow"),
        "no file": lambda: pl.scan_csv(tmp_path / "nowhere.csv"),
    }[fault]()
    with pytest.raises(DataError, match="LazyFrame: expected one that can be collected") as caught:
        read_log(lazy)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("column", "said"),
    [("time", "values 1e+30 are not an epoch"), ("flow", "cell is not a number")],
)
def test_whole_numbers_beyond_all_types_are_those_of_a_file(tmp_path, column, said):
    days = [f"2024-01-{day:02}" for day in range(1, 31)]
    table = pd.DataFrame({"time": days, "flow": range(30)})
    if column == "time":
        table["time"] = pd.Series(range(10**30, 10**30 + 30), dtype=object)
    else:
        table["flow"] = table["flow"].astype(object)
        table.loc[3, "flow"] = 10**400
    table.to_csv(tmp_path / "log.csv", index=False)
    for log in (table, tmp_path / "log.csv"):
        with pytest.raises(DataError) as caught:
            read_log(log)
        assert said in str(caught.value)

"""Task speed-reading: logs that it writes, readers, and what its check makes of a report."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks import speed_reading
from benchmarks.__main__ import main
from benchmarks.reading import logs
from benchmarks.reading.readers import READERS, Held
from benchmarks.reading.worker import ReadingFailedError, measure


def run(part, model, setting, cold, warm, peak, arrays=0):
    return {
        "part": part, "model": model, "setting": setting, "rows": 10, "package": f"{model} 1.0",
        "cold_s": cold, "warm_s": warm, "peak_mib": peak, "arrays": arrays,
    }  # fmt: skip


def measured_with(factor):
    """A report in which ours takes `factor` of what pandas takes, and a third of it for Parquet."""
    runs = []
    for part in ("long", "wide"):
        runs += [
            run(part, "pandas", "CSV", 10.0, 8.0, 1000.0),
            run(part, "ours", "CSV", 10.0 * factor, 8.0 * factor, 1000.0 * factor),
            run(part, "ours", "Parquet", 10.0 * factor / 3, 8.0 * factor / 3, 900.0),
        ]
    runs += [
        run("folder", "ours", "folder", 9.0, 8.0, 100.0 + 200.0 * factor, arrays=100 * 2**20),
        run("folder", "ours", "one file", 1.0, 0.1, 100.0),
    ]
    return {"runs": runs, "threads": 1, "protocol": speed_reading.PROTOCOL}


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_csv_and_parquet_of_a_layout_hold_the_same_rows(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "BLOCK", 64)  # the last block is a shorter one
    logs.write(layout, 150, 0, tmp_path)
    read = pd.read_csv(tmp_path / f"{layout}.csv", parse_dates=["time"])
    typed = pd.read_parquet(tmp_path / f"{layout}.parquet")
    assert len(read) == 150
    pd.testing.assert_frame_equal(read, typed, check_dtype=False)


def test_every_reading_of_the_long_log_has_a_time_of_its_own():
    (block,) = logs.long_blocks(5_000, seed=0)
    times = block["time"].to_numpy()
    assert (np.diff(times) > np.timedelta64(0)).all()


def test_stamps_are_iso_with_a_zone_where_they_have_one(tmp_path):
    logs.write("long", 3, 0, tmp_path)
    logs.write("wide", 3, 0, tmp_path)
    stamp = r"2017-03-01T00:00:0\d\.\d{3}Z"
    assert pd.read_csv(tmp_path / "long.csv")["time"].str.fullmatch(stamp).all()
    stamp = r"2017-03-01T00:0\d:\d\d"
    assert pd.read_csv(tmp_path / "wide.csv")["time"].str.fullmatch(stamp).all()


def test_a_folder_holds_the_long_log_in_parts(tmp_path):
    logs.write("long", 40, 0, tmp_path)
    logs.write_folder(40, 4, 0, tmp_path)
    parts = sorted((tmp_path / "folder").iterdir())
    joined = pd.concat([pd.read_csv(path) for path in parts], ignore_index=True)
    pd.testing.assert_frame_equal(joined, pd.read_csv(tmp_path / "long.csv"))
    assert (tmp_path / "one.csv").read_bytes() == parts[0].read_bytes()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_reader_finds_all_rows(name, form, tmp_path):
    package, read = READERS[name]
    pytest.importorskip(package)
    logs.write("long", 300, 0, tmp_path)
    held = read(tmp_path / f"long.{form}", 1)
    assert isinstance(held, Held)
    assert held.rows == 300
    # ours: time, offset and value of 8 bytes each, channel of 4, and one offset more
    assert held.arrays == (300 * 28 + 8 if name == "ours" else 0)


def test_a_reader_is_measured_in_processes_of_its_own(tmp_path):
    logs.write("long", 300, 0, tmp_path)
    found = measure("pandas", tmp_path / "long.csv", threads=1, rounds=1)
    assert found["rows"] == 300
    assert found["cold_s"] > 0
    assert found["warm_s"] > 0
    assert found["peak_mib"] > 10  # pandas alone is more
    with pytest.raises(ReadingFailedError, match=r"No such file or directory.*absent\.csv"):
        measure("pandas", tmp_path / "absent.csv", threads=1, rounds=1)


def test_figures_within_the_ceilings_pass_and_greater_ones_are_told():
    assert speed_reading.check(measured_with(1.2)) == []
    failures = speed_reading.check(measured_with(1.6))
    assert "long: ours / pandas, warm CPU: expected at most 1.3, got 1.6." in failures
    assert "wide: ours / pandas, peak memory: expected at most 1.5, got 1.6." in failures
    name = "wide: ours / pandas, cold CPU of Parquet against CSV"
    assert f"{name}: expected at most 0.5, got 0.533." in failures
    assert (
        "folder: memory above that of one file / arrays: expected at most 2.5, got 3.2." in failures
    )
    assert len(failures) == len(speed_reading.CEILINGS)


def test_what_was_not_read_counts_as_no_measurement_and_says_why():
    report = measured_with(1.0)
    whole, one = report["runs"][-2:]
    report["runs"][-2] = {
        key: whole[key] for key in ("part", "model", "setting", "rows", "package")
    } | {"error": "Is a directory"}
    (failure,) = speed_reading.check(report)
    assert failure.startswith("folder: ")
    assert failure.endswith("expected at most 2.5, got no measurement.")
    text = speed_reading.tables(report)
    assert "| folder | ours | ours 1.0 | not read: Is a directory |" in text
    assert one["setting"] in text


def smoke(folder, *words):
    words = ["speed-reading", "--smoke", "--set", "rows=400", *words, "--out", str(folder)]
    done = CliRunner().invoke(main, words)
    report = json.loads((folder / "results" / "speed-reading.json").read_text("utf-8"))
    assert [run["error"] for run in report["runs"] if "error" in run] == []
    return done, report["runs"]


@pytest.fixture
def unbound(monkeypatch):
    """The command would bind the process of the tests to one core."""
    monkeypatch.setattr("benchmarks.__main__.limit_threads", lambda _threads: None)


@pytest.mark.usefixtures("unbound")
def test_a_smoke_run_measures_a_folder(tmp_path):
    done, runs = smoke(tmp_path, "--only", "folder")
    assert done.exit_code == 0, done.output
    assert [(run["setting"], run["rows"]) for run in runs] == [("folder", 400), ("one file", 100)]
    assert "folder: memory above that of one file / arrays" in done.output


@pytest.mark.slow
@pytest.mark.usefixtures("unbound")
def test_a_smoke_run_measures_both_layouts(tmp_path):
    done, runs = smoke(tmp_path, "--only", "long", "--only", "wide", "--check")
    assert done.exit_code == 1  # imports outweigh 400 rows, and no folder was read
    assert len(runs) == 2 * 2 * 2
    # each ratio but that of the folder
    assert done.output.count("no measurement") == 1

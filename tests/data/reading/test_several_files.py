"""A log in several files: one series in parts, or a series each."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import readings_of, said, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError


def log(number, seed, start="2024-03-05"):
    return pd.DataFrame({"time": stamps(number, start=start), "t": walk(number, seed)})


def save(folder, files):
    for name, frame in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        frame.to_csv(path, index=False)
    return folder


@few
@given(SEEDS, st.lists(st.integers(1, 199), min_size=1, max_size=4, unique=True), st.booleans())
def test_files_that_follow_one_another_are_one_series(tmp_path_factory, seed, cuts, border):
    whole = log(200, seed)
    bounds = [0, *sorted(cuts), 200]
    parts = {
        f"log-{place}.csv": whole.iloc[low : high + border]
        for place, (low, high) in enumerate(pairwise(bounds))
    }
    folder = save(tmp_path_factory.mktemp("days"), parts)
    dataset, report = read_log(folder, settings())
    assert len(dataset.series_ids) == 1
    expected, _ = read_log(whole, settings())
    assert np.array_equal(dataset.readings.values, expected.readings.values)
    assert report.counts.get("duplicates_identical", 0) == border * (len(bounds) - 2)
    assert "duplicates_merged" not in report.counts
    assert any("one series" in each for each in said(report))


@few
@given(SEEDS, st.integers(2, 4), st.integers(0, 50))
def test_files_over_the_same_times_are_series_named_by_them(tmp_path_factory, seed, number, late):
    names = ["attic", "bath", "cellar", "den"][:number]
    files = {}
    for place, name in enumerate(names):
        files[f"{name}.csv"] = log(100, seed + place)
        files[f"{name}.csv"]["time"] += pd.to_timedelta(late * place, unit="s")
    dataset, report = read_log(save(tmp_path_factory.mktemp("rooms"), files), settings())
    assert dataset.series_ids == tuple(names)
    assert dataset.readings.num_readings == 100 * number
    assert any("named by their files" in each for each in said(report))


@pytest.mark.parametrize("form", ["{}_{}.csv", "{1}-{0}.csv", "{}/{}.csv"])
def test_days_of_several_sensors_are_told_apart_by_names_without_dates(tmp_path, form):
    files = {}
    for place, name in enumerate(("north", "south")):
        for day, part in log(300, place).groupby(lambda row: row // 144):
            files[form.format(name, f"2024-03-{5 + day:02d}")] = part
    save(tmp_path, files)
    dataset, _ = read_log([tmp_path / name for name in sorted(files)], settings())
    assert [each.strip("-_") for each in dataset.series_ids] == ["north", "south"]
    assert dataset.readings.num_readings == 600


def test_exports_that_overlap_with_equal_rows_are_one_series(tmp_path):
    whole = log(300, 0)
    save(tmp_path, {"w1.csv": whole.iloc[:200], "w2.csv": whole.iloc[120:]})
    dataset, report = read_log(tmp_path, settings())
    assert (len(dataset.series_ids), dataset.readings.num_readings) == (1, 300)
    assert report.counts["duplicates_identical"] == 80


def test_runs_that_each_begin_at_zero_are_series(tmp_path):
    run = pd.DataFrame({"t_s": np.arange(50) * 0.5})
    save(tmp_path, {f"run{n}.csv": run.assign(v=walk(50, n)) for n in range(3)})
    dataset, _ = read_log(tmp_path, settings())
    assert dataset.series_ids == ("run0", "run1", "run2")


def test_series_by_their_ids_go_through_all_files(tmp_path):
    files = {
        f"d{n}.csv": log(60, n, f"2024-01-0{n + 1}").assign(node=["a", "b"] * 30) for n in range(3)
    }
    dataset, _ = read_log(save(tmp_path, files), settings())
    assert dataset.series_ids == ("a", "b")


def test_the_header_may_stand_in_the_first_file_only(tmp_path):
    whole = log(100, 0)
    whole.iloc[:50].to_csv(tmp_path / "p1.csv", index=False)
    whole.iloc[50:].to_csv(tmp_path / "p2.csv", index=False, header=False)
    dataset, report = read_log(tmp_path, settings())
    expected, _ = read_log(whole, settings())
    assert np.array_equal(dataset.readings.values, expected.readings.values)
    assert any("p2.csv has no header" in each for each in said(report))


def test_columns_that_one_file_has_alone_are_said(tmp_path):
    whole = log(100, 0).assign(u=walk(100, 1))
    save(tmp_path, {"p1.csv": whole.iloc[:50], "p2.csv": whole.iloc[50:, :2]})
    dataset, report = read_log(tmp_path, settings())
    assert dataset.readings.num_readings == 150
    assert any("p2.csv: no column 'u'" in each for each in said(report))
    dataset, report = read_log([tmp_path / "p2.csv", tmp_path / "p1.csv"], settings())
    assert dataset.channels == ("t",)
    assert any("p1.csv: column(s) 'u' left out" in each for each in said(report))


def test_files_of_different_channels_are_refused(tmp_path):
    save(tmp_path, {"hum.csv": log(50, 0).rename(columns={"t": "hum"}), "temp.csv": log(50, 1)})
    with pytest.raises(DataError, match=r"temp.csv: expected the channels of the first file \(hum"):
        read_log(tmp_path, settings())


def test_a_file_without_rows_is_left_out_and_one_that_is_broken_names_itself(tmp_path):
    save(tmp_path, {"p1.csv": log(50, 0), "p2.csv": log(0, 0)})
    dataset, report = read_log(tmp_path, settings())
    assert dataset.readings.num_readings == 50
    assert any("p2.csv" in each and "without rows" in each for each in said(report))
    (tmp_path / "p3.csv").write_bytes(b"\x00\x01\x02\x00")
    with pytest.raises(DataError, match=r"p3\.csv"):
        read_log(tmp_path, settings())


def test_files_of_one_name_in_different_folders_are_told_apart(tmp_path):
    save(tmp_path, {"a/log.csv": log(50, 0), "b/log.csv": log(50, 1)})
    dataset, _ = read_log(str(tmp_path / "*" / "log.csv"), settings())
    assert len(dataset.series_ids) == 2
    assert len(readings_of(dataset)) == 100


def test_columns_of_later_files_are_matched_by_name_in_any_order_and_capitals(tmp_path):
    whole = log(100, 0).assign(hum=walk(100, 1, low=50))
    later = whole.iloc[50:].rename(columns={"time": "Time", "t": "T", "hum": "Hum"})
    folder = save(tmp_path, {"1.csv": whole.iloc[:50], "2.csv": later[["Time", "Hum", "T"]]})
    dataset, report = read_log(folder, settings())
    assert readings_of(dataset) == {
        ("1", name, at): value
        for (_, name, at), value in readings_of(read_log(whole, settings())[0]).items()
    }
    assert any("the names differ in capitals only" in each for each in said(report))


def test_columns_of_other_names_are_never_matched_by_their_place(tmp_path):
    whole = log(100, 0).assign(hum=walk(100, 1, low=50))
    later = whole.iloc[50:].rename(columns={"time": "Zeit", "t": "Temp", "hum": "Feuchte"})
    folder = save(tmp_path, {"1.csv": whole.iloc[:50], "2.csv": later[["Zeit", "Feuchte", "Temp"]]})
    with pytest.raises(DataError, match="expected the channels of the first file"):
        read_log(folder, settings())


def test_exports_that_overlap_in_all_but_a_corrected_row_are_one_series(tmp_path):
    whole = log(400, 0)
    first, second = whole.iloc[:240].copy(), whole.iloc[200:]
    first.loc[220, "t"] += 1
    dataset, report = read_log(save(tmp_path, {"a.csv": first, "b.csv": second}), settings())
    assert len(dataset.series_ids) == 1
    assert report.counts["duplicates_merged"] == 1


def test_dry_gauges_of_two_places_are_two_series(tmp_path):
    files = {}
    for place, name in enumerate(("north", "south")):
        rain = np.random.default_rng(place).choice([0.0, 0.2, 0.4], 200, p=[0.96, 0.02, 0.02])
        files[f"{name}.csv"] = pd.DataFrame({"time": stamps(200), "rain": rain})
    assert read_log(save(tmp_path, files), settings())[0].series_ids == ("north", "south")


def test_folders_of_folders_are_read_by_the_pattern_that_the_message_names(tmp_path):
    whole = log(100, 0)
    save(tmp_path, {"may/1.csv": whole.iloc[:50], "june/2.csv": whole.iloc[50:]})
    with pytest.raises(DataError, match=r"pass '.*\*/\*\.csv'") as caught:
        read_log(tmp_path, settings())
    pattern = str(caught.value).split("'")[1]
    assert read_log(pattern, settings())[0].readings.num_readings == 100

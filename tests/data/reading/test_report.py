"""What a report says of a log."""

import json

import pytest
from log_files import read, settings

from latentode.data.reading.log import read_log
from latentode.data.reading.report import REASONS


def test_report_is_json_and_complete(tmp_path):
    text = "id,time,x,y\n" + "".join(f"a,2024-01-01 00:{i:02d}:00,{i},\n" for i in range(50))
    text += "a,2024-01-01 00:00:00,5,\nb,2024-01-01,1,ERR\nb,2024-01-02,2,3\n"
    _, report = read(tmp_path, text, cells__on_bad_row="nan", cells__max_bad=0.1)
    told = json.loads(json.dumps(report.to_dict()))
    assert told["num_series"] == 2
    assert told["series_ids"] == ["a", "b"]
    assert told["clock"] == {"kind": "calendar", "zone": None, "unit": "iso"}
    assert told["columns"]["channels"] == ["x", "y"]
    assert told["counts"] == {"bad_cells": 1, "missing_cells": 51, "duplicates_merged": 1}
    assert told["per_channel"]["bad_cells"] == {"y": 1}
    assert (told["first"], told["last"]) == ("2024-01-01T00:00:00.000", "2024-01-02T00:00:00.000")
    assert told["median_step_seconds"] == 60
    assert told["rows_read"] == 53
    assert set(told["counts"]) <= set(REASONS)


def test_every_cell_of_a_log_is_accounted_for(tmp_path):
    cells = ["" if i % 5 else "ERR" for i in range(150)]
    rows = [f"s{i % 3},2024-01-01 00:00:{i // 3:02d},{i},{cell}" for i, cell in enumerate(cells)]
    text = "\n".join(["id,time,x,y", *rows, rows[1], "s1,,7,7"]) + "\n"
    accepted = {"cells__on_bad_row": "nan", "cells__max_bad": 0.5}
    _, report = read(tmp_path, text, columns__channels=("x", "y"), **accepted)
    counts = report.counts
    lost = counts["missing_cells"] + counts["bad_cells"] + counts["duplicates_identical"]
    assert counts["rows_without_time"] == 1
    assert (
        report.num_readings + lost + 2 == 2 * report.rows_read
    )  # two cells stand in the row without a time


def test_plan_is_short_and_says_what_was_understood(tmp_path):
    names = ",".join(f"c{i}" for i in range(30))
    text = f"time_s,{names}\n0{',1' * 30}\n5{',2' * 30}\n"
    _, report = read(tmp_path, text)
    plan = report.plan()
    assert len(plan) == 4
    assert "wide layout" in plan[0]
    assert "c11, ... (30 in all)" in plan[1]
    assert plan[2] == "time: elapsed, unit s, 0s to 5s, median step 5s"
    assert "series: 1; channels: 30; readings: 60 at 2 times; 0.0% missing" in plan[3]


LOGS = {
    "logs/air_quality_wide.csv": (None, 8, 12, 278_382),
    "logs/room_climate_long.csv": (None, 12, 4, 62_388),
    "ETTh1.csv": (None, 1, 7, 121_940),
    "cmapss_fd001_train.csv.gz": ("h", 100, 25, 515_775),
    "s82_rrlyrae.csv.gz": ("d", 300, 10, 172_830),
    "uci_diabetes.csv.gz": ("h", 70, 8, 29_098),
    "nab_known_cause.csv.gz": ("min", 7, 2, 139_076),
    "beijing_multisite.parquet": ("h", 8, 12, 2_486_787),
}


@pytest.mark.parametrize("name", LOGS)
def test_public_logs_are_read_in_full(shared_data, name):
    unit, series, channels, readings = LOGS[name]
    dataset, report = read_log(
        shared_data / name, settings(**({"time__unit": unit} if unit else {}))
    )
    assert (len(dataset), len(dataset.channels)) == (series, channels)
    assert dataset.readings.num_readings == readings
    assert report.clock.kind == ("elapsed" if unit else "calendar")

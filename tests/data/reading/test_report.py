"""What a report says of a log."""

import json
from dataclasses import replace

import numpy as np
import pytest
from log_files import read, settings
from look_cases import look_at

from latentode.data.reading.doubts import Decision
from latentode.data.reading.log import read_log
from latentode.data.reading.report import make_report
from latentode.data.reading.tally import REASONS, Tally


def test_report_is_json_and_complete(tmp_path):
    text = "id,time,x,y\n" + "".join(
        f"a,2024-01-01 00:{i:02d}:00,{i * i % 7},\n" for i in range(50)
    )
    text += "a,2024-01-01 00:00:00,5,\nb,2024-01-01,1,ERR\nb,2024-01-02,2,3\n"
    _, report = read(tmp_path, text, cells__on_bad_row="nan", cells__max_bad=0.5, duplicates="mean")
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
    assert [each["name"] for each in told["channel_details"]] == ["x", "y"]
    assert told["merged"]["readings"] == 1
    assert told["merged"]["share"] == pytest.approx(1 / 54)


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


def test_plan_is_short_and_says_what_was_detected(tmp_path):
    names = ",".join(f"c{i}" for i in range(30))
    text = f"time_s,{names}\n0{',1' * 30}\n5{',2' * 30}\n"
    _, report = read(tmp_path, text)
    plan = report.plan()
    assert "wide layout" in plan[0]
    assert "c11, ... (30 in all)" in plan[1]
    assert plan[2] == "time: elapsed, unit s, 0s to 5s, median step 5s"
    assert "series: 1; channels: 30; readings: 60 at 2 times" in plan[3]
    assert plan[3].endswith("every row has a value of each channel")
    assert plan[4] == "channel c0: 1 to 2, median 1.5, 2 readings"
    assert plan[16] == "... and 18 more channels"
    assert len(plan) == 17
    assert [question.about for question in report.questions] == ["length"]


def report_of(columns, tally=None, **settings):
    look, doubts, dataset = look_at(columns, **settings)
    tally = tally or Tally(rows_read=dataset.readings.num_rows)
    tally.doubts = doubts
    names = {"time": "time", "channels": dataset.channels}
    return make_report(
        tally,
        dataset,
        source="log",
        layout="wide",
        columns=names,
        look=look,
        stamps=dataset.readings.times,
    )


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ((400, 400), "every row has a value of each channel"),
        ((200, 200), "each channel has a value in about half of the rows"),
        ((266, 270), "each channel has a value in about two thirds of the rows"),
        ((320, 324), "each channel has a value in about 80% of the rows"),
        ((20, 399), "a channel has a value in 5% to 99.75% of the rows"),
    ],
)
def test_shares_are_told_as_people_say_them(kept, words):
    rows = np.arange(400.0)
    # the two overlap as little as they can, so that every row has a reading
    one, other = (
        np.where(rows < kept[0], rows, np.nan),
        np.where(rows >= 400 - kept[1], rows, np.nan),
    )
    assert report_of({"a": one % 7, "b": other % 7}).plan()[3].endswith(words)


def test_a_plan_has_a_line_for_each_thing_that_was_decided_asked_or_left_out():
    tally = Tally(
        rows_read=500, left_out={"Reservoir": "text"}, merge_cause="hour in another column"
    )
    tally.add("duplicates_merged", 25)
    values = np.arange(475.0) % 7
    values[:5] = -9999
    report = report_of({"x": values}, tally)
    report = replace(
        report, decisions=(Decision("header", "line 3 is the header", option="--header-row 1"),)
    )
    plan = report.plan()
    for line in (
        "time: dates, local time, no time zone given, 2024-03-04T00:00 to 2024-03-07T07:00, "
        "median step 10min",
        "25 readings at a time that has several values merged, 5% of all: hour in another column",
        "column Reservoir ignored: text",
        "note: line 3 is the header (to overrule: --header-row 1)",
    ):
        assert line in plan
    (question,) = report.questions
    assert question.message.startswith("numbers that look like codes")
    told = json.loads(json.dumps(report.to_dict()))
    assert told["left_out"] == [{"column": "Reservoir", "reason": "text"}]
    assert told["merged"] == {"readings": 25, "share": 0.05, "cause": "hour in another column"}
    assert told["decisions"][0]["option"] == "--header-row 1"
    assert len(told["questions"]) == 1
    assert told["channel_details"][0]["codes"][0]["value"] == -9999


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

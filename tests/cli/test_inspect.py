"""What inspect answers, from what reading gave."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from cli_cases import answer_of, run
from look_cases import look_at

from latentode.cli.commands import inspect
from latentode.data.reading.report import make_report
from latentode.data.reading.tally import Tally
from latentode.errors import DataError


class Column:
    """A column's profile."""

    def __str__(self):
        return "column x: numbers"

    def to_dict(self):
        return {"name": "x", "kind": "numbers"}


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A log whose numbers raise a question that blocks training only."""
    values = np.arange(300.0) % 40
    values[5:9] = -9999
    look, doubts, dataset = look_at({"x": values})
    names = {"time": "time", "channels": ("x",)}
    tally = Tally(rows_read=300, doubts=doubts)
    report = make_report(
        tally,
        dataset,
        source="log.csv",
        layout="wide",
        columns=names,
        look=look,
        stamps=dataset.readings.times,
    )
    monkeypatch.setattr(inspect, "_read", lambda *_: (dataset, report))
    monkeypatch.setattr(inspect, "_profile", lambda *_: [Column()])
    path = tmp_path / "log.csv"
    path.write_text("time,x\n")
    return path


def test_a_log_is_shown_with_what_train_will_ask_and_a_picture(log):
    result = run("inspect", log)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("train will ask: numbers that look like codes") for line in lines)
    assert lines[-1].startswith("x ")
    assert lines[-1].endswith("0 to 39, last 19")
    assert "\x1b" not in result.stdout


def meter(path):
    """A log of a running total."""
    times = pd.date_range("2024-03-04", periods=200, freq="h")
    pd.DataFrame({"time": times, "energy": np.arange(200) * 7.5 + 100}).to_csv(path, index=False)
    return path


def test_counters_are_suggested_until_they_are_declared(tmp_path):
    log = meter(tmp_path / "meter.csv")
    suggestion = "forecasts of them that never fall: train --counters energy"
    assert suggestion in run("inspect", log).stdout
    # no series is long enough, so that nothing is trained
    train = ("train", log, "--min-obs", 1000, "--out", tmp_path / "run")
    assert suggestion in run(*train).stderr
    declared = run(*train, "--counters", "energy")
    assert "at least 1000 readings" in declared.stderr
    assert "never fall" not in declared.stderr


def test_json_has_the_facts_and_no_picture(log):
    result = run("inspect", log, "--json", "--profile")
    told = json.loads(result.stdout)["data"]
    assert told["channels"] == ["x"]
    assert told["channel_details"][0]["max"] == 39
    assert told["profile"] == [{"name": "x", "kind": "numbers"}]
    assert "█" not in result.stdout


def test_a_picture_in_a_file_stands_for_the_one_in_the_terminal(log):
    picture = log.with_suffix(".png")
    result = run("inspect", log, "--plot", picture)
    assert result.exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "█" not in result.stdout
    assert run("inspect", log, "--plot", picture).exit_code == 8
    assert run("inspect", log, "--plot", picture, "--overwrite").exit_code == 0


def test_a_profile_is_shown_where_the_log_is_refused(log, monkeypatch):
    def refuse(*_):
        raise DataError("log.csv: no column of times. Pass --time-column.")

    assert "column x: numbers" in run("inspect", log, "--profile").stdout
    monkeypatch.setattr(inspect, "_read", refuse)
    result = run("inspect", log, "--profile")
    assert result.exit_code == 3
    assert "column x: numbers" in result.stderr
    assert "no column of times" in result.stderr


def log_with(kind, values, times):
    """A log with codes or far stamps of a kind, and how many rows they are."""
    values, times, number = values.copy(), times.copy(), 10
    if kind == "codes":
        values[::50] = -9999
    elif kind == "fills":
        values[::50] = 9.969209968386869e36
    elif kind == "32 bits":
        values[::50] = np.float32(-999.9)
    else:
        number = 7
        times[100:107] = pd.date_range(kind, periods=7, freq="10min")
    return pd.DataFrame({"time": times, "x": values}), number


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["codes", "fills", "32 bits", "2099-12-31", "1970-01-01"])
def test_what_is_said_to_be_typed_settles_the_question(tmp_path, kind, ending):
    values = np.random.default_rng(0).normal(20, 3, 500).round(2)
    frame, number = log_with(kind, values, pd.Series(pd.date_range("2024", None, 500, "10min")))
    path = tmp_path / f"log.{ending}"
    _ = frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    (question,) = answer_of("inspect", path)["data"]["questions"]
    advised = re.search(r"Pass (.*?)(?: to leave them out| if th)", question)[1]
    kept = re.search(r"or (--.*?)(?: to keep| if every)", question)[1]
    without = answer_of("inspect", path, *shlex.split(advised))["data"]
    assert without["questions"] == []
    assert without["num_readings"] == 500 - number
    every = answer_of("inspect", path, *shlex.split(kept))["data"]
    assert every["questions"] == []
    assert every["num_readings"] == 500
    assert any("are kept" in note or "is a reading" in note for note in every["notes"])

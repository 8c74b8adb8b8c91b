"""``evaluate`` of a model of events alone: the scores of ``events``, and where they go."""

import json
import shutil

import numpy as np
import pytest
from cli_cases import answer_of, run

from latentode.estimators.event_forecaster import EventForecaster
from latentode.evaluation.event_summary import event_sentences

SMALL = (
    "--no-report",
    "--set",
    "train.max_epochs=1",
    "--set",
    "train.steps_per_epoch=2",
    "--latent-dim",
    "2",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Events of two spans of time, their windows, and a run on the first."""
    folder = tmp_path_factory.mktemp("events")
    times = np.random.default_rng(0).uniform(0, 40, 60).round(3)
    for name, separator in (("alarms.csv", ","), ("later.csv", ","), ("semicolons.csv", ";")):
        rows = ["time_h,mark", *(f"{time},hot" for time in times[10 * (name != "alarms.csv") :])]
        (folder / name).write_text("\n".join(rows).replace(",", separator) + "\n")
    (folder / "windows.csv").write_text("start,end\n0,40\n")
    words = ("--events", folder / "alarms.csv", "--windows", folder / "windows.csv", *SMALL)
    done = run("train", *words, "--hidden-dim", "3", "--out", folder / "run")
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture(autouse=True)
def few_moments(monkeypatch):
    """Futures are drawn from two moments, twice: what they are worth is tested elsewhere."""
    for name in ("most", "num_draws"):
        monkeypatch.setitem(EventForecaster.long_horizon.__kwdefaults__, name, 2)


@pytest.mark.parametrize("named", [(), ("later.csv", "--windows", "windows.csv")])
def test_the_scores_are_those_of_events(files, named, tmp_path):
    words = [files / word if word.endswith(".csv") else word for word in named]
    scores = answer_of("evaluate", files / "run", *words)["metrics"]
    answer = answer_of("events", files / "run", *words, "--samples", "2", "--out", tmp_path)
    ahead = scores["events"]["long_horizon"]
    plain = answer["metrics"] | {"long_horizon": ahead}
    assert scores == {"events": plain | {"sentences": event_sentences(plain)}}
    assert list(ahead["t_map"]) == ["model", "most popular", "history density"]
    assert scores["events"]["events"] == (50 if named else 60)
    assert json.loads((files / "run" / "metrics.json").read_text()) == scores


def test_that_the_events_are_those_of_the_training_is_said_only_where_none_are_named(files):
    said = "the events that the model was trained on"
    own = run("evaluate", files / "run")
    named = run("evaluate", files / "run", files / "later.csv")
    assert (said in own.stderr, said in named.stderr) == (True, False)
    assert "than a constant rate of each kind" in own.stdout
    assert "p of the gaps" in named.stdout
    assert "T-mAP (more is better)" in named.stdout


def test_a_model_folder_outside_of_a_run_leaves_no_file_but_the_output(files, tmp_path):
    model, target = tmp_path / "kept", tmp_path / "scores.json"
    shutil.copytree(files / "run" / "model", model)
    before = {path.name for path in model.iterdir()}
    assert answer_of("evaluate", model)["outputs"] == []
    assert answer_of("evaluate", model, "-o", target)["outputs"] == [str(target)]
    assert {path.name for path in model.iterdir()} == before
    printed = run("evaluate", files / "run", "-o", "-")
    assert json.loads(printed.stdout) == json.loads(target.read_text())


def test_a_file_is_read_as_its_options_say(files):
    words = ("evaluate", files / "run", files / "semicolons.csv")
    scores = answer_of(*words, "--sep", ";")["metrics"]
    assert run(*words, "--sep", ",").exit_code != 0
    assert scores["events"]["events"] == 50


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rolling", "400"), "--rolling: expected a model of readings"),  # typed, if usual
        (("--split", "test", "--min-obs", "3"), "--split, --min-obs: expected"),
        (("--windows", "windows.csv"), "--windows are those of a file"),
        (("--sep", ";"), "--sep: how EVENTS are read, and none were named"),
        (("alarms.csv", "--time-unit", "s"), "--time-unit: expected a model of readings"),
        (("alarms.csv", "later.csv"), "expected one file of events"),
        (("--events", "later.csv"), "a file of events is named after RUN"),
    ],
)
def test_what_has_no_use_is_refused_by_name(files, words, message):
    given = [files / word if word.endswith(".csv") else word for word in words]
    done = run("evaluate", files / "run", *given)
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr

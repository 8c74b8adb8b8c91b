"""`train --refit` and `update` with the real trainer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_cases import SMALL as OF_SECONDS
from cli_cases import answer_of, run

from latentode import LatentODE

SMALL = [word for word in OF_SECONDS if word not in ("--time-unit", "s")]


def write(path, start, hours=160, **more):
    """A log of two pumps by the hour."""
    parts = []
    for number, pump in enumerate("ab"):
        times = pd.date_range(start, periods=hours, freq="h")
        noise = np.random.default_rng((times[0].day, number)).normal(0, 0.1, hours)
        level = 2 + np.sin(2 * np.pi * times.hour / 24) + noise
        parts.append(pd.DataFrame({"time": times, "pump": pump, "level": level, **more}))
    pd.concat(parts).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    return [write(folder / f"{day}.csv", day) for day in ("2024-03-04", "2024-03-11")]


@pytest.fixture(scope="module")
def trained(logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run("train", logs[0], *SMALL, "--epochs", "2", "--refit", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_train_refit_leaves_both_models_and_the_scores_of_the_first(trained):
    model, first = (LatentODE.load(trained / name) for name in ("model", "earlier/model-1"))
    (told,) = model.fitted_.later
    assert told.kind == "refit"
    assert first.fitted_.later == ()
    scores = json.loads((trained / "metrics.json").read_text())
    assert told.scores["forecast"]["mae"] == scores["forecast"]["overall"]["model"]["mae"]
    assert (trained / "refit" / "metrics.csv").exists()
    # the refit goes as many steps as validation chose: to give more is no advice
    assert (trained / "log.jsonl").read_text().count("nearly untrained") == 1


def test_info_tells_of_the_refit_and_of_the_scores_before_it(trained):
    text = run("info", trained).stdout
    assert "Refit on all of its log, up to 2024-03-10T15:00" in text
    assert "Before the refit, on the part held out until then, forecast: mae" in text


def test_evaluate_of_a_refit_model_asks_for_a_later_log(trained, logs, tmp_path):
    refused = run("evaluate", trained)
    assert refused.exit_code == 3
    assert "later log" in refused.stderr
    out = tmp_path / "scores.json"
    assert run("evaluate", trained, logs[1], "--samples", 20, "-o", out).exit_code == 0
    assert json.loads(out.read_text())["forecast"]["num_targets"] > 0


def test_update_puts_a_model_in_place_and_keeps_the_one_that_was(folder, logs):
    answer = answer_of("update", folder, logs[1])
    assert answer["metrics"]["until"] == "2024-03-17T15:00"
    kept = LatentODE.load(folder / "earlier" / "model-2").fitted_
    model = LatentODE.load(folder).fitted_
    assert [each.kind for each in kept.later] == ["refit"]
    assert [each.kind for each in model.later] == ["refit", "update"]
    # old readings stand beside the new ones, read from the log that the run remembers
    assert model.later[1].readings == 4 * 160
    record = json.loads((folder / "run.json").read_text())
    assert [Path(each["log"]["path"]).name for each in record["updates"]] == ["2024-03-11.csv"]
    forecast = run("forecast", folder, "--horizon", "2h", "--every", "1h", "-o", "-")
    assert "2024-03-17" in forecast.stdout.splitlines()[1]


def test_an_update_says_which_log_has_gone(folder, logs, tmp_path):
    record = json.loads((folder / "run.json").read_text())
    record["log"]["path"] = str(tmp_path / "gone.csv")
    (folder / "run.json").write_text(json.dumps(record))
    result = run("update", folder, logs[1])
    assert result.exit_code == 0, result.output
    assert "gone.csv has gone" in result.stderr
    assert "the newest readings" in result.stderr


def test_an_update_without_news_changes_nothing(folder, logs):
    before = {path: path.read_bytes() for path in folder.glob("model/*")}
    result = run("update", folder, logs[0])
    assert result.exit_code == 3
    assert "has not learned" in result.stderr
    assert {path: path.read_bytes() for path in folder.glob("model/*")} == before
    assert not (folder / "earlier" / "model-2").exists()


def test_a_channel_more_is_refused(folder, tmp_path):
    result = run("update", folder, write(tmp_path / "new.csv", "2024-03-11", flow=1.5))
    assert result.exit_code == 3
    assert "got also flow" in result.stderr


def test_channels_of_the_model_alone_are_taken_where_they_are_named(folder, tmp_path):
    log = write(tmp_path / "new.csv", "2024-03-11", flow=1.5)
    result = run("update", folder, log, "--channels", "level")
    assert result.exit_code == 0, result.output


def test_a_column_that_training_left_out_is_no_news_in_a_log_that_has_grown(tmp_path):
    log = write(tmp_path / "log.csv", "2024-03-04", flow=1.5)
    words = ("--channels", "level", "--epochs", "1", "--out", tmp_path / "run")
    assert run("train", log, *SMALL, *words).exit_code == 0
    write(log, "2024-03-04", hours=240, flow=1.5)
    done = run("update", tmp_path / "run", log)
    assert done.exit_code == 0, done.output
    write(log, "2024-03-04", hours=260, flow=1.5, power=2.5)
    refused = run("update", tmp_path / "run", log)
    assert refused.exit_code == 3
    assert "got also power. A" in refused.stderr


def test_a_log_that_is_named_every_week_is_read_once_and_one_that_changed_is_said(
    folder, logs, tmp_path
):
    latest = Path(shutil.copy(logs[1], tmp_path / "latest.csv"))
    assert run("update", folder, latest).exit_code == 0
    write(latest, "2024-03-18")  # a rolling export
    again = run("update", folder, latest)
    assert again.exit_code == 0, again.output
    assert "has changed" not in again.stderr
    # the log of the training stands beside it
    assert LatentODE.load(folder).fitted_.later[-1].readings == 4 * 160
    write(latest, "2024-03-25")
    last = run("update", folder, write(tmp_path / "last.csv", "2024-04-01"))
    assert last.exit_code == 0, last.output
    assert "latest.csv has changed since it was learned" in last.stderr


def test_a_model_without_its_run_is_not_updated(folder, logs, tmp_path):
    alone = shutil.copytree(folder / "model", tmp_path / "alone")
    result = run("update", alone, logs[1])
    assert result.exit_code == 2
    assert "expected a run folder" in result.stderr


def test_forecast_append_remembers_later_readings(folder, logs, tmp_path):
    whole, first, second = (tmp_path / f"{name}.csv" for name in ("whole", "first", "second"))
    # the logs overlap by an hour, and the later one is right
    assert run("forecast", folder, "--append", logs[1], "-o", first).exit_code == 0
    again = run("forecast", folder, "-o", second)
    assert again.exit_code == 0
    assert first.read_text() == second.read_text()
    both = pd.concat([pd.read_csv(log) for log in logs]).drop_duplicates(
        ["time", "pump"], keep="last"
    )
    both.to_csv(tmp_path / "both.csv", index=False)
    assert run("forecast", folder, tmp_path / "both.csv", "-o", whole).exit_code == 0
    assert whole.read_text() == first.read_text()


def test_append_needs_logs_and_a_run(folder, logs):
    result = run("forecast", folder, "--append")
    assert result.exit_code == 2
    assert "--append: adds the readings of LOGS" in result.output
    result = run("forecast", folder / "earlier" / "model-1", "--append", logs[1])
    assert result.exit_code == 2
    assert "expected a run folder, got a model alone" in result.output

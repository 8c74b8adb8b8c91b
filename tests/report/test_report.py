"""`report`: what a run tells on one page, for every kind of run, and what it says it lacks."""

import copy
import csv
import itertools
import json
import math
import random
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import SCHEMES, WIDTHS, chromium, draw_all, faults_of_accessibility, visit
from cli_cases import SMALL, answer_of, run

from latentode.cli.options import DATA_OPTIONS
from latentode.cli.runs import run_report
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.config import LatentODEConfig
from latentode.report import RunFiles, of_run, page_of
from latentode.report import data as report_data
from latentode.report.cautions import cautions

NAMES = (
    "</script><script>alert(1)</script>", '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)", "\u202egnp.exe", "x" * 300, "{{ 7 * 7 }}<!--",
)  # fmt: skip
CHANNELS = ("<b>flow</b>", '</style>"quote"')
BRIEF = (*(word for word in SMALL[2:] if word != "--no-report"), "--epochs", "1")
START = datetime(2025, 3, 1)


def written(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("logs"), random.Random(0)
    readings = [
        [name, START + timedelta(hours=i, minutes=draw.randint(0, 20)), round(math.sin(i / 4), 3),
         "" if draw.random() < 0.4 else draw.randint(0, 9)]
        for name in NAMES for i in range(90)
    ]  # fmt: skip
    written(folder / "log.csv", ["id", "time", *CHANNELS], *readings)
    happened = [
        [name, START + timedelta(minutes=draw.randint(60, 5000)), draw.choice(["<i>a</i>", "b"])]
        for name in NAMES
        for _ in range(12)
    ]
    written(folder / "events.csv", ["id", "time", "mark"], *happened)
    labels = [[name, ("<u>ok</u>", "bad")[i % 2]] for i, name in enumerate(NAMES)]
    written(folder / "labels.csv", ["id", "label"], *labels)
    return folder


def trained(folder, *words):
    result = run("train", *words, *BRIEF, "--out", folder)
    assert result.exit_code == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def beside(logs, tmp_path_factory):
    """A run on readings with events and labels, as `train` left it, and what it said."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = (logs / "log.csv", "--id-column", "id", "--time-column", "time", "--tz", "UTC")
    return trained(folder, *words, "--events", logs / "events.csv", "--labels", logs / "labels.csv")


@pytest.fixture(scope="module")
def alone(logs, tmp_path_factory):
    """A run on events alone."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    brief = ("--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=2", "--latent-dim", "2")
    result = run("train", "--events", logs / "events.csv", *brief, "--out", folder)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def reported(beside, tmp_path_factory):
    """The same run, scored, with its page and the answer of `report --json`."""
    folder = shutil.copytree(beside[0], tmp_path_factory.mktemp("reported") / "run")
    return folder, answer_of("report", folder)


def embedded(page):
    return json.loads(re.search(r'id="records">(.*?)</script>', page, flags=re.DOTALL)[1])


def lacks(records):
    return " ".join(each["what"] for each in records["missing"])


def test_train_leaves_a_page_that_says_what_it_lacks(beside):
    folder, result = beside
    records = embedded((folder / "report.html").read_text(encoding="utf-8"))
    assert "report: " in result.stderr
    assert not (folder / "metrics.json").exists()
    assert "Scores beside naive forecasts" in lacks(records)
    assert records["missing"][0]["command"].endswith(f"report {folder}")
    assert {"forecast", "look_back", "data", "split", "training", "events", "labels"} <= {*records}


def test_what_a_training_left_undone_stands_below_the_headline(reported):
    page = (reported[0] / "report.html").read_text(encoding="utf-8")
    few, *_ = reported[1]["data"]["cautions"]
    assert "steps leave a model nearly untrained" in few["what"]
    assert few["command"].endswith("--epochs 10")
    assert "--out" not in few["command"]
    assert page.index('class="lead"') < page.index("But take care") < page.index('class="facts"')


def test_a_first_epoch_that_was_the_best_is_said():
    train = LatentODEConfig().train
    train = train.model_copy(update={"steps_per_epoch": 100})
    fitted = SimpleNamespace(
        config=SimpleNamespace(train=train),
        history=[{"step": 400}],
    )
    card = {"training": {"steps": 400, "best_epoch": 1, "epochs": 4}, "calibration": {"bands": []}}
    [found] = cautions(fitted, card, ["latentode", "train", "a b.csv", "--lr", "0.1"])
    assert "the first of 4 epochs was the best" in found["what"]
    assert found["command"] == "latentode train 'a b.csv' --lr 0.001"
    assert cautions(fitted, {**card, "training": {**card["training"], "best_epoch": 2}}, []) == []


def test_bands_that_were_not_calibrated_are_said_with_a_horizon_that_is_short_enough():
    lengths = SimpleNamespace(horizon_ns=6 * 3_600_000_000_000)
    fitted = SimpleNamespace(
        config=LatentODEConfig(), history=[{"step": 400}],
        schema=SimpleNamespace(lengths=lengths),
    )  # fmt: skip
    bands = [{"of": "forecasts", "calibrated": False, "horizons": 3}]
    card = {"training": {"best_epoch": 2, "epochs": 4}, "calibration": {"bands": bands}}
    [found] = cautions(fitted, card, [])
    assert "bands of forecasts is as training left it" in found["what"]
    assert found["command"] == "latentode train LOGS --horizon 2h"
    card["training"] = {"steps": 400, "best_epoch": 1, "epochs": 4}
    both = cautions(fitted, card, ["latentode", "train", "log.csv", "--out=run"])
    assert both[1]["command"] == both[0]["command"] + " --horizon 2h"
    card["training"] = {"best_epoch": 2, "epochs": 4}
    bands[0]["horizons"] = 0
    [found] = cautions(fitted, card, [])
    assert found["command"] == ""


def test_moments_are_of_the_zone_of_the_log_everywhere(reported):
    records = copy.deepcopy(reported[1]["data"])
    records["data"]["clock"]["zone"] = "-07:00"
    records["data"]["median_step_seconds"] = 900.0
    records["data"]["first"] = "2025-03-01T06:05:59.000Z"
    page = page_of(records).partition('<h2 id="card">')[0]
    assert "from 2025-02-28 23:05 to" in page
    assert not re.search(r"\d:\d\d:\d\d|:\d\dZ|:\d\d UTC</t[dh]>", page)
    assert page.count("time (-07:00)</th>") == len(
        [key for key in records["charts"] if key.startswith(("next", "back"))]
    )


def test_cells_that_were_named_as_missing_are_told_and_columns_of_text_are_not_empty_cells():
    reading = {
        "layout": "wide", "num_rows": 10, "num_readings": 17, "counts": {"missing_cells": 23},
        "channel_details": [{"name": "a"}, {"name": "b"}], "source": "/home/me/log.csv",
    }  # fmt: skip
    files = RunFiles(Path("run"), reading=reading, config={"data": {"cells": {"na": ["I/O", -9]}}})
    records = of_run(files, []).to_dict()
    assert records["data"]["source"] == "log.csv"
    [count] = records["data"]["counts"]
    assert count == {
        "what": "empty cells of channels, and those that --na names (I/O, -9)",
        "number": 3, "option": "--na",
    }  # fmt: skip
    reading["num_readings"] = 20
    assert of_run(files, []).to_dict()["data"]["counts"] == []


def test_one_series_few_readings_and_equal_rows_are_spoken_of_as_such(reported):
    folder, answer = reported
    scores = json.loads((folder / "metrics.json").read_text())
    task = scores["forecast"]
    task["overall"]["baselines"]["seasonal"] = task["overall"]["baselines"]["last"]
    task["num_targets"] = 29
    first, *others = task["lead_times"]
    task["lead_times"] = {
        lead: {**part, "num_targets": 30} for lead, part in task["lead_times"].items()
    }
    task["lead_times"][first]["num_targets"] = 29
    task["paths"]["num_paths"] = 19
    records = copy.deepcopy(answer["data"])
    files = RunFiles(folder, scores=scores)
    records["scores"] = of_run(files, []).to_dict()["scores"]
    records["look_back"]["num_windows"] = 1
    records["look_back"]["series"] = records["look_back"]["series"][:1]
    records["look_back"]["ranking"] = records["look_back"]["ranking"][:1]
    found = records["scores"]["forecast"]
    assert found["leads_left_out"] == [first]
    assert [row["lead"] for row in found["by_lead"]] == others
    page = page_of(records)
    for words in (
        "the history holds no reading of a day before",
        f"fewer than 30 readings were scored: {first}.",
        "there were 19 of them, and fewer than 20 say nothing",
        "All of this was judged by 29 readings",
        "A forecast looked back at",
        "One forecast of ",
        "Interpolations: the model beside naive interpolations",
        "Where readings fell in their interpolation",
    ):
        assert words in page
    assert "Series from the best to the worst" not in page


def test_a_training_stands_where_its_report_fails(beside, tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise ValueError("no room on the wall")

    monkeypatch.setattr(run_report, "page_text", broken)
    folder = shutil.copytree(beside[0], tmp_path / "run")
    before = (folder / "run.json").read_bytes(), (folder / "report.html").read_bytes()
    session = Session()
    run_report.report_after_training(session, RunFolder.open(folder), None, None)
    assert (
        f"not written (no room on the wall). The model is; try again: latentode report {folder}"
        in (session.warnings[0])
    )
    assert "warning: the report was not written" in capsys.readouterr().err
    assert before == ((folder / "run.json").read_bytes(), (folder / "report.html").read_bytes())


def test_records_of_json_are_those_of_the_page_and_of_the_files(reported):
    folder, answer = reported
    records = answer["data"]
    assert records == embedded((folder / "report.html").read_text(encoding="utf-8"))
    assert answer["outputs"] == [str(folder / "report.html")]
    scores = json.loads((folder / "metrics.json").read_text())
    assert (
        records["scores"]["forecast"]["coverage_90"]
        == scores["forecast"]["overall"]["model"]["coverage_90"]
    )
    assert records["scores"]["forecast"]["sentences"] == scores["forecast"]["sentences"]
    reading = json.loads((folder / "data_report.json").read_text())
    assert records["data"]["num_readings"] == reading["num_readings"]
    assert [each["name"] for each in records["data"]["channels"]] == list(CHANNELS)
    assert (
        sum(map(sum, records["charts"]["channels_over_time"]["cells"])) == reading["num_readings"]
    )
    assert sum(records["charts"]["density"]["lines"][0]["y"]) == reading["num_readings"]
    assert (
        records["training"]["epochs"] == len((folder / "metrics.csv").read_text().splitlines()) - 1
    )
    assert sum(each["events"] for each in records["events"]["marks"]) == 72
    assert {each["class"]: each["number"] for each in records["labels"]["classes"]} == {
        "<u>ok</u>": 3,
        "bad": 3,
    }
    assert records["card"] == (folder / "model" / "MODEL_CARD.md").read_text()
    assert [each["command"].split()[-2] for each in records["next"]] == [
        "forecast",
        "plot",
        "events",
        "classify",
    ]
    assert (folder / "report.html").stat().st_size < 5e6


def test_scores_that_are_there_are_not_computed_again(reported, tmp_path):
    folder = shutil.copytree(reported[0], tmp_path / "run")
    scores = json.loads((folder / "metrics.json").read_text())
    scores["forecast"]["overall"]["model"]["coverage_90"] = 0.125
    (folder / "metrics.json").write_text(json.dumps(scores))
    found = answer_of("report", folder, "-o", tmp_path / "mine.html")
    assert found["data"]["scores"]["forecast"]["coverage_90"] == 0.125
    assert "12.5 %" in (tmp_path / "mine.html").read_text(encoding="utf-8")
    refused = run("report", folder, "-o", tmp_path / "mine.html")
    assert refused.exit_code == 8
    assert "--overwrite" in refused.stderr


def test_forecasts_made_elsewhere_stand_beside_the_model(reported, tmp_path):
    folder = shutil.copytree(reported[0], tmp_path / "run")
    scores = json.loads((folder / "metrics.json").read_text())["forecast"]
    mine = {**scores, "overall": {**scores["overall"], "yours": scores["overall"]["model"]}}
    (folder / "comparison.json").write_text(json.dumps({"comparison": mine}))
    found = of_run(RunFiles.read(folder), []).to_dict()
    assert [row[0] for row in found["scores"]["comparison"]["table"][:3]] == ["", "model", "yours"]
    assert "Beside forecasts of your own" in page_of(found)


def test_looking_back_puts_series_in_order_and_shows_what_was_read(reported):
    records = reported[1]["data"]
    ranking = [row["crps"] for row in records["look_back"]["ranking"]]
    assert ranking == sorted(ranking)
    shown = [each["series"] for each in records["look_back"]["series"]]
    assert shown[0] == records["look_back"]["ranking"][0]["series"]
    assert shown[-1] == records["look_back"]["ranking"][-1]["series"]
    for key, chart in records["charts"].items():
        if key.startswith("back"):
            origin = chart["marks"][0]["x"]
            assert max(chart["past"]["time"]) <= origin < min(chart["later"]["time"])
        if key.startswith("next"):
            assert chart["later"]["time"] == []
            assert chart["time"] == sorted(chart["time"])
    for row in records["look_back"]["by_lead"]:
        assert sum(row["shares"]) == pytest.approx(1.0, abs=1e-3)  # of five digits each


def test_a_log_that_moved_is_asked_for_and_taken_where_it_is_named(beside, logs, tmp_path):
    folder = shutil.copytree(beside[0], tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    record["log"]["path"] = str(tmp_path / "gone.csv")
    (folder / "run.json").write_text(json.dumps(record))
    without = answer_of("report", folder)["data"]
    assert "has gone or changed" in lacks(without)
    assert without["missing"][0]["command"].endswith(f"report {folder} LOGS")
    assert "forecast" in without
    assert "split" not in without
    again = answer_of("report", folder, logs / "log.csv")["data"]
    assert {"split", "look_back", "scores"} <= {*again}


def test_a_run_of_events_alone_tells_of_events(alone, logs):
    records = answer_of("report", alone)["data"]
    assert records["events"]["num_events"] == 72
    assert len(records["events"]["rates"]) == 3
    assert records["scores"]["events"]["sentences"]
    assert "forecast" not in records
    again = run("report", alone, logs / "events.csv", "-o", "-")
    assert again.exit_code == 0
    assert again.stdout.startswith("<!doctype html>")


def test_a_run_on_parts_tells_of_the_log_and_forecasts_from_what_the_model_keeps(logs, tmp_path):
    words = ("--id-column", "id", "--time-column", "time", "--tz", "UTC", "--parts", "2")
    assert run("partition", logs / "log.csv", tmp_path / "parts", *words).exit_code == 0
    folder, result = trained(tmp_path / "run", tmp_path / "parts")
    assert "report was not written" not in result.stderr
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "parts of a log are scored" in page
    records = answer_of("report", folder)["data"]
    assert "the log is in parts" in lacks(records)
    assert records["data"]["num_series"] == len(NAMES)
    assert [each["name"] for each in records["data"]["channels"]] == list(CHANNELS)
    assert "forecast" in records


def test_a_run_without_a_model_says_how_to_go_on(beside, tmp_path):
    folder = shutil.copytree(beside[0], tmp_path / "run")
    shutil.rmtree(folder / "model")
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    records = answer_of("report", folder)["data"]
    assert "the run is interrupted" in lacks(records)
    assert records["missing"][0]["command"].endswith(f"resume {folder}")
    assert "data" in records


def test_scores_of_an_earlier_model_are_said_to_be(reported, tmp_path):
    folder = shutil.copytree(reported[0], tmp_path / "run")
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores["scored"]["trainings"] == 1
    scores["scored"]["trainings"] = 2
    (folder / "metrics.json").write_text(json.dumps(scores))
    assert "of an earlier one" in lacks(answer_of("report", folder)["data"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-o", "page.pdf"), 2, "expected a file that ends in .html"),
        (("--min-obs", "3"), 2, "--min-obs"),
    ],
)
def test_what_is_wrong_is_refused_by_name(beside, words, code, said):
    result = run("report", beside[0], *words)
    assert result.exit_code == code
    assert said in result.stderr


def test_a_model_without_a_run_and_broken_scores_are_refused(beside, tmp_path):
    shutil.copytree(beside[0] / "model", tmp_path / "model")
    result = run("report", tmp_path / "model")
    assert (result.exit_code, "expected a run folder" in result.stderr) == (2, True)
    folder = shutil.copytree(beside[0], tmp_path / "run")
    (folder / "metrics.json").write_text('{"forecast": {"overall": 3}}')
    result = run("report", folder)
    assert (result.exit_code, "Run `evaluate` again" in result.stderr) == (5, True)
    (folder / "metrics.json").write_text("[")
    result = run("report", folder)
    assert (result.exit_code, "expected a JSON object" in result.stderr) == (5, True)


def test_every_option_that_a_report_names_is_one():
    known = {flag.partition("/")[0] for flag in DATA_OPTIONS}
    for reason, options in report_data._OPTIONS.items():
        assert reason in report_data.REASONS
        assert {*options.split(", ")} - {""} <= known


def test_a_report_of_an_empty_folder_is_a_page(tmp_path):
    page = page_of(of_run(RunFiles.read(tmp_path), []).to_dict())
    assert "The run has no model yet." in page


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES, strict=True)))
def test_the_page_opens_offline_and_is_accessible(browser, reported, width, scheme):
    address = (reported[0] / "report.html").as_uri()
    with visit(browser, address, width=width, scheme=scheme, offline=True) as seen:
        draw_all(seen.page)
        assert (seen.dialogs, seen.complaints) == ([], [])
        assert seen.requests == [address]
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults_of_accessibility(seen.page) == []
        levels = seen.page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => Number(e.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(later - former <= 1 for former, later in itertools.pairwise(levels))


def test_a_series_is_picked_by_keyboard_and_the_first_stop_skips_to_the_report(browser, reported):
    with visit(browser, (reported[0] / "report.html").as_uri()) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the report"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("location.hash") == "#main"
        first = seen.page.locator('[data-panel="next 0"]')
        second = seen.page.locator('[data-panel="next 1"]')
        assert (first.is_visible(), second.is_visible()) == (True, False)
        seen.page.locator("#pick-next").focus()
        seen.page.keyboard.press("ArrowDown")
        assert (first.is_visible(), second.is_visible()) == (False, True)
        draw_all(seen.page)
        assert second.locator("canvas").count() == len(CHANNELS)


def test_paper_has_the_charts_and_no_buttons(browser, reported):
    with visit(browser, (reported[0] / "report.html").as_uri(), scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert seen.page.locator("canvas").count() > 0
        assert seen.page.locator(".zoom >> visible=true").count() == 0
        assert seen.page.locator(".contents").is_hidden()
        assert seen.page.pdf().startswith(b"%PDF")

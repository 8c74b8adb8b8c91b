"""The model card: what it says, where that is from, and that names of a log are text in it."""

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
from cli_cases import SMALL, answer_of, run
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from latentode import LatentODE
from latentode.model_card import LICENCE, limits, markdown, with_run
from latentode.model_card.limits import beaten_by
from latentode.model_card.markdown import escaped, kept_words, table

HOSTILE = (
    "<img src=x onerror=alert(1)>", "a|b [c](javascript:alert(1)) `d", "# *e* _f_ ~~g~~ \u202e&lt;"
)  # fmt: skip
PAGE = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def kinds_of(page):
    """What a parser of Markdown makes of a page: its marks, those within lines too."""
    blocks = PAGE.parse(page)
    return [token.type for block in blocks for token in [block, *(block.children or [])]]


def shown(page):
    """What a reader sees of a line."""
    [block] = [block for block in PAGE.parse(page) if block.type == "inline"]
    return "".join(token.content for token in block.children)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Two series of three channels with hostile names, a column of text and an empty cell."""
    path = tmp_path_factory.mktemp("log") / "plant.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["series", "time", *HOSTILE, "remark"])
        for name in ("one", "two"):
            for step in range(80):
                values = [f"{math.sin(step / 5 + k) + k:.3f}" for k in range(3)]
                rows.writerow([name, 10 * step, *values, "fine" if step % 3 else "well"])
    return path


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    """A run folder that no test changes."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    windows = ("--context", "200", "--horizon", "50")
    result = run("train", log, *SMALL, *windows, "--epochs", "2", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="module")
def alone(trained):
    """The card of the model, without its run."""
    return LatentODE.load(trained).describe()["model_card"]


def test_the_card_of_a_run_says_what_was_read_left_out_and_set(trained):
    card = answer_of("info", trained)["data"]["model"]["model_card"]
    data = card["data"]
    assert (data["series"], data["rows"], data["readings"]) == (2, 160, 480)
    assert data["source"] == "plant.csv"
    assert data["sha256"] == json.loads((trained / "run.json").read_text())["log"]["sha256"]
    assert data["median_step_ns"] == 10_000_000_000
    assert {"what": "cells of columns of text ignored", "why": "", "number": 160} in data[
        "left_out"
    ]
    assert any(line.startswith("'remark' holds text only: left out") for line in data["decisions"])
    assert {"windows.context", "windows.horizon", "train.steps_per_epoch"} <= set(card["settings"])
    assert card["provenance"]["versions"]["latentode"]
    assert card["training"]["seconds"] > 0
    assert (card["training"]["epochs"], card["training"]["steps"]) == (2, 6)


def test_a_model_alone_says_what_it_knows_and_leaves_the_rest_open(alone):
    assert [each["part"] for each in alone["data"]["parts"]] == ["train", "validation", "test"]
    assert [each["name"] for each in alone["data"]["channels"]] == list(HOSTILE)
    for number, each in enumerate(alone["data"]["channels"]):
        assert number - 1 <= each["least"] < each["greatest"] <= number + 1
        assert each["known"] is True
        assert each["constant"] is False
    total = sum(each["training_readings"] for each in alone["data"]["channels"])
    assert alone["data"]["training_readings"] == total < 480
    assert alone["data"]["left_out"] is alone["provenance"] is alone["training"]["seconds"] is None
    assert alone["scores"]["evaluation"] is None
    assert any("not been scored" in line for line in alone["limits"])
    json.dumps(alone, allow_nan=False)


def test_evaluate_brings_scores_and_what_they_say_into_the_page(folder):
    before = (folder / "model" / "MODEL_CARD.md").read_text("utf-8")
    assert "Not scored beside naive forecasts yet" in before
    assert run("evaluate", folder, "--samples", "10", "--rolling", "5").exit_code == 0
    page = (folder / "model" / "MODEL_CARD.md").read_text("utf-8")
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores["scored"]["split"] == "test"
    card = answer_of("info", folder)["data"]["model"]["model_card"]
    judged = card["scores"]["evaluation"]
    assert (judged["log"], judged["of_earlier_model"]) == ("plant.csv", False)
    for task in ("forecast", "interpolation"):
        overall = scores[task]["overall"]
        assert judged["tasks"][task]["model"] == overall["model"]
        for row in (overall["model"], *overall["baselines"].values()):
            assert f"| {row['crps']:.4g} | {row['mae']:.4g} |" in page
    assert "`evaluate` on the test part of plant.csv:" in page
    assert "Not scored" not in page
    assert not any("not been scored" in line for line in card["limits"])


def test_scores_elsewhere_leave_the_card_alone(folder, tmp_path):
    page = folder / "model" / "MODEL_CARD.md"
    before = page.read_bytes()
    words = ("--samples", "10", "--rolling", "5", "-o", tmp_path / "scores.json")
    assert run("evaluate", folder, *words).exit_code == 0
    assert page.read_bytes() == before


def test_what_the_user_wrote_is_kept_when_the_page_is_written_again(folder):
    page = folder / "model" / "MODEL_CARD.md"
    head = page.read_text("utf-8").partition(LICENCE)[0]
    page.write_text(f"{head}{LICENCE}\n\nCC-BY-4.0, *ask us*.\n", "utf-8")
    assert run("evaluate", folder, "--samples", "10", "--rolling", "5").exit_code == 0
    again = page.read_text("utf-8")
    assert again.endswith(f"{LICENCE}\n\nCC-BY-4.0, *ask us*.\n")
    assert again.count(LICENCE) == 1
    model = LatentODE.load(folder)
    model.save(folder / "model")
    assert kept_words(page.read_text("utf-8")) == "CC-BY-4.0, *ask us*."
    model.save(folder / "other")
    assert "not stated" in (folder / "other" / "MODEL_CARD.md").read_text("utf-8")


def test_scores_of_a_model_that_learned_more_since_are_told_as_such(folder, alone):
    scores = {"scored": {"split": "test", "log": "/a/b.csv", "trainings": 2}}
    task = {"num_windows": 1, "num_targets": 2, "channels": {}, "overall": {}}
    task["overall"] = {"model": {"crps": 1.0, "coverage_90": 0.5}, "baselines": {}}
    (folder / "metrics.json").write_text(json.dumps({**scores, "forecast": task}))
    card = with_run(alone, folder)
    assert card["scores"]["evaluation"]["of_earlier_model"] is True
    assert card["scores"]["evaluation"]["log"] == "b.csv"
    assert "before the model learned more" in markdown(card)
    assert (
        "90 % bands of forecast covered 50.0% when they were scored: too narrow." in card["limits"]
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"log": 3}', '{"forecast": {"overall": 1}}']
)
def test_files_of_a_run_that_are_no_such_files_say_nothing(text, alone, tmp_path):
    for name in ("run.json", "data_report.json", "metrics.json"):
        (tmp_path / name).write_text(text)
    card = with_run(alone, tmp_path)
    assert {**card, "scores": None} == {**alone, "scores": None}
    assert card["scores"]["evaluation"] is None
    assert markdown(card) == markdown(alone)


def test_a_run_folder_without_files_says_nothing(alone, tmp_path):
    assert with_run(alone, tmp_path) == alone


# hostile names


def test_names_of_a_log_are_text_in_the_page(trained):
    kinds = kinds_of((trained / "model" / "MODEL_CARD.md").read_text("utf-8"))
    allowed = {"html_block": 1, "fence": 2}  # the mark above the user's words
    for kind in ("html_block", "html_inline", "link_open", "image", "em_open", "s_open", "fence"):
        assert kinds.count(kind) == allowed.get(kind, 0), kind
    assert kinds.count("heading_open") == 12
    assert kinds.count("code_inline") == 2  # the command that scores, under scores and limits


@given(st.text())
def test_any_text_is_shown_as_it_is_and_marks_up_nothing(text):
    line = f"- {escaped(text)}"
    assert set(kinds_of(line)) <= {
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "text", "text_special",
        "paragraph_close", "list_item_close", "bullet_list_close",
    }  # fmt: skip
    words = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )
    if words:
        assert shown(line) == words


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_texts_are_cells_of_one_row(texts):
    kinds = kinds_of("\n".join(table([["h"] * len(texts), texts])))
    assert kinds.count("tr_open") == 2
    assert kinds.count("td_open") == len(texts)


# limits


def changed(card, **data):
    return {**card, "data": {**card["data"], **data}}


def test_limits_follow_from_the_facts(alone):
    first, second, third = alone["data"]["channels"]
    channels = [{**first, "known": False}, {**second, "constant": True}, third]
    clock = {"kind": "calendar", "zone": "UTC", "unit": "iso"}
    told = " ".join(
        limits(
            changed(
                alone, channels=channels, clock=clock, span_ns=9 * 86_400 * 10**9,
                split_kind="time", planned_inputs=["tariff"],
            )
        )
    )  # fmt: skip
    assert f"every answer is NaN: {HOSTILE[0]}." in told
    assert f"no change of it was learned: {HOSTILE[1]}." in told
    assert "The log spans 9.0 days, less than two of a week or year" in told
    assert "Series that training never saw were not scored." in told
    assert "Needs planned inputs as far as it forecasts: tariff." in told
    plain = " ".join(limits(changed(alone, span_ns=800 * 86_400 * 10**9, clock=clock)))
    assert "The log spans" not in plain
    assert "NaN" not in plain


@pytest.mark.parametrize(
    ("own", "others", "name"),
    [
        (1.0, {"last": 2.0}, None),
        (1.0, {"last": 1.0, "mean": 3.0}, "last"),
        (1.0, {"last": 0.9, "mean": 0.5}, "mean"),
        (None, {"last": 0.9}, None),
        (1.0, {"last": None}, None),
    ],
)
def test_a_naive_forecast_that_is_as_good_beats_the_model(own, others, name):
    scores = {"model": {"crps": own}, "baselines": {k: {"crps": v} for k, v in others.items()}}
    assert beaten_by(scores) == name

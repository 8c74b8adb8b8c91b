"""``--aggregate`` and ``--exceeds``: what is read, printed and written, of stand-ins for models."""

import json

import numpy as np
import pandas as pd
import pytest
from option_cases import World

from latentode import results
from latentode.cli.runs.path_questions import Aggregate, PathQuestions
from latentode.data.dataset import Clock


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions") / "world"
    folder.mkdir()
    return World(folder)


@pytest.fixture
def ask(world, monkeypatch):
    """Run a forecast with some words: code, stdout, stderr, files, and what the model was asked."""

    def call(*words, command=("forecast", "done")):
        recorder, seen = world.call([*command, *words], monkeypatch)
        code, out, err, _, files = seen
        asked = [name for name, _ in recorder.calls if name.startswith("LatentODE.")]
        return (
            code,
            out,
            err,
            {path.rpartition("/")[2]: content for path, content in files.items()},
            asked,
        )

    return call


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("sum by day", [{"how": "sum", "by": "day"}]),
        ("mean over channels", [{"how": "mean", "over": ("channels",)}]),
        ("max by 6h over series", [{"how": "max", "by": "6h", "over": ("series",)}]),
        ("sum over series and channels", [{"how": "sum", "over": ("series", "channels")}]),
        (
            'sum  of flow, "a by b,c" over channels by day',
            [{"how": "sum", "channels": ("flow", "a by b,c"), "over": ("channels",), "by": "day"}],
        ),
        (
            "sum over series then max by week",
            [{"how": "sum", "over": ("series",)}, {"how": "max", "by": "week"}],
        ),
    ],
)
def test_a_question_is_read_into_steps(text, steps):
    assert list(Aggregate.parse(text).steps) == steps


@pytest.mark.parametrize(
    "text", ["", "sum_by_day", "sum by day by week", "sum then by day", "by day"]
)
def test_a_question_of_another_form_is_refused_with_examples(ask, text):
    code, _, err, files, asked = ask("--aggregate", text)
    assert (code, files, asked) == (2, {}, [])
    assert "'--aggregate': expected a question as in 'sum by day'" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--aggregate", "total by day"], "expected one of sum, mean, max, min, last, got 'total'"),
        (["--aggregate", "sum of z by day"], "expected some of 'x', 'y', got 'z'"),
        (["--aggregate", "sum by dya"], "got 'dya'. Write by day."),
        (["--exceeds", "z>3"], "expected some of 'x', 'y', got 'z'"),
        (["--exceeds", "x=3"], "expected a channel, one of >, >=, <, <= and a number"),
    ],
)
def test_what_has_no_answer_is_refused_before_anything_is_predicted(ask, words, message):
    code, _, err, files, asked = ask(*words)
    assert (code, files, asked) == (4, {}, [])
    assert message in err


@pytest.mark.parametrize("command", [("forecast", "done"), ("interpolate", "done", "log.csv")])
def test_answers_are_printed_and_lie_beside_the_prediction(ask, command):
    words = ("--aggregate", "sum by horizon", "--exceeds", "x>3", "--exceeds", "y<0", "-o", "f.csv")
    code, out, err, files, _ = ask(*words, command=command)
    assert code == 0, err
    assert set(files) == {"f.csv", "f-sum-by-horizon.csv", "f-exceeds.csv"}
    assert [line for line in err.splitlines() if line.startswith("wrote")] == [
        "wrote f.csv", "wrote f-sum-by-horizon.csv", "wrote f-exceeds.csv",
    ]  # fmt: skip
    lines = out.splitlines()
    assert lines[0] == "sum by horizon:"
    # draws of x are 0, 2, 4 and 6, 8, 10: totals 6 and 24
    assert lines[2].split() == ["log", "0", "x", "15", "6.9", "15", "23.1", "3", "True"]
    row = next(line.split() for line in lines if line.startswith("x>3"))
    assert row == ["x>3", "log", "1", "0", "0", "0", "2"]
    row = next(line.split() for line in lines if line.startswith("y<0"))
    assert row == ["y<0", "log", "0", "1", "-", "-", "-"]


def test_without_questions_the_path_alone_is_printed(ask):
    code, out, _, files, _ = ask("-o", "f.csv")
    assert (code, out, set(files)) == (0, "f.csv\n", {"f.csv"})


@pytest.mark.parametrize("suffix", ["csv", "nc", "json", "parquet"])
def test_answers_have_the_format_of_the_prediction(ask, suffix):
    words = ("--aggregate", "max by horizon", "--exceeds", "x>3", "-o", f"f.{suffix}")
    code, _, err, files, _ = ask(*words)
    assert code == 0, err
    assert set(files) == {f"f.{suffix}", f"f-max-by-horizon.{suffix}", f"f-exceeds.{suffix}"}


def test_answers_without_a_named_output_lie_in_the_run(ask):
    code, _, err, files, _ = ask("--aggregate", "max by horizon")
    assert code == 0, err
    assert set(files) == {"forecast-.csv", "forecast--max-by-horizon.csv"}  # stamps left out


@pytest.mark.parametrize("words", [["--aggregate", "sum by horizon"], ["--exceeds", "x>3"]])
def test_no_file_of_an_answer_is_replaced_unless_told(ask, world, words):
    path = world.folder / ("f-sum-by-horizon.csv" if words[0] == "--aggregate" else "f-exceeds.csv")
    path.write_text("precious")
    try:
        code, _, err, files, asked = ask(*words, "-o", "f.csv")
        assert (code, asked) == (8, [])
        assert f"{path.name}: exists already" in err
        assert "f.csv" not in files
    finally:
        path.unlink(missing_ok=True)


def test_answers_beside_stdout_are_refused(ask):
    code, out, err, files, asked = ask("--aggregate", "sum by horizon", "-o", "-")
    assert (code, out, files, asked) == (2, "", {}, [])
    assert "--aggregate, --exceeds: expected a file" in err


def test_questions_that_differ_in_what_no_file_name_holds_have_files_of_their_own(tmp_path):
    questions = PathQuestions(tuple(Aggregate.parse(f"sum of {n} by day") for n in ("泵", "井")))
    first, second = questions.paths(tmp_path / "f.csv")
    assert first != second
    assert first.parent == second.parent == tmp_path


def test_the_json_answer_holds_first_crossings_and_how_many_periods_are_whole(ask):
    code, out, _, _, _ = ask(
        "--aggregate", "sum by day", "--exceeds", "x>3", "-o", "f.csv", "--json"
    )
    data = json.loads(out)["data"]
    assert code == 0
    assert data["aggregate"] == [{"question": "sum by day", "periods": 1, "complete": 0}]
    assert data["exceeds"] == [
        {
            "condition": "x>3", "series": "log", "ever": 1.0, "never": 0.0,
            "first_q0.05": 0.0, "first_q0.5": 0.0, "first_q0.95": 2.0,
        }
    ]  # fmt: skip


def test_quantiles_are_those_of_the_answers_too(ask):
    _, out, _, _, _ = ask("--exceeds", "x>3", "--quantiles", "0.25", "-o", "f.csv")
    assert out.splitlines()[1].split()[-1] == "first_q0.25"


def test_periods_in_part_are_said_and_long_tables_are_cut():
    times = np.arange(30)[None] * 86_400 * 10**9
    values = np.zeros((2, 1, 30, 1))
    clock = Clock("calendar", "Europe/Berlin")
    dataset = results.to_dataset(values, times, series_ids="a", channels="x", clock=clock)
    questions = PathQuestions((Aggregate.parse("sum by day"), Aggregate.parse("mean by week")))
    levels = (0.5,)
    answers = questions.answers(dataset, levels)
    text = questions.text(answers, levels)
    assert "... and 10 rows more" in text
    assert "2 of 5 periods (complete: False) are not wholly predicted" in text
    assert "1970-01-01 00:00:00+01:00" in text


def test_no_readings_are_drawn_beside_an_aggregate(world, monkeypatch):
    daily = results.aggregate(results.read(world.folder / "forecast.nc"), "sum", by="horizon")
    path = results.write(daily, world.folder / "daily.nc")
    try:
        _, seen = world.call(["plot", "daily.nc", "log.csv"], monkeypatch)
        assert seen[0] == 2
        assert "holds sum by horizon, beside which readings say nothing" in seen[2]
    finally:
        path.unlink(missing_ok=True)


def test_csv_of_an_aggregate_is_a_table_of_periods(ask):
    _, _, _, files, _ = ask("--aggregate", "sum by horizon", "-o", "f.csv")
    lines = files["f-sum-by-horizon.csv"].decode().splitlines()
    columns = "series,time,channel,mean,sd,q0.05,q0.5,q0.95,end,num_times,complete"
    assert lines[0] == columns
    assert pd.Series(lines[1].split(","), columns.split(","))["num_times"] == "3"

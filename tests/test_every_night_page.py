"""The page on nightly jobs runs as it is written, with less training and fewer sample paths."""

import re
import shlex
import warnings
from functools import partialmethod

import pandas as pd
import pytest
from click.testing import CliRunner
from places import ROOT

from latentode import LatentODE, LatentODEConfig
from latentode.cli.app import root
from latentode.errors import LatentODEWarning

TEXT = (ROOT / "docs" / "every_night.md").read_text(encoding="utf-8")
SMALL = {
    "train.max_epochs": 1, "train.steps_per_epoch": 2, "train.batch_size": 8,
    "model.latent_dim": 2, "model.hidden_dim": 8, "model.memory": False, "model.knots": 0,
    "solver.step_size": 0.25, "windows.context": "24h", "windows.horizon": "24h",
}  # fmt: skip
LESS = {
    "train": [
        word for pair in SMALL.items() for word in ("--set", "=".join(map(str, pair)).lower())
    ],
    "forecast": ["--samples", "20"],
    "evaluate": ["--samples", "6", "--rolling", "6"],
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def little_scored():
    """Few start points and sample paths judge a model before its refit."""
    with pytest.MonkeyPatch.context() as patch:
        few = partialmethod(LatentODE.evaluate, max_windows=6, num_draws=6)
        patch.setattr(LatentODE, "evaluate", few)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the files of the page, the logs shorter."""
    folder = tmp_path_factory.mktemp("night")
    (folder / "datasets").mkdir()
    for name, rows in {"reservoirs_history": slice(-6_000, None), "reservoirs_next": slice(2_500),
                       "reservoir_plan": slice(None)}.items():  # fmt: skip
        head, unit, *lines = (ROOT / "datasets" / f"{name}.csv").read_text("utf-8").splitlines()
        text = "\n".join([head, unit, *lines[rows]]) + "\n"
        (folder / "datasets" / f"{name}.csv").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def results(folder):
    """What each command of the page answered, in order."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in "".join(blocks("sh")).splitlines():
            words = shlex.split(line)[2:]
            result = CliRunner().invoke(root, [*words, *LESS.get(words[0], [])])
            assert result.exit_code == 0, f"{line}: {result.output}"
            found.append((words, result))
    return found


def test_the_commands_of_the_page_are_those_of_its_story(results):
    assert [words[0] for words, _ in results] == [
        "inspect", "train", "info", "update", "forecast", "forecast", "evaluate",
    ]  # fmt: skip


def test_inspect_names_the_options_that_train_is_given(results):
    inspect, train = (result.output for _, result in results[:2])
    for option in ("--tz Europe/Berlin", "--na=-999"):
        assert option in inspect
    assert "counters, modelled by their rates: outflow" in train


def test_the_run_tells_what_it_has_learned(results):
    assert "Refit on all of its log, up to 2025-10-31T22:50:51Z" in results[2][1].stdout
    assert "updated on old and new readings up to 2025-11-" in results[3][1].stderr


@pytest.mark.usefixtures("results")
def test_the_forecast_of_the_night_is_at_full_hours_of_all_reservoirs(folder):
    table = pd.read_csv(folder / "tonight.csv")
    assert [*table.columns] == ["series", "time", "channel", "mean", "sd", "q0.05", "q0.5", "q0.95"]
    times = [time for _, time in table.groupby("series")["time"]]
    assert all(time.str.fullmatch(r"2025-11-[01]\d \d\d:00:00\+01:00").all() for time in times)
    assert len({tuple(time) for time in times}) == 1
    assert set(table["series"]) == {"Mill", "North", "South"}
    assert (folder / "tonight-max-by-day.csv").exists()
    assert (folder / "tonight-exceeds.csv").exists()


@pytest.mark.usefixtures("results")
def test_models_that_were_are_kept(folder):
    kept = [LatentODE.load(folder / f"runs/reservoirs/earlier/model-{n}").fitted_ for n in (1, 2)]
    assert [[each.kind for each in model.later] for model in kept] == [[], ["refit"]]


def test_python_does_the_same(folder, monkeypatch):
    (program,) = blocks("python")
    assert 'max_time="10min"' in program
    names = {"BRIEF": LatentODEConfig().updated(**SMALL)}
    monkeypatch.chdir(folder)
    with warnings.catch_warnings():  # what was decided of the log
        warnings.simplefilter("ignore", LatentODEWarning)
        exec(program.replace('max_time="10min"', "config=BRIEF"), names)
    assert [each.kind for each in names["model"].fitted_.later] == ["refit", "update"]
    assert names["forecast"].sizes["series"] == 3
    assert len(names["table"]) == 3 * 4 * 24

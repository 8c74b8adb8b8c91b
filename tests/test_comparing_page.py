"""The page on comparisons runs as it is written, with less training and fewer start points."""

import re
import shlex

import pytest
from click.testing import CliRunner
from places import ROOT

from latentode.cli.app import root
from latentode.config import LatentODEConfig

TEXT = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")
LESS = {
    'max_time="2min"': "config=BRIEF",
    "backtest_windows(logs)": "backtest_windows(logs, max_windows=12)",
    "score_forecasts(logs, mine)": "score_forecasts(logs, mine, max_windows=12, num_draws=20)",
}
BRIEF = LatentODEConfig().updated(
    **{
        "train.max_epochs": 1, "train.steps_per_epoch": 2, "model.latent_dim": 2,
        "model.hidden_dim": 8, "model.memory": False, "model.knots": 0,
    }
)  # fmt: skip


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the blocks ran, with the model as a run."""
    folder, names = tmp_path_factory.mktemp("comparing"), {"BRIEF": BRIEF}
    (folder / "datasets").symlink_to(ROOT / "datasets")
    text = "".join(blocks("python"))
    assert all(word in text for word in LESS)
    for word, less in LESS.items():
        text = text.replace(word, less)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(text, "comparing.md", "exec"), names)
        names["model"].save("model")
    return folder, names


def test_the_example_compares_all_that_it_was_asked_for(folder):
    names = folder[1]
    assert names["scores"]["matched"]["scored"] > 0.9 * len(names["asked"])
    assert set(names["scores"]["overall"]) == {"model", "yours", "baselines"}
    assert names["scores"]["overall"]["yours"].keys() >= {"crps", "coverage_90", "width_90"}


def test_the_shell_gives_the_same(folder, monkeypatch):
    where, names = folder
    monkeypatch.chdir(where)
    (command,) = blocks("sh")
    words = [{"RUN": "model"}.get(word, word) for word in shlex.split(command)[2:]]
    words += ["datasets/pump_station.csv", "--rolling", "12", "--samples", "20", "-o", "out.json"]
    result = CliRunner().invoke(root, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    yours = next(line for line in result.stdout.splitlines() if line.startswith("yours"))
    assert f"{names['scores']['overall']['yours']['mae']:.4g}" in yours.split()
    for sentence in names["scores"]["sentences"][:1]:
        assert sentence in result.stdout


def test_what_cannot_be_compared_ends_with_the_exit_code_of_the_page(folder, monkeypatch):
    where, names = folder
    monkeypatch.chdir(where)
    names["mine"].drop(columns="origin").to_csv("broken.csv", index=False)
    words = ["evaluate", "model", "datasets/pump_station.csv", "--against", "broken.csv"]
    result = CliRunner().invoke(root, words)
    assert "broken.csv: expected columns id, origin, time, channel" in result.stderr
    assert result.exit_code == int(re.search(r"exit code (\d)", TEXT)[1])

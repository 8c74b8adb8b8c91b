"""The blocks of the README run as they are written, with less training."""

import re
import shlex

import matplotlib
import pytest
from click.testing import CliRunner
from places import ROOT

from latentode.cli.app import root
from latentode.config import LatentODEConfig

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


LESS = {
    'max_time="2min"': "config=BRIEF",
    "num_draws=50": "num_draws=50, max_windows=24",
}
BRIEF = LatentODEConfig().updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 4})


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    names, text = {"BRIEF": BRIEF}, "".join(blocks("python"))
    assert all(word in text for word in LESS)
    for block in blocks("python"):
        for word, less in LESS.items():
            block = block.replace(word, less)
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "pump_model" / "model.json").exists()
    assert names["forecast"].sizes["series"] == 24
    assert "pump-1" in capsys.readouterr().out
    assert {"series", "time", "channel", "q0.05", "q0.95"} <= set(names["table"].columns)


def test_shell_commands_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for line in blocks("sh")[1].splitlines() if line.strip()]
    commands = [shlex.split(line, comments=True)[2:] for line in lines]
    assert [words[0] for words in commands] == [
        "inspect", "train", "forecast", "interpolate", "evaluate", "plot",
    ]  # fmt: skip
    log = str(ROOT / "datasets" / "fixtures" / "iso_wide.csv")
    for words in commands:
        given = [{"LOGS.csv": log, "RUN": "run"}.get(word, word) for word in words]
        if words[0] == "train":
            given += ["--out", "run", "--epochs", "1", "--set", "train.steps_per_epoch=2"]
        result = CliRunner().invoke(root, given, catch_exceptions=False)
        assert result.exit_code == 0, f"{words}: {result.output}"
    assert (tmp_path / "forecast.csv").exists()
    assert (tmp_path / "filled.nc").exists()


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists(), f"README links to {path}, which does not exist"

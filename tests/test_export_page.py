"""The page on exported models runs as it is written, with less training."""

import re
import shlex
import warnings

import pytest
from click.testing import CliRunner
from places import ROOT

from latentode.cli.app import root
from latentode.errors import LatentODEWarning

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
pytestmark = pytest.mark.slow  # an export takes minutes

TEXT = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
LESS = {
    "train": [
        *("--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=2"),
        *("--latent-dim", "2", "--hidden-dim", "8", "--set", "solver.step_size=0.25"),
    ],
    "forecast": ["--samples", "20"],
    "interpolate": ["--samples", "4"],
    "evaluate": ["--samples", "4"],
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_page_runs_as_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    log = ROOT / "datasets" / "pump_station.csv"
    (tmp_path / "datasets" / log.name).write_bytes(log.read_bytes())
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    for line in "".join(blocks("bash")).splitlines():
        program, command, *words = shlex.split(line)
        assert program == "latentode"
        result = CliRunner().invoke(root, [command, *words, *LESS.get(command, [])])
        assert result.exit_code == 0, (line, result.stderr)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"pump.onnx", "forecast.csv", "filled.csv", "scores.json"} <= written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatentODEWarning)
        names = {}
        exec("".join(blocks("python")), names)
    assert names["forecast"].sizes["series"] == 24

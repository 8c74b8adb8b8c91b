"""A model folder and a stopped run made by version 0.1.0, before files were moved."""

import csv
import shutil

import before_the_moves as before
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file

from latentode.cli.app import root


@pytest.fixture(scope="module")
def same_arithmetic():
    """Whether this machine computes the bits of the one that made the fixture."""
    with safe_open(before.EXPECTED, "pt") as file:
        return file.metadata()["arithmetic"] == before.arithmetic()


def assert_kept(got, expected, same_arithmetic):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if same_arithmetic:
            assert torch.equal(got[name], value), name
        else:  # other kernels round elsewhere, in float32
            torch.testing.assert_close(got[name], value, rtol=1e-3, atol=1e-3)


def test_a_model_of_before_predicts_the_same_bits(same_arithmetic):
    assert_kept(before.predictions(), load_file(before.EXPECTED), same_arithmetic)


def test_a_run_stopped_before_resumes_to_the_same_bits(tmp_path, same_arithmetic):
    run = tmp_path / "run"
    shutil.copytree(before.FOLDER / "stopped", run)
    words = ["resume", str(run), str(before.FOLDER / "log.csv"), "--threads", "1"]
    result = CliRunner().invoke(root, words)
    assert result.exit_code == 0, result.stderr
    ended = before.FOLDER / "resumed"
    expected = load_file(ended / "model.safetensors")
    resumed = load_file(run / "model" / "model.safetensors")
    added = {name: resumed.pop(name) for name in resumed.keys() - expected.keys()}
    assert {name.split(".")[0] for name in added} == {"climatology", "calibration", "copula"}
    assert_kept(resumed, expected, same_arithmetic)
    if same_arithmetic:
        assert trained(run / "metrics.csv") == trained(ended / "metrics.csv")


def trained(path):
    """What was said of training; validation beyond all of training is judged otherwise today."""
    judged = {"validation_crps", "forecast_crps", "interpolation_crps", "coverage_90"}
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in judged} for row in csv.DictReader(file)]

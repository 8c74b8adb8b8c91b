"""F25 to F31: numbers that go wrong while a model is trained or predicts."""

import hashlib
import json
import math

import pytest
import torch
from cli_cases import run
from fault_logs import DATED, hourly, log_of, wave
from programs import python
from safetensors.torch import load_file, save_file
from sealing import sealed
from training_cases import parts, with_poison

from latentode.config import SolverConfig
from latentode.errors import SolverError
from latentode.ode import solve


def with_dynamics(folder, factor, layers=2):
    """Multiply the last parameters of the dynamics of a run's model, under checksums that fit."""
    path = folder / "model" / "model.safetensors"
    tensors = load_file(path)
    names = sorted(name for name in tensors if name.startswith("model.dynamics"))
    for name in names[-layers:]:
        tensors[name] = tensors[name] * factor
    save_file(tensors, path)
    meta = json.loads((folder / "model" / "model.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps(sealed(meta | {"sha256": digest}))
    (folder / "model" / "model.json").write_text(text)
    return folder


def test_f25_weights_that_are_not_numbers_are_refused(run_folder, tmp_path):
    out = tmp_path / "out.csv"
    result = run("forecast", with_dynamics(run_folder, math.nan), "-o", out)
    assert result.exit_code == 5
    assert "not finite" in result.stderr
    assert not out.exists()


FAILING = """
import torch
from latentode.config import SolverConfig
from latentode.errors import SolverError
from latentode.ode import solve

if __debug__:
    raise SystemExit("assertions are on")
for method in ("rk4", "dopri5"):
    try:
        solve(lambda t, z: z * float("nan"), torch.ones(2, 1), 0.0, 1.0,
              SolverConfig(method=method, step_size=0.1))
    except SolverError as error:
        print(error.status)
"""


def test_f26_a_solve_without_assertions_fails_in_words():
    assert python("-O", "-c", FAILING).stdout.split() == ["non_finite", "non_finite"]


def test_f27_stiff_weights_end_in_numbers_or_in_one_line(run_folder, tmp_path):
    out = tmp_path / "out.csv"
    result = run("forecast", with_dynamics(run_folder, 1e4), "-o", out)
    assert result.exit_code in (0, 6)
    assert (result.exit_code == 0) == out.exists()
    assert result.exit_code == 0 or "train again" in result.stderr


def test_f27_paths_that_are_huge_are_no_forecast_of_nothing(log, run_folder, tmp_path):
    damaged, out = with_dynamics(run_folder, 1e30, layers=0), tmp_path / "out.csv"
    for asked in (
        ("forecast", "-o", out),
        ("evaluate",),
        ("interpolate", log, "-o", out),
    ):
        result = run(asked[0], damaged, *asked[1:])
        assert result.exit_code == 6, result.output
        assert "train again" in result.stderr
        assert not out.exists()


def test_f28_a_blow_up_names_its_series():
    z0 = torch.tensor([[0.1], [1.0], [0.2]], dtype=torch.float64)
    settings = SolverConfig(method="dopri5", step_size=0.1)
    with pytest.raises(SolverError, match="series") as error:
        solve(lambda _t, z: z * z, z0, 0.0, 2.0, settings, params=())
    assert error.value.status == "dt_underflow"
    assert error.value.series == (1,)


@pytest.mark.parametrize(("lr", "epochs"), [("1e3", 2), ("30", 5)])
def test_f29_a_training_that_diverged_is_no_success(tmp_path, lr, epochs):
    log = log_of(tmp_path / "log.csv", hourly(), wave(120))
    options = ("--epochs", epochs, "--lr", lr, "--out", tmp_path / "run")
    result = run("train", log, *DATED, *options)
    assert result.exit_code == 6, result.stderr
    assert "ower --lr" in result.stderr
    assert "next:" not in result.stderr
    assert not (tmp_path / "run" / "model").exists()


def test_f30_poisoned_windows_alone_are_left_out_and_counted():
    made = parts(train__max_epochs=1)
    trainer = made.trainer()
    trainer.sampler = with_poison(made.sampler, [2])
    history = trainer.fit()
    assert history[-1]["skipped"] == 4  # one window of each step
    assert math.isfinite(history[-1]["train_loss"])


@pytest.mark.parametrize("method", ["ab4", "rk4", "dopri5"])
def test_f31_a_solve_of_no_length_is_its_start(method):
    z0 = torch.ones(3, 2)
    found = solve(lambda _t, z: -z, z0, 1.0, 1.0, SolverConfig(method=method, step_size=0.1))
    assert torch.equal(found.at(1.0).squeeze(-2), z0)

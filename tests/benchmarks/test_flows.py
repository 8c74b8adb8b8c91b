"""Tasks on flows: what their checks make of a report, and that they run."""

import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks import density, speed_cnf, toy_densities
from benchmarks.__main__ import main


def step(peer, setting, cpu_ms, error):
    return {
        "part": "step", "shape": "3 x 64", "peer": peer, "setting": setting, "cpu_ms": cpu_ms,
        "error": error,
    }  # fmt: skip


def test_a_competitor_is_measured_against_our_fastest_setting_within_the_target():
    runs = [
        step("ours", "ab4 8", 10.0, 1e-2),  # too coarse to count
        step("ours", "ab4 24", 20.0, 1e-4),
        step("ours", "ab4 48", 40.0, 1e-5),
        step("torchdiffeq", "1e-05", 100.0, 1e-4),
        step("diffrax", "0.001", 25.0, 1e-2),
        step("diffrax", "1e-05", 50.0, 1e-5),
        {"part": "trace", "dim": 64, "closed_ms": 1.2, "hutchinson_ms": 1.5, "loop_ms": 60.0},
    ]
    report = {"runs": runs, "threads": 1, "protocol": {"target": 5e-4, "batch": 512}}
    found = speed_cnf.ratios(report)
    assert found["3 x 64: torchdiffeq 1e-05 / ours"] == 5.0
    assert found["3 x 64: diffrax / ours, both within the target"] == 2.5
    assert found["D = 64: Hutchinson / closed form"] == pytest.approx(1.25)
    (failure,) = speed_cnf.check(report)
    assert failure == "3 x 64: zuko 1e-05 / ours: expected at least 4, got no measurement."
    assert "| 3 x 64 | ours | ab4 24 | 20 | 0.0001 |" in speed_cnf.tables(report)


def test_missed_ceilings_of_likelihood_and_a_lost_comparison_are_told():
    rows = [
        {"model": "ours, matching then likelihood", "mean": -1.5},
        {"model": "ours, likelihood", "mean": 0.5},
        {"model": "zuko CNF, exact", "mean": 0.4},
    ]
    assert density.check({"rows": rows}) == [
        "ours, matching then likelihood: expected at most -1.6, got -1.500.",
        "ours, likelihood: expected below zuko's 0.400, got 0.500.",
    ]
    rows = [
        {"model": "8gaussians", "setting": "above entropy", "mean": 0.01},
        {"model": "rings", "setting": "above entropy", "mean": 0.09},
    ]
    assert toy_densities.check({"rows": rows}) == [
        "rings: expected at most 0.05 nat above the entropy, got 0.090.",
        "checkerboard: expected at most 0.05 nat above the entropy, got no measurement.",
    ]


def test_a_toy_is_fitted_and_scored_above_its_entropy_and_seeds_are_collected(
    monkeypatch, tmp_path
):
    threads = torch.get_num_threads()
    # would bind the process of the tests to one core
    monkeypatch.setattr("benchmarks.__main__.limit_threads", lambda _threads: None)
    task = ["toy-densities", "--smoke"]
    for seed in "01":
        words = ["--seeds", seed, "--only", "8gaussians", "--out", str(tmp_path / seed)]
        done = CliRunner().invoke(main, [*task, *words])
        assert done.exit_code == 0, done.output
        assert "| 8gaussians |" in done.output
        assert "Largest gap between the solvers" in done.output
    reports = [str(tmp_path / seed / "results" / "toy-densities.json") for seed in "01"]
    words = [word for report in reports for word in ("--collect", report)]
    done = CliRunner().invoke(main, [*task, *words, "--out", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    assert "| 0, 1 |" in done.output
    found = json.loads((tmp_path / "both" / "results" / "toy-densities.json").read_text())
    assert [run["seed"] for run in found["runs"]] == [0, 1]
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_speed_of_flows_is_measured_without_competitors(monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.limit_threads", lambda _threads: None)
    without = [
        word for peer in ("torchdiffeq", "zuko", "diffrax") for word in ("--set", f"{peer}=[]")
    ]
    done = CliRunner().invoke(main, ["speed-cnf", "--smoke", *without])
    assert done.exit_code == 0, done.output
    assert "| 2 x 8 | ours | rk4 8 |" in done.output

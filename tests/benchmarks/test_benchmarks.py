import importlib
import json
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from places import ROOT

from benchmarks import frame, speed_engine
from benchmarks.__main__ import TASKS, main
from benchmarks.engine import memory, ours
from benchmarks.timing import interleave


def execute(folder, runs, protocol=None, **options):
    task = SimpleNamespace(
        run=lambda _options: {"runs": runs}, tables=lambda report: f"{len(report['runs'])} runs"
    )
    settings = frame.Options(protocol or {"epochs": 1}, **options)
    return frame.execute("toy", task, settings, folder)


def program(*words, folder):
    command = [sys.executable, "-m", "benchmarks", *words, "--out", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def command(monkeypatch):
    """The command in this process, which it would else bind to one core."""
    monkeypatch.setattr("benchmarks.__main__.limit_threads", lambda _threads: None)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_a_section_is_replaced_and_the_rest_stays():
    text = "# Results\n\nold text\n\n<!-- task: a -->\none\n<!-- end -->\n\ntail\n"
    changed = frame.with_section(text, "a", "two\n")
    assert changed == text.replace("one", "two")
    assert frame.with_section(changed, "a", "one") == text


def test_a_new_section_is_appended():
    text = frame.with_section("# Results\n", "b", "body")
    assert text == "# Results\n\n<!-- task: b -->\nbody\n<!-- end -->\n"


def test_a_section_without_its_end_is_an_error():
    with pytest.raises(ValueError, match="expected '<!-- end -->'"):
        frame.with_section("<!-- task: a -->\none\n", "a", "two")


def test_parts_that_are_not_repeated_are_kept(tmp_path):
    execute(tmp_path, [{"part": name, "workload": "W1", "value": 1} for name in "xy"])
    report = execute(tmp_path, [{"part": "y", "workload": "W1", "value": 2}])
    assert [(run["part"], run["value"]) for run in report["runs"]] == [("x", 1), ("y", 2)]
    stored = json.loads((tmp_path / "results/toy.json").read_text("utf-8"))
    assert stored["runs"] == report["runs"]
    assert "2 runs" in (tmp_path / "RESULTS.md").read_text("utf-8")
    # a part of another workload is another measurement
    report = execute(tmp_path, [{"part": "y", "workload": "W2", "value": 3}])
    assert [run["value"] for run in report["runs"]] == [1, 2, 3]


@pytest.mark.parametrize("change", [{"protocol": {"epochs": 2}}, {"threads": 2}])
def test_results_made_otherwise_are_not_mixed(tmp_path, change):
    execute(tmp_path, [{"part": "x", "value": 1}])
    report = execute(tmp_path, [{"part": "y", "value": 2}], **change)
    assert [run["part"] for run in report["runs"]] == ["y"]


def test_accuracy_rows_are_means_over_seeds():
    run = {"model": "a", "setting": "s", "metric": "MSE", "parameters": 7}
    runs = [run | {"seed": k, "value": v, "train_seconds": v} for k, v in ((1, 4.0), (0, 2.0))]
    (row,) = frame.accuracy_rows(runs)
    assert (row["mean"], row["seeds"], row["train_seconds"]) == (3.0, [0, 1], 3.0)
    assert row["std"] == pytest.approx(math.sqrt(2))
    assert frame.accuracy_rows(runs[:1])[0]["std"] is None


def test_rounds_alternate_and_a_slow_competitor_leaves():
    calls = []
    cases = {name: lambda name=name: calls.append(name) for name in "ab"}
    timings = interleave(cases, rounds=3, budget_s=10)
    assert calls == [*"aabb", *"ab" * 3]  # two calls of each warm up
    assert timings["a"].columns()["rounds"] == 3
    assert len(interleave(cases, rounds=9, budget_s=0, min_rounds=2)["b"].cpu_ms) == 2


def iterations(**milliseconds):
    return [
        {"part": "iteration", "workload": "W2", "method": method, "target": target, "cpu_ms": time}
        for (method, target), time in milliseconds["times"].items()
    ]


def test_the_faster_way_of_a_competitor_counts():
    runs = iterations(
        times={
            ("ours ode_rnn", 1e-2): 10.0,
            ("diffrax Tsit5, vmapped", 1e-2): 30.0,
            ("diffrax Tsit5, batched", 1e-2): 20.0,
            ("diffrax Tsit5, batched", 1e-3): 1.0,
            ("ODE-RNN and dopri5 on the union grid, torch", None): 900.0,
        }
    )
    report = {"runs": runs, "threads": 1}
    found = speed_engine.ratios(report)
    assert found["W2 iteration: diffrax / ours ode_rnn at 0.01"] == 2.0
    assert found["W2 iteration: union grid / ours ode_rnn at 0.01"] == 90.0
    failures = speed_engine.check(report)
    assert "W2 iteration: union grid / ours ode_rnn at 0.01: expected at least 100, got 90." in (
        failures
    )
    assert not any("diffrax / ours ode_rnn at 0.01" in line and "W2" in line for line in failures)
    assert any("no measurement" in line for line in failures)


def test_growth_and_memory_are_held_against_what_is_allowed():
    growth = {"part": "growth", "workload": "W2", "axis": "series"}
    memory = {"part": "memory", "gradient": "checkpoint"}
    runs = [
        growth | {"value": 256, "cpu_ms": 10.0},
        growth | {"value": 512, "cpu_ms": 40.0},
        memory | {"steps": 40, "peak_mib": 2.0},
        memory | {"steps": 4000, "peak_mib": 40.0},
    ]
    found = speed_engine.ratios({"runs": runs, "threads": 1})
    # twice the series took four times as long; a hundred times the steps twenty times the memory
    assert found["growth of series, 512 / 256, against linear"] == 0.5
    name = "memory of checkpoint, 40 / 4000 steps, against square root"
    assert found[name] == pytest.approx(0.5)


def test_every_floor_belongs_to_a_ratio_that_the_protocol_measures():
    protocol = speed_engine.PROTOCOL
    times = {
        (method, target): 1.0
        for target in protocol["targets"]
        for method in (
            "ours ode_rnn", "ours rnn", "ours attention", "ours ab4", "FLOP bound of ours ab4",
            "diffrax Tsit5, vmapped",
        )
    }  # fmt: skip
    times["ODE-RNN and dopri5 on the union grid, torch", None] = 1.0
    runs = [run | {"workload": w} for run in iterations(times=times) for w in ("W1", "W2")]
    runs += [run | {"part": "decoder"} for run in runs]
    for axis, values in protocol["growth"].items():
        runs += [{"part": "growth", "axis": axis, "value": v, "cpu_ms": 1.0} for v in values]
    for gradient in ("adjoint", "checkpoint"):
        for steps in protocol["memory_steps"]:
            runs.append({"part": "memory", "gradient": gradient, "steps": steps, "peak_mib": 2.0})
    assert set(speed_engine.FLOORS) <= set(speed_engine.ratios({"runs": runs, "threads": 1}))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sped-engine"], "speed-engine"),
        (["speed-engine", "--set", "epoch=3"], "expected settings among"),
        (["speed-engine", "--set", "rounds=x"], "JSON value"),
        (["speed-engine", "--only", "decoders"], "expected --only among decoder, encoder"),
        (["quality-engine", "--seeds", "a"], "expected numbers"),
        (["quality-engine", "1"], "expected seeds behind --seeds, got 1"),
    ],
)
def test_the_command_explains_what_it_refuses(words, message, command):
    done = command(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


def test_speed_engine_runs_without_optional_packages(tmp_path, command, monkeypatch):
    monkeypatch.setattr(ours, "GRADIENTS", ours.GRADIENTS[:1])  # each starts a process
    words = ("--smoke", "--set", "peers=[]", "--check", "--out", tmp_path)
    done = command("speed-engine", *words)
    # floors are far away in a smoke run, so the check must fail and say so
    assert done.exit_code == 1, done.output
    assert "no measurement" in done.stderr
    report = json.loads((tmp_path / "results/speed-engine.json").read_text("utf-8"))
    assert {run["part"] for run in report["runs"]} == set(speed_engine.PARTS)
    assert all(run.get("cpu_ms", 1) > 0 for run in report["runs"])
    decoders = [run for run in report["runs"] if "gradient_error" in run]
    assert all(run["error"] <= 1e-2 for run in decoders)
    assert all(run["reference_gap"] < 1e-6 for run in decoders)
    assert (tmp_path / "RESULTS.md").read_text("utf-8").count("<!-- end -->") == 1
    for part in speed_engine.PARTS:
        assert (tmp_path / f"results/speed-engine-{part}.png").stat().st_size > 2_000


@pytest.mark.parametrize("gradient", ours.GRADIENTS)
def test_memory_and_time_of_every_gradient_are_measured(gradient):
    found = memory.solve_once(gradient, 40)
    assert set(found) == {"peak_mib", "cpu_ms"}
    assert found["cpu_ms"] > 0
    assert math.isfinite(found["peak_mib"])  # of a process that was larger before, nothing


def test_quality_engine_joins_seeds_run_apart(tmp_path, command):
    words = ("quality-engine", "--smoke", "--set", "series=10", "--only", "engine", "--seeds")
    done = program(*words, "0", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    done = command(*words, "1", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "results/quality-engine.json").read_text("utf-8"))
    assert all(row["seeds"] == [0, 1] for row in report["rows"])
    assert {row["metric"] for row in report["rows"]} >= {"test MSE", "solver error"}


@pytest.mark.parametrize("words", [("0", "2"), ("0,2",), ("2", "0")])
def test_seeds_are_written_with_spaces_or_commas(words, command, monkeypatch):
    seen = []

    def run(options):
        seen.extend(options.seeds)
        return {"runs": []}

    task = SimpleNamespace(PROTOCOL={}, SMOKE={}, names=lambda _protocol: [], run=run)
    monkeypatch.setattr("benchmarks.__main__.importlib.import_module", lambda _name: task)
    command("toy", "--smoke", "--seeds", *words)
    assert sorted(seen) == [0, 2]


def test_every_task_fulfils_the_frame():
    for module in map(importlib.import_module, TASKS.values()):
        assert set(module.SMOKE) - {"series"} <= set(module.PROTOCOL)
        assert all(callable(getattr(module, name)) for name in ("run", "names", "tables", "check"))

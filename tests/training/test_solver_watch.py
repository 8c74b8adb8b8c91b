"""The step of the solver follows the dynamics while they are trained."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_cases import parts, same, stopped_after, weights_of

from latentode.errors import SolverError
from latentode.training.solver_watch import SolverWatch


def watched(**values):
    made = parts(**values)
    rows = made.sampler.eligible_rows()[::7]
    notes = []
    watch = SolverWatch(made.model, made.sampler.batch(rows, (1, 2)), notes.append)
    return made.model, watch, notes


def steepen(model, factor):
    """Dynamics that many times as fast."""
    with torch.no_grad():
        for parameter in model.dynamics.net.layers[-1].parameters():
            parameter.mul_(factor)


def test_a_step_is_chosen_where_none_is_given():
    model, watch, notes = watched(solver__step_size=None)
    assert model.solver.step_size > 0
    record = watch.check()
    assert 0 < record["solver_error"] <= model.solver.tolerance / 4
    assert abs(record["solver_gap"]) < 1e-2
    assert record["nfe"] > 4
    assert notes == []


def test_a_given_step_is_kept_as_long_as_it_is_exact_enough():
    chosen = watched(solver__step_size=None)[0].solver
    model, watch, _ = watched(solver__method=chosen.method, solver__step_size=chosen.step_size)
    assert watch.check()["solver_error"] < model.solver.tolerance
    assert model.solver == chosen


def test_a_step_that_has_become_too_long_is_shortened_and_said_so():
    model, watch, notes = watched(solver__step_size=None)
    before = model.solver.step_size
    steepen(model, 60.0)
    assert watch.check()["solver_error"] > model.solver.tolerance
    assert model.solver.step_size < before
    assert "above 0.001: " in notes[0]
    assert f"step {before:.3g} until now" in notes[0]
    assert watch.check()["solver_error"] <= model.solver.tolerance / 4


def test_a_step_that_is_needlessly_short_is_lengthened():
    model, watch, notes = watched(solver__step_size=0.01)
    watch.check()
    assert model.solver.step_size > 0.02
    assert watch.check()["solver_error"] <= model.solver.tolerance / 4
    assert notes == []


def test_dynamics_that_cannot_be_solved_leave_the_solver_and_say_nan():
    model, watch, notes = watched(solver__step_size=0.2)
    steepen(model, math.nan)
    record = watch.check()
    assert record["solver_error"] == math.inf
    assert math.isnan(record["solver_gap"])
    assert model.solver.step_size == 0.2
    assert "relative error inf above" in notes[0]


def test_watching_changes_neither_weights_nor_mode_nor_dropout():
    model, watch, _ = watched()
    weights = weights_of(model)
    model.train()
    torch.manual_seed(5)
    watch.check()
    watch.summary()
    assert model.training
    assert same(weights, weights_of(model))
    after = torch.rand(3)
    torch.manual_seed(5)
    torch.testing.assert_close(torch.rand(3), after, rtol=0, atol=0)


def test_the_solver_stands_in_the_history_and_goes_on_after_a_resume(tmp_path):
    whole = parts(solver__step_size=None)
    trainer = whole.trainer(run_dir=tmp_path / "whole")
    history = trainer.fit()
    assert {"solver_error", "solver_gap", "nfe"} <= set(history[0])

    stopped_after(2, tmp_path / "cut", solver__step_size=None)
    resumed = parts(solver__step_size=None)
    again = resumed.trainer(run_dir=tmp_path / "cut")
    assert again.fit(resume=True) == history
    assert resumed.model.solver == whole.model.solver
    state = json.loads((tmp_path / "cut" / "checkpoints" / "last.json").read_text())
    saved = tmp_path / "cut" / "checkpoints" / state["checkpoint"] / "state.json"
    assert json.loads(saved.read_text())["progress"]["step_size"] > 0


def test_the_end_says_that_the_solver_is_exact_enough_and_how_exact_to_those_who_ask(caplog):
    notes = []
    caplog.set_level("DEBUG", logger="latentode")

    def listener(event):
        if event["event"] == "note":
            notes.append(event["text"])

    parts().trainer(on_event=listener).fit()
    assert "numerical accuracy: fine" in notes
    assert "half the step moves the log-likelihood by" in caplog.text


def test_a_solver_that_is_not_exact_enough_is_never_called_fine():
    model, watch, _ = watched(solver__step_size=0.2)
    steepen(model, math.nan)
    assert watch.summary() == "numerical accuracy: relative error inf, above 0.001"


def test_a_tolerance_that_jumping_inputs_do_not_allow_is_raised_and_said_so(monkeypatch):
    notes, asked = [], []
    made = parts(solver__step_size=None)
    choose = made.model.choose_solver

    def as_with_jumps(z0, batch, solver, *, stiff):
        asked.append((solver.tolerance, stiff))
        if solver.tolerance < 1e-3:
            raise SolverError("no step", status="max_steps", time_reached=0.0)
        return choose(z0, batch, solver, stiff=stiff)

    monkeypatch.setattr(made.model, "choose_solver", as_with_jumps)
    batch = made.sampler.batch(made.sampler.eligible_rows()[::7], (1, 2))
    SolverWatch(made.model, batch, notes.append)
    assert asked == [(0.001 / 4, True), (0.01 / 4, True)]
    assert made.model.solver.step_size > 0
    assert made.model.solver.tolerance == 0.01
    assert "0.01 from now on" in notes[0]


def test_where_inputs_are_given_a_tolerance_is_raised_before_an_adaptive_method_is_tried(
    monkeypatch,
):
    asked = []
    made = parts(solver__step_size=None)

    def hopeless(_z0, _batch, solver, *, stiff):
        asked.append((solver.tolerance * 4, stiff))
        raise SolverError("no step", status="max_steps", time_reached=0.0)

    monkeypatch.setattr(made.model, "choose_solver", hopeless)
    batch = made.sampler.batch(made.sampler.eligible_rows()[::7], (1, 2))
    doses = replace(
        batch.inputs,
        knot_times=torch.zeros(batch.size, 1, dtype=torch.float64),
        knot_values=torch.ones(batch.size, 1, 1),
    )
    # the model has no such input: what it would start from does not matter here
    monkeypatch.setattr(SolverWatch, "_start", lambda _self: None)
    SolverWatch(made.model, replace(batch, inputs=doses), lambda _text: None)
    assert asked == [(t, stiff) for stiff in (False, True) for t in (0.001, 0.01, 0.1)]


def test_a_tolerance_is_raised_by_a_hundred_at_most_however_often(monkeypatch):
    made = parts(solver__step_size=None)
    batch = made.sampler.batch(made.sampler.eligible_rows()[::7], (1, 2))
    watch = SolverWatch(made.model, batch, lambda _text: None, tolerance=0.001)
    needed = 0.02 / 4

    def hard(_z0, _batch, solver, *, stiff):
        del stiff
        if solver.tolerance < needed:
            raise SolverError("no step", status="max_steps", time_reached=0.0)
        return solver.model_copy(update={"step_size": 0.1})

    monkeypatch.setattr(made.model, "choose_solver", hard)
    watch._choose()
    assert made.model.solver.tolerance == pytest.approx(0.1)
    needed, before = 0.2 / 4, made.model.solver
    watch._choose()
    assert made.model.solver == before


def test_a_raised_tolerance_goes_on_after_a_resume(tmp_path):
    stopped_after(1, tmp_path, solver__step_size=None, solver__tolerance=0.02)
    resumed = parts(solver__step_size=None)
    trainer = resumed.trainer(run_dir=tmp_path)
    trainer.fit(resume=True)
    assert resumed.model.solver.tolerance == 0.02


@pytest.mark.parametrize("anchor", ["origin", "start"])
@pytest.mark.parametrize("knots", [0, 16])
def test_the_step_holds_for_what_predictions_go_over_where_windows_are_bursts(anchor, knots):
    made = parts(solver__step_size=None, model__anchor=anchor, model__knots=knots)
    log = made.sampler.dataset
    readings = log.readings
    # the same readings, a nanosecond apart
    burst = readings.series_starts[readings.row_series()]
    times = readings.times[0] + np.arange(readings.num_rows) - burst
    edges = {"starts": times.min() - 1, "stops": times.max()}
    made.sampler = replace(
        made.sampler,
        dataset=log.with_readings(replace(readings, times=times)),
        **{name: np.full(len(log), edge) for name, edge in edges.items()},
    )
    spans = (-2.0, 2.0) if anchor == "origin" else (0.0, 4.0)
    made.trainer(validator=None, spans=spans).fit()
    assert made.model.solver.step_size > 0.01

"""Steps on event streams that are refused, and the wall-clock budget of a fit."""

import math
import os
import signal

import pytest
import torch

from latentode import synthetic
from latentode.config.durations import NS_PER_UNIT
from latentode.errors import TrainingError
from latentode.estimators.event_forecaster import EventForecaster
from latentode.flows.adam import AdamW
from latentode.training import Interrupted
from latentode.training.events.fit import EventFitting, fit_events, new_jump_process

SECOND = NS_PER_UNIT["s"]


@pytest.fixture
def events():
    return synthetic.make_events("hawkes1", 5, 60.0, random_state=1)


def new_model(events):
    torch.manual_seed(0)
    return new_jump_process(events, SECOND, latent_dim=3, hidden_dim=5)


def fitting_of(**settings):
    """Short windows: states are carried from one to the next."""
    return EventFitting(length=8, **settings)


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


class Clock:
    """A clock that moves by `seconds` each time a step is told."""

    def __init__(self, seconds):
        self.now, self.seconds = 100.0, seconds

    def __call__(self):
        return self.now

    def tick(self, step, loss):
        del step, loss
        self.now += self.seconds


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_is_not_stepped_on_though_the_loss_is(events, value):
    model, told = new_model(events), []
    model.excite.weight.register_hook(lambda gradient: torch.full_like(gradient, value))
    before = weights_of(model)
    with pytest.raises(TrainingError, match=r"expected a finite gradient, got (nan|inf) at step 1"):
        fit_events(model, events, SECOND, fitting_of(steps=3), lambda *step: told.append(step))
    assert told == []
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_loss_that_is_not_finite_is_not_stepped_on(events):
    model = new_model(events)
    with torch.no_grad():
        model.log_decay.fill_(torch.nan)
    with pytest.raises(TrainingError, match="expected a finite loss, got nan at step 1"):
        fit_events(model, events, SECOND, fitting_of(steps=3))


@pytest.mark.parametrize(("budget", "steps"), [(2.5, 3), (3.0, 3), (0.5, 1), (99.0, 6), (None, 6)])
def test_a_fit_ends_after_the_step_that_ends_its_budget(events, budget, steps):
    clock, fitting = Clock(1.0), fitting_of(steps=6, max_seconds=budget)
    losses = fit_events(new_model(events), events, SECOND, fitting, clock.tick, clock=clock)
    assert len(losses) == steps


def rates_of(monkeypatch):
    """Learning rates of each step from here on, of the last group, whose factor is 1."""
    seen, step = [], AdamW.step

    def noting(self):
        seen.append(self.param_groups[-1]["lr"])
        return step(self)

    monkeypatch.setattr(AdamW, "step", noting)
    return seen


def test_the_schedule_is_shortened_to_the_budget_learning_rate_and_all(events, monkeypatch):
    clock, plans, rates = Clock(1.0), [], rates_of(monkeypatch)
    cut = fitting_of(steps=100_000, lr=0.1, max_seconds=20.5)
    losses = fit_events(
        new_model(events), events, SECOND, cut, clock.tick, on_plan=plans.append, clock=clock
    )
    # of 16.5 s after the fourth step a tenth is kept
    assert plans == [len(losses)] == [4 + 14]
    assert clock.now - 100.0 < 20.5
    assert rates[3] < 1e-3 * 0.1  # the warm-up of 100,000 steps
    # then a cosine that comes to its end with the last step, and a thousandth
    cosine = [0.5 * (1 + math.cos(math.pi * k / 17)) + 1e-3 for k in range(4, 18)]
    assert rates[4:] == pytest.approx([0.1 * share for share in cosine])


def test_a_resumed_run_keeps_the_shortened_schedule_and_the_bits(events, tmp_path):
    fitting = fitting_of(steps=400, max_seconds=12.0)
    whole, resumed, plans = new_model(events), new_model(events), []
    clock = Clock(1.0)
    losses = fit_events(whole, events, SECOND, fitting, clock.tick, clock=clock)
    assert len(losses) == 11
    clock = Clock(1.0)

    def stopped(step, loss):
        clock.tick(step, loss)
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        fit_events(
            new_model(events), events, SECOND, fitting, stopped, run_dir=tmp_path, clock=clock
        )
    options = {"run_dir": tmp_path, "resume": True, "on_plan": plans.append, "clock": clock}
    assert losses == fit_events(resumed, events, SECOND, fitting, clock.tick, **options)
    assert plans == [11]
    assert all(torch.equal(resumed.state_dict()[n], v) for n, v in whole.state_dict().items())


def test_a_resumed_run_that_had_no_plan_times_its_own_steps(events, tmp_path):
    def stopped(step, _loss):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        fit_events(new_model(events), events, SECOND, fitting_of(), stopped, run_dir=tmp_path)
    clock, hurried = Clock(1.0), fitting_of(max_seconds=14.0)
    losses = fit_events(
        new_model(events), events, SECOND, hurried, clock.tick,
        run_dir=tmp_path, resume=True, clock=clock,
    )  # fmt: skip
    assert len(losses) == 3 + 4 + 9


def test_a_fit_that_ran_out_of_time_took_the_first_steps_of_the_whole_one(events):
    clock, whole, short = Clock(1.0), new_model(events), new_model(events)
    cut = fitting_of(steps=6, max_seconds=3.0)
    losses = fit_events(short, events, SECOND, cut, clock.tick, clock=clock)
    assert losses == fit_events(whole, events, SECOND, fitting_of(steps=6))[:3]
    assert not torch.equal(short.log_decay, whole.log_decay)


def test_a_resumed_fit_has_a_budget_of_its_own_and_goes_on_to_the_same_bits(events, tmp_path):
    whole, resumed = new_model(events), new_model(events)
    losses = fit_events(whole, events, SECOND, fitting_of(steps=6))
    clock, fitting = Clock(1.0), fitting_of(steps=6, max_seconds=4.0)

    def stopped(step, loss):
        clock.tick(step, loss)
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        fit_events(
            new_model(events), events, SECOND, fitting, stopped, run_dir=tmp_path, clock=clock
        )
    assert losses == fit_events(
        resumed, events, SECOND, fitting, clock.tick, run_dir=tmp_path, resume=True, clock=clock
    )
    assert all(torch.equal(resumed.state_dict()[n], v) for n, v in whole.state_dict().items())


def test_the_forecaster_hands_its_settings_to_the_fit(events, monkeypatch):
    seen = []

    def record(*arguments, **_):
        seen.append(arguments[3])
        return []

    monkeypatch.setattr("latentode.estimators.event_forecaster.fit_events", record)
    EventForecaster(
        steps=7, lr=0.5, batch_size=9, max_time="2min", random_state=4, latent_dim=2, hidden_dim=3
    ).fit(events)
    assert seen == [EventFitting(steps=7, lr=0.5, batch=9, seed=4, max_seconds=120.0)]

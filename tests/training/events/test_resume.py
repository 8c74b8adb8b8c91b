"""Training on event streams goes on after a signal as if it had not been stopped."""

import os
import signal

import numpy as np
import pytest
import torch

from latentode import synthetic
from latentode.config.durations import NS_PER_UNIT
from latentode.errors import CheckpointError
from latentode.estimators.event_forecaster import EventForecaster
from latentode.models.point_processes import HawkesProcess
from latentode.training import Interrupted
from latentode.training.events.fit import EventFitting, fit_events
from latentode.training.state_folder import StateFolder

SECOND = NS_PER_UNIT["s"]


def streams():
    return synthetic.make_events("hawkes1", 5, 20.0, random_state=1)


def forecaster(steps=14):
    return EventForecaster(latent_dim=3, hidden_dim=5, steps=steps, random_state=2)


def kill_at(wanted, number=signal.SIGINT):
    def listener(step, _loss):
        if step == wanted:
            os.kill(os.getpid(), number)

    return listener


def weights(model):
    return model.fitted_.model.state_dict()


def test_a_run_that_was_stopped_twice_gives_the_same_bits(tmp_path):
    events = streams()
    whole = forecaster().fit(events)
    for step, number, resume in ((3, signal.SIGINT, False), (8, signal.SIGTERM, True)):
        with pytest.raises(Interrupted):
            forecaster().fit(events, run_dir=tmp_path, resume=resume, on_step=kill_at(step, number))
        assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
            f"{step:06d}", "last.json"
        ]  # fmt: skip
    resumed = forecaster().fit(events, run_dir=tmp_path, resume=True)
    assert resumed.losses_ == whole.losses_
    own, other = weights(resumed), weights(whole)
    assert all(torch.equal(own[name], other[name]) for name in own)
    again = EventForecaster.load(tmp_path / "model")
    assert again.score() == whole.score()


def test_classical_processes_resume_too(tmp_path):
    events, fitting = streams(), EventFitting(steps=9, lr=0.05, batch=2)

    def fit(**options):
        rates = torch.from_numpy(events.rates(SECOND))
        model = HawkesProcess(rates, torch.tensor([0.5, 5.0], dtype=torch.float64))
        return fit_events(model, events, SECOND, fitting, **options)

    whole = fit()
    with pytest.raises(Interrupted):
        fit(run_dir=tmp_path, on_step=kill_at(4))
    assert fit(run_dir=tmp_path, resume=True) == whole


def test_a_state_of_another_model_is_refused(tmp_path):
    with pytest.raises(Interrupted):
        forecaster().fit(streams(), run_dir=tmp_path, on_step=kill_at(2))
    wider = EventForecaster(latent_dim=4, hidden_dim=5, steps=14, random_state=2)
    with pytest.raises(CheckpointError, match="expected"):
        wider.fit(streams(), run_dir=tmp_path, resume=True)
    other = synthetic.make_events("hawkes1", 9, 20.0)
    with pytest.raises(CheckpointError, match="not a state of this run"):
        forecaster().fit(other, run_dir=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (lambda progress: progress["losses"], None),  # as version 0.2.0 stored it
        (lambda progress: progress | {"total_steps": -1}, "expected a number of steps, got -1"),
        (lambda progress: progress | {"total_steps": True}, "expected a number of steps, got True"),
        (lambda progress: progress | {"losses": [1]}, "expected a list of finite numbers"),
        (lambda progress: progress | {"epoch": 1}, "unexpected keyword argument 'epoch'"),
    ],
)
def test_stored_progress_is_taken_or_refused(tmp_path, stored, message):
    events = streams()
    with pytest.raises(Interrupted):
        forecaster(3).fit(events, run_dir=tmp_path, on_step=kill_at(2))
    states = StateFolder(tmp_path, ("model", "carried", "optimizer"), "losses")
    _, parts, progress = states.load()
    states.save(2, parts, stored(progress))
    if message is not None:
        with pytest.raises(CheckpointError, match=f"not a state of this run .*{message}"):
            forecaster(3).fit(events, run_dir=tmp_path, resume=True)
        return
    resumed = forecaster(3).fit(events, run_dir=tmp_path, resume=True)
    assert resumed.losses_ == forecaster(3).fit(events).losses_


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    forecaster(steps=2).fit(streams())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
def test_streams_are_trained_and_asked_about_on_the_device(device, tmp_path):
    events = streams()
    fits = {
        name: EventForecaster(
            latent_dim=3, hidden_dim=5, steps=14, random_state=2, device=name
        ).fit(events, run_dir=tmp_path / name)
        for name in ("cpu", str(device))
    }
    losses = [np.mean(model.losses_) for model in fits.values()]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)  # nodes are drawn by other generators
    model = EventForecaster.load(tmp_path / "cpu" / "model", device=str(device))
    assert next(model.fitted_.model.parameters()).device.type == device.type
    assert model.score()["gain_per_event"] == pytest.approx(
        fits["cpu"].score()["gain_per_event"], abs=1e-4
    )
    rates = model.intensity(points=20)["intensity"].values
    np.testing.assert_allclose(rates, fits["cpu"].intensity(points=20)["intensity"], rtol=1e-3)
    following = model.next_event(horizon="5s", num_draws=8)
    assert np.isfinite(following["mean_time"]).all()
    assert set(model.goodness_of_fit()) == {"all"}

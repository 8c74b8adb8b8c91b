"""Is the truth recovered? Simulated oscillators with Gaussian noise of known size.

The bounds are those of the method, not of one run: 90 % bands must hold 85-95 % of the readings of
series that were never trained on, the spread of a prediction between readings must be that of the
noise plus some doubt about the state, and a forecast must be much better than the last value.
"""

import numpy as np
import pytest

from latentode import LatentODE, LatentODEConfig, results, synthetic

NOISE = 0.3


def trained(num_series, epochs, steps, hidden):
    made = synthetic.make("oscillator", num_series=num_series, noise=NOISE, random_state=1)
    config = LatentODEConfig().updated(
        **{
            "model.latent_dim": 4,
            "model.hidden_dim": hidden,
            "model.likelihood": "gaussian",
            "model.dropout": 0.0,
            "windows.context": "5",
            "windows.horizon": "2",
            "windows.split": "series",
            "solver.step_size": 0.5,
            "train.batch_size": 32,
            "train.max_epochs": epochs,
            "train.steps_per_epoch": steps,
            "train.max_time": None,
            "train.patience": epochs,
            "train.optimizer.lr": 0.01,
        }
    )
    return LatentODE(config=config, random_state=0).fit(made.dataset), made


def unseen(model, made):
    members = model.fitted_.schema.split.members
    names = made.dataset.series_ids
    chosen = [i for i, name in enumerate(names) if members[name] == "test"]
    return made.dataset.select_series(chosen)


def check(model, made, widest):
    found = model.evaluate(made.dataset, num_draws=100)
    for task in ("forecast", "interpolation"):
        scores = found[task]["overall"]
        assert found[task]["num_targets"] > 300
        assert 0.85 <= scores["model"]["coverage_90"] <= 0.95, task
        assert scores["model"]["crps"] < 0.8 * scores["baselines"]["last"]["crps"], task
    assert found["forecast"]["skill"]["crps"] > 0.3
    # between readings of series that training never saw, in the middle of their span
    log = unseen(model, made)
    between = results.summarize(model.interpolate(log, every="0.25", num_draws=200))
    sd = between["sd"].values[:, 8:32]
    for channel in range(2):
        assert 0.9 * NOISE < np.nanmedian(sd[..., channel]) < widest * NOISE


def test_noise_and_coverage_are_recovered_from_a_short_training():
    check(*trained(num_series=100, epochs=8, steps=20, hidden=24), widest=1.7)


@pytest.mark.slow
def test_noise_and_coverage_are_recovered_from_a_longer_training():
    check(*trained(num_series=200, epochs=40, steps=50, hidden=32), widest=1.5)

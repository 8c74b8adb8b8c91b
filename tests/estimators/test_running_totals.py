"""A meter whose rises are known comes out as it was made: level, mean, spread, through a wrap."""

import numpy as np
import pandas as pd
import pytest

from latentode import LatentODE, LatentODEConfig, results
from latentode.errors import ConfigError

# the histories are series that training had not, which is said
pytestmark = pytest.mark.filterwarnings("ignore:series 's:latentode.errors.LatentODEWarning")

CONFIG = LatentODEConfig().updated(
    **{
        "channels.counters": ("energy",),
        "model.latent_dim": 2,
        "model.hidden_dim": 8,
        "model.knots": 0,
        "model.encoder": "rnn",
        "windows.context": "24h",
        "windows.horizon": "6h",
        "windows.max_queries": 24,
        "train.max_epochs": 3,
        "train.steps_per_epoch": 20,
        "train.batch_size": 24,
        "train.optimizer.lr": 0.02,
        "train.optimizer.warmup_steps": 5,
        "solver.step_size": 0.5,
    }
)
SHAPE, SIZE, ROOM = 4.0, 2.5, 2**16  # of rises, whose mean is 10 an hour and whose variance 25


def simulated(count, seed, start=0.0):
    """Hourly readings of a meter."""
    rises = np.random.default_rng(seed).gamma(SHAPE, SIZE, count)
    times = pd.date_range("2024-01-01", periods=count, freq="h")
    return pd.DataFrame({"time": times, "energy": (start + np.cumsum(rises)) % ROOM})


@pytest.fixture(scope="module")
def fitted():
    log = simulated(1200, 0, ROOM - 5000.0)
    return LatentODE(random_state=0, config=CONFIG).fit(log.assign(id="s"), id_column="id")


@pytest.fixture(scope="module")
def histories():
    return [simulated(24, 100 + seed, 1e4).assign(id=f"s{seed:02d}") for seed in range(40)]


def test_forecasts_rise_from_the_last_reading_as_fast_and_as_unevenly_as_the_truth(
    fitted, histories
):
    forecast = fitted.forecast(pd.concat(histories), horizon="6h", every="1h", num_draws=100)
    last = np.array([history["energy"].iloc[-1] for history in histories])
    risen = forecast["value"].values[..., 0] - last[:, None]  # (draw, series, step)
    assert (risen >= 0).all()
    assert (np.diff(risen, axis=2) >= 0).all()
    hours = np.arange(1, 7)
    means, spreads = risen.mean(axis=(0, 1)), risen.std(axis=0).mean(axis=0)
    np.testing.assert_allclose(means, 10 * hours, rtol=0.15)  # of three epochs
    np.testing.assert_allclose(spreads, 5 * np.sqrt(hours), rtol=0.35)


def test_between_readings_a_total_lies_between_them(fitted, histories):
    history = histories[0].drop(index=range(8, 16))
    inside = fitted.interpolate(history, every="30min", num_draws=20)["value"].values[:, 0, :, 0]
    low, high = history["energy"].loc[[7, 16]]
    gap = inside[:, 15:32]
    assert ((gap >= low - 1e-9) & (gap <= high + 1e-9)).all()
    assert (np.diff(inside, axis=1) >= -1e-9).all()
    assert np.ptp(gap[:, 8]) > 1.0  # half way nothing is known but both ends


def test_what_was_learned_is_kept_in_the_model_folder(fitted, histories, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = LatentODE.load(tmp_path / "model")
    assert loaded.fitted_.schema.counters.names == ("energy",)
    one, other = (m.forecast(histories[0], horizon="3h", num_draws=5) for m in (fitted, loaded))
    np.testing.assert_array_equal(one["value"].values, other["value"].values)
    assert "counters, modelled by their rates: energy" in fitted.plan_lines()


def test_a_backtest_goes_through_the_wrap(fitted):
    log = simulated(1200, 0, ROOM - 11900.0).assign(id="s")  # wraps in the test part
    scores = fitted.evaluate(log, max_windows=20, num_draws=20)
    for task in ("forecast", "interpolation"):
        channel = scores[task]["channels"]["energy"]
        assert channel["model"]["mae"] < channel["baselines"]["last"]["mae"]
        assert channel["model"]["nll"] is not None


def test_totals_of_a_forecast_are_never_added_up_over_time(fitted, histories):
    forecast = fitted.forecast(histories[0], horizon="6h", every="1h", num_draws=10)
    assert forecast.attrs["counters"] == '["energy"]'
    with pytest.raises(ConfigError, match=r"got energy, running totals\. Write last of energy by"):
        results.aggregate(forecast, "sum", by="horizon")
    reached = results.aggregate(forecast, "last", by="horizon")["value"].values
    np.testing.assert_array_equal(reached[:, :, 0], forecast["value"].values[:, :, -1])

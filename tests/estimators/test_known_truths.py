"""Rain, a state, counts and a level, simulated with known chances, come out as they were made."""

import numpy as np
import pandas as pd
import pytest

from latentode import LatentODE, LatentODEConfig
from latentode.errors import LatentODEWarning
from latentode.evaluation.metrics import crps_from_draws

CONFIG = LatentODEConfig().updated(
    **{
        "model.latent_dim": 2,
        "model.hidden_dim": 8,
        "model.knots": 0,
        "model.encoder": "rnn",
        "windows.context": "24h",
        "windows.horizon": "6h",
        "windows.max_queries": 24,
        "train.max_epochs": 4,
        "train.steps_per_epoch": 20,
        "train.batch_size": 24,
        "train.optimizer.lr": 0.02,
        "train.optimizer.warmup_steps": 5,
        "solver.step_size": 0.5,
    }
)
STAYS_DRY, STAYS_WET, STAYS, PEOPLE = 0.97, 0.85, 0.9, 4.0
DRY = (1 - STAYS_WET) / (2 - STAYS_DRY - STAYS_WET)
COLUMNS = ["rain", "valve", "people", "level"]


def simulated(count, seed, first="2024-01-01"):
    """Hourly readings of four channels that know nothing of each other."""
    rng = np.random.default_rng(seed)
    wet = np.zeros(count, dtype=bool)
    for hour in range(count):
        before = wet[hour - 1] if hour else rng.random() > DRY
        wet[hour] = rng.random() < (STAYS_WET if before else 1 - STAYS_DRY)
    rain = np.where(wet, np.round(rng.exponential(2.0, count) + 0.1, 1), 0.0)
    valve = np.cumsum(rng.random(count) > STAYS) % 2
    people = rng.poisson(PEOPLE, count)
    level = 50 + np.cumsum(rng.normal(0, 0.2, count))
    times = pd.date_range(first, periods=count, freq="h")
    columns = {"rain": rain, "valve": valve, "people": people, "level": level}
    return pd.DataFrame({"time": times, **columns})


@pytest.fixture(scope="module")
def fitted():
    return LatentODE(random_state=0, config=CONFIG).fit(
        simulated(1500, 0).assign(id="s"), id_column="id", time_column="time"
    )


@pytest.fixture(scope="module")
def histories():
    """Days with the three hours after, each a series."""
    return [simulated(27, seed, "2024-06-01").assign(id=f"s{seed}") for seed in range(100, 400)]


@pytest.fixture(scope="module")
def forecast(fitted, histories):
    days = pd.concat([history[:24] for history in histories])
    with pytest.warns(LatentODEWarning, match="series 's100'.* not among those that this model"):
        return fitted.forecast(days, horizon="3h", every="1h", num_draws=100)


def of(forecast, channel):
    return forecast["value"].sel(channel=channel).values  # (draw, series, step)


def test_what_they_are_is_learned_and_said(fitted, forecast):
    families = fitted.fitted_.schema.families
    assert families.kinds == ("continuous", "binary", "count", "continuous")
    assert families.lower.tolist() == [0.0, 0.0, 0.0, -np.inf]
    assert forecast.attrs["kinds"] == '{"valve": "binary", "people": "count"}'
    lines = "\n".join(fitted.plan_lines())
    for name in ("rain: at least 0", "valve: states 0 and 1", "people: counts"):
        assert name in lines
    channels = fitted.describe()["model_card"]["data"]["channels"]
    assert [each["why"].partition(" (")[0] for each in channels] == [
        "at least 0",
        "states 0 and 1",
        "counts",
        "",
    ]


def test_rain_is_zero_as_often_as_it_is(forecast, histories):
    rain = of(forecast, "rain")
    assert rain.min() == 0.0
    assert (rain == 0).mean() == pytest.approx(DRY, abs=0.06)
    dry = [history["rain"].iloc[23] == 0 for history in histories]
    assert (np.median(rain[:, dry], axis=0) == 0).all()


def test_rain_is_forecast_better_than_by_zero_and_by_climatology(forecast, histories):
    rain = of(forecast, "rain").reshape(100, -1)
    truth = np.concatenate([history["rain"].iloc[24:] for history in histories])
    assert np.abs(np.median(rain, axis=0) - truth).mean() <= truth.mean()
    ever = np.quantile(simulated(1500, 0)["rain"], (np.arange(100) + 0.5) / 100)
    climatology = crps_from_draws(np.repeat(ever[:, None], len(truth), axis=1), truth)
    assert crps_from_draws(rain, truth).mean() <= 0.9 * climatology.mean()


def test_the_mean_of_a_state_is_its_chance(forecast, histories):
    valve = of(forecast, "valve")
    assert set(np.unique(valve)) == {0.0, 1.0}
    last = np.array([history["valve"].iloc[23] for history in histories])
    for step in range(3):
        stays = 0.5 + 0.5 * (2 * STAYS - 1) ** (step + 1)
        expected = np.where(last == 1, stays, 1 - stays)
        assert np.abs(valve.mean(axis=0)[:, step] - expected).mean() < 0.12  # of four epochs


def test_counts_have_the_mean_and_the_variance_that_they_were_made_with(forecast):
    people = of(forecast, "people")
    assert (people == np.rint(people)).all()
    assert people.min() >= 0
    assert people.mean() == pytest.approx(PEOPLE, rel=0.2)  # of four epochs
    assert people.var(axis=0).mean() == pytest.approx(PEOPLE, rel=0.4)


@pytest.mark.filterwarnings("ignore:newest readings far from those")
@pytest.mark.parametrize("jump", [-1e4, -30.0, 40.0, 1e4])
def test_after_a_jump_a_forecast_starts_at_the_new_level(fitted, histories, jump):
    moved = histories[0].assign(level=histories[0]["level"] + jump)
    with pytest.warns(LatentODEWarning, match="series 's100'"):
        level = of(fitted.forecast(moved, horizon="1h", every="1h"), "level")[:, 0, 0]
    low, middle, high = np.quantile(level, [0.05, 0.5, 0.95])
    assert middle == pytest.approx(moved["level"].iloc[-1], abs=1.5)
    assert 0.1 < high - low < 6.0

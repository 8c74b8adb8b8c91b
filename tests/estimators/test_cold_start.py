"""Series that were never read, forecast by static covariates and known inputs alone."""

import json

import numpy as np
import pandas as pd
import pytest
from cli_cases import answer_of, run
from model_cases import irregular_log, settings

from latentode import LatentODE, LatentODEConfig
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError, DataError, LatentODEWarning
from latentode.models.fitted.training_log import TrainingLog

SD_LEVEL, SD_NOISE, HORIZON = 0.5, 0.3, 4.0
ROWS, HOURS = 24, 8.0
COLUMNS = {
    "data.columns.id": "id",
    "data.columns.time": "t",
    "data.time.unit": "h",
    "data.columns.channels": ["x"],
    "data.columns.static": ["size"],
    "data.columns.future": ["dose"],
    "windows.context": "4h",
    "windows.horizon": "4h",
    "windows.split": "series",
}
SIZES = {
    "model.latent_dim": 4,
    "model.hidden_dim": 32,
    "model.knots": 0,
    "model.encoder": "rnn",
    "train.optimizer.lr": 0.01,
    "train.optimizer.warmup_steps": 10,
    "solver.step_size": 0.25,
}


def simulated(count, seed, name):
    """Level and slope by size, slope by dose too: readings, and their mean given both."""
    rng = np.random.default_rng(seed)
    parts = []
    for index in range(count):
        size, level = rng.normal(), SD_LEVEL * rng.normal()
        t = np.sort(rng.uniform(0, HOURS, ROWS))
        t[0] = 0.0
        begin, dose = rng.uniform(0, HORIZON), rng.choice([0.0, 1.0, 2.0])
        given = t >= begin  # a known input holds from the row in which it is told
        dosed = np.clip(t - t[given][0], 0.0, None) if given.any() else 0.0
        mean = 2 + 1.5 * size + (0.3 + 0.5 * size) * t + 0.4 * dose * dosed
        x = mean + level + SD_NOISE * rng.normal(size=ROWS)
        columns = {"t": t, "x": x, "dose": dose * given, "size": size, "mean": mean}
        parts.append(pd.DataFrame(columns).assign(id=f"{name}{index}"))
    return pd.concat(parts, ignore_index=True)


def unread(log):
    return log.assign(x=np.nan).drop(columns="mean")


def fitted(count, **changes):
    config = LatentODEConfig().updated(**COLUMNS, **SIZES | changes)
    log = simulated(count, 0, "a").drop(columns="mean")
    return LatentODE(config=config, random_state=0).fit(log)


@pytest.fixture(scope="module")
def brief():
    """A model that has hardly learned anything."""
    return fitted(20, **{"train.max_epochs": 1, "train.steps_per_epoch": 3})


@pytest.fixture(scope="module")
def new():
    return simulated(5, 7, "n")


def test_series_never_read_begin_at_their_first_known_input(brief, new):
    with pytest.warns(LatentODEWarning, match=r"'n0' from 0.0.*come from the prior alone"):
        answer = brief.forecast(unread(new), every="1h", num_draws=5)
    assert answer["series"].values.tolist() == [f"n{index}" for index in range(5)]
    assert (answer["time"].values == [1.0, 2.0, 3.0, 4.0]).all()
    assert np.isfinite(answer["value"].values).all()
    assert json.loads(answer.attrs["from_prior"])["n4"] == "0.0"


def test_they_begin_when_they_are_told_to(brief, new):
    with pytest.warns(LatentODEWarning, match=r"'n0' from 2.5"):
        answer = brief.forecast(unread(new), every="1h", origin=2.5, num_draws=5)
    assert (answer["time"].values == [3.0, 4.0, 5.0, 6.0]).all()


def test_static_covariates_alone_need_a_time(brief, new):
    log = unread(new).groupby("id").head(1).assign(dose=np.nan)
    with pytest.raises(DataError, match=r"got neither of series 'n0', 'n1', 'n2' and 2 more"):
        brief.forecast(log)
    never = "'dose' of series 'n0' is never told, and taken to be as usual in training"
    with (
        pytest.warns(LatentODEWarning, match="prior alone"),
        pytest.warns(LatentODEWarning, match=never),
    ):
        answer = brief.forecast(log, origin=0.0, num_draws=5)
    assert np.isfinite(answer["value"].values).all()


def test_beside_them_series_with_readings_are_answered_as_before(brief, new):
    read = new.drop(columns="mean")
    both = pd.concat([read, unread(simulated(2, 8, "z"))])
    held = r"'dose' of series 'n0' is told until .* and held"
    with (
        pytest.warns(LatentODEWarning, match="'z0'.*prior alone"),
        pytest.warns(LatentODEWarning, match=held),
    ):
        beside = brief.forecast(both, every="1h", num_draws=5)
    with pytest.warns(LatentODEWarning, match=held):
        alone = brief.forecast(read, every="1h", num_draws=5)
    assert beside.sizes["series"] == 7
    assert "from_prior" not in alone.attrs
    shared = beside["value"].sel(series=alone["series"])
    np.testing.assert_allclose(shared, alone["value"], rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match="all have some"):
        brief.forecast(read, origin=1.0)


def test_a_forecast_and_a_prediction_are_of_one_path(brief, new):
    with pytest.warns(LatentODEWarning, match="prior alone"):
        ahead = brief.forecast(unread(new), every="1h", num_draws=5)
    asked = pd.DataFrame({"id": "n2", "t": [2.0, 4.0]})
    with pytest.warns(LatentODEWarning, match="prior alone"):
        answer = brief.predict(unread(new), asked, num_draws=5)
    expected = ahead["value"].sel(series="n2").values[:, [1, 3]]
    np.testing.assert_allclose(answer["value"].values[:, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("extras", [True, False])
def test_unread_windows_are_drawn_where_covariates_tell_series_apart(extras):
    config, dataset = settings(), irregular_log(extras=extras)
    log = TrainingLog(dataset).with_schema(DataSchema.fit(dataset, config))
    assert (log.sampler("train", config).unread_share > 0) is extras


def test_the_program_forecasts_them(brief, new, tmp_path):
    brief.save(tmp_path / "model")
    unread(new).to_csv(tmp_path / "new.csv", index=False)
    asked = ("forecast", tmp_path / "model", tmp_path / "new.csv", "--every", "1h")
    steps = run(*asked[:3], "--from", "2.5", "-o", tmp_path / "steps.csv")
    assert "--every 15min: a round time step near that of the readings" in steps.stderr
    answer = answer_of(*asked, "--from", "2.5", "-o", tmp_path / "out.csv")
    assert any("prior alone" in text for text in answer["warnings"])
    assert pd.read_csv(tmp_path / "out.csv")["time"].min() == 3.0
    log = unread(new).assign(dose=np.nan)
    log.to_csv(tmp_path / "bare.csv", index=False)
    refused = run("forecast", tmp_path / "model", tmp_path / "bare.csv")
    assert refused.exit_code != 0
    assert "Pass --from TIME" in refused.stderr
    wrong = run(*asked, "--from", "soon")
    assert "expected a number of h" in wrong.stderr
    assert "Correct --from" in wrong.stderr


@pytest.mark.slow
def test_new_series_are_forecast_as_their_covariates_say():
    model = fitted(120, **{"train.max_epochs": 10, "train.steps_per_epoch": 40})
    new = simulated(60, 99, "b")
    with pytest.warns(LatentODEWarning, match="prior alone"):
        answer = model.predict(unread(new), new[["id", "t"]], num_draws=400)
    value = answer["value"].values[..., 0]  # (draw, series, step)
    wanted = {name: group for name, group in new.groupby("id")}
    errors, spreads, inside = [], [], []
    for index, name in enumerate(answer["series"].values):
        truth = wanted[name]
        draws = value[:, index, : len(truth)]
        first = truth["t"] <= HORIZON  # beyond, training has shown nothing
        errors.append((draws.mean(0) - truth["mean"])[first])
        spreads.append(draws.std(0))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        inside.append((low <= truth["x"]) & (truth["x"] <= high))
    spread = np.hypot(SD_LEVEL, SD_NOISE)
    # the mean is known to what 84 training series tell of it, within four standard errors
    assert np.sqrt(np.square(np.concatenate(errors)).mean()) < 4 * spread / np.sqrt(84)
    assert np.concatenate(spreads).mean() > spread
    assert 0.80 <= np.concatenate(inside).mean() <= 0.97

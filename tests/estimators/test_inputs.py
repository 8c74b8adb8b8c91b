"""The estimator on logs that are not plain: known inputs, odd series, too much of everything."""

import numpy as np
import pandas as pd
import pytest
from pump_log import TINY, equal, perturb, tiny, wide_frame

from latentode import LatentODE, results, synthetic
from latentode.errors import DataError, ResourceError


@pytest.fixture(scope="module")
def frame():
    return wide_frame()


@pytest.fixture(scope="module")
def model(frame):
    model = tiny(frame, id_column="pump", time_column="timestamp")
    perturb(model)
    return model


# known inputs and static covariates


def test_known_inputs_and_static_columns_go_all_the_way(tmp_path):
    frame = wide_frame(extras=True)
    config = TINY.updated(**{"data.columns.future": ["valve"], "data.columns.static": ["age"]})
    model = tiny(frame, config, id_column="pump", time_column="timestamp")
    schema = model.fitted_.schema
    assert schema.channels == ("pressure", "flow")
    assert schema.input_channels == ("valve",)
    assert schema.static_columns == ("age",)
    perturb(model)
    base = model.forecast(frame, every="1h", num_draws=3)

    ahead = frame.groupby("pump")["timestamp"].max() + pd.Timedelta("1h")
    future = pd.DataFrame({"pump": ahead.index, "timestamp": ahead.to_numpy(), "valve": 9.0})
    future["timestamp"] = future["timestamp"].dt.tz_localize(None).dt.tz_localize("UTC")
    planned = pd.concat([frame, future.assign(age=[3.0, 4.0])], ignore_index=True)
    changed = model.forecast(planned, every="1h", num_draws=3)
    assert (changed["time"].values == base["time"].values).all()
    assert not np.allclose(changed["value"][:, :, 2:], base["value"][:, :, 2:], rtol=1e-4)

    older = model.forecast(frame.assign(age=30.0), every="1h", num_draws=3)
    assert not np.allclose(older["value"], base["value"], rtol=1e-4)
    model.save(tmp_path / "model")
    equal(LatentODE.load(tmp_path / "model").forecast(num_draws=2), model.forecast(num_draws=2))
    for name, what in (("valve", "valve"), ("age", "age")):
        with pytest.raises(DataError, match=what):
            model.forecast(frame.drop(columns=name))


# odd series


def test_a_series_of_one_reading_and_a_channel_without_any_get_finite_wide_bands():
    frame = wide_frame().assign(ghost=np.nan)
    frame.loc[0, "ghost"] = np.nan
    lonely = frame.iloc[[0]].assign(pump="lonely")
    log = pd.concat([frame, lonely], ignore_index=True)
    config = TINY.updated(
        **{"data.columns.channels": ["pressure", "flow", "ghost"], "data.min_obs": 1}
    )
    model = tiny(log, config, id_column="pump", time_column="timestamp")
    assert model.fitted_.schema.channels == ("pressure", "flow", "ghost")
    for found in (
        model.forecast(log, every="1h", num_draws=60),
        model.interpolate(log, every="2h", num_draws=60),
    ):
        table = results.to_frame(found)
        assert np.isfinite(table[["mean", "sd", "q0.05", "q0.95"]].to_numpy()).all()
        assert (table["sd"] > 0).all()
    table = results.to_frame(model.forecast(log, every="1h", num_draws=60))
    sd = table[table["channel"] == "flow"].groupby("series")["sd"].mean()
    assert sd["lonely"] > 1.0  # of a channel whose spread is 7
    assert table[table["channel"] == "ghost"]["sd"].min() > 0.1


def test_a_constant_channel_is_forecast_as_such_with_some_spread():
    frame = wide_frame().assign(level=42.0)
    model = tiny(frame, id_column="pump", time_column="timestamp")
    table = results.to_frame(model.forecast(frame, num_draws=60))
    level = table[table["channel"] == "level"]
    assert (level["sd"] > 0).all()
    assert (abs(level["mean"] - 42.0) < 3.0).all()
    assert any("constant in training: level" in line for line in model.plan_lines())


def test_series_with_too_few_readings_are_left_out_of_training_only():
    frame = wide_frame()
    lonely = frame.iloc[[0]].assign(pump="lonely")
    log = pd.concat([frame, lonely], ignore_index=True)
    model = tiny(log, TINY.updated(**{"data.min_obs": 5}), id_column="pump")
    assert model.fitted_.context.series_ids == ("p1", "p2")
    assert "lonely" in model.forecast(log, num_draws=2)["series"].values
    with pytest.raises(DataError, match="at least 500 readings"):
        tiny(log, TINY.updated(**{"data.min_obs": 500}), id_column="pump")


# limits


@pytest.mark.parametrize(
    "call",
    [
        lambda m, log: m.forecast(log, horizon="50000d", every="1ms"),
        lambda m, log: m.forecast(log, num_draws=10**9),
        lambda m, log: m.interpolate(log, every="1us"),
        lambda m, log: m.latent_trajectory(log, every="1s", num_draws=10_000),
        lambda m, log: m.interpolate_latent("p1", "p2", log, every="1ns"),
        lambda m, log: m.interpolate_latent("p1", "p2", log, num_steps=10**9),
    ],
)
def test_what_would_not_fit_in_memory_is_refused_before_it_is_allocated(frame, model, call):
    with pytest.raises(ResourceError, match="expected at most"):
        call(model, frame)


def test_padding_counts_as_memory(frame, model):
    asked = pd.DataFrame({"pump": ["p1"] * 60_000 + ["p2"], "timestamp": frame["timestamp"].max()})
    with pytest.raises(ResourceError, match="120,000 times"):
        model.predict(frame, asked, num_draws=2_000)


def test_an_elapsed_log_takes_plain_numbers_in_its_unit():
    log = synthetic.make("oscillator", num_series=6, num_points=30, random_state=0).dataset
    config = TINY.updated(**{"windows.context": "3", "windows.horizon": "2"})
    model = LatentODE(config=config, random_state=0).fit(log)
    found = model.forecast(log, horizon="1", every="0.25", num_draws=2)
    assert found["time"].attrs["units"] == "s"
    np.testing.assert_allclose(np.diff(found["time"].values, axis=1), 0.25)
    assert found.sizes["step"] == 4

"""The estimator from frames to labelled arrays, on models that were trained for two steps."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import torch
from pump_log import HOUR, TINY, equal, perturb, tiny, wide_frame

from latentode import LatentODE, LatentODEConfig, results
from latentode.data.reading.log import read_log
from latentode.errors import ConfigError, DataError, LatentODEWarning, NotFittedError


@pytest.fixture(scope="module")
def frame():
    return wide_frame()


@pytest.fixture(scope="module")
def model(frame):
    model = tiny(frame, id_column="pump", time_column="timestamp")
    perturb(model)
    return model


# constructor, fit, state


def test_the_constructor_stores_its_arguments_unchanged():
    given = {
        "latent_dim": 5,
        "encoder": "ode_rnn",
        "prior": "normal",
        "likelihood": "gaussian",
        "context": "48h",
        "horizon": "6h",
        "max_time": "3s",
        "device": "cpu",
        "random_state": 7,
        "config": TINY,
    }
    model = LatentODE(**given)
    assert {name: getattr(model, name) for name in given} == given
    assert not hasattr(model, "fitted_")


def test_arguments_take_the_place_of_settings_only_in_fit(frame):
    model = LatentODE(latent_dim=3, likelihood="gaussian", horizon="3h", config=TINY)
    assert model.fit(frame, id_column="pump") is model
    assert model.config is TINY
    assert model.config_.model.latent_dim == 3
    assert model.config_.model.likelihood == "gaussian"
    assert model.config_.windows.horizon == "3h"
    assert model.config_.windows.context == "12h"
    assert model.config_.data.columns.id == "pump"
    assert model.fitted_.schema.lengths.horizon_ns == 3 * HOUR


@pytest.mark.parametrize("values", [{"encoder": "rmn"}, {"latent_dim": 0}, {"horizon": "soon"}])
def test_a_setting_out_of_range_is_a_config_error(frame, values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        LatentODE(**values, config=TINY).fit(frame)


def test_a_second_fit_starts_afresh(frame):
    model = tiny(frame, id_column="pump")
    first = model.fitted_
    again = model.fit(frame, id_column="pump").fitted_
    assert again is not first
    assert again.history == first.history
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


@pytest.mark.parametrize(
    "call",
    [
        lambda m, log: m.forecast(log),
        lambda m, _: m.forecast(),
        lambda m, log: m.interpolate(log),
        lambda m, log: m.predict(log, log),
        lambda m, log: m.latent_trajectory(log),
        lambda m, log: m.interpolate_latent("p1", "p2", log),
        lambda m, log: m.score(log),
        lambda m, log: m.evaluate(log),
        lambda m, _: m.save("nowhere"),
        lambda m, _: m.describe(),
        lambda m, _: m.plan_lines(),
    ],
)
def test_every_prediction_needs_a_fit(frame, call):
    with pytest.raises(NotFittedError, match="Call fit or load first"):
        call(LatentODE(), frame)


def test_fit_reports_plan_epochs_and_end(frame):
    events = []
    LatentODE(config=TINY).fit(frame, id_column="pump", on_event=events.append)
    # where the machine is slow, steps are reported too
    events = [event for event in events if event["event"] != "step"]
    assert [e["event"] for e in events if e["event"] != "note"] == ["plan", "epoch", "done"]
    said = [e["text"] for e in events if e["event"] == "note"]
    begin = (
        "numerical accuracy: fine", "steps are done; now direct forecasts", "2 steps leave ",
        "calibration: ", "sample paths: ", "direct forecasts from the history: ",
    )  # fmt: skip
    assert len(said) == len(begin)
    assert all(map(str.startswith, said, begin)), said
    assert any("history 12h, horizon 6h" in line for line in events[0]["lines"])
    (epoch,) = (e for e in events if e["event"] == "epoch")
    assert {"epoch", "step", "validation_crps", "best", "eta_seconds"} <= epoch.keys()


def test_fit_into_a_folder_leaves_a_model_that_predicts_the_same(frame, tmp_path):
    model = LatentODE(config=TINY).fit(frame, id_column="pump", run_dir=tmp_path)
    loaded = LatentODE.load(tmp_path / "model")
    equal(loaded.forecast(frame, num_draws=3), model.forecast(frame, num_draws=3))
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 2


def test_a_long_log_and_a_wide_one_give_the_same_predictions(frame):
    long = frame.melt(["pump", "timestamp"], var_name="what", value_name="reading").dropna()
    columns = {"id_column": "pump", "channel_column": "what", "value_column": "reading"}
    # a long log has its channels by name
    order = frame[["pump", "timestamp", "flow", "pressure"]]
    other = tiny(long.sample(frac=1.0, random_state=1), time_column="timestamp", **columns)
    same = tiny(order, id_column="pump", time_column="timestamp")
    equal(other.forecast(long, num_draws=3), same.forecast(order, num_draws=3))


# forecasts


def test_a_forecast_has_draws_of_every_channel_at_real_times_after_the_last_reading(frame, model):
    found = model.forecast(frame, every="1h", num_draws=7)
    assert dict(found.sizes) == {"draw": 7, "series": 2, "step": 6, "channel": 2}
    assert list(found["series"].values) == ["p1", "p2"]
    assert list(found["channel"].values) == ["pressure", "flow"]
    assert np.isfinite(found["value"]).all()
    assert found.attrs["kind"] == "forecast"
    assert found.attrs["num_draws"] == 7
    last = frame.groupby("pump")["timestamp"].max()
    for name in ("p1", "p2"):
        steps = pd.DatetimeIndex(found["time"].sel(series=name).values).tz_localize("UTC")
        full = last[name].floor("1h")
        assert list(steps) == [full + pd.Timedelta(hours=h) for h in range(1, 7)]


def test_a_forecast_counts_from_the_last_reading_where_it_is_told_to(frame, model):
    found = model.forecast(frame, every="1h", align="origin", num_draws=2)
    last = frame.groupby("pump")["timestamp"].max().dt.tz_localize(None)
    for name in ("p1", "p2"):
        steps = pd.DatetimeIndex(found["time"].sel(series=name).values)
        assert list(steps) == [last[name] + pd.Timedelta(hours=h) for h in range(1, 7)]


def test_a_forecast_without_a_log_is_that_of_the_training_log(frame, model):
    equal(model.forecast(num_draws=5), model.forecast(frame, num_draws=5))


def test_horizon_and_spacing_can_be_chosen(frame, model):
    assert model.forecast(frame, horizon="12h", every="2h", num_draws=1).sizes["step"] == 6
    typical = model.forecast(frame, num_draws=1)
    assert typical.attrs["every"] == "15min"  # the median gap of the last 12 h is 18 min
    spacing = pd.Timedelta(np.diff(typical["time"].values[0])[0])
    assert spacing == pd.Timedelta("15min")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"horizon": "1h", "every": "2h"}, DataError, "at least one step"),
        ({"horizon": "soon"}, ConfigError, "duration"),
        ({"horizon": 3}, ConfigError, "with a unit"),
        ({"every": "-1h"}, ConfigError, "duration"),
        ({"num_draws": 0}, ConfigError, "num_draws: expected at least 1, got 0"),
    ],
)
def test_options_of_a_forecast_that_make_no_sense_are_refused(frame, model, options, error, match):
    with pytest.raises(error, match=match):
        model.forecast(frame, **options)


def test_forecasts_depend_on_nothing_but_their_own_series(frame, model):
    whole = model.forecast(frame, every="1h", num_draws=3)
    alone = model.forecast(frame[frame["pump"] == "p2"], every="1h", num_draws=3)
    np.testing.assert_allclose(
        alone["value"].values[:, 0], whole["value"].sel(series="p2").values, rtol=1e-5, atol=1e-3
    )  # atol: of readings of a hundred, where a location and its noise cancel


def test_readings_older_than_the_context_do_not_matter(frame, model):
    recent = frame[frame["timestamp"] > frame["timestamp"].max() - pd.Timedelta("20h")]
    whole = model.forecast(frame, every="1h", num_draws=3)
    equal(model.forecast(recent, every="1h", num_draws=3), whole)


# interpolation and any times


def test_interpolation_is_an_even_grid_inside_each_span(frame, model):
    found = model.interpolate(frame, every="3h", num_draws=3)
    for name, own in frame.groupby("pump"):
        times = pd.DatetimeIndex(found["time"].sel(series=name).values).dropna()
        times = times.tz_localize("UTC")
        assert times[0] == own["timestamp"].min().ceil("3h")
        assert times[-1] == own["timestamp"].max().floor("3h")
        assert set(np.diff(times)) == {pd.Timedelta("3h")}
        assert np.isfinite(found["value"].sel(series=name).values[:, : len(times)]).all()


def test_at_missing_fills_exactly_the_stamps_with_a_gap(frame, model):
    found = model.interpolate(frame, at_missing=True, num_draws=3)
    assert found.sizes["step"] == 4
    for name, own in frame.groupby("pump"):
        expected = own.loc[own["flow"].isna(), "timestamp"].dt.tz_localize(None)
        assert list(pd.DatetimeIndex(found["time"].sel(series=name).values)) == list(expected)


def test_at_missing_of_a_complete_log_is_empty(frame, model):
    found = model.interpolate(frame.dropna(), at_missing=True, num_draws=3)
    assert found.sizes["series"] == 0
    assert results.to_frame(found).empty


def queries(frame):
    """Times before, at, between and after the readings, with duplicates, in no order."""
    last = frame["timestamp"].max()
    times = [last + pd.Timedelta("2h"), frame["timestamp"][3], last, frame["timestamp"].min()]
    times += [times[0], frame["timestamp"].min() - pd.Timedelta("5h"), times[1]]
    return pd.DataFrame({"pump": ["p1", "p2", "p1", "p2", "p1", "p1", "p2"], "timestamp": times})


def test_predict_answers_in_the_order_of_the_user_and_duplicates_alike(frame, model):
    asked = queries(frame)
    found = model.predict(frame, asked, num_draws=4)
    table = results.to_frame(found)
    for name, own in asked.groupby("pump"):
        mine = table[(table["series"] == name) & (table["channel"] == "flow")]
        assert list(mine["time"]) == list(own["timestamp"])
        by_time = mine.groupby("time")["mean"]
        assert (by_time.nunique() == 1).all()
    shuffled = model.predict(frame, asked.iloc[::-1], num_draws=4)
    first = results.to_frame(found).sort_values(["series", "time", "channel"])
    second = results.to_frame(shuffled).sort_values(["series", "time", "channel"])
    np.testing.assert_array_equal(first["mean"], second["mean"])
    assert np.isfinite(table["mean"]).all()


def test_forecast_and_interpolate_take_times_as_predict_does(frame, model):
    asked = queries(frame)
    expected = model.predict(frame, asked, num_draws=3)
    equal(model.forecast(frame, times=asked, num_draws=3), expected)
    equal(model.interpolate(frame, times=asked, num_draws=3), expected)


def test_a_prediction_at_grid_times_is_the_forecast(frame, model):
    forecast = model.forecast(frame, every="1h", num_draws=3)
    table = results.to_frame(forecast)
    asked = table[table["channel"] == "flow"][["series", "time"]]
    found = model.predict(frame, asked.rename(columns={"series": "pump"}), num_draws=3)
    np.testing.assert_allclose(found["value"], forecast["value"], rtol=1e-6)


def test_an_unknown_series_in_the_times_is_named(frame, model):
    asked = queries(frame).assign(pump="p3")
    with pytest.raises(DataError, match="no series 'p3'"):
        model.predict(frame, asked)


def test_quantiles_never_cross(frame, model):
    table = results.to_frame(model.forecast(frame, num_draws=50), [0.05, 0.25, 0.5, 0.75, 0.95])
    levels = table[["q0.05", "q0.25", "q0.5", "q0.75", "q0.95"]].to_numpy()
    assert (np.diff(levels, axis=1) >= 0).all()
    assert (table["sd"] > 0).all()


def test_a_log_is_not_changed_by_what_is_done_with_it(frame, model):
    before = frame.copy()
    model.forecast(frame, num_draws=1)
    model.interpolate(frame, num_draws=1)
    pd.testing.assert_frame_equal(frame, before)


# logs that do not fit


@pytest.mark.parametrize("call", ["forecast", "interpolate", "score", "latent_trajectory"])
def test_a_log_without_a_channel_is_refused_and_an_extra_one_ignored(frame, model, call):
    with pytest.raises(DataError, match="flow"):
        getattr(model, call)(frame.drop(columns="flow"))
    extra = frame.assign(noise=1.0)[["noise", "flow", "pressure", "pump", "timestamp"]]
    equal(getattr(model, call)(extra, num_draws=2), getattr(model, call)(frame, num_draws=2))


def test_a_log_on_another_clock_is_refused(frame, model):
    elapsed = frame.assign(timestamp=np.arange(len(frame), dtype=float))
    seconds = LatentODEConfig().updated(**{"data.time.unit": "s"}).data
    with pytest.raises(DataError, match="expected calendar times as in training, got elapsed"):
        model.forecast(read_log(elapsed, seconds)[0])


def test_a_series_that_training_never_saw_is_forecast_as_well(frame, model):
    fresh = frame[frame["pump"] == "p1"].assign(pump="new")
    with pytest.warns(LatentODEWarning, match="series 'new': not among those that this model"):
        found = model.forecast(fresh, num_draws=3)
    assert list(found["series"].values) == ["new"]
    assert np.isfinite(found["value"]).all()


def test_a_horizon_far_beyond_that_of_training_is_said(frame, model):
    with pytest.warns(LatentODEWarning, match=r"until 2\.856d ahead.* until 6h"):
        model.forecast(frame, horizon=pd.Timedelta("3D"), every="6h", num_draws=1)


def test_lengths_may_be_differences_of_times(frame, model):
    texts = model.forecast(frame, horizon="12 hours", every="2hrs", num_draws=2)
    times = model.forecast(
        frame, horizon=timedelta(hours=12), every=np.timedelta64(2, "h"), num_draws=2
    )
    equal(times, texts)


def test_a_log_may_lack_channels_where_that_is_allowed(frame, model):
    lacking = frame.drop(columns="flow")
    for call in (model.forecast, model.interpolate, model.evaluate):
        with pytest.raises(DataError, match="pass allow_missing_channels=True"):
            call(lacking)
    absent = "channels that this log does not have: flow"
    with (
        pytest.warns(LatentODEWarning, match=absent),
        pytest.warns(LatentODEWarning, match="no reading of 'flow' of series 'p1'"),
    ):
        found = model.forecast(lacking, every="1h", allow_missing_channels=True, num_draws=2)
    assert np.isfinite(found["value"]).all()
    with pytest.warns(LatentODEWarning, match=absent):
        filled = model.interpolate(lacking, every="6h", allow_missing_channels=True, num_draws=2)
    assert np.isfinite(filled["value"].sel(series="p1", channel="flow")).any()


# latent space, scores


def test_latent_trajectories_have_numbered_latents(frame, model):
    found = model.latent_trajectory(frame, every="6h", num_draws=3)
    assert found["value"].dims == ("draw", "series", "step", "latent")
    assert found.sizes["latent"] == 4
    assert found.attrs["kind"] == "latent_trajectory"


def test_paths_between_series_begin_and_end_at_them(frame, model):
    path = model.interpolate_latent("p1", "p2", frame, num_steps=5, every="3h")
    assert dict(path.sizes) == {"draw": 1, "series": 5, "step": 7, "channel": 2}
    assert list(path["series"].values) == ["0", "0.25", "0.5", "0.75", "1"]
    assert (path.attrs["first"], path.attrs["second"]) == ("p1", "p2")
    back = model.interpolate_latent("p2", "p1", frame, num_steps=2, every="3h")
    self = model.interpolate_latent("p1", "p1", frame, num_steps=2, every="3h")
    np.testing.assert_allclose(self["value"][0, 0], self["value"][0, 1], rtol=1e-6)
    np.testing.assert_allclose(path["value"][0, 0], self["value"][0, 0], rtol=1e-5)
    assert not np.allclose(path["value"][0, 4], path["value"][0, 0], rtol=1e-4)
    assert back.sizes["series"] == 2
    with pytest.raises(DataError, match=r"expected an id of the log \(p1, p2, ...\), got 'p9'"):
        model.interpolate_latent("p1", "p9", frame)
    with pytest.raises(ConfigError, match="at least 2 points, got 1"):
        model.interpolate_latent("p1", "p2", frame, num_steps=1)


@pytest.mark.filterwarnings("ignore:newest readings far from those")
def test_scores_count_every_reading_and_fall_for_an_odd_series(frame, model):
    found = model.score(frame, num_draws=20)
    counts = frame.groupby("pump")[["pressure", "flow"]].count().sum(axis=1)
    assert list(found["num_readings"].values) == list(counts)
    assert (found["standard_error"] > 0).all()
    assert found["log_prob"].attrs["units"] == "nats"
    odd = frame.copy()
    odd.loc[odd.index[40:], "flow"] += 400.0
    worse = model.score(odd, num_draws=20)["log_prob"]
    assert worse.sel(series="p1") < found["log_prob"].sel(series="p1") - 10
    with pytest.raises(ConfigError, match="at least 2 for a score, got 1"):
        model.score(frame, num_draws=1)


def test_evaluation_has_both_tasks_beside_baselines_and_is_json(frame, model):
    found = model.evaluate(frame, num_draws=10)
    assert json.loads(json.dumps(found)) == found
    for task in ("forecast", "interpolation"):
        scores = found[task]
        figures = {"mae", "rmse", "crps", "nll", "coverage_90", "width_90"}
        assert set(scores["overall"]["model"]) == figures
        assert "coverage_90" in scores["overall"]["baselines"]["last"]  # of a band of its own
        assert {"last", "mean", "linear", "climatology"} <= set(scores["overall"]["baselines"])
        assert set(scores["channels"]) == {"pressure", "flow"}
        assert set(scores["skill"]) == {"crps", "mae"}
        assert scores["num_targets"] > 0
        assert scores["sentences"]
    everything = model.evaluate(frame, split="all", max_windows=30, num_draws=10)
    assert everything["forecast"]["num_windows"] <= 30
    assert everything["interpolation"]["num_targets"] > found["interpolation"]["num_targets"]
    with pytest.raises(ConfigError, match="expected 'test' or 'all', got 'train'"):
        model.evaluate(frame, split="train")


# saving


def test_a_loaded_model_predicts_the_same_bits(frame, model, tmp_path):
    model.save(tmp_path / "model")
    loaded = LatentODE.load(tmp_path / "model")
    equal(loaded.forecast(num_draws=5), model.forecast(num_draws=5))
    equal(loaded.interpolate(frame, num_draws=5), model.interpolate(frame, num_draws=5))
    equal(loaded.score(frame, num_draws=5), model.score(frame, num_draws=5))
    assert loaded.config_ == model.config_
    assert loaded.describe() == model.describe()
    assert loaded.plan_lines() == model.plan_lines()
    assert loaded.evaluate(frame, num_draws=5) == model.evaluate(frame, num_draws=5)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "Channels: pressure, flow" in card
    loaded.save(tmp_path / "again")
    names = sorted(p.name for p in (tmp_path / "model").iterdir())
    assert names == ["MODEL_CARD.md", "model.json", "model.safetensors"]
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


def test_saving_replaces_an_older_model(model, tmp_path):
    model.save(tmp_path / "model")
    model.save(tmp_path / "model")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    LatentODE.load(tmp_path / "model")


def test_the_card_is_json_with_what_a_reader_asks_for(model):
    card = json.loads(json.dumps(model.describe()))
    assert card["channels"] == ["pressure", "flow"]
    assert card["parameters"] == sum(p.numel() for p in model.fitted_.model.parameters())
    assert card["epochs"] == 1
    assert card["config"]["model"]["latent_dim"] == 4


@pytest.mark.gpu
def test_a_model_loads_on_a_gpu_and_predicts_the_same(model, tmp_path, device):
    model.save(tmp_path / "model")
    there = LatentODE.load(tmp_path / "model", device=str(device))
    np.testing.assert_allclose(
        there.forecast(num_draws=3)["value"], model.forecast(num_draws=3)["value"], rtol=1e-3
    )

"""The estimator on logs that are not plain: known inputs, odd series, too much of everything."""

import ast
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from pump_log import TINY, equal, perturb, tiny, wide_frame

from latentode import LatentODE, read_log, results, synthetic
from latentode.config.data_options import READING
from latentode.errors import DataError, LatentODEWarning, LogWarning, ResourceError


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
    held = r"'valve' of series 'p1' is told until .* and held at 1 until"
    with pytest.warns(LatentODEWarning, match=held):
        base = model.forecast(frame, every="1h", num_draws=3)

    ahead = frame.groupby("pump")["timestamp"].max() + pd.Timedelta("1h")
    future = pd.DataFrame({"pump": ahead.index, "timestamp": ahead.to_numpy(), "valve": 9.0})
    future["timestamp"] = future["timestamp"].dt.tz_localize(None).dt.tz_localize("UTC")
    planned = pd.concat([frame, future.assign(age=[3.0, 4.0])], ignore_index=True)
    with pytest.warns(LatentODEWarning, match="held at 9 until"):
        changed = model.forecast(planned, every="1h", num_draws=3)
    assert (changed["time"].values == base["time"].values).all()
    assert not np.allclose(changed["value"][:, :, 2:], base["value"][:, :, 2:], rtol=1e-4)

    with pytest.warns(LatentODEWarning, match=held):
        older = model.forecast(frame.assign(age=30.0), every="1h", num_draws=3)
    assert not np.allclose(older["value"], base["value"], rtol=1e-4)
    model.save(tmp_path / "model")
    loaded = LatentODE.load(tmp_path / "model")
    with pytest.warns(LatentODEWarning, match=held):
        again = loaded.forecast(num_draws=2)
    with pytest.warns(LatentODEWarning, match=held):
        equal(again, model.forecast(num_draws=2))
    for name, what in (("valve", "valve"), ("age", "age")):
        with pytest.raises(DataError, match=what):
            model.forecast(frame.drop(columns=name))


# odd series


def test_a_series_of_one_reading_gets_wide_bands_and_a_channel_without_any_no_answer():
    frame = wide_frame().assign(ghost=np.nan)
    frame.loc[0, "ghost"] = np.nan
    lonely = frame.iloc[[0]].assign(pump="lonely")
    log = pd.concat([frame, lonely], ignore_index=True)
    config = TINY.updated(
        **{"data.columns.channels": ["pressure", "flow", "ghost"], "data.min_obs": 1}
    )
    model = tiny(log, config, id_column="pump", time_column="timestamp")
    assert model.fitted_.schema.channels == ("pressure", "flow", "ghost")
    with pytest.warns(LatentODEWarning, match=r"every answer is NaN: ghost \(0\)"):
        answers = [
            model.interpolate(log, every="2h", num_draws=60),
            model.forecast(log, every="1h", num_draws=60),
        ]
    for found in answers:
        table = results.to_frame(found)
        is_ghost = table["channel"] == "ghost"
        numbers = table[["mean", "sd", "q0.05", "q0.95"]].to_numpy()
        assert np.isfinite(numbers[~is_ghost]).all()
        assert np.isnan(numbers[is_ghost]).all()
        assert (table["sd"][~is_ghost] > 0).all()
    sd = table[table["channel"] == "flow"].groupby("series")["sd"].mean()
    assert sd["lonely"] > 1.0  # of a channel whose spread is 7


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
    with pytest.warns(LatentODEWarning, match="series 'lonely': not among those that this model"):
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


# what is said of a log


def long_frame(number=60, **columns):
    times = pd.date_range("2024-03-04", None, number, "30min")
    values = 20 + 3 * np.sin(np.arange(number) / 3)
    return pd.DataFrame({"time": times, "x": values.round(3)} | columns)


def settings_in(message):
    """Arguments that a message names with a value, as Python reads them."""
    named = re.findall(rf"(?<![\w.])({'|'.join(READING)})=('[^']*'|\([^)]*\))", message)
    return [(name, ast.literal_eval(value)) for name, value in named]


def codes(frame):
    return frame.assign(x=frame["x"].where(frame.index % 10 > 0, -9999))


def far(frame):
    return frame.assign(time=frame["time"].where(frame.index != 30, pd.Timestamp("2099-12-31")))


def words(frame):
    return frame.assign(x=frame["x"].astype(str).where(frame.index % 10 > 0, "n. v."))


def repeats(frame):
    return frame.assign(time=frame["time"].dt.floor("h"))


@pytest.mark.parametrize("spoil", [codes, far, words, repeats])
def test_fit_refuses_what_must_be_asked_and_names_settings_that_work(spoil):
    log = spoil(long_frame())
    with pytest.raises(DataError) as told:
        tiny(log)
    message = str(told.value)
    assert "--" not in message
    cures = settings_in(message)
    assert cures
    for name, value in cures:
        together = {name: value}
        if name == "on_bad_row":
            together |= {"max_bad": float(re.search(r"max_bad=([\d.]+\d)", message)[1])}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LogWarning)
            assert tiny(log, **together).fitted_.schema.channels == ("x",)


def test_fit_refuses_too_little_data():
    with pytest.raises(DataError, match="at least 20 of a channel, got 12 of 'x'"):
        tiny(long_frame(12))


def test_fit_warns_of_what_it_decided_with_fields():
    half = np.arange(60) % 2 == 0
    log = long_frame(
        60,
        note=np.where(half, "fine", "windy"),
        valve=np.where(half, "open", "closed"),
        n=range(60),
    )
    with pytest.warns(LogWarning) as told:
        model = tiny(log)
    assert model.fitted_.schema.channels == ("x", "valve")
    (warning,) = [each.message for each in told if isinstance(each.message, LogWarning)]
    assert "--" not in str(warning)
    assert {"about", "choice", "evidence", "confidence", "option"} == set(warning.decisions[0])
    assert all("--" not in each["option"] for each in warning.decisions)
    assert all(each["confidence"] != "certain" for each in warning.decisions)
    assert set(warning.left_out) | {"note"} == {"n", "note"}
    assert "'note'" in str(warning)


def test_a_plain_log_is_fitted_without_a_word():
    tiny(long_frame())


def test_a_forecast_asks_about_far_times_in_settings_that_work():
    model = tiny(long_frame())
    later = far(long_frame()).assign(time=lambda f: f["time"] + pd.Timedelta("30D"))
    with pytest.raises(DataError, match="1 of 60 rows have times far from") as told:
        model.forecast(later, num_draws=2)
    message = str(told.value)
    assert "--" not in message
    assert "read_log(log, model.config_.updated(" in message
    for name, value in settings_in(message):
        log = read_log(later, model.config_.updated(**{name: value}).data)[0]
        assert model.forecast(log, horizon="2h", num_draws=2)["value"].notnull().all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"time": "when"}, r"Name it with data\.columns\.time"),
        ({"x": "y"}, r"no column 'x'.*Correct data\.columns\.channels"),
    ],
)
def test_a_forecast_names_settings_alone(columns, message):
    model = tiny(long_frame())
    with pytest.raises(DataError, match=message) as told:
        model.forecast(long_frame().rename(columns=columns), num_draws=2)
    assert "--" not in str(told.value)


def test_a_question_that_blocks_training_alone_is_none_of_a_forecast():
    model = tiny(long_frame())
    assert model.forecast(long_frame(12), horizon="2h", num_draws=2)["value"].notnull().all()


def test_events_and_labels_beside_a_frame_are_refused_in_words_of_python():
    log = long_frame().assign(pump="a")
    events = pd.DataFrame({"pump": "b", "time": log["time"][5:9], "mark": "hot"})
    with pytest.raises(DataError, match="correct id_column") as told:
        tiny(log, id_column="pump", events=events)
    assert "--" not in str(told.value)
    with pytest.raises(DataError, match=r"mark_column|id_column|time_column") as told:
        tiny(log, id_column="pump", events=events[["pump", "time"]].assign(one="x", two="y"))
    assert "--" not in str(told.value)

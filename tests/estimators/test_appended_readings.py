"""Models that forecast from later readings without learning."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pump_log import equal, tiny, wide_frame
from small_series import make_dataset

from latentode.errors import ConfigError, DataError, LatentODEWarning

MOMENT = st.tuples(st.integers(0, 30), st.integers(0, 1))
SERIES = st.lists(st.dictionaries(MOMENT, st.floats(-9, 9), max_size=12), min_size=2, max_size=2)


@pytest.fixture(scope="module")
def log():
    return wide_frame().sort_values("timestamp", ignore_index=True)


@pytest.fixture(scope="module")
def model(log):
    return tiny(log[: len(log) * 3 // 4], id_column="pump")


def readings_of(cells):
    """A log of given (time, channel) -> value for every series."""
    parts = []
    for of_series in cells:
        times, channels = np.array(sorted(of_series), dtype=np.int64).reshape(-1, 2).T
        parts.append((times, channels, np.array([of_series[key] for key in sorted(of_series)])))
    return make_dataset(parts)


def told(dataset):
    readings = dataset.readings
    rows = readings.reading_rows()
    columns = readings.row_series()[rows], readings.times[rows], readings.channel_index
    keys = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(keys, readings.values.tolist(), strict=True))


@settings(max_examples=50)
@given(old=SERIES, new=SERIES)
def test_added_readings_join_the_others_and_take_the_place_of_the_same(old, new):
    expected = {
        (series, *key): value
        for log in (old, new)
        for series, cells in enumerate(log)
        for key, value in cells.items()
    }
    joined = readings_of(old).with_added(readings_of(new))
    assert told(joined) == expected
    assert list(told(joined)) == sorted(expected)


@pytest.fixture(scope="module")
def later(log):
    return log[len(log) * 3 // 4 :]


@pytest.mark.parametrize("known", [0, 7, 60])
def test_a_forecast_after_appending_is_that_from_the_whole_log(model, log, later, known):
    appended = model.append(log[later.index[0] - known :])
    equal(appended.forecast(num_draws=5), model.forecast(log, num_draws=5))


def test_one_reading_after_another_is_the_same_as_all_at_once(model, later):
    stepwise, some = model, later[later["flow"].notna()][:4]
    for row in range(4):
        stepwise = stepwise.append(some[row : row + 1])
    equal(stepwise.forecast(num_draws=5), model.append(some).forecast(num_draws=5))


def test_appending_leaves_the_estimator_as_it_is(model, later):
    before = model.forecast(num_draws=3)
    appended = model.append(later)
    equal(model.forecast(num_draws=3), before)
    assert (appended.forecast(num_draws=3)["time"].values > before["time"].values[:, :1]).all()


def test_appended_series_may_be_new(model, later):
    fresh = later.query("pump == 'p1'").assign(pump="p3")
    with pytest.warns(LatentODEWarning, match="series 'p3': not among those"):
        appended = model.append(fresh)
    forecast = appended.forecast(num_draws=3, every="1h")
    assert forecast["series"].values.tolist() == ["p1", "p2", "p3"]
    with pytest.warns(LatentODEWarning, match="series 'p3': not among those"):
        alone = model.forecast(fresh, num_draws=3, every="1h").sel(series="p3")
    of_it = forecast.sel(series="p3")["value"].dropna("step")
    # alone it is rounded otherwise than in a batch
    np.testing.assert_allclose(of_it, alone["value"].dropna("step"), rtol=1e-6)


def test_a_log_of_one_series_without_an_id_goes_on_under_another_file_name(log, tmp_path):
    files = [tmp_path / f"{name}.csv" for name in ("history", "later", "whole")]
    alone = log.query("pump == 'p1'").drop(columns="pump")
    for file, part in zip(files, (alone[:60], alone[60:], alone), strict=True):
        part.to_csv(file, index=False)
    model = tiny(files[0])
    forecast = model.append(files[1]).forecast(num_draws=3)
    assert forecast["series"].values.tolist() == ["history"]
    whole = model.forecast(files[2], num_draws=3)
    np.testing.assert_array_equal(forecast["time"], whole["time"])


def test_late_readings_fall_into_their_place(model, log, later):
    halves = model.append(later[1::2]).append(later[::2])
    equal(halves.forecast(num_draws=3), model.forecast(log, num_draws=3))


def test_a_saved_model_remembers_what_was_appended(model, later, tmp_path):
    appended = model.append(later)
    appended.save(tmp_path / "model")
    stored = type(model).load(tmp_path / "model")
    equal(stored.forecast(num_draws=3), appended.forecast(num_draws=3))


def test_a_log_without_a_channel_is_refused_unless_allowed(model, later):
    later = later.drop(columns="flow")
    with pytest.raises(DataError, match="flow"):
        model.append(later)
    with pytest.warns(UserWarning, match="flow"):
        assert model.append(later, allow_missing_channels=True).forecast(num_draws=2)


def test_a_model_of_labels_is_forecast_from_the_whole_log():
    names = [f"p{number}" for number in range(10)]
    log = wide_frame(names=names)
    labels = pd.DataFrame({"pump": names, "broken": ["no", "yes"] * 5})
    model = tiny(log, labels=labels, id_column="pump")
    with pytest.raises(ConfigError, match=r"one of labels too.*the whole log"):
        model.append(log)

"""What is learned of parts before a training is, to the bit, what is learned of the whole log."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from model_cases import irregular_log, settings
from places import ROOT

from latentode.config import LatentODEConfig
from latentode.data import channel_readings
from latentode.data.dataset import Clock, Readings
from latentode.data.parting import Parting
from latentode.data.reading.log import read_log
from latentode.data.schema import DataSchema
from latentode.data.synthetic import make
from latentode.errors import ConfigError, DataError
from latentode.scale import statistics, write_parts
from latentode.scale.census import Census
from latentode.scale.statistics import learn_schema, telling_parts


def learned(parts, config):
    census = Census.of(parts, config.data.min_obs)
    parting = Parting.of(census.times, config)
    return learn_schema(parts, census.without_rows(), parting, config)


def check(dataset, config, folder, num_parts=5):
    """Compare the schema of parts with that of the log they hold."""
    parts = write_parts(dataset, folder, num_parts)
    assert len(parts) > 1
    ours, whole = learned(parts, config), DataSchema.fit(parts.whole(), config)
    assert ours.to_dict() == whole.to_dict()
    for name, array in vars(whole.climatology).items():
        np.testing.assert_array_equal(getattr(ours.climatology, name), array, err_msg=name)
    return ours


@pytest.mark.parametrize("split", ["auto", "time", "series"])
@pytest.mark.parametrize("name", ["pump_station", "reservoirs_history"])
def test_schema_of_parts_is_that_of_the_log(tmp_path, name, split):
    config = LatentODEConfig().updated(**{"windows.split": split})
    log, _ = read_log(ROOT / "datasets" / f"{name}.csv", config.data)
    assert len(check(log, config, tmp_path / "parts").periods_ns)


@pytest.mark.parametrize("split", ["time", "series"])
def test_inputs_and_static_covariates_are_learned_of_parts(tmp_path, split):
    log = irregular_log((30, 25, 20, 40, 35, 12, 18), num_channels=5)
    schema = check(log, settings(windows__split=split), tmp_path / "parts")
    assert schema.input_scaler is not None
    assert len(schema.static_mean) == 2


def test_many_series_of_an_elapsed_clock_are_learned_of_parts(tmp_path):
    log = make("oscillator", num_series=60, random_state=1).dataset
    check(log, LatentODEConfig(), tmp_path / "parts", 7)


def test_hours_of_a_local_day_are_those_of_the_log_where_not_all_readings_tell(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(channel_readings, "_SAMPLE", 100)
    log = replace(irregular_log((300,) * 4, extras=False), clock=Clock("calendar", "Europe/Berlin"))
    assert check(log, settings(), tmp_path / "parts").climatology.quantiles.shape[0] == 24


def test_channels_may_be_read_one_after_another(tmp_path, monkeypatch):
    monkeypatch.setattr(statistics, "_AT_ONCE", 1)
    check(irregular_log((30, 25, 20, 40), num_channels=4), settings(), tmp_path / "parts")


def test_series_that_are_too_short_are_left_out(tmp_path):
    log = irregular_log((30, 1, 25, 1, 20, 40), extras=False)
    parts = write_parts(log, tmp_path / "parts", 4)
    config = settings(data__min_obs=3, windows__split="series")
    schema = learned(parts, config)
    assert set(schema.split.members) == {"s0", "s2", "s4", "s5"}
    long = DataSchema.fit(log.select_series([0, 2, 4, 5]), config)
    assert schema.to_dict() == long.to_dict()
    with pytest.raises(DataError, match="a series with at least 99 readings, found none in 6"):
        Census.of(parts, 99)


def counters():
    """Totals that rise, with a reset, beside another channel."""
    generator, count = np.random.default_rng(2), 40
    series = np.repeat(np.arange(5), 2 * count)
    times = np.tile(np.repeat(np.arange(count), 2), 5) * 3_600_000_000_000
    channel = np.tile([0, 1], 5 * count)
    totals = np.cumsum(generator.exponential(2.0, (5, count)), axis=1)
    totals[2, 20:] -= totals[2, 20]
    values = np.where(channel == 0, np.repeat(totals, 2), generator.normal(size=len(series)))
    readings = Readings.from_triplets(
        series, times, channel, values, num_series=5, channels=("rain", "wind")
    )
    log = irregular_log((3,) * 5, extras=False)
    return log.with_readings(readings)


def test_rates_of_counters_are_learned_of_parts(tmp_path):
    config = settings(channels__counters=("rain",))
    schema = check(counters(), config, tmp_path / "parts", 3)
    assert schema.counters.names == ("rain",)
    with pytest.raises(ConfigError, match=r"counters: expected channels of the log \(rain, wind\)"):
        learned(
            write_parts(counters(), tmp_path / "others", 3), settings(channels__counters=("snow",))
        )


def test_parts_stand_for_all_where_a_channel_has_more_readings_than_can_be_held(
    tmp_path, monkeypatch
):
    parts = write_parts(irregular_log((40,) * 40, extras=False), tmp_path / "parts", 16)
    channels = parts.manifest.channels
    assert [*telling_parts(parts, channels, 0)] == [*range(len(parts))]
    readings = sum(each.readings for each in channels)
    monkeypatch.setattr(statistics, "_MOST", readings // 2)
    chosen = telling_parts(parts, channels, 0)
    held = sum(parts.manifest.parts[index].readings for index in chosen)
    assert readings // 4 < held <= readings // 2
    assert chosen == telling_parts(parts, channels, 0) != telling_parts(parts, channels, 1)
    few, all_of_them = learned(parts, settings()), DataSchema.fit(parts.whole(), settings())
    assert few.split == all_of_them.split
    np.testing.assert_allclose(few.scaler.center, all_of_them.scaler.center, atol=0.5)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=9), st.integers(2, 6), st.integers(0, 99))
@examples(max_examples=20)
def test_any_log_in_any_parts_has_the_schema_of_the_log(tmp_path_factory, counts, num_parts, seed):
    log = irregular_log((30, *counts), seed=seed, extras=False)
    parts = write_parts(log, tmp_path_factory.mktemp("any") / "parts", num_parts)
    config = settings(data__min_obs=1)
    assert learned(parts, config).to_dict() == DataSchema.fit(parts.whole(), config).to_dict()

"""A forecast starts near the last reading, whatever values training has seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_cases import EPOCH, HOUR, irregular_log, model_of, predictor_of
from model_cases import settings as small

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.prediction.predictor import Predictor

LOG = irregular_log()
PREDICTOR = predictor_of(LOG, num_draws=40)
AHEAD = EPOCH + np.array([122, 126, 131]) * HOUR


def moved(log, channel, by):
    """The log with all readings of a channel moved."""
    values = log.readings.values + by * (log.readings.channel_index == channel)
    return replace(log, readings=replace(log.readings, values=values))


def forecast(log, predictor=PREDICTOR, times=AHEAD, series=0):
    return predictor.query(log, np.full(len(times), series), times).draws


def newest(log, channel, series=0):
    readings = log.readings
    mine = (readings.channel_index == channel) & (
        readings.row_series()[readings.reading_rows()] == series
    )
    return readings.values[mine][-1]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(0.0, 1e6), st.sampled_from([-1, 1]), st.integers(0, 1))
def test_beyond_all_of_training_a_forecast_moves_with_the_readings(far, sign, channel):
    families = PREDICTOR.schema.families
    edge = (families.greatest if sign > 0 else families.least)[channel]
    at_edge = moved(LOG, channel, edge - newest(LOG, channel) + sign * 1e-9)
    beyond = moved(at_edge, channel, sign * far)
    expected = forecast(at_edge)
    expected[..., channel] += sign * far
    # what is taken off and added again is rounded in float64, and scaled readings in float32
    np.testing.assert_allclose(forecast(beyond), expected, rtol=1e-9, atol=1e-4)


def test_within_training_nothing_is_taken_off():
    builder = PREDICTOR.schema.builder()
    readings = LOG.readings
    anchors = readings.first_and_last()[1]
    nothing = np.full((len(LOG), 1, 2), np.nan)
    batch = SeriesBatch.of(
        builder.build(LOG, anchors, builder.rows(readings, anchors), (np.zeros((3, 1)), nothing))
    )
    low, high = PREDICTOR.schema.families.least, PREDICTOR.schema.families.greatest
    for channel in range(2):
        for series in range(3):
            value = newest(LOG, channel, series)
            expected = value - np.clip(value, low[channel], high[channel])
            found = float(batch.shift[series, 0, channel]) * PREDICTOR.schema.scaler.scale[channel]
            assert found == pytest.approx(expected, abs=1e-12)
    assert (batch.shift == 0).any()


def stepped(values, every=HOUR // 6):
    """One series of one channel."""
    count = len(values)
    times = EPOCH + every * np.arange(count, dtype=np.int64)
    zeros = np.zeros(count, dtype=np.int64)
    readings = Readings.from_triplets(
        zeros, times, zeros, np.asarray(values, float), num_series=1, channels=("x",)
    )
    return TimeSeriesDataset(("s",), readings, Clock("calendar", "UTC"))


def ladder(start, stop, count=1500):
    return np.rint(np.linspace(start, stop, count))


RNG = np.random.default_rng(1)
LOGS = {
    "a battery that falls from 100 to 25": ladder(100, 25),
    "a set point that was 18 or 21 and is 24": np.r_[
        np.repeat(RNG.choice([18.0, 21.0], 25), 50), np.full(250, 24.0)
    ],
    "people from 3 to 5, then 11": np.r_[np.repeat(RNG.integers(3, 6, 50), 25), np.full(250, 11.0)],
    "a tank that moved from 5.5 to 9.5": np.r_[
        5.5 + 0.01 * RNG.normal(size=1100), 9.5 + 0.01 * RNG.normal(size=400)
    ],
    "visitors, two an hour and then eleven": np.r_[RNG.poisson(2.0, 1300), np.full(200, 11.0)],
    "a state that takes a third value": np.r_[
        np.repeat(RNG.integers(0, 2, 46), 30), np.full(120, 2.0)
    ],
    "rain, and a dry day": np.r_[
        np.where(RNG.random(1380) < 0.9, 0.0, RNG.random(1380)), np.zeros(120)
    ],
    "a rain total": np.cumsum(np.where(RNG.random(1500) < 0.02, 0.2, 0.0)),
    "an encoder at two thousand million": 2.147e9 + np.cumsum(RNG.normal(size=1500)),
}


@pytest.mark.parametrize("name", LOGS)
def test_an_untrained_model_forecasts_about_the_last_reading(name):
    values = LOGS[name]
    log, config = stepped(values), small(windows__context="8h", windows__horizon="2h")
    schema = DataSchema.fit(log, config)
    model = model_of(schema, config, perturb=0.0)
    predictor = Predictor(model, schema, seed=0, num_draws=200)
    end = EPOCH + HOUR // 6 * (len(values) - 1)
    draws = forecast(log, predictor, times=np.array([end + HOUR // 6]))[:, 0, 0]
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    seen = values[: int(0.7 * len(values))]
    # of what a reading is off the trajectory, an untrained memory forgets a tenth soon
    assert abs(middle - values[-1]) <= 0.15 * np.ptp(seen)
    assert low <= values[-1] <= high
    assert high > low

"""Predictions without torch: those of the model itself, for all that can be exported."""

import numpy as np
import pytest
from export_cases import MODELS, eager, fitted, log_of_kinds
from model_cases import HOUR

from latentode.data.windows import cut
from latentode.errors import ConfigError
from latentode.prediction.predictor import Predictor
from latentode.runtime.predictor import ExportedPredictor

# the graph is computed in float32, and readings of small scale beside their level lose digits
ROUNDING = 2e-5


def queries(log, generator, count=60):
    """Times inside of series, at readings and beyond them, in no order."""
    first, last = log.readings.first_and_last()
    series = generator.integers(len(log), size=count)
    reach = last - first + 30 * HOUR
    times = first[series] + (generator.random(count) * reach[series]).astype(np.int64)
    rows = generator.integers(log.readings.num_rows, size=5)
    series[:5], times[:5] = log.readings.row_series()[rows], log.readings.times[rows]
    return series, times


def values_at(generator, count):
    """Readings of every kind, some of them absent."""
    values = 20.0 + 3.0 * generator.normal(size=(count, 4))
    values[:, 1] = generator.integers(2, size=count)
    values[:, 2] = generator.integers(5, size=count)
    values[:, 3] = np.maximum(values[:, 3] - 20.0, -1.0)
    return np.where(generator.random(values.shape) < 0.8, values, np.nan)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("draws", [5, 40])
def test_draws_and_densities_are_those_of_the_model(name, draws):
    model, log = fitted(name), log_of_kinds()
    generator = np.random.default_rng(1)
    series, times = queries(log, generator)
    values = values_at(generator, len(times))
    expected = Predictor.of(model, draws).query(log, series, times, values)
    found = ExportedPredictor.of(eager(model), draws).query(log, series, times, values)
    scale = model.schema.scaler.scale
    far = np.abs(found.draws - expected.draws) > ROUNDING * (np.abs(expected.draws) + scale)
    # a state or a count flips where a number lies at an edge up to rounding
    assert far.mean() < 1e-3
    np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-4, atol=1e-4)


def test_windows_beyond_a_bound_lift_it_here_too():
    model, log = fitted("pooled, of kinds"), log_of_kinds()
    readings = log.readings
    values = readings.values.copy()
    values[np.flatnonzero(readings.channel_index == 3)[-40:]] -= 3.0
    beyond = log.with_readings(type(readings)(**{**vars(readings), "values": values}))
    _, ends = beyond.readings.first_and_last()
    series = np.arange(len(beyond))
    times = ends + 2 * HOUR
    expected = Predictor.of(model, 30).query(beyond, series, times)
    found = ExportedPredictor.of(eager(model), 30).query(beyond, series, times)
    assert (expected.draws[..., 3] < -1.01).any()
    np.testing.assert_allclose(found.draws, expected.draws, rtol=ROUNDING, atol=1e-4)


def test_series_without_rows_are_answered_from_the_prior():
    model, log = fitted("default"), log_of_kinds()
    _, ends = log.readings.first_and_last()
    every = np.arange(len(log))
    empty = cut(log, every, ends, ends)
    origins = np.full(len(log), ends.max())
    expected = Predictor.of(model, 20).query(empty, every, origins + HOUR, origins=origins)
    found = ExportedPredictor.of(eager(model), 20).query(
        empty, every, origins + HOUR, origins=origins
    )
    np.testing.assert_allclose(found.draws, expected.draws, rtol=ROUNDING, atol=1e-4)


def test_a_prediction_without_draws_is_refused():
    with pytest.raises(ConfigError, match="num_draws: expected at least 1, got 0"):
        ExportedPredictor.of(eager(fitted("default")), 0)

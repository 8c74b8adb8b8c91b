"""Draws and densities of readings from decoded paths."""

from dataclasses import replace

import numpy as np
import pytest
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.data.targets import Targets
from latentode.models.copula import COMPONENTS, GaussianCopula
from latentode.prediction.latent_points import PATHS
from latentode.prediction.reading_noise import ReadingNoise

LOG = irregular_log()
SERIES = np.array([0, 1, 2, 0, 1])
TIMES = EPOCH + np.array([20, 60, 130, 125, 121]) * HOUR


def restless():
    """Of two channels, every component of which counts."""
    copula = GaussianCopula(2)
    copula.weights.fill_(1 / COMPONENTS)
    copula.loadings.fill_(0.6)
    copula.tails.fill_(1 / 3)
    return copula


@pytest.mark.parametrize("likelihood", ["student_t", "gaussian", "flow"])
def test_targets_have_the_draws_that_they_have_among_all_readings(likelihood):
    predictor = predictor_of(LOG, num_draws=20, model__likelihood=likelihood)
    predictor = replace(predictor, copula=restless())
    channel, values = np.array([0, 1, 1, 0]), np.array([20.0, 21.0, 19.0, 22.0])
    targets = Targets(SERIES[:4], TIMES[:4], channel, values)
    draws, log_prob = predictor(LOG, targets)
    given = np.full((5, 2), np.nan)
    given[np.arange(4), channel] = values
    every = predictor.query(LOG, SERIES, TIMES, given)
    assert draws.shape == (20, 4)
    np.testing.assert_allclose(draws, every.draws[:, np.arange(4), channel], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(
        log_prob, every.log_prob[np.arange(4), channel], rtol=1e-5, atol=1e-5
    )


def test_draws_take_turns_with_the_paths_and_stand_beside_each_other_in_memory(monkeypatch):
    def without(noise, *_):
        return np.zeros((len(noise.times), 2, noise.num_draws), np.float32)

    monkeypatch.setattr(ReadingNoise, "drawn", without)
    predictor = predictor_of(LOG, num_draws=2 * PATHS + 3, model__likelihood="gaussian")
    draws = predictor.query(LOG, SERIES, TIMES).draws
    np.testing.assert_array_equal(draws[PATHS : 2 * PATHS], draws[:PATHS])
    np.testing.assert_array_equal(draws[2 * PATHS :], draws[:3])
    assert len(np.unique(draws[:, 0, 0])) == PATHS
    assert np.moveaxis(draws, 0, -1).flags.c_contiguous

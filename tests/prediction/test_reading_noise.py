"""The noise of readings: correlated as the copula says, and each number of its place alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from latentode.models.copula import COMPONENTS, GaussianCopula
from latentode.prediction.reading_noise import ReadingNoise

UNIT = 3_600_000_000_000
TIMES = np.array([1, 2, 3, 7, 12], dtype=np.int64) * UNIT


def copula(tails=0.0):
    """Two channels of which half the variance lasts, with a correlation of 0.8."""
    made = GaussianCopula(2)
    made.weights.zero_()
    made.weights[:, 0], made.weights[:, 2], made.weights[:, 3] = 0.2, 0.5, 0.3
    made.lengths[:] = torch.linspace(1.0, 9.0, COMPONENTS)
    made.loadings[:, :, :, 0] = 0.8**0.5
    made.tails.fill_(tails)
    made.calm.fill_(4.0)
    return made


def noise(made, num_draws=6_000, after=torch.inf):
    """After a reading at time 0, and before one as many units after each query."""
    gaps = torch.stack([torch.from_numpy(TIMES / UNIT), torch.full((5,), after).double()])
    gaps = gaps[:, None, :, None].expand(2, 1, 5, 2)
    readings = np.zeros(gaps.shape, np.int64)
    return ReadingNoise(made, 0, num_draws, UNIT, gaps, readings)


def exact(made, kind=0):
    """Correlation of the first channel in time."""
    hours = TIMES / UNIT
    lasting = np.exp(-np.abs(np.subtract.outer(hours, hours)) / float(made.lengths[kind, 2]))
    length = float(made.lengths[kind, 3])
    least = np.minimum.outer(hours, hours)
    most = np.maximum.outer(hours, hours)
    grown = np.sqrt(np.expm1(2 * least / length) / np.expm1(2 * most / length))
    return 0.2 * np.eye(5) + 0.5 * lasting + 0.3 * grown


@pytest.mark.parametrize("tails", [0.0, 1 / 3])
def test_every_number_is_standard_normal(tails):
    drawn = noise(copula(tails)).at(0, "s", TIMES)
    assert drawn.shape == (6_000, 5, 2)
    for step in range(5):
        for channel in range(2):
            assert stats.kstest(drawn[:, step, channel], "norm").pvalue > 1e-4


def test_times_and_channels_are_correlated_as_the_copula_says():
    made = copula()
    drawn = noise(made).at(0, "s", TIMES)
    found = np.corrcoef(drawn[..., 0].T)
    np.testing.assert_allclose(found, exact(made), rtol=0, atol=4 / 6_000**0.5)
    across = [np.corrcoef(drawn[:, step].T)[0, 1] for step in range(5)]
    np.testing.assert_allclose(across, 0.8, rtol=0, atol=4 / 6_000**0.5)


def test_what_else_is_asked_changes_nothing():
    made = copula(1 / 3)
    whole = noise(made, 20).at(0, "s", TIMES)
    order = np.array([3, 0])
    some = noise(made, 20)
    some = replace(some, gaps=some.gaps[:, :, order], readings=some.readings[:, :, order])
    np.testing.assert_array_equal(some.at(0, "s", TIMES[order]), whole[:, order])
    fewer = replace(some, num_draws=7)
    np.testing.assert_array_equal(fewer.at(0, "s", TIMES[order]), whole[:7, order])


def test_seed_and_series_tell_noise_apart():
    drawn = noise(copula(), 3_000)
    others = [replace(drawn, seed=1).at(0, "s", TIMES), drawn.at(0, "t", TIMES)]
    own = drawn.at(0, "s", TIMES)
    for other in others:
        assert abs(np.corrcoef(own[:, 0, 0], other[:, 0, 0])[0, 1]) < 4 / 3_000**0.5


def test_forecasts_and_interpolations_have_each_their_own_copula():
    made = copula()
    made.weights[1] = 0.0
    made.weights[1, 0] = 1.0
    drawn = noise(made, after=3.0).at(0, "s", TIMES)
    found = np.corrcoef(drawn[..., 0].T) - np.eye(5)
    assert np.abs(found).max() < 4 / 6_000**0.5


def test_errors_are_large_and_small_together_in_a_stretch():
    made = copula(1 / 3)
    made.weights.zero_()
    made.weights[:, 0] = 1.0
    drawn = np.abs(noise(made).at(0, "s", TIMES)[..., 0])
    assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] > 0.1

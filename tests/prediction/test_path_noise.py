"""Ornstein-Uhlenbeck noise read at any times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latentode.prediction.noise import hashed
from latentode.prediction.normal_table import WIDTH, NormalSums
from latentode.prediction.path_noise import ornstein_uhlenbeck

TIMES = np.array([-3.0, 0.0, 0.001, 0.01, 0.1, 0.5, 1.0, 3.0, 7.99, 8.01, 20.0])
KEYS = np.full(len(TIMES), 7, np.uint64)
PATHS = 157 * WIDTH  # of each key


def drawn(keys, times, draws=WIDTH):
    return NormalSums.of(*ornstein_uhlenbeck(keys, times)).drawn(draws)


def many(keys, times):
    """Paths of many keys for each, shape (path, read)."""
    numbers = np.arange(PATHS // WIDTH, dtype=np.uint64)[:, None]
    return np.concatenate([drawn(hashed(keys, number), times) for number in numbers], axis=1).T


def test_factors_are_those_of_a_process_of_variance_one_whose_correlation_is_exponential():
    times = np.sort(np.concatenate([TIMES, np.linspace(0.01, 7.9, 40)]))
    names, factors = ornstein_uhlenbeck(np.full(len(times), 7, np.uint64), times)
    # numbers of one name are one number
    _, number = np.unique(names, return_inverse=True)
    design = np.zeros((len(times), number.max() + 1))
    np.add.at(design, (np.arange(len(times))[:, None], number.reshape(names.shape)), factors)
    apart, finest = np.abs(times[:, None] - times), np.floor(times * 32)
    missing = np.exp(-apart) - design @ design.T
    # of two knots correlations of e^-8 at least are taken for 0
    told = (finest[:, None] != finest) | (apart == 0)
    np.testing.assert_allclose(missing[told], 0.0, rtol=0, atol=1.01 * np.exp(-8.0))
    # a bridge over a 32nd has at most this variance, which two times in it do not share
    assert 0.0 < missing[~told].max() < np.tanh(1 / 64)


def test_correlation_is_exponential_in_the_distance():
    paths, others = many(KEYS, TIMES), many(KEYS + np.uint64(1), TIMES)
    exact = np.exp(-np.abs(TIMES[:, None] - TIMES))
    # four standard errors of a correlation of so many pairs
    np.testing.assert_allclose(np.corrcoef(paths.T), exact, rtol=0, atol=4 / PATHS**0.5)
    across = np.corrcoef(paths.T, others.T)[: len(TIMES), len(TIMES) :]
    assert np.abs(across).max() < 4 / PATHS**0.5


def test_small_steps_have_the_variance_of_the_process():
    times = np.array([0.3, 0.32, 0.36, 0.44])
    found = np.diff(many(KEYS[:4], times).astype(np.float64), axis=1).var(axis=0)
    np.testing.assert_allclose(
        found, 2 * (1 - np.exp(-np.diff(times))), rtol=4 * (2 / PATHS) ** 0.5
    )


def test_every_time_is_standard_normal():
    paths = many(KEYS, TIMES)
    for step in range(len(TIMES)):
        assert stats.kstest(paths[:, step], "norm").pvalue > 1e-4


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(0, 2**63))
def test_a_number_belongs_to_its_path_time_and_draw_alone(times, key):
    times = np.array(times)
    keys = np.full(len(times), key, np.uint64)
    whole = drawn(keys, times, 9)
    assert np.isfinite(whole).all()
    for step in range(len(times)):
        one = slice(step, step + 1)
        np.testing.assert_array_equal(drawn(keys[one], times[one], 2)[0], whole[step, :2])


@pytest.mark.parametrize("far", [1e300, -1e300])
def test_a_time_beyond_all_numbers_has_noise(far):
    assert np.isfinite(drawn(KEYS[:1], np.array([far]))).all()

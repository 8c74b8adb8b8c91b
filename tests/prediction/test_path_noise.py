"""Ornstein-Uhlenbeck noise read at any times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latentode.prediction.path_noise import ornstein_uhlenbeck

TIMES = np.array([-3.0, 0.0, 0.001, 0.01, 0.1, 0.5, 1.0, 3.0, 7.99, 8.01, 20.0])
KEYS = np.full(len(TIMES), 7, np.uint64)


def test_correlation_is_exponential_in_the_distance():
    paths = ornstein_uhlenbeck(KEYS, TIMES, 20_000, np.arange(2)).transpose(2, 0, 1)
    exact = np.exp(-np.abs(TIMES[:, None] - TIMES))
    # four standard errors of a correlation of 20,000 pairs
    np.testing.assert_allclose(np.corrcoef(paths[..., 0].T), exact, rtol=0, atol=4 / 20_000**0.5)
    across = np.corrcoef(paths[..., 0].T, paths[..., 1].T)[: len(TIMES), len(TIMES) :]
    assert np.abs(across).max() < 4 / 20_000**0.5


def test_small_steps_have_the_variance_of_the_process():
    times = np.array([0.3, 0.32, 0.36, 0.44])
    paths = ornstein_uhlenbeck(KEYS[:4], times, 20_000, np.arange(1))[:, 0].astype(np.float64)
    found = np.diff(paths, axis=0).var(axis=1)
    np.testing.assert_allclose(
        found, 2 * (1 - np.exp(-np.diff(times))), rtol=4 * (2 / 20_000) ** 0.5
    )


def test_every_time_is_standard_normal():
    paths = ornstein_uhlenbeck(KEYS, TIMES, 20_000, np.arange(1))[:, 0]
    for step in range(len(TIMES)):
        assert stats.kstest(paths[step], "norm").pvalue > 1e-4


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(0, 2**63))
def test_a_number_belongs_to_its_path_time_draw_and_field_alone(times, key):
    times = np.array(times)
    keys = np.full(len(times), key, np.uint64)
    whole = ornstein_uhlenbeck(keys, times, 4, np.arange(7))
    assert np.isfinite(whole).all()
    for step in range(len(times)):
        one = slice(step, step + 1)
        alone = ornstein_uhlenbeck(keys[one], times[one], 2, np.array([5, 2]))
        np.testing.assert_array_equal(alone[0], whole[step][[5, 2], :2])


def test_other_keys_have_other_paths():
    keys = np.arange(4, dtype=np.uint64)
    paths = ornstein_uhlenbeck(keys, np.zeros(4), 5_000, np.arange(1))[:, 0]
    assert np.abs(np.corrcoef(paths) - np.eye(4)).max() < 4 / 5_000**0.5


@pytest.mark.parametrize("far", [1e300, -1e300])
def test_a_time_beyond_all_numbers_has_noise(far):
    paths = ornstein_uhlenbeck(KEYS[:1], np.array([far]), 10, np.arange(1))
    assert np.isfinite(paths).all()

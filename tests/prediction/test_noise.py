"""Normal numbers that belong to a place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from latentode.prediction import noise
from latentode.prediction.noise import independent, latent_noise, series_keys


@given(names=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5, unique=True))
def test_a_number_belongs_to_its_name(names):
    names = np.array(names, dtype=np.uint64)
    together = independent(names, 4, np.arange(3))
    for place in range(len(names)):
        alone = independent(names[[place]], 4, np.arange(3))
        np.testing.assert_array_equal(alone[0], together[place])


def test_more_draws_or_fields_leave_the_first_ones_as_they_are():
    names = np.arange(5, dtype=np.uint64)
    few, many = (independent(names, n, np.arange(f)) for n, f in ((3, 2), (7, 6)))
    np.testing.assert_array_equal(few, many[:, :2, :3])
    few, many = (latent_noise(1, ["s", "t"], shape) for shape in ((3, 2), (7, 6)))
    np.testing.assert_array_equal(few, many[:3, :, :2])


def test_seed_and_series_change_every_number():
    base = latent_noise(0, ["s1"], (5, 50))
    assert (base != latent_noise(1, ["s1"], (5, 50))).all()
    assert (base != latent_noise(0, ["s2"], (5, 50))).all()


def test_numbers_are_normal_and_uncorrelated_along_every_axis():
    names = series_keys(0, ["pump-7"]) + np.arange(60, dtype=np.uint64)
    sample = independent(names, 40, np.arange(60))
    assert len(np.unique(sample)) == sample.size
    assert stats.kstest(sample.ravel(), "norm").pvalue > 0.01
    for axis in range(3):
        first = np.take(sample, range(sample.shape[axis] - 1), axis).ravel()
        second = np.take(sample, range(1, sample.shape[axis]), axis).ravel()
        # a correlation of n independent pairs has a standard deviation of 1 / sqrt(n)
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))


@pytest.mark.parametrize("bits", [0, 2**64 - 1])
def test_numbers_are_finite_at_both_ends_of_the_hash(monkeypatch, bits):
    monkeypatch.setattr(noise, "_mix", lambda x: np.full_like(x, bits))
    assert np.isfinite(independent(np.zeros(1, np.uint64), 1, np.arange(1))).all()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from latentode.prediction import noise
from latentode.prediction.noise import place_noise


@given(
    seed=st.integers(0, 2**63),
    times=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5, unique=True),
)
def test_a_number_belongs_to_its_place(seed, times):
    together = place_noise(seed, "pump", np.array(times, dtype=np.int64), (2, 4, 3))
    for step, time in enumerate(times):
        alone = place_noise(seed, "pump", np.array([time], dtype=np.int64), (2, 4, 3))
        np.testing.assert_array_equal(alone[:, :, 0], together[:, :, step])


def test_more_draws_or_channels_leave_the_first_ones_as_they_are():
    times = np.arange(5, dtype=np.int64)
    few, many = (place_noise(1, "s", times, shape) for shape in ((2, 3, 2), (4, 7, 6)))
    np.testing.assert_array_equal(few, many[:2, :3, :, :2])


def test_seed_and_series_change_every_number():
    times = np.arange(50, dtype=np.int64)
    base = place_noise(0, "s1", times, (2, 5, 2))
    assert (base != place_noise(1, "s1", times, (2, 5, 2))).all()
    assert (base != place_noise(0, "s2", times, (2, 5, 2))).all()


def test_numbers_are_uniform_and_uncorrelated_along_every_axis():
    times = 1_700_000_000_000_000_000 + np.arange(60, dtype=np.int64) * 60_000_000_000
    sample = place_noise(0, "pump-7", times, (2, 40, 30))
    assert len(np.unique(sample)) == sample.size
    assert stats.kstest(sample.ravel(), "uniform").pvalue > 0.01
    centred = sample - 0.5
    for axis in range(4):
        first = np.take(centred, range(sample.shape[axis] - 1), axis).ravel()
        second = np.take(centred, range(1, sample.shape[axis]), axis).ravel()
        # a correlation of n independent pairs has a standard deviation of 1 / sqrt(n)
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))


@pytest.mark.parametrize("bits", [0, 2**64 - 1])
def test_numbers_are_strictly_between_zero_and_one_at_both_ends_of_the_hash(monkeypatch, bits):
    monkeypatch.setattr(noise, "_mix", lambda x: np.full_like(x, bits))
    sample = place_noise(0, "s", np.array([0]), (1, 1, 1))
    assert 0.0 < sample.min() <= sample.max() < 1.0
    assert np.isfinite(np.sqrt(-2 * np.log1p(-sample))).all()

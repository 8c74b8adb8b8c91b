"""The noise of readings: correlated as the copula says, and each number of its place alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from latentode.models.copula import COMPONENTS, GaussianCopula
from latentode.prediction import reading_noise
from latentode.prediction.noise import series_keys
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


def noise(made, num_draws=6_000, after=torch.inf, seed=0, series="s"):
    """After a reading at time 0, and before one as many units after each query."""
    gaps = torch.stack([torch.from_numpy(TIMES / UNIT), torch.full((5,), after).double()])
    gaps = gaps[..., None].expand(2, 5, 2).numpy()
    keys = np.repeat(series_keys(seed, [series]), 5)
    return ReadingNoise(
        made.arrays(), num_draws, UNIT, keys, TIMES, gaps, np.zeros(gaps.shape, np.int64)
    )


def drawn_of(of):
    """Shape (draw, query, channel)."""
    return np.moveaxis(of.drawn(), -1, 0)


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
    drawn = drawn_of(noise(copula(tails)))
    assert drawn.shape == (6_000, 5, 2)
    for step in range(5):
        for channel in range(2):
            assert stats.kstest(drawn[:, step, channel], "norm").pvalue > 1e-4


def test_times_and_channels_are_correlated_as_the_copula_says():
    made = copula()
    drawn = drawn_of(noise(made))
    found = np.corrcoef(drawn[..., 0].T)
    np.testing.assert_allclose(found, exact(made), rtol=0, atol=4 / 6_000**0.5)
    across = [np.corrcoef(drawn[:, step].T)[0, 1] for step in range(5)]
    np.testing.assert_allclose(across, 0.8, rtol=0, atol=4 / 6_000**0.5)


def test_what_else_is_asked_changes_nothing(monkeypatch):
    made = copula(1 / 3)
    made.tails[1] = 0.0
    of = noise(made, 20)
    gaps = of.gaps.copy()
    gaps[1, 1, 0] = gaps[1, 3] = 2.0  # some between two readings
    of = replace(of, gaps=gaps)
    whole = of.drawn()
    order = np.array([3, 0])
    part = {name: getattr(of, name)[order] for name in ("keys", "times")}
    part |= {name: getattr(of, name)[:, order] for name in ("gaps", "readings")}
    some = replace(of, **part)
    np.testing.assert_array_equal(some.drawn(), whole[order])
    fewer = replace(some, num_draws=7)
    np.testing.assert_array_equal(fewer.drawn(), whole[order, :, :7])
    other = noise(made, 20, series="t")
    both = {
        name: np.concatenate([getattr(part, name) for part in (other, of)], axis=axis)
        for name, axis in (("keys", 0), ("times", 0), ("readings", 1))
    }
    both = replace(of, gaps=np.concatenate([other.gaps, of.gaps], axis=1), **both)
    np.testing.assert_array_equal(both.drawn(), np.concatenate([other.drawn(), whole]))
    monkeypatch.setattr(reading_noise, "_BLOCK", 1)
    np.testing.assert_array_equal(of.drawn(), whole)


def test_seed_and_series_tell_noise_apart():
    own = noise(copula(), 3_000).drawn()
    for other in (noise(copula(), 3_000, seed=1), noise(copula(), 3_000, series="t")):
        assert abs(np.corrcoef(own[0, 0], other.drawn()[0, 0])[0, 1]) < 4 / 3_000**0.5


def test_forecasts_and_interpolations_have_each_their_own_copula():
    made = copula()
    made.weights[1] = 0.0
    made.weights[1, 0] = 1.0
    drawn = drawn_of(noise(made, after=3.0))
    found = np.corrcoef(drawn[..., 0].T) - np.eye(5)
    assert np.abs(found).max() < 4 / 6_000**0.5


def test_errors_are_large_and_small_together_in_a_stretch():
    made = copula(1 / 3)
    made.weights.zero_()
    made.weights[:, 0] = 1.0
    drawn = np.abs(drawn_of(noise(made))[..., 0])
    assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] > 0.1

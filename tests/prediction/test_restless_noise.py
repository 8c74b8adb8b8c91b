"""Noise over how calm it is, beside the functions that its tables stand for."""

import numpy as np
import pytest
from scipy import special, stats

from latentode.prediction.restless_noise import restless


@pytest.mark.parametrize("freedom", [3.0, 8.0])
def test_tables_give_what_the_functions_give(freedom):
    calm = np.repeat(np.linspace(-4.0, 4.0, 101), 301).astype(np.float32)
    noise = np.tile(np.linspace(-5.0, 5.0, 301), 101).astype(np.float32)
    squares = special.chdtri(freedom, special.ndtr(-calm.astype(np.float64))) / freedom
    student = np.abs(noise.astype(np.float64)) / np.sqrt(squares)
    exact = -np.sign(noise) * special.ndtri(special.stdtr(freedom, -student))
    # pieces of a 64th: an eighth of the square of that, by second derivatives of up to 10
    np.testing.assert_allclose(restless(noise, calm, freedom), exact, rtol=0, atol=4e-4)


def test_normal_noise_stays_normal():
    rng = np.random.default_rng(0)
    noise, calm = rng.normal(size=(2, 20_000)).astype(np.float32)
    scores = restless(noise, calm, 3.0)
    assert stats.kstest(scores, "norm").pvalue > 1e-4
    assert np.corrcoef(np.abs(scores), calm)[0, 1] < -0.3


def test_numbers_beyond_the_tables_have_scores():
    noise = np.array([0.0, -0.0, 1e-30, 1e30, -1e30], np.float32)
    scores = restless(noise, np.array([-99.0, 99.0, 0.0, 99.0, -99.0], np.float32), 3.0)
    assert np.isfinite(scores).all()
    assert (np.sign(scores) == [0, 0, 1, 1, -1]).all()

"""Few points in place of many draws of a normal state."""

import numpy as np
import pytest
from scipy import special, stats

from latentode.prediction.latent_points import latent_points

NAMES = [f"s{number}" for number in range(400)]


@pytest.mark.parametrize("size", [1, 3, 8, 20])
def test_points_have_mean_zero_and_mean_square_one(size):
    points = latent_points(0, NAMES, (16, size))
    assert points.shape == (16, 400, size)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.square(points).mean(axis=(0, 2)), 1.0, rtol=1e-12)


def test_as_many_directions_as_there_can_be_are_at_right_angles():
    for size, pairs in ((8, 4), (8, 8), (3, 3)):
        half = latent_points(0, NAMES[:5], (2 * pairs, size))[::2]
        for series in range(5):
            product = half[:, series] @ half[:, series].T
            np.testing.assert_allclose(product, np.diag(np.diag(product)), atol=1e-12)


def test_points_of_many_series_are_normal():
    points = latent_points(0, NAMES, (16, 6))
    # each of them: a few draws are the first of them
    assert stats.kstest(points[0, :, 0], "norm").pvalue > 1e-4
    # signs and distances of a series depend on each other: its points are no independent draws
    shares = [(points < level).mean() for level in (-1.6, -0.7, 0.0, 0.7, 1.6)]
    np.testing.assert_allclose(shares, special.ndtr([-1.6, -0.7, 0.0, 0.7, 1.6]), atol=0.01)
    mixed = np.einsum("pni,pnj->ij", points, points) / points[..., 0].size
    # series are independent, and each of 16 points says as much as one draw at least
    np.testing.assert_allclose(mixed, np.eye(6), atol=4 / np.sqrt(points[..., 0].size))


def test_a_linear_function_has_the_variance_that_it_has_under_the_normal():
    weights = np.random.default_rng(0).normal(size=8)
    found = (latent_points(0, NAMES, (16, 8)) @ weights).var(axis=0)
    exact = np.square(weights).sum()
    random = exact * np.sqrt(2 / 15)  # standard error of a variance from 16 normal draws
    assert found.mean() == pytest.approx(exact, rel=0.02)
    assert found.std() < 0.75 * random


def test_points_belong_to_seed_and_series():
    together = latent_points(3, NAMES[:7], (16, 5))
    for index in (0, 4):
        alone = latent_points(3, [NAMES[index]], (16, 5))
        np.testing.assert_array_equal(alone[:, 0], together[:, index])
    assert (latent_points(4, NAMES[:7], (16, 5)) != together).all()
    assert (together[:, 0] != together[:, 1]).all()

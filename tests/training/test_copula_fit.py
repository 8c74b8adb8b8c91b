"""What is common to errors, learned from errors whose law is known."""

import numpy as np
import torch

from latentode.models.copula import LASTING, GaussianCopula
from latentode.training.copula_fit import Stretches, _Parameters, correlation, fit_copula

STEPS, HORIZON = 24, 1.0


def stretches(windows, covariance, channels=2, restless=0.0):
    """Errors of some channels at the same times, after a last reading at 0."""
    rng = np.random.default_rng(0)
    times = np.arange(1, STEPS + 1) / STEPS
    root = np.linalg.cholesky(covariance(times))
    errors = rng.normal(size=(windows, len(root))) @ root.T
    errors *= np.exp(restless * rng.normal(size=(windows, 1)))
    points = STEPS * channels
    shape = (windows, points)
    of_steps = torch.from_numpy(np.repeat(times, channels)).expand(shape)
    return Stretches(
        present=torch.ones(shape, dtype=torch.bool),
        channel=torch.arange(channels).repeat(STEPS).expand(shape),
        times=of_steps,
        gaps=torch.stack([of_steps, torch.full(shape, torch.inf, dtype=torch.float64)]),
        readings=torch.stack([torch.zeros(shape).long(), torch.full(shape, -1)]),
        score=torch.from_numpy(errors),
        spread=torch.zeros(*shape, points, dtype=torch.float64),
    )


def of_copula(copula: GaussianCopula, of: Stretches):
    """Correlation that a fitted copula gives one window of forecasts."""

    class Learned(_Parameters):
        def weights(self):
            return copula.weights[0]

        def loadings(self):
            return copula.loadings[0]

        def lengths(self):
            return copula.lengths[0]

    learned = Learned(copula.weights.shape[-1], HORIZON)
    with torch.no_grad():
        return correlation(learned, of.select(torch.tensor([0])))[0].numpy()


def lasting(times):
    """0.3 of the variance is noise, the rest forgets in a quarter of a horizon; channels by 0.8."""
    in_time = 0.7 * np.exp(-np.abs(np.subtract.outer(times, times)) / 0.25) + 0.3 * np.eye(STEPS)
    return np.kron(in_time, np.array([[1.0, 0.8], [0.8, 1.0]]))


def test_correlation_in_time_and_between_channels_is_recovered():
    of = stretches(600, lasting)
    copula = fit_copula(of, 2, HORIZON)
    times = np.arange(1, STEPS + 1) / STEPS
    np.testing.assert_allclose(of_copula(copula, of), lasting(times), rtol=0, atol=0.05)
    assert copula.is_sound
    assert copula.windows.tolist() == [600, 0]
    assert float(copula.tails[0]) == 0.0


def test_errors_that_grow_from_the_last_reading_are_told_from_those_that_last():
    def walk(times):
        least = np.minimum.outer(times, times)
        return np.kron(least / np.sqrt(np.outer(times, times)), np.eye(2))

    of = stretches(300, walk)
    copula = fit_copula(of, 2, HORIZON)
    shares = copula.weights[0].mean(dim=1)
    assert float(shares[1 + LASTING :].sum()) > 0.6
    times = np.arange(1, STEPS + 1) / STEPS
    found, exact = of_copula(copula, of), walk(times)
    # steps from one reading to the next: 1 - correlation of neighbours
    np.testing.assert_allclose(np.diag(found, 2)[10:], np.diag(exact, 2)[10:], rtol=0, atol=0.02)


def test_stretches_of_large_and_of_small_errors_are_seen():
    of = stretches(100, lasting, restless=0.7)
    assert float(fit_copula(of, 2, HORIZON).tails[0]) >= 1 / 8


def test_from_few_windows_nothing_is_learned():
    copula = fit_copula(stretches(7, lasting), 2, HORIZON)
    assert not copula.windows.any()
    assert (copula.weights[:, 0] == 1).all()

"""The times of the components of a copula, and what is stored of one."""

import numpy as np
import pytest
import torch

from latentode.models.copula import COMPONENTS, LASTING, GaussianCopula
from latentode.models.copula_arrays import own_times

LENGTHS = torch.linspace(0.5, 3.0, COMPONENTS, dtype=torch.float64)


def known_at(readings, times, length):
    """Correlation of an Ornstein-Uhlenbeck process at some times, given it at some readings."""

    def covariance(a, b):
        return np.exp(-np.abs(np.subtract.outer(a, b)) / length)

    gain = covariance(times, readings) @ np.linalg.inv(covariance(readings, readings))
    left = covariance(times, times) - gain @ covariance(readings, times)
    spread = np.sqrt(np.diag(left))
    return left / np.outer(spread, spread)


@pytest.mark.parametrize("readings", [[0.0], [4.0], [0.0, 4.0], [-1.0, 0.0, 4.0, 5.5]])
def test_what_grows_from_readings_is_the_process_given_them(readings):
    times = np.array([0.05, 0.7, 1.9, 2.0, 3.3])
    before = [times - r for r in readings if r < 1]
    after = [r - times for r in readings if r > 1]
    none = np.full(5, np.inf)
    gaps = np.stack([np.min(before, 0) if before else none, np.min(after, 0) if after else none])
    taus = own_times(LENGTHS, torch.from_numpy(times), torch.from_numpy(gaps), torch).numpy()
    for number in range(1 + LASTING, COMPONENTS):
        tau = taus[number - 1]
        found = np.exp(-np.abs(np.subtract.outer(tau, tau)))
        exact = known_at(np.array(readings), times, float(LENGTHS[number]))
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)


def test_without_a_reading_every_component_lasts():
    times, none = torch.tensor([0.0, 1.0, 5.0]).double(), torch.full((2, 3), torch.inf).double()
    taus = own_times(LENGTHS, times, none, torch)
    torch.testing.assert_close(taus, times / LENGTHS[1:, None])


def test_a_query_at_a_reading_has_a_time_and_a_gradient():
    lengths = LENGTHS.clone().requires_grad_()
    gaps = torch.tensor([[0.0, 1.0, torch.inf], [torch.inf, 0.0, torch.inf]]).double()
    taus = own_times(lengths, torch.arange(3.0).double(), gaps, torch)
    taus.sum().backward()
    assert torch.isfinite(taus).all()
    assert torch.isfinite(lengths.grad).all()


def test_as_it_leaves_the_factory_all_is_noise():
    copula = GaussianCopula(3)
    assert copula.is_sound
    assert (copula.weights[:, 0] == 1).all()
    assert "too little was held out" in copula.line()


@pytest.mark.parametrize("name", ["weights", "lengths", "loadings", "tails", "calm"])
def test_numbers_that_are_no_correlation_are_unsound(name):
    copula = GaussianCopula(2)
    getattr(copula, name).fill_(-2.0)
    assert not copula.is_sound

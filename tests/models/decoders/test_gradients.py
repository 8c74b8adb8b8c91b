"""Gradients written by hand in the decoder's memory, against finite differences."""

import pytest
import torch

from latentode.models.decoders.kriging import Decayed, Kriging, SumOfApproaches
from latentode.models.decoders.smooth_kriging import NEIGHBOURS, SmoothKriging

INF = float("inf")


def positive(generator, *shape):
    return (0.2 + torch.rand(shape, generator=generator).double()).requires_grad_()


def normal(generator, *shape):
    return torch.randn(shape, generator=generator).double().requires_grad_()


@pytest.mark.parametrize("draws", [1, 3])
def test_kriging_has_the_gradient_of_finite_differences(draws):
    generator = torch.Generator().manual_seed(draws)
    gaps = torch.rand((2, 2, 4, 3), generator=generator).double()
    gaps[0, 0, 0], gaps[1, 1, 1], gaps[:, 0, 2, 1] = INF, INF, INF  # one or both neighbours absent
    residuals = normal(generator, 2, draws, 2, 4, 3)
    rates = positive(generator, 3, 3)
    weights = (0.3 * positive(generator, 3, 3).detach() / 1.2).requires_grad_()

    def krige(residuals, rates, weights):
        return Kriging.apply(gaps, residuals, rates, weights)

    assert torch.autograd.gradcheck(krige, (residuals, rates, weights))


@pytest.mark.parametrize("draws", [1, 3])
def test_smooth_kriging_has_the_gradient_of_finite_differences(draws):
    generator = torch.Generator().manual_seed(draws)
    gaps = torch.rand((NEIGHBOURS, 2, 3, 2), generator=generator).double()
    gaps = gaps.view(-1, 2, 2, 3, 2).cumsum(0).flatten(0, 1)  # farther and farther to either side
    gaps[2::2, 0, 0], gaps[1::2, 1, 1], gaps[:, 0, 2, 1] = INF, INF, INF  # some absent, or all
    residuals = normal(generator, NEIGHBOURS, draws, 2, 3, 2)
    rates = positive(generator, 2)
    weights = torch.tensor([[0.9, 0.8], [0.6, 0.4], [0.1, 0.1]]).double().requires_grad_()

    def krige(residuals, rates, weights):
        return SmoothKriging.apply(gaps, residuals, rates, weights)

    assert torch.autograd.gradcheck(krige, (residuals, rates, weights))


def test_a_query_on_a_reading_without_white_noise_has_no_variance_and_no_gradient_of_it():
    gaps = torch.tensor([0.0, 1.0]).double().view(2, 1, 1, 1)
    residuals = torch.tensor([2.0, -1.0]).double().view(2, 1, 1, 1, 1)
    rates = torch.tensor([[0.5]]).double().requires_grad_()
    weights = torch.tensor([[1.0]]).double().requires_grad_()
    mean, variance = Kriging.apply(gaps, residuals, rates, weights)
    assert mean.item() == pytest.approx(2.0, rel=1e-12)
    assert variance.item() == pytest.approx(1e-6, rel=1e-12)  # the floor
    variance.sum().backward()
    assert float(rates.grad) == 0.0
    assert float(weights.grad) == 0.0


def test_damped_trends_have_the_gradient_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    ages = torch.rand((2, 3, 4), generator=generator).double()
    ages[0, :, 1] = 0.0
    rates, gains = positive(generator, 3, 5), normal(generator, 2, 3, 2, 5)

    def approach(rates, gains):
        return SumOfApproaches.apply(ages, rates, gains)

    expected = (gains @ (1 - torch.exp(-rates[..., None] * ages[:, :, None]))).detach()
    torch.testing.assert_close(approach(rates, gains).detach(), expected)
    assert torch.autograd.gradcheck(approach, (rates, gains))


@pytest.mark.parametrize("draws", [1, 3])
def test_decayed_readings_have_the_gradient_of_finite_differences(draws):
    generator = torch.Generator().manual_seed(draws)
    gaps = torch.rand((2, 3, 4), generator=generator).double()
    gaps[0, 1, 2], gaps[1, 2] = INF, INF
    residuals, rates = normal(generator, draws, 2, 3, 4), positive(generator, 3, 4)

    def decayed(residuals, rates):
        return Decayed.apply(gaps, residuals, rates)

    near = torch.exp(-rates * gaps[..., None, :])
    expected = (near.flatten(-2), (near * residuals[..., None, :]).flatten(-2))
    torch.testing.assert_close(decayed(residuals, rates), expected)
    assert torch.autograd.gradcheck(decayed, (residuals, rates))


@pytest.mark.parametrize("draws", [1, 2])
def test_decayed_readings_take_sliced_and_expanded_cotangents(draws):
    generator = torch.Generator().manual_seed(draws)
    gaps = torch.rand((2, 3, 4), generator=generator).double()
    residuals, rates = normal(generator, draws, 2, 3, 4), positive(generator, 3, 4)

    def gradients(weights, products):
        # of slices along the last axis, which come as expanded and as padded cotangents
        total = weights.sum() + products[..., 2:9].square().sum() + products[:, :1].sum()
        return torch.autograd.grad(total, (residuals, rates))

    near = torch.exp(-rates * gaps[..., None, :])
    plain = gradients(near.flatten(-2), (near * residuals[..., None, :]).flatten(-2))
    torch.testing.assert_close(gradients(*Decayed.apply(gaps, residuals, rates)), plain)

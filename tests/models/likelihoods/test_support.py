"""Likelihoods with mass: against quadrature, finite differences and scipy, draws against both."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from latentode.models.likelihoods.bernoulli import BernoulliLikelihood
from latentode.models.likelihoods.censored import CensoredLikelihood
from latentode.models.likelihoods.negative_binomial import NegativeBinomialLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood
from latentode.models.likelihoods.support import SinhArcsinhLikelihood

LOCATION = torch.tensor([-1.5, 0.2, 1.9]).double()
SCALE = torch.tensor([0.5, 1.0, 3.0]).double()
LOWER = torch.tensor([-1.0, -torch.inf, 0.0]).double()
UPPER = torch.tensor([torch.inf, 1.0, 4.0]).double()


def with_tails(likelihood, tails=(-0.3, 0.0, 0.4)):
    free = getattr(likelihood, "free", likelihood)
    with torch.no_grad():
        free.raw_tail.copy_(torch.tensor(tails))
    return likelihood.double()


def free():
    return with_tails(SinhArcsinhLikelihood(3, heavy=True))


def censored(*, heavy=True):
    made = CensoredLikelihood(LOWER, UPPER, heavy=heavy)
    return with_tails(made) if heavy else made.double()


def of_channel(likelihood, channel, values, location=LOCATION, scale=SCALE):
    """Log-density of values of one channel."""
    grid = torch.as_tensor(np.atleast_1d(values)).double()[:, None].expand(-1, 3)
    return likelihood.log_prob(grid, location, scale)[:, channel].detach().numpy()


def cdf(likelihood, channel, value):
    """Closed form, with scipy's normal."""
    tails = likelihood.tail(likelihood.raw_tail).detach().numpy()
    error = (value - float(LOCATION[channel])) / float(SCALE[channel])
    return stats.norm.cdf(np.sinh(tails[channel] * np.arcsinh(error)))


@pytest.mark.parametrize("channel", range(3))
def test_the_density_is_the_slope_of_the_distribution_function(channel):
    likelihood = free()
    values = np.linspace(-6, 6, 25)
    step = 1e-5  # the error of a central difference is of the order of its square
    slope = (cdf(likelihood, channel, values + step) - cdf(likelihood, channel, values - step)) / (
        2 * step
    )
    found = np.exp(of_channel(likelihood, channel, values))
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-10)


def test_a_tail_of_one_is_the_normal():
    heavy = with_tails(SinhArcsinhLikelihood(3, heavy=True), (9.0, 9.0, 9.0))
    values = np.linspace(-3, 3, 13)
    for channel in range(3):
        np.testing.assert_allclose(
            of_channel(heavy, channel, values),
            stats.norm(LOCATION[channel], SCALE[channel]).logpdf(values),
            rtol=1e-12,
        )


@pytest.mark.parametrize("heavy", [True, False])
@pytest.mark.parametrize("channel", range(3))
def test_masses_and_density_of_a_bounded_channel_add_up_to_one(channel, heavy):
    likelihood = censored(heavy=heavy)
    low, high = float(LOWER[channel]), float(UPPER[channel])
    masses = sum(
        np.exp(of_channel(likelihood, channel, bound))[0]
        for bound in (low, high)
        if np.isfinite(bound)
    )
    inside = integrate.quad(
        lambda x: np.exp(of_channel(likelihood, channel, x))[0], low, high, limit=200
    )[0]
    assert masses + inside == pytest.approx(1.0, abs=1e-6)
    assert 0.01 < masses < 0.999


@pytest.mark.parametrize("channel", range(3))
def test_draws_of_a_bounded_channel_have_its_masses_and_its_density(channel):
    likelihood = censored()
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    draws = likelihood.transform(noise, LOCATION.expand(20_000, 3), SCALE.expand(20_000, 3))
    drawn = draws[:, channel].detach().numpy()
    low, high = float(LOWER[channel]), float(UPPER[channel])
    assert drawn.min() >= low
    assert drawn.max() <= high
    for bound in (low, high):
        if np.isfinite(bound):
            share = np.exp(of_channel(likelihood, channel, bound))[0]
            error = np.sqrt(share * (1 - share) / len(drawn))  # of a binomial share
            assert abs((drawn == bound).mean() - share) < 4 * error
    middle = (max(low, -3.0) + min(high, 3.0)) / 2
    share = cdf(likelihood.free, channel, middle)
    assert (drawn < middle).mean() == pytest.approx(share, abs=4 * 0.5 / np.sqrt(len(drawn)))


def test_a_reading_beyond_a_bound_has_the_density_that_it_would_have_without():
    likelihood = censored()
    values = torch.tensor([-1.7, 2.0, 4.5]).double()
    assert not likelihood.fits(values).any()
    assert not likelihood.is_mass(values).any()
    expected = likelihood.free.log_prob(values, LOCATION, SCALE)
    torch.testing.assert_close(likelihood.log_prob(values, LOCATION, SCALE), expected)


def test_a_bound_is_recognised_as_float32_and_float64_have_it():
    bound = 1.0 / 3.0
    likelihood = CensoredLikelihood(
        torch.tensor([bound]).double(), torch.tensor([torch.inf]), heavy=True
    )
    for dtype in (torch.float32, torch.float64):
        assert likelihood.is_mass(torch.tensor([bound, 0.3334], dtype=dtype)[:, None]).tolist() == [
            [True],
            [False],
        ]


MAKE = {
    "free": free,
    "censored": censored,
    "normal": lambda: censored(heavy=False),
    "states": lambda: BernoulliLikelihood(torch.zeros(3), torch.ones(3)).double(),
    "counts": lambda: NegativeBinomialLikelihood(torch.zeros(3), torch.ones(3)).double(),
}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("values", [(-1.0, 0.4, 0.0), (1.0, 1.0, 4.0), (0.0, 3.0, 1.0)])
def test_gradients_are_those_of_finite_differences(name, values):
    likelihood, read = MAKE[name](), torch.tensor(values).double()
    inputs = [tensor.clone().requires_grad_() for tensor in (LOCATION, SCALE)]
    assert torch.autograd.gradcheck(
        lambda location, scale: likelihood.log_prob(read, location, scale), inputs
    )


@pytest.mark.parametrize("name", MAKE)
def test_what_never_happened_has_a_finite_price_and_gradient(name):
    likelihood = MAKE[name]().float()
    for far in (-1e9, 1e9):
        location = torch.full((3,), far, requires_grad=True)
        scale = torch.full((3,), 1e-4, requires_grad=True)
        density = likelihood.log_prob(torch.tensor([-1.0, 1.0, 0.0]), location, scale)
        density.sum().backward()
        for tensor in (density, location.grad, scale.grad):
            assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("edge", [1e-15, 0.5, 1 - 1e-15])
def test_draws_are_finite_at_the_edges_of_the_uniform_numbers(name, edge):
    noise = torch.special.ndtri(torch.full((1, 3), edge, dtype=torch.float64))
    draws = MAKE[name]().transform(noise, LOCATION[None], SCALE[None])
    assert torch.isfinite(draws).all()
    short = MAKE[name]().transform(noise, LOCATION[None].float(), SCALE[None].float())
    assert short.dtype == torch.float32


def test_the_probabilities_of_two_states_add_up_to_one_and_are_drawn():
    states = BernoulliLikelihood(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 1.0, 6.0]))
    states = states.double()
    location, scale = torch.tensor([0.3, 0.5, 9.0]).double(), torch.tensor([1.0, 0.1, 1.0]).double()
    lower, upper = states.bounds.lower, states.bounds.upper
    chance = states.log_prob(upper, location, scale).exp()
    torch.testing.assert_close(chance + states.log_prob(lower, location, scale).exp(), chance**0)
    # the log-odds of the first are its distance from midway, but for the bend of one in 4,000
    assert float(chance[0]) == pytest.approx(1 / (1 + np.exp(-0.3)), abs=1e-4)
    assert float(chance[1]) == 0.5
    noise = torch.randn(10_000, 3, generator=torch.Generator().manual_seed(2)).double()
    draws = states.transform(noise, location.expand(10_000, 3), scale.expand(10_000, 3))
    assert ((draws == lower) | (draws == upper)).all()
    up = (draws == upper).double().mean(0)
    torch.testing.assert_close(up, chance.detach(), rtol=0, atol=4 * 0.5 / 100)


def test_counts_are_those_of_scipy():
    zero, step = torch.tensor([0.0, -1.0, 0.5]).double(), torch.tensor([1.0, 0.5, 0.1]).double()
    counts = NegativeBinomialLikelihood(zero, step).double()
    number = torch.arange(12.0).double()[:, None]
    found = counts.log_prob(zero + step * number, LOCATION, SCALE)
    means = np.log1p(np.exp(((LOCATION - zero) / step).numpy()))
    sizes = (means / (SCALE / step).numpy()) ** 2
    expected = stats.nbinom(sizes, sizes / (sizes + means)).logpmf(number.numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-4)


def test_a_scale_near_zero_makes_counts_poisson():
    counts = NegativeBinomialLikelihood(torch.zeros(1), torch.ones(1))
    number = torch.arange(30.0)[:, None]
    found = counts.log_prob(number, torch.tensor([7.0]), torch.tensor([1e-3]))[:, 0]
    expected = stats.poisson(np.log1p(np.exp(7.0))).logpmf(np.arange(30))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)  # float32


def test_drawn_counts_are_whole_and_have_mean_and_variance():
    counts = NegativeBinomialLikelihood(torch.zeros(3), torch.ones(3)).double()
    location, scale = (
        torch.tensor([-2.0, 6.0, 400.0]).double(),
        torch.tensor([0.1, 4.0, 20.0]).double(),
    )
    noise = torch.randn(40_000, 3, generator=torch.Generator().manual_seed(3)).double()
    shape = (40_000, 3)
    draws = counts.transform(noise, location.expand(shape), scale.expand(shape)).numpy()
    assert (draws == np.rint(draws)).all()
    assert (draws >= 0).all()
    mean = np.log1p(np.exp(location.numpy()))
    variance = mean + scale.numpy() ** 2
    assert (np.abs(draws.mean(0) - mean) < 4 * np.sqrt(variance / 40_000)).all()
    # the fourth moment of these is below 12 times the square of the variance
    assert (np.abs(draws.var(0) / variance - 1) < 4 * np.sqrt(12 / 40_000)).all()


@pytest.mark.parametrize("make", ["states", "counts"])
def test_what_is_no_state_or_count_is_told(make):
    likelihood = MAKE[make]()
    read = torch.tensor([[0.0, 1.0, 1.0], [0.5, -1.0, 1e-7]]).double()
    assert likelihood.fits(read).tolist() == [[True, True, True], [False, False, True]]


@pytest.mark.parametrize("make", ["states", "counts"])
def test_the_score_of_a_probability_lies_in_the_middle_of_it(make):
    likelihood = MAKE[make]()
    noise = torch.randn(4_000, 3, generator=torch.Generator().manual_seed(5)).double()
    location, scale = LOCATION.expand(4_000, 3), SCALE.expand(4_000, 3)
    values = likelihood.transform(noise, location, scale)
    scores = likelihood.score(values, location, scale)
    for channel in range(3):
        for value in values[:, channel].unique():
            drawn = values[:, channel] == value
            of_it = torch.special.ndtr(noise[drawn, channel])
            found = float(torch.special.ndtr(scores[drawn, channel][0]))
            error = 4 * 0.3 / int(drawn.sum()) ** 0.5  # of a mean of numbers spread within 1
            assert abs(found - float(of_it.mean())) < error


@pytest.mark.parametrize("make", ["free", "normal"])
def test_the_score_of_a_reading_between_bounds_is_the_noise_that_makes_it(make):
    likelihood = MAKE[make]()
    noise = torch.linspace(-3, 3, 64, dtype=torch.float64)[:, None].expand(64, 3)
    values = likelihood.transform(noise, LOCATION.expand(64, 3), SCALE.expand(64, 3))
    inside = (values > LOWER) & (values < UPPER) if make == "normal" else values == values
    scores = likelihood.score(values, LOCATION, SCALE)
    assert inside.sum() > 60
    torch.testing.assert_close(scores[inside], noise[inside], rtol=1e-9, atol=1e-9)


def test_the_score_of_a_bound_lies_in_the_middle_of_its_probability():
    likelihood = censored()
    scores = likelihood.score(torch.stack([LOWER, UPPER]), LOCATION, SCALE)
    found = torch.special.ndtr(scores.detach())
    for channel in (0, 2):
        below = cdf(likelihood.free, channel, float(LOWER[channel]))
        assert float(found[0, channel]) == pytest.approx(below / 2, rel=1e-9)
    for channel in (1, 2):
        above = 1 - cdf(likelihood.free, channel, float(UPPER[channel]))
        assert float(found[1, channel]) == pytest.approx(1 - above / 2, rel=1e-9)


def test_a_students_t_keeps_a_variance_however_heavy_its_tails_become():
    likelihood = StudentTLikelihood(3)
    with torch.no_grad():
        likelihood.raw_df.copy_(torch.tensor([-100.0, 0.0, 100.0]))
    freedom = likelihood.df.detach()
    assert float(freedom[0]) == 2.0  # the least with a variance, which is not reached by training
    assert 2.0 < float(freedom[1]) < float(freedom[2])

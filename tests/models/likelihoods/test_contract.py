"""What every likelihood must do; densities against scipy, draws against densities."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from latentode.models.likelihoods.base import masked_sum
from latentode.models.likelihoods.flow import FlowLikelihood
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood


def gaussian():
    return GaussianLikelihood(3).double(), lambda _channel: stats.norm()


def student():
    likelihood = StudentTLikelihood(3).double()
    with torch.no_grad():
        likelihood.raw_df.copy_(torch.tensor([-0.8, 0.1, 9.0]))
    df = likelihood.df.detach().numpy()
    assert (np.diff(df) > 1).all()
    return likelihood, lambda channel: stats.t(df[channel])


CASES = [gaussian, student]
LOCATION = torch.tensor([-1.0, 0.0, 7.0], dtype=torch.float64)
SCALE = torch.tensor([0.5, 1.0, 20.0], dtype=torch.float64)


@pytest.mark.parametrize("make", CASES)
def test_the_log_density_is_that_of_scipy(make):
    likelihood, truth = make()
    values = LOCATION + SCALE * torch.linspace(-8, 8, 33, dtype=torch.float64)[:, None]
    found = likelihood.log_prob(values, LOCATION, SCALE).detach().numpy()
    for channel in range(3):
        scaled = ((values - LOCATION) / SCALE)[:, channel].numpy()
        expected = truth(channel).logpdf(scaled) - np.log(float(SCALE[channel]))
        np.testing.assert_allclose(found[:, channel], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("make", CASES)
def test_the_density_integrates_to_one(make):
    likelihood, _ = make()
    for channel in range(3):

        def density(x, channel=channel):
            values = torch.full((3,), x, dtype=torch.float64)
            return float(likelihood.log_prob(values, LOCATION, SCALE).exp()[channel].detach())

        center = float(LOCATION[channel])
        sides = [(-np.inf, center), (center, np.inf)]
        assert sum(integrate.quad(density, *side)[0] for side in sides) == pytest.approx(
            1, abs=1e-6
        )


@pytest.mark.parametrize("make", CASES)
def test_draws_follow_the_density(make):
    likelihood, truth = make()
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    shape = (20_000, 3)
    draws = likelihood.transform(noise, LOCATION.expand(shape), SCALE.expand(shape))
    for channel in range(3):
        scaled = ((draws - LOCATION) / SCALE)[:, channel].detach().numpy()
        assert stats.kstest(scaled, truth(channel).cdf).pvalue > 0.01
        tail = np.quantile(scaled, [0.001, 0.5, 0.999])
        # standard error of a quantile: sqrt(p (1 - p) / n) / density
        p = np.array([0.001, 0.5, 0.999])
        exact = truth(channel).ppf(p)
        error = np.sqrt(p * (1 - p) / len(scaled)) / truth(channel).pdf(exact)
        assert (np.abs(tail - exact) < 4 * error).all()


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("edge", [1e-16, 0.5, 1 - 2.0**-53])
def test_draws_are_finite_at_the_edges_of_the_uniform_numbers(make, edge):
    likelihood, _ = make()
    noise = torch.special.ndtri(torch.full((1, 3), edge, dtype=torch.float64))
    draws = likelihood.transform(noise, LOCATION[None], SCALE[None])
    assert torch.isfinite(draws).all()


@pytest.mark.parametrize("make", CASES)
def test_draws_take_the_dtype_of_the_location(make):
    likelihood, _ = make()
    noise = torch.randn(4, 3, dtype=torch.float64)
    location = LOCATION.float().expand(4, 3)
    assert likelihood.transform(noise, location, SCALE.float()).dtype == torch.float32


@pytest.mark.parametrize("make", CASES)
def test_an_enormous_error_has_a_finite_density_and_gradient(make):
    likelihood, _ = make()
    likelihood = likelihood.float()
    location = torch.zeros(3, requires_grad=True)
    scale = torch.full((3,), 1e-4, requires_grad=True)
    density = likelihood.log_prob(torch.full((3,), 1e9), location, scale)
    density.sum().backward()
    assert torch.isfinite(density).all()
    assert torch.isfinite(location.grad).all()
    assert torch.isfinite(scale.grad).all()


def test_a_spike_pulls_a_student_less_than_a_gaussian():
    pulls = []
    for make in CASES:
        location = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        make()[0].log_prob(torch.full((3,), 50.0).double(), location, SCALE).sum().backward()
        pulls.append(location.grad)
    assert (pulls[1][:2] < 0.1 * pulls[0][:2]).all()  # errors of 100 and 50 standard deviations


def test_many_degrees_of_freedom_are_the_normal():
    student_t = StudentTLikelihood(3).double()
    with torch.no_grad():
        # the difference is of the order of error^4 / 4 df
        student_t.raw_df.fill_(1e8)
    values = LOCATION + SCALE * torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3)
    normal = GaussianLikelihood(3).log_prob(values, LOCATION, SCALE)
    torch.testing.assert_close(
        student_t.log_prob(values, LOCATION, SCALE), normal, rtol=0, atol=1e-5
    )


def test_the_degrees_of_freedom_exceed_one_whatever_the_parameter():
    student_t = StudentTLikelihood(2)
    with torch.no_grad():
        student_t.raw_df.copy_(torch.tensor([-50.0, 90.0]))
    assert (student_t.df >= 1).all()
    assert torch.isfinite(student_t.log_prob(torch.ones(2), torch.zeros(2), torch.ones(2))).all()


def test_a_masked_sum_takes_the_observed_places_only():
    density = torch.tensor([[[1.0, float("nan")], [float("-inf"), 4.0]]]).expand(3, 1, 2, 2)
    mask = torch.tensor([[[True, False], [False, True]]])
    assert masked_sum(density, mask).tolist() == [[5.0]] * 3
    assert masked_sum(density, torch.zeros_like(mask)).tolist() == [[0.0]] * 3


@pytest.mark.parametrize("make", CASES)
def test_balanced_readings_count_by_their_scale_and_as_much_as_before_in_all(make):
    likelihood, _ = make()
    shape, generator = (2, 3, 5, 3), torch.Generator().manual_seed(1)
    values = torch.randn(shape[1:], generator=generator).double()
    location = torch.randn(shape, generator=generator).double().requires_grad_()
    scale = torch.rand(shape, generator=generator).double().add(0.1).requires_grad_()
    mask = torch.rand(shape[1:], generator=generator) < 0.7
    plain = likelihood.joint(values, location, scale, mask)
    density = likelihood.log_prob(values, location, scale)
    for balance in (0.25, 1.0):
        found = likelihood.joint(values, location, scale, mask, balance=balance)
        weight = scale.detach() ** (2 * balance)
        weight = weight / weight[mask.expand(shape)].mean()
        expected = (density * weight * mask).sum((-2, -1))
        torch.testing.assert_close(found, expected)
        # a constant for the gradient
        (one,) = torch.autograd.grad(found.sum(), scale, retain_graph=True)
        (other,) = torch.autograd.grad(expected.sum(), scale, retain_graph=True)
        torch.testing.assert_close(one, other)
    assert torch.equal(likelihood.joint(values, location, scale, mask, balance=0.0), plain)
    nothing = likelihood.joint(values, location, scale, mask & False, balance=0.5)
    assert torch.equal(nothing, torch.zeros(shape[:2]).double())


@pytest.mark.parametrize("make", CASES)
def test_a_score_is_the_noise_that_makes_the_reading(make):
    likelihood, _ = make()
    noise = torch.linspace(-4.0, 4.0, 81, dtype=torch.float64)[:, None].expand(81, 3)
    values = likelihood.transform(noise, LOCATION.expand(81, 3), SCALE.expand(81, 3))
    assert (values.diff(dim=0) > 0).all()
    scores = likelihood.score(values, LOCATION, SCALE)
    if not torch.isnan(scores).all():  # channels of a flow depend on each other
        torch.testing.assert_close(scores, noise, rtol=1e-6, atol=1e-6)


def test_readings_of_a_flow_have_the_density_of_the_standard_ones_they_are_made_of():
    torch.manual_seed(2)
    likelihood = FlowLikelihood(3).double().eval()
    with torch.no_grad():
        for parameter in likelihood.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    standard, mask = torch.randn(2, 4, 3).double(), torch.ones(2, 4, 3).bool()
    zero, one = torch.zeros_like(standard), torch.ones_like(standard)
    expected = likelihood.joint(standard, zero, one, mask) - 4 * SCALE.log().sum()
    values = LOCATION + SCALE * standard
    found = likelihood.joint(values, LOCATION.expand(2, 4, 3), SCALE.expand(2, 4, 3), mask)
    torch.testing.assert_close(found, expected)

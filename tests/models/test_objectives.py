import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from oracles import gaussian_evidence, gaussian_posterior
from scipy import stats
from torch.distributions import Normal

from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.objectives import elbo, iwae, iwae_standard_error, kl_annealing
from latentode.models.priors import StandardNormal

SIGMA = 0.7
# orthogonal columns: the exact posterior is a diagonal normal
DESIGN = np.array([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.4], [-0.4, 0.8]])
X = np.array([1.1, -0.4, 0.3, 0.9])
EVIDENCE = gaussian_evidence(DESIGN, SIGMA, X)


def bounds(mean, std, num_draws, repeats, seed=0):
    """Log-likelihoods, log-weights and KL of independent repeats, of x = design z + noise."""
    generator = torch.Generator().manual_seed(seed)
    mean, std = (torch.as_tensor(part, dtype=torch.float64) for part in (mean, std))
    noise = torch.randn(num_draws, repeats, 2, generator=generator, dtype=torch.float64)
    z = mean + std * noise
    location = z @ torch.from_numpy(DESIGN).T
    likelihood, prior = GaussianLikelihood(4), StandardNormal(2)
    scale = torch.full((), SIGMA, dtype=torch.float64)
    log_likelihood = likelihood.log_prob(torch.from_numpy(X), location, scale).sum(-1)
    log_ratio = prior.log_prob(z) - Normal(mean, std).log_prob(z).sum(-1)
    kl = prior.kl_from(mean, std).expand(repeats)
    return log_likelihood, log_likelihood + log_ratio, kl


def estimate(values):
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))


POOR = ([0.2, 0.1], [0.9, 0.8])


def test_bounds_are_in_order_and_approach_the_evidence():
    log_likelihood, _, kl = bounds(*POOR, 1, 40_000)
    found = [estimate(elbo(log_likelihood, kl))]
    found += [estimate(iwae(bounds(*POOR, k, 400_000 // k)[1])) for k in (5, 50, 5000)]
    for (lower, low_error), (upper, high_error) in pairwise(found):
        assert lower < upper - 3 * math.hypot(low_error, high_error) or upper > EVIDENCE - 0.01
        assert upper <= EVIDENCE + 4 * high_error
    assert found[0][0] < EVIDENCE - 0.3
    assert found[-1][0] == pytest.approx(EVIDENCE, abs=4 * found[-1][1] + 1e-3)


def test_the_elbo_is_the_evidence_less_the_divergence_from_the_posterior():
    log_likelihood, _, kl = bounds(*POOR, 1, 200_000)
    value, error = estimate(elbo(log_likelihood, kl))
    truth_mean, truth_cov = gaussian_posterior(DESIGN, SIGMA, X)
    mean, var = np.array(POOR[0]), np.array(POOR[1]) ** 2
    gap = truth_mean - mean
    precision = np.linalg.inv(truth_cov)
    divergence = 0.5 * (
        np.trace(precision * var) + gap @ precision @ gap - 2
        + np.log(np.linalg.det(truth_cov)) - np.log(var).sum()
    )  # fmt: skip
    assert value == pytest.approx(EVIDENCE - divergence, abs=4 * error)


def test_the_exact_posterior_closes_every_bound():
    mean, covariance = gaussian_posterior(DESIGN, SIGMA, X)
    assert abs(covariance[0, 1]) < 1e-12
    std = np.sqrt(np.diag(covariance))
    _, weights, kl = bounds(mean, std, 7, 5)
    np.testing.assert_allclose(weights, EVIDENCE, atol=1e-10)  # every weight, without any noise
    np.testing.assert_allclose(iwae(weights), EVIDENCE, atol=1e-10)
    assert float(iwae_standard_error(weights).max()) < 1e-10
    # this bound keeps the noise of its likelihood, the divergence being exact
    value, error = estimate(elbo(bounds(mean, std, 1, 50_000)[0], kl[0]))
    assert value == pytest.approx(EVIDENCE, abs=4 * error)


def test_one_draw_makes_the_two_bounds_the_same_on_average():
    log_likelihood, weights, kl = bounds(*POOR, 1, 100_000)
    one, other = elbo(log_likelihood, kl), iwae(weights)
    difference, error = estimate(one - other)
    assert abs(difference) < 4 * error


def test_the_weight_of_the_divergence_enters_linearly():
    log_likelihood, _, kl = bounds(*POOR, 3, 4)
    torch.testing.assert_close(
        elbo(log_likelihood, kl, 0.25), log_likelihood.mean(0) - 0.25 * kl, rtol=0, atol=1e-12
    )


def test_iwae_is_stable_for_weights_that_underflow():
    weights = torch.tensor([[-5000.0, 1e4], [-5001.0, -1e4]], dtype=torch.float64)
    expected = [-5000.0 + math.log((1 + math.exp(-1)) / 2), 1e4 - math.log(2)]
    assert iwae(weights).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_standard_error_is_the_spread_over_repeats():
    _, weights, _ = bounds(*POOR, 400, 3000)
    spread = float(iwae(weights).std())
    assert float(iwae_standard_error(weights).mean()) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.1), (-0.3, 4.0)])
def test_the_divergence_in_closed_form_is_that_of_monte_carlo(mean, std):
    prior = StandardNormal(3)
    q = Normal(torch.full((3,), mean).double(), torch.full((3,), std).double())
    z = q.mean + q.stddev * torch.randn(100_000, 3, dtype=torch.float64)
    value, error = estimate(q.log_prob(z).sum(-1) - prior.log_prob(z))
    assert float(prior.kl_from(q.mean, q.stddev)) == pytest.approx(value, abs=4 * error + 1e-12)


def test_the_prior_is_the_standard_normal():
    prior = StandardNormal(3)
    z = torch.randn(5, 3, dtype=torch.float64)
    np.testing.assert_allclose(prior.log_prob(z), stats.norm.logpdf(z).sum(-1), rtol=1e-12)
    draws = prior.sample((2000, 2), torch.Generator().manual_seed(0))
    again = prior.sample((2000, 2), torch.Generator().manual_seed(0))
    assert draws.shape == (2000, 2, 3)
    assert torch.equal(draws, again)
    assert stats.kstest(draws.flatten(), "norm").pvalue > 0.01


def test_annealing_rises_in_a_line_to_the_final_weight():
    weights = [kl_annealing(step, 4, 0.5) for step in range(7)]
    assert weights == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    assert kl_annealing(0, 0) == 1.0

"""Flows as prior, posterior and likelihood of the model, alone and through it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import case, double, gradients, irregular_log, loss_of, noise_for
from scipy import stats

from latentode import LatentODE, LatentODEConfig, SolverConfig, ode
from latentode.flows import CNF, path_regularizers
from latentode.models.dynamics.mlp import BoundDynamics
from latentode.models.encoders.posterior import FlowPosterior, NormalPosterior
from latentode.models.likelihoods.flow import FlowLikelihood
from latentode.models.priors import CNFPrior, StandardNormal

ALL = {"model__prior": "cnf", "model__posterior": "cnf", "model__likelihood": "flow"}


def moved(module, *, seed=0, size=0.6):
    """The module with every parameter away from its start, in float64."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def test_a_normal_posterior_has_the_density_of_torch():
    mean, stddev, noise = torch.randn(4, 3), torch.rand(4, 3) + 0.1, torch.randn(5, 4, 3)
    z, log_density = NormalPosterior(mean, stddev, mean).draw(noise)
    torch.testing.assert_close(
        log_density, torch.distributions.Normal(mean, stddev).log_prob(z).sum(-1)
    )


def test_a_flow_posterior_has_the_density_of_its_map():
    flow = moved(CNF(2, context_dim=3, hidden_dims=(8, 8)))
    mean, stddev, context = (torch.randn(1, k).double() for k in (2, 2, 3))
    posterior = FlowPosterior(mean, stddev.abs() + 0.1, flow, context)
    noise = torch.randn(6, 1, 2).double()
    z, log_density = posterior.draw(noise)
    torch.testing.assert_close(z, posterior.at(noise), rtol=0, atol=1e-12)
    for draw in range(6):
        jacobian = torch.autograd.functional.jacobian(
            lambda e: posterior.at(e.reshape(1, 1, 2)).flatten(), noise[draw, 0]
        )
        base = torch.distributions.Normal(0.0, 1.0).log_prob(noise[draw, 0]).sum()
        expected = base - torch.linalg.slogdet(jacobian).logabsdet
        # the Jacobian is that of the discrete solve
        assert log_density[draw, 0].item() == pytest.approx(expected.item(), abs=1e-4)
    torch.testing.assert_close(posterior.centre, posterior.at(torch.zeros(1, 1, 2).double())[0])


def test_the_learned_prior_is_a_density_and_its_draws_follow_it():
    prior = moved(CNFPrior(1), size=0.3)
    grid = torch.linspace(-15, 15, 1501, dtype=torch.float64)
    with torch.no_grad():
        density = prior.log_prob(grid[:, None]).exp()
        draws = prior.sample((2_000,), torch.Generator().manual_seed(0))[:, 0]
    assert torch.trapezoid(density, grid).item() == pytest.approx(1.0, abs=1e-5)
    cumulative = torch.cumulative_trapezoid(density, grid)
    below = np.interp(draws.numpy(), grid[1:].numpy(), cumulative.numpy())
    assert stats.kstest(below, "uniform").pvalue > 1e-3


def flow_likelihood(channels=2):
    return moved(FlowLikelihood(channels), size=0.3)


def test_readings_of_all_channels_have_a_joint_density_that_integrates_to_one():
    likelihood = flow_likelihood().train()  # the coarser solver: a density as well
    axis = torch.linspace(-20, 20, 81, dtype=torch.float64)
    values = torch.cartesian_prod(axis, axis)[:, None]  # (batch, time, channel)
    location, scale = torch.tensor([0.5, -0.5]).double(), torch.tensor([1.2, 0.9]).double()
    shape = values.shape
    with torch.no_grad():
        density = likelihood.joint(
            values, location.expand(shape), scale.expand(shape), torch.ones(shape, dtype=torch.bool)
        )
    # what lies beyond 16 scales has a mass of some 1e-4 under five degrees of freedom
    assert density.exp().sum().item() * 0.5**2 == pytest.approx(1.0, abs=2e-3)


def test_each_reading_has_a_density_of_its_own_and_a_lone_one_is_its_own_joint():
    likelihood = flow_likelihood()
    axis = torch.linspace(-100, 100, 1001, dtype=torch.float64)
    values, zero = axis[:, None].expand(-1, 2), torch.zeros(1001, 2).double()
    with torch.no_grad():
        single = likelihood.log_prob(values, zero, zero + 1)
        mass = torch.trapezoid(single.exp(), axis, dim=0)
        mask = torch.tensor([False, True]).expand(1001, 1, 2)
        joint = likelihood.joint(values[:, None], zero[:, None], zero[:, None] + 1, mask)
    torch.testing.assert_close(mass, torch.ones(2).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(joint, single[:, 1])


def test_what_is_not_observed_does_not_reach_the_likelihood_and_draws_are_batched():
    likelihood = flow_likelihood(3)
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(4, 5, 3, generator=generator).double()
    location = torch.randn(2, 4, 5, 3, generator=generator).double()
    mask = torch.rand(4, 5, 3, generator=generator) < 0.5
    mask[0] = False
    scale = torch.rand(2, 4, 5, 3, generator=generator).double() + 0.1
    found = likelihood.joint(values, location, scale, mask)
    assert found.shape == (2, 4)
    torch.testing.assert_close(found[:, 0], torch.zeros(2).double())
    other = likelihood.joint(torch.where(mask, values, 77.0), location, scale, mask)
    torch.testing.assert_close(other, found)
    rows = [
        likelihood.joint(values[[b]], location[:, [b]], scale[:, [b]], mask[[b]])[:, 0]
        for b in range(4)
    ]
    torch.testing.assert_close(torch.stack(rows, 1), found)


def test_draws_of_the_flow_likelihood_follow_its_density():
    likelihood = flow_likelihood(1)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2_000, 1, dtype=torch.float64, generator=generator)
    location, scale = torch.full((2_000, 1), 3.0).double(), torch.full((2_000, 1), 0.5).double()
    axis = torch.linspace(-50, 50, 2_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        draws = likelihood.transform(noise, location, scale)[:, 0]
        density = likelihood.log_prob(axis, torch.zeros_like(axis), torch.ones_like(axis)).exp()
    cumulative = torch.cumulative_trapezoid(density[:, 0], axis[:, 0])
    below = np.interp((draws.numpy() - 3.0) / 0.5, axis[1:, 0].numpy(), cumulative.numpy())
    assert stats.kstest(below, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_every_parameter_of_a_model_of_flows_learns(objective):
    model, batch = case(**ALL)
    found = gradients(model, loss_of(model, batch, noise_for(batch), objective))
    for name, gradient in found.items():
        assert gradient is not None, name
        assert torch.isfinite(gradient).all(), name
        assert gradient.abs().max() > 0, name


def test_a_window_alone_is_the_same_window_under_flows():
    model, batch = case(irregular_log((40, 25, 1)), size=4, **ALL)
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    together = model(batch, noise)
    for w in range(batch.size):
        alone = model(batch.select(torch.tensor([w])), noise[:, [w]])
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[..., 0], other[..., w], rtol=1e-9, atol=1e-9)


def test_the_estimated_divergence_is_the_exact_one_where_both_are_normal():
    model, batch = case(size=3, model__posterior="cnf")
    assert isinstance(model.prior, StandardNormal)
    with torch.no_grad():
        for parameter in model.posterior_head.flow.nets[0].linears[-1].parameters():
            parameter.zero_()
        for parameter in model.posterior_head.flow.nets[0].biases.parameters():
            parameter.zero_()  # no flow is left
        _, ratio, kl = model(batch, noise_for(batch, draws=500))
        posterior = model.posterior(batch)
        exact = model.prior.kl_from(posterior.mean, posterior.stddev)
    assert ((kl - exact).abs() < 5 * ratio.std(0) / 500**0.5).all()


def test_an_estimator_of_flows_fits_forecasts_scores_and_returns_from_its_folder(tmp_path):
    log = irregular_log((60, 60), extras=False)
    config = LatentODEConfig().updated(
        **{
            "model.latent_dim": 2,
            "model.hidden_dim": 8,
            "train.max_epochs": 1,
            "train.steps_per_epoch": 2,
            "train.batch_size": 4,
            "windows.context": "24h",
            "windows.horizon": "6h",
        }
    )
    parts = {"prior": "cnf", "posterior": "cnf", "likelihood": "flow"}
    model = LatentODE(**parts, config=config, random_state=0).fit(log)
    assert model.config_.model.posterior == "cnf"
    score = model.score(log, num_draws=8)
    assert np.isfinite(score["log_prob"]).all()
    assert (score["standard_error"] > 0).all()
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    assert np.array_equal(again.score(log, num_draws=8)["log_prob"], score["log_prob"])
    forecast = again.forecast(log, horizon="6h", every="2h", num_draws=4)
    assert all(
        np.isfinite(forecast[name]).all()
        for name in forecast.data_vars
        if forecast[name].dtype.kind == "f"
    )


def test_regularisers_apply_to_the_latent_dynamics_of_each_window():
    model, batch = case(size=3)
    model, batch = model.double(), double(batch)
    # given inputs jump, where no quadrature is of high order
    batch = replace(batch, inputs=replace(batch.inputs, knot_values=0 * batch.inputs.knot_values))
    field = BoundDynamics(model.dynamics, batch.inputs, batch.static)
    z0 = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    start = torch.zeros(3, dtype=torch.float64)
    end = torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64)
    trajectory = ode.solve(field, z0, start, end, SolverConfig(method="rk4", step_size=0.05))
    names = ["kinetic", "jacobian", "second_derivative", "polynomial"]
    seeded = lambda: torch.Generator().manual_seed(1)  # noqa: E731
    found = path_regularizers(field, trajectory, names, generator=seeded())
    for value in found.values():
        assert value.shape == (2, 3)
        assert torch.isfinite(value).all()
    # the energy by the quadrature of the trajectory itself
    energy = trajectory.integrate(lambda t, z: 0.5 * _slopes(field, t, z).square().mean(-1))
    torch.testing.assert_close(found["kinetic"], energy, rtol=1e-6, atol=0)
    plain = path_regularizers(lambda t, z: field(t, z), trajectory, names[2:])
    for name in names[2:]:
        torch.testing.assert_close(found[name], plain[name])
    gradient = torch.autograd.grad(found["jacobian"].sum(), list(model.dynamics.parameters()))
    assert all(torch.isfinite(part).all() for part in gradient)


def _slopes(field, times, states):
    """Slopes at (batch, node) times of (draw, batch, node, latent) states, node by node."""
    nodes = range(times.shape[1])
    return torch.stack([field(times[:, k], states[:, :, k]) for k in nodes], dim=2)

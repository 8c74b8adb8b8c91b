"""Densities of flows against closed forms, Jacobians, grids and a second method; in float64."""

import copy
import math

import pytest
import scipy.stats
import torch
from flow_cases import FINE, REFERENCE, bent, linear, points

from latentode.config import SolverConfig
from latentode.errors import ConfigError, ShapeError, SolverError
from latentode.flows import CNF
from latentode.flows.solvers import TRAIN_NODES
from latentode.ode.divergence import TraceConfig

MATRIX = torch.tensor([[0.3, -0.8, 0.1], [0.5, -0.2, 0.4], [0.0, 0.6, 0.9]], dtype=torch.float64)
BIAS = torch.tensor([0.4, -1.0, 0.2], dtype=torch.float64)
HUTCHINSON = TraceConfig("hutchinson", num_probes=2)


def test_a_linear_flow_is_a_matrix_exponential_with_the_integral_of_the_trace():
    flow, z = linear(MATRIX, torch.zeros(3).double()), points(5, 3)
    # RK4 with steps of 1/64 in evaluation mode: h^4 |A|^5 / 120 is some 1e-9
    torch.testing.assert_close(flow(z), z @ torch.linalg.matrix_exp(MATRIX).T, rtol=0, atol=1e-8)
    result = flow.evaluate(flow(z))
    torch.testing.assert_close(result.log_det, MATRIX.trace().expand(5), rtol=1e-13, atol=0)
    assert result.trace == "analytic"


def test_a_gaussian_carried_by_a_linear_flow_is_the_gaussian_of_the_closed_form():
    flow, x = linear(MATRIX, BIAS), 2 * points(50, 3)
    power = torch.linalg.matrix_exp(MATRIX)
    mean = torch.linalg.solve(MATRIX, (power - torch.eye(3).double()) @ BIAS)
    truth = torch.distributions.MultivariateNormal(mean, power @ power.T)
    torch.testing.assert_close(flow.log_prob(x), truth.log_prob(x), rtol=0, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"blocks": 2}, {"hidden_dims": (6, 7, 5)}])
def test_log_det_is_that_of_autograds_jacobian_of_the_solve(options):
    flow, z = bent(**options), points(6, 2)
    jacobian = torch.autograd.functional.jacobian(flow, z)  # (batch, 2, batch, 2)
    truth = torch.linalg.slogdet(jacobian[range(6), :, range(6)]).logabsdet
    # the Jacobian is that of the discrete map, the integral that of the flow: both to 1e-6 here
    torch.testing.assert_close(flow.evaluate(flow(z)).log_det, truth, rtol=0, atol=2e-6)
    assert truth.std() > 0.05


def test_densities_integrate_to_one_in_one_and_two_dimensions():
    flow = bent(1, size=1.2)
    grid = torch.linspace(-12, 12, 2001, dtype=torch.float64)
    with torch.no_grad():
        density = flow.log_prob(grid[:, None]).exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-6)
    flow = bent(2, base="student_t", size=1.1)
    with torch.no_grad():
        flow.base.raw_df.fill_(30.0)
        axis = torch.linspace(-9, 9, 121, dtype=torch.float64)
        density = flow.log_prob(torch.cartesian_prod(axis, axis)).exp()
    # what lies outside the square is below 1e-6
    assert float(density.sum()) * 0.15**2 == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [{}, {"blocks": 2}, {"base": "student_t"}, {"context_dim": 2}, {"solver": REFERENCE}],
)
def test_draws_come_with_the_density_that_they_have_as_data(options):
    flow = bent(**options)
    flow.standardize(torch.tensor([3.0, -1.0]), torch.tensor([0.5, 4.0]))
    context = points(4, 2, seed=8) if "context_dim" in options else None
    shape = (3,) if context is not None else (3, 4)
    drawn = flow.rsample_and_log_prob(shape, context, generator=torch.Generator().manual_seed(1))
    assert drawn.value.shape == (3, 4, 2)
    assert drawn.log_prob.shape == (3, 4)
    torch.testing.assert_close(
        flow.log_prob(drawn.value, context), drawn.log_prob, rtol=0, atol=1e-7
    )
    again = flow.sample(shape, context, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(again, drawn.value, rtol=0, atol=1e-12)
    assert not again.requires_grad


def test_inverse_undoes_forward_to_the_error_of_the_solver():
    flow, z = bent(blocks=2), points(20, 2)
    fine = (flow.inverse(flow(z)) - z).abs().max()
    assert fine < 1e-7
    flow.solver = SolverConfig(method="rk4", step_size=1 / 4)
    coarse = (flow.train().inverse(flow(z)) - z).abs().max()
    assert 1e-7 < coarse < 0.05


def test_standardisation_adds_the_jacobian_of_its_scale():
    plain, flow, x = bent(), bent(), points(9, 2)
    mean, std = torch.tensor([3.0, -1.0]).double(), torch.tensor([0.5, 4.0]).double()
    flow.standardize(mean, std)
    expected = plain.log_prob((x - mean) / std) - std.log().sum()
    torch.testing.assert_close(flow.log_prob(x), expected)
    with pytest.raises(ShapeError, match=r"std: expected positive numbers, got \[0.5, 0.0\]"):
        flow.standardize(mean, torch.tensor([0.5, 0.0]))


def test_the_student_base_has_its_density_and_its_draws():
    flow = CNF(1, base="student_t").double()
    df = flow.base.df.item()
    z = points(20, 1)
    truth = torch.from_numpy(scipy.stats.t.logpdf(z.numpy()[:, 0], df))
    torch.testing.assert_close(flow.base.log_prob(z), truth)
    draws = flow.base.rsample((20_000,), z, torch.Generator().manual_seed(0))
    # p is uniform for a right sampler; this seed would be an unlucky one in a thousand
    assert scipy.stats.kstest(draws[:, 0].detach().numpy(), "t", (df,)).pvalue > 1e-3
    assert torch.autograd.grad(draws.square().mean(), flow.base.raw_df)[0] != 0


def test_a_context_makes_a_density_of_its_own_for_each_row():
    flow, x, context = bent(context_dim=3), points(5, 4, 2), points(4, 3, seed=2)
    together = flow.log_prob(x, context)
    for row in range(4):
        alone = flow.log_prob(x[:, [row]], context[[row]])
        torch.testing.assert_close(together[:, [row]], alone)
    assert (flow.log_prob(x, context.flip(0)) - together).abs().max() > 0.1


def test_the_density_of_a_point_does_not_depend_on_its_batch_mates():
    flow, x = bent(), points(6, 2)
    together = flow.log_prob(x)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(flow.log_prob(x[order]), together[order], rtol=1e-13, atol=0)
    # alone, and beside an outlier: only the rounding of matrix products may differ
    torch.testing.assert_close(flow.log_prob(x[:1]), together[:1], rtol=1e-13, atol=0)
    crowd = torch.cat([x, torch.full((1, 2), 40.0).double()])
    torch.testing.assert_close(flow.log_prob(crowd)[:6], together, rtol=1e-13, atol=0)


def central(fn, tensor, direction, width=1e-5):
    """Central difference of fn() along a direction of one tensor."""
    values = []
    with torch.no_grad():
        for sign in (1, -1):
            tensor.add_(sign * width * direction)
            values.append(float(fn()))
            tensor.sub_(sign * width * direction)
    return (values[0] - values[1]) / (2 * width)


@pytest.mark.parametrize("trace", [TraceConfig(), HUTCHINSON])
def test_gradients_by_all_inputs_are_those_of_finite_differences(trace):
    flow = bent(
        blocks=2, context_dim=1, base="student_t", learn_end_time=True, trace=trace,
        solver=SolverConfig(method="rk4", step_size=1 / 4),
    ).train()  # fmt: skip
    x, context = points(5, 2).requires_grad_(), points(5, 1, seed=2).requires_grad_()

    def total():
        seeded = torch.Generator().manual_seed(4)  # the same probes each time
        return flow.log_prob(x, context, generator=seeded).square().sum()

    leaves = {"x": x, "context": context} | dict(flow.named_parameters())
    gradients = torch.autograd.grad(total(), list(leaves.values()))
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        direction = points(*leaf.shape, seed=7)
        expected = float((gradient * direction).sum())
        assert central(total, leaf, direction) == pytest.approx(expected, rel=1e-6, abs=1e-6), name
        assert gradient.abs().max() > 0, name


def test_gradients_through_draws_are_those_of_finite_differences():
    flow = bent(context_dim=1, base="student_t", learn_end_time=True)
    context = points(5, 1, seed=2)

    def total():
        drawn = flow.rsample_and_log_prob((3,), context, generator=torch.Generator().manual_seed(4))
        return (drawn.log_prob * drawn.value[..., 0]).sum()

    gradients = torch.autograd.grad(total(), list(flow.parameters()))
    for (name, leaf), gradient in zip(flow.named_parameters(), gradients, strict=True):
        direction = points(*leaf.shape, seed=7)
        expected = float((gradient * direction).sum())
        assert central(total, leaf, direction) == pytest.approx(expected, rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize(
    "options", [{}, {"blocks": 2, "context_dim": 2}, {"hidden_dims": (6, 5, 4)}]
)
def test_the_coupled_reference_gives_the_same_density(options):
    flow, x = bent(**options), points(6, 2)
    context = points(6, 2, seed=3) if "context_dim" in options else None
    ours = flow.evaluate(x, context)
    reference = flow.evaluate(x, context, solver=REFERENCE)
    torch.testing.assert_close(ours.log_prob, reference.log_prob, rtol=0, atol=1e-7)
    torch.testing.assert_close(ours.value, reference.value, rtol=0, atol=1e-7)
    assert reference.solver.method == "dopri5"
    noisy = [
        flow.evaluate(
            x,
            context,
            solver=solver,
            trace=TraceConfig("hutchinson"),
            generator=torch.Generator().manual_seed(2),
        )
        for solver in (FINE, REFERENCE)
    ]
    assert {result.trace for result in noisy} == {"hutchinson"}
    torch.testing.assert_close(noisy[0].log_prob, noisy[1].log_prob, rtol=0, atol=1e-5)
    assert (noisy[0].log_prob - ours.log_prob).abs().max() > 0.01


def test_the_adjoint_gives_the_gradient_of_context_end_time_and_weights():
    flow, x = bent(context_dim=2, learn_end_time=True), points(4, 2)
    context = points(4, 2, seed=3).requires_grad_()
    leaves = [context, *flow.parameters()]
    adjoint = REFERENCE.model_copy(update={"gradient": "adjoint"})
    results = {s.gradient: flow.evaluate(x, context, solver=s) for s in (FINE, adjoint)}
    ours, theirs = (torch.autograd.grad(r.log_prob.sum(), leaves) for r in results.values())
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert results["backprop"].nfe == results["backprop"].nfe_backward == 4 * 16 + 1 + TRAIN_NODES
    assert results["adjoint"].nfe_backward > 50


def test_every_parameter_receives_a_gradient():
    flow = CNF(2, context_dim=1, blocks=2, base="student_t", learn_end_time=True)
    flow.log_prob(torch.randn(8, 2), torch.randn(8, 1)).sum().backward()
    silent = [n for n, p in flow.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_training_and_evaluation_say_which_trace_they_used():
    flow, x = bent(hidden_dims=(4, 4), trace=TraceConfig("hutchinson")), points(5, 2)
    assert flow.train().evaluate(x).trace == "hutchinson"
    assert flow.eval().evaluate(x).trace == "analytic"
    assert bent(hidden_dims=(4, 4, 4)).evaluate(x).trace == "exact"
    assert flow.evaluate(x, trace=HUTCHINSON).trace == "hutchinson"


def test_hutchinson_densities_have_the_exact_one_as_their_mean():
    flow, x = bent(), points(1, 2).expand(4000, 2)
    exact = flow.evaluate(x[:1]).log_prob
    noisy = flow.evaluate(
        x, trace=TraceConfig("hutchinson"), generator=torch.Generator().manual_seed(0)
    ).log_prob
    error = noisy.std() / math.sqrt(len(noisy))
    assert abs(noisy.mean() - exact) < 5 * error
    assert error > 1e-5


def test_the_gap_between_the_solvers_is_measured_and_a_large_one_refused():
    x = points(50, 2)
    good = bent(solver=SolverConfig(method="rk4", step_size=1 / 8))
    result = good.evaluate(x)
    gap = (good.train().evaluate(x).log_prob - result.log_prob).mean().item()
    assert result.solver_gap == pytest.approx(gap, abs=1e-12)
    assert 0 < abs(result.solver_gap) < 0.05
    assert good.evaluate(x).solver_gap is None  # in training mode
    bad = bent(size=4.0, solver=SolverConfig(method="rk4", step_size=0.5))
    with pytest.raises(SolverError, match=r"within 0.05 nat of a 4 times finer one, got"):
        bad.evaluate(x)


def test_steer_moves_the_end_time_in_training_only():
    flow, x = bent(steer=0.3), points(5, 2)
    seeded = lambda seed: torch.Generator().manual_seed(seed)  # noqa: E731
    assert torch.equal(flow.log_prob(x, generator=seeded(0)), flow.log_prob(x, generator=seeded(1)))
    flow.train()
    one, two = (flow.log_prob(x, generator=seeded(seed)) for seed in (0, 1))
    assert (one - two).abs().max() > 1e-3
    times = [float(flow.fields(x[:1, :0], seeded(k))[0].end_time) for k in range(200)]
    assert 0.7 <= min(times) < 0.75
    assert 1.25 < max(times) <= 1.3


def test_a_flow_returns_from_its_state_dict_and_repeats_by_its_generator():
    flow = bent(context_dim=1, blocks=2, learn_end_time=True)
    flow.standardize(torch.tensor([3.0, -1.0]), torch.tensor([0.5, 4.0]))
    other = bent(context_dim=1, blocks=2, learn_end_time=True, seed=5)
    other.load_state_dict(flow.state_dict())
    x, context = points(3, 2), points(3, 1)
    assert torch.equal(flow.log_prob(x, context), other.log_prob(x, context))


def test_wrong_points_contexts_and_settings_are_refused():
    flow = CNF(2, context_dim=3)
    with pytest.raises(ShapeError, match=r"points: expected a last axis of 2, got shape \(4, 3\)"):
        flow.log_prob(torch.zeros(4, 3), torch.zeros(4, 3))
    with pytest.raises(ShapeError, match=r"context: expected shape \(4, 3\) .* got None"):
        flow.log_prob(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match=r"context: expected shape \(4, 0\) .* got \(4, 3\)"):
        CNF(2).log_prob(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ConfigError, match=r"activation: expected one of tanh.*got 'relu'.*kinks"):
        CNF(2, activation="relu")
    with pytest.raises(ConfigError, match=r"base: expected one of normal, student_t, got 'cauchy'"):
        CNF(2, base="cauchy")
    with pytest.raises(ConfigError, match=r"steer: expected a share .* got 1.5"):
        CNF(2, steer=1.5)
    with pytest.raises(ConfigError, match=r"dim, blocks: expected 1 or more, got 2 and 0"):
        CNF(2, blocks=0)


def test_axes_that_are_not_observed_carry_no_density_and_do_not_matter():
    flow, x = bent(3, context_dim=3, hidden_dims=(9,)), points(2, 5, 3)
    flow.standardize(torch.tensor([3.0, -1.0, 0.0]), torch.tensor([0.5, 4.0, 2.0]))
    observed = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]]).bool()
    result = flow.evaluate(x, observed.double(), observed=observed)
    assert result.trace == "analytic"
    changed = torch.where(observed, x, torch.nan)
    again = flow.evaluate(changed, observed.double(), observed=observed)
    assert torch.equal(again.log_prob, result.log_prob)
    torch.testing.assert_close(result.log_prob[:, 3], torch.zeros(2).double())
    full = flow.evaluate(x, observed.double()).log_prob
    torch.testing.assert_close(result.log_prob[:, 0], full[:, 0])
    # the density over the one observed axis of row 2 integrates to one
    grid = torch.linspace(-60, 60, 1201, dtype=torch.float64)
    line = torch.zeros(1201, 1, 3).double()
    line[:, 0, 1] = grid
    mask = observed[2:3]
    density = flow.evaluate(line, mask.double(), observed=mask).log_prob[:, 0].exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1.0, abs=1e-6)


def test_a_refined_flow_is_more_accurate_and_stays_so_when_it_is_loaded():
    flow, x = bent(), points(6, 2)
    flow.solver = SolverConfig(method="rk4", step_size=0.5)
    before, fresh = abs(flow.solver_gap(x)), copy.deepcopy(flow)
    for _ in range(6):
        flow.refine()
    assert flow.solver.step_size == pytest.approx(0.5 / 1.25**6)
    assert flow.nodes == round(TRAIN_NODES * 1.25**6)
    assert abs(flow.solver_gap(x)) < before / 20  # of fourth order: 212
    eased = copy.deepcopy(flow)
    eased.refine(-2)
    assert eased.solver.step_size == pytest.approx(0.5 / 1.25**4)
    eased.refine(-9)
    assert eased.solver.step_size == pytest.approx(0.5)
    coarse = copy.deepcopy(fresh.state_dict())
    fresh.load_state_dict(flow.state_dict())
    assert fresh.solver.step_size == pytest.approx(flow.solver.step_size)
    assert fresh.nodes == flow.nodes
    fresh.load_state_dict(coarse)
    assert fresh.solver.step_size == pytest.approx(0.5)
    assert fresh.nodes == TRAIN_NODES

"""Densities carried by a field: closed forms, mass, and the Jacobian of the solve; in float64."""

import pytest
import torch
from flow_cases import bent, points

from latentode import ode
from latentode.config import SolverConfig
from latentode.errors import ShapeError
from latentode.flows import log_prob_at, push_forward
from latentode.ode.divergence import TraceConfig

STEPS = SolverConfig(method="rk4", step_size=1 / 32)
MATRIX = torch.tensor([[0.3, -0.8, 0.1], [0.5, -0.2, 0.4], [0.0, 0.6, 0.9]], dtype=torch.float64)
NORMAL = torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())


def linear(_t, z):
    return z @ MATRIX.T


def plane():
    """A field over two dimensions that bends, stretches and depends on time, and its inverse."""
    flow = bent(2)
    return flow.fields(torch.zeros(1, 0).double())[0]


def log_normal(z):
    return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)


def both_directions(field, z0, back, ahead):
    one = ode.solve(field, z0, 0.0, back, STEPS)
    return ode.join(one, ode.solve(field, z0, 0.0, ahead, STEPS))


def test_a_gaussian_under_a_linear_field_is_that_of_the_matrix_exponential():
    z0 = points(4, 5, 3)
    pushed = push_forward(linear, both_directions(linear, z0, -0.8, 1.5), NORMAL.log_prob(z0))
    times = torch.tensor([-0.8, -0.31, 0.0, 0.4, 1.49], dtype=torch.float64)
    states, log_prob = pushed.at(times)
    assert states.shape == (4, 5, 5, 3)
    assert log_prob.shape == (4, 5, 5)
    assert pushed.trace == "exact"
    for index, time in enumerate(times):
        power = torch.linalg.matrix_exp(time * MATRIX)
        truth = torch.distributions.MultivariateNormal(torch.zeros(3).double(), power @ power.T)
        expected = z0 @ power.T
        # cubic dense output of steps of 1/32: h^4 / 384 times the fourth derivative
        torch.testing.assert_close(states[:, :, index], expected, rtol=0, atol=1e-6)
        # the trace is constant, so that no error is made in its integral
        torch.testing.assert_close(
            log_prob[:, :, index], truth.log_prob(expected), rtol=0, atol=1e-10
        )
        given = log_prob_at(linear, expected, float(time), NORMAL.log_prob, STEPS)
        torch.testing.assert_close(given, truth.log_prob(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("time", [0.5, 1.0])
def test_a_density_over_the_plane_keeps_its_mass(time):
    axis = torch.linspace(-10, 10, 101, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    coarse = SolverConfig(method="rk4", step_size=1 / 16)
    with torch.no_grad():
        density = log_prob_at(plane(), grid, time, log_normal, coarse).exp().reshape(101, 101)
    assert float(density.sum()) * 0.2**2 == pytest.approx(1.0, abs=2e-5)
    edge = torch.cat([density[[0, -1]].flatten(), density[:, [0, -1]].flatten()])
    assert edge.max() < 1e-7  # nothing is left outside


def test_what_is_pushed_forward_is_the_log_determinant_of_the_solve():
    field, z0, time = plane(), points(6, 2), 0.8
    with torch.no_grad():
        path = ode.solve(field, z0, 0.0, 1.0, STEPS)
        states, log_prob = push_forward(field, path, log_normal(z0)).at(time)
    read = lambda z: ode.solve(field, z, 0.0, 1.0, STEPS).at(time)[:, 0]  # noqa: E731
    jacobian = torch.autograd.functional.jacobian(read, z0)[range(6), :, range(6)]
    truth = log_normal(z0) - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(log_prob[:, 0], truth, rtol=0, atol=5e-6)
    with torch.no_grad():
        again = log_prob_at(field, states[:, 0], time, log_normal, STEPS)
    torch.testing.assert_close(again, log_prob[:, 0], rtol=0, atol=5e-6)
    assert (truth - log_normal(z0)).abs().max() > 0.05


def test_the_running_integral_is_the_integral_to_each_time():
    z0 = points(2, 3, 2)
    field = lambda t, z: torch.sin(z) * torch.cos(t[..., None])  # noqa: E731
    starts = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    path = ode.solve(field, z0, starts, starts + 1.0, STEPS)
    energy = lambda t, z: z.square().sum(-1) * t  # noqa: E731
    running = ode.running_integral(path, energy)
    for elapsed in (0.0, 0.013, 0.5, 1.0):
        ends = starts + elapsed
        expected = path.integrate(energy, starts, ends)
        found = running.at(ends[:, None])[..., 0, 0]
        # cubic between grid points: h^4 / 384 times the fourth derivative
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_series_with_times_of_their_own_have_the_densities_they_have_alone():
    # the gate of the last layer sees time, which has no closed form where times differ
    field, z0 = plane(), points(3, 2)
    ends = torch.tensor([1.0, 0.6, 0.3], dtype=torch.float64)
    with torch.no_grad():
        path = ode.solve(field, z0, torch.zeros(3).double(), ends, STEPS)
        together = push_forward(field, path, log_normal(z0))
        found = together.at(ends[:, None])[1][:, 0]
        alone = [
            push_forward(
                field, ode.solve(field, z0[[i]], 0.0, float(end), STEPS), log_normal(z0[[i]])
            ).at(float(end))[1][0, 0]
            for i, end in enumerate(ends)
        ]
    assert together.trace == "exact"
    torch.testing.assert_close(found, torch.stack(alone), rtol=0, atol=1e-10)


def test_an_estimate_of_the_trace_is_unbiased_and_named():
    field, z0 = plane(), points(1, 2).expand(4_000, 2)
    with torch.no_grad():
        path = ode.solve(field, z0, 0.0, 1.0, SolverConfig(method="rk4", step_size=1 / 8))
        exact = push_forward(field, path, log_normal(z0)).at(1.0)[1][0, 0]
        guess = push_forward(
            field,
            path,
            log_normal(z0),
            trace=TraceConfig("hutchinson"),
            generator=torch.Generator().manual_seed(0),
        )
        estimates = guess.at(1.0)[1][:, 0]
    assert guess.trace == "hutchinson"
    error = estimates.std() / len(estimates) ** 0.5
    assert abs(estimates.mean() - exact) < 5 * error
    assert error > 0


def test_log_densities_can_be_differentiated():
    field, z0 = plane(), points(3, 2).requires_grad_()

    def value(z):
        path = ode.solve(field, z, 0.0, 1.0, SolverConfig(method="rk4", step_size=1 / 8))
        return push_forward(field, path, log_normal(z)).at(0.6)[1]

    assert torch.autograd.gradcheck(value, (z0,))


def test_times_that_were_not_solved_are_refused():
    path = ode.solve(linear, points(2, 3), 0.0, 1.0, STEPS)
    with pytest.raises(ShapeError, match="expected times within"):
        push_forward(linear, path, torch.zeros(2).double()).at(1.5)

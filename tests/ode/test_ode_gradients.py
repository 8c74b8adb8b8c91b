"""Gradients of every method against finite differences of a tight reference."""

import math

import pytest
import torch
from nn_cases import LayeredTimeField
from ode_cases import SolverConfig, solve

from latentode.errors import SolverError
from latentode.ode import VectorField

METHODS = ["rk4", "dopri5", "bosh3", "dopri8", "adaptive_heun"]
CASES = [(method, gradient) for method in METHODS for gradient in ("backprop", "adjoint")]
CASES += [("ab4", "backprop"), ("ab4", "checkpoint"), ("rk4", "checkpoint")]
REFERENCE = SolverConfig(method="dopri8", rtol=1e-12, atol=1e-13, step_size=0.05)


class Net(VectorField):
    def __init__(self, hidden=8):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(3, hidden, dtype=torch.float64)
        self.outer = torch.nn.Linear(hidden, 2, dtype=torch.float64)

    def forward(self, t, z):
        clock = t[..., None].expand(*z.shape[:-1], 1)
        return self.outer(torch.tanh(self.inner(torch.cat([z, clock], -1))))


def problem():
    """A loss that reads states, slopes and an integral; the inputs that it depends on."""
    field = Net()
    generator = torch.Generator().manual_seed(2)
    z0 = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)
    t0 = torch.tensor([0.0, 0.3, -0.2], dtype=torch.float64)
    times = t0[:, None] + 0.6 * torch.rand(3, 4, generator=generator, dtype=torch.float64)
    inputs = [z0, t0, times, *(p.detach().clone() for p in field.parameters())]
    names = [name for name, _ in field.named_parameters()]

    def loss(settings, z0, t0, times, *weights):
        weights_by_name = dict(zip(names, weights, strict=True))

        def call(t, z):
            return torch.func.functional_call(field, weights_by_name, (t, z))

        trajectory = solve(call, z0, t0, t0 + 0.6, settings, params=weights)
        read = trajectory.at(times)
        mark = torch.linspace(-1, 1, read.numel(), dtype=torch.float64).reshape(read.shape)
        area = trajectory.integrate(lambda t, z: z.prod(-1) + t, times[:, 0], times[:, 1])
        return (mark * read).sum() + read.square().sum() + area.sum()

    return inputs, loss


def slopes_along(inputs, loss):
    """Directions, one per input, and the slope of the reference loss along each."""
    generator = torch.Generator().manual_seed(3)
    directions = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in inputs]
    slopes = []
    eps = 1e-4  # truncation eps^2 = 1e-8 against solver noise 1e-12 / eps = 1e-8
    for k, direction in enumerate(directions):
        values = []
        for sign in (1, -1):
            moved = list(inputs)
            moved[k] = inputs[k] + sign * eps * direction
            values.append(loss(REFERENCE, *moved))
        slopes.append((values[0] - values[1]) / (2 * eps))
    return directions, torch.stack(slopes)


@pytest.fixture(scope="module")
def truth():
    inputs, loss = problem()
    return inputs, loss, *slopes_along(inputs, loss)


@pytest.mark.parametrize(("method", "gradient"), CASES)
def test_gradients_equal_finite_differences_for_every_input(truth, method, gradient):
    inputs, loss, directions, expected = truth
    tolerance = 1e-6 if method == "adaptive_heun" else 1e-9
    settings = SolverConfig(
        method=method,
        gradient=gradient,
        # of an adaptive method, the spacing of the dense output alone
        step_size=0.025 if method in ("ab4", "rk4") else 0.05,
        rtol=tolerance,
        atol=tolerance,
        max_nfe=200_000,
    )
    leaves = [x.clone().requires_grad_() for x in inputs]
    gradients = torch.autograd.grad(loss(settings, *leaves), leaves)
    got = torch.stack([(g * d).sum() for g, d in zip(gradients, directions, strict=True)])
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("layered", [False, True])
@pytest.mark.parametrize("method", ["rk4", "ab4"])
def test_gradients_of_fixed_steps_pass_gradcheck(method, layered):
    field = LayeredTimeField(batch=2, latent=2, hidden=2) if layered else Net(hidden=2)
    z0 = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    times = torch.tensor([[0.37], [0.12]], dtype=torch.float64, requires_grad=True)

    def read(z0, times, *_weights):
        # five steps: of ab4, the last two are its own
        trajectory = solve(field, z0, 0.0, 0.5, SolverConfig(method=method, step_size=0.1))
        return trajectory.at(times), trajectory.slope_at(times)

    inputs = (z0, times, *field.parameters())
    torch.autograd.gradcheck(read, inputs)
    torch.autograd.gradgradcheck(read, inputs)


def test_adjoint_finds_the_parameters_of_a_module_by_itself():
    field = Net()
    z0 = torch.randn(4, 2, dtype=torch.float64)
    gradients = {}
    for gradient in ("backprop", "adjoint"):
        settings = SolverConfig(method="dopri5", gradient=gradient, rtol=1e-9, atol=1e-9)
        field.zero_grad()
        solve(field, z0, 0.0, 1.0, settings).at(1.0).square().sum().backward()
        gradients[gradient] = torch.cat([p.grad.flatten() for p in field.parameters()])
    torch.testing.assert_close(gradients["adjoint"], gradients["backprop"], rtol=1e-5, atol=1e-7)


def test_adjoint_gives_gradients_to_float32_states_with_float64_starts():
    rate = torch.tensor(0.5, requires_grad=True)
    z0 = torch.ones(2, 1, requires_grad=True)
    t0 = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(method="dopri5", gradient="adjoint")
    field = lambda t, z: rate * t[..., None].to(z) * z  # noqa: E731
    end = solve(field, z0, t0, 2.0, settings, params=[rate]).at(2.0)
    gradients = torch.autograd.grad(end.sum(), [z0, rate, t0])
    exact = torch.exp(0.25 * (4 - t0.detach() ** 2))
    torch.testing.assert_close(gradients[0][:, 0].double(), exact, rtol=1e-4, atol=0)
    torch.testing.assert_close(
        gradients[1].double(), (exact * torch.log(exact) / 0.5).sum(), rtol=1e-4, atol=0
    )
    # reads are at a fixed time: starting later only shortens the growth
    torch.testing.assert_close(gradients[2], -0.5 * t0.detach() * exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
@pytest.mark.parametrize("method", METHODS)
def test_gradients_stay_finite_where_a_series_rests_at_zero(method, gradient):
    # the error norm has a root, whose slope at zero is infinite
    z0 = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(method=method, gradient=gradient, rtol=1e-6)
    end = solve(lambda _t, z: -z, z0, 0.0, 0.5, settings, params=()).at(0.5)
    (got,) = torch.autograd.grad(end.sum(), z0)
    torch.testing.assert_close(got, torch.full_like(z0, math.exp(-0.5)), rtol=1e-4, atol=0)


def test_adjoint_budget_counts_each_backward_pass_by_itself():
    z0 = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    field = lambda t, z: torch.sin(z) * torch.cos(t)[..., None]  # noqa: E731

    def run(budget):
        settings = SolverConfig(method="dopri5", gradient="adjoint", max_nfe=budget)
        return solve(field, z0, 0.0, 1.0, settings, params=())

    needed = run(100_000).stats.nfe
    with pytest.raises(SolverError, match="adjoint of the solve by dopri5") as caught:
        run(needed).at(1.0).sum().backward()
    assert caught.value.status == "max_steps"
    end = run(2 * needed).at(1.0).sum()
    for _ in range(3):  # together they would exceed the budget
        end.backward(retain_graph=True)


@pytest.mark.parametrize("method", ["dopri5", "adaptive_heun"])
def test_adjoint_of_a_nan_loss_ends_in_a_typed_error(method):
    z0 = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(method=method, gradient="adjoint")
    end = solve(lambda _t, z: -z, z0, 0.0, 0.2, settings, params=()).at(0.2)
    with pytest.raises(SolverError, match="expected finite gradients") as caught:
        (end[1] * float("nan")).sum().backward()
    assert caught.value.status == "non_finite"
    assert caught.value.series == (1,)

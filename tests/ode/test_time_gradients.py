"""Gradients by every time of a solve: against torchdiffeq, and against finite differences."""

import functools

import pytest
import torch
import torchdiffeq
from grids import thinned
from nn_cases import LayeredTimeField
from ode_cases import SolverConfig, solve

from latentode.errors import ConfigError
from latentode.ode import odeint

METHODS = ["ab4", "rk4", "dopri5", "bosh3", "dopri8", "adaptive_heun"]
CASES = [(method, "backprop") for method in METHODS]
CASES += [("ab4", "checkpoint"), ("rk4", "checkpoint")]
CASES += [(method, "adjoint") for method in METHODS[1:]]
STARTS = (0.4, (0.4, -0.2))  # shared, and by series
Z0 = torch.tensor([[0.5, 1.0], [1.5, -0.3]], dtype=torch.float64)


class Field(torch.nn.Module):
    """Time-dependent and not linear; a module, as `odeint_adjoint` wants one."""

    def forward(self, t, z):
        return torch.sin(1.3 * t)[..., None].to(z) * z - 0.2 * z * z


FIELD = Field()


def weighted(values):
    """A loss that treats every number of a solution differently."""
    weights = torch.linspace(-1, 2, values.numel(), dtype=values.dtype)
    return (values * weights.reshape(values.shape)).sum()


def tight(t, interface=torchdiffeq.odeint, rtol=1e-11):
    # a step ends at each time, as readings between steps are of a low order
    options = {"step_t": t.detach()}
    return interface(FIELD, Z0, t, rtol=rtol, atol=0.1 * rtol, method="dopri8", options=options)


def differences(loss, t, eps=1e-5):
    slopes = torch.zeros_like(t)
    for k in range(t.numel()):
        moved = torch.zeros_like(t)
        moved.view(-1)[k] = eps
        slopes.view(-1)[k] = (loss(t + moved) - loss(t - moved)) / (2 * eps)
    return slopes


@functools.cache
def slopes_of_torchdiffeq(times):
    """Slopes of the loss by times: of differences, of its solver and of its adjoint."""
    t = torch.tensor(times, dtype=torch.float64)
    return (
        differences(lambda t: weighted(tight(t)), t),
        by_times(tight, t),
        by_times(lambda t: tight(t, torchdiffeq.odeint_adjoint, 1e-8), t),
    )


@functools.cache
def slopes_of_series(times, shape):
    """Slopes of the loss of all readings but the first, at times shared or of each series."""

    def loss(times):
        rows = times.expand(2, -1)
        return weighted(torch.stack([tight(row)[1:, i] for i, row in enumerate(rows)]))

    return differences(loss, torch.tensor(times, dtype=torch.float64).reshape(shape))


def by_times(solution, t):
    t = t.clone().requires_grad_()
    return torch.autograd.grad(weighted(solution(t)), t)[0]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("method", METHODS)
def test_odeint_gives_the_gradients_of_torchdiffeq_and_of_differences_to_all_times(method, sign):
    t = 0.4 + sign * torch.tensor([0.0, 0.31, 0.8, 1.2], dtype=torch.float64)
    options = {"step_size": 0.02} if method in ("ab4", "rk4") else None
    rtol = 1e-5 if method == "adaptive_heun" else 1e-6  # of order 2: its steps are short
    got = by_times(lambda t: odeint(FIELD, Z0, t, rtol=rtol, method=method, options=options), t)
    # fixed steps of 0.02: the slope of the dense output is of order 3
    tolerance = {"rtol": 1e-4, "atol": 1e-5}
    for expected in slopes_of_torchdiffeq(tuple(t.tolist())):
        torch.testing.assert_close(got, expected, **tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_odeint_gives_every_repeated_time_the_slope_there_and_the_start_the_rest(method):
    t = torch.tensor([0.4, 0.4, 1.0, 1.0], dtype=torch.float64, requires_grad=True)
    options = {"step_size": 0.02} if method in ("ab4", "rk4") else None
    y0 = torch.ones(1, dtype=torch.float64)
    solution = odeint(lambda _t, y: -y, y0, t, rtol=1e-6, method=method, options=options)
    for k, slope in enumerate(-solution.detach()[:, 0]):
        (got,) = torch.autograd.grad(solution[k, 0], t, retain_graph=True)
        expected = torch.zeros(4, dtype=torch.float64)
        expected[k] += slope  # autonomous: only the distance counts
        expected[0] -= slope
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_odeint_at_its_start_alone_has_no_gradient_by_time_but_does_not_lose_it(method):
    t = torch.tensor([0.4], dtype=torch.float64)
    got = by_times(lambda t: odeint(FIELD, Z0, t, method=method), t)
    torch.testing.assert_close(got, torch.zeros_like(t), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_odeint_carries_times_of_any_dtype_and_tuple_states(dtype):
    t = torch.tensor([0.0, 0.7], dtype=dtype, requires_grad=True)
    state = (torch.ones(2, dtype=dtype), torch.tensor(3.0, dtype=dtype))
    one, other = odeint(lambda _t, y: (-y[0], -2 * y[1]), state, t, rtol=1e-6)
    (got,) = torch.autograd.grad(one[1].sum() + other[1], t)
    slope = -2 * torch.exp(-t[1]) - 6 * torch.exp(-2 * t[1])
    assert got.dtype == dtype
    torch.testing.assert_close(got, torch.stack([-slope, slope]), rtol=1e-4, atol=0)


def test_second_derivatives_by_times_of_an_adaptive_odeint_are_exact():
    y0 = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([0.1, 0.6, 1.1], dtype=torch.float64, requires_grad=True)
    rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def solution(y0, t, rate):
        return odeint(lambda t, y: rate * torch.sin(t) * y - 0.2 * y * y, y0, t, rtol=1e-9)

    torch.autograd.gradcheck(solution, (y0, t, rate), atol=1e-6)
    torch.autograd.gradgradcheck(solution, (y0, t, rate), atol=1e-5)


def repeated_derivatives(solution, t, order):
    """Derivatives of order 1 to `order` of the last state by the first time and by the last."""
    found = []
    for k in (0, -1):
        value = solution(t)[-1].sum()
        for _ in range(order):
            value = torch.autograd.grad(value, t, create_graph=True)[0][k]
            found.append(value.detach())
    return torch.stack(found)


def test_the_first_four_derivatives_by_times_of_an_adaptive_odeint_are_exact():
    t = torch.tensor([0.3, 0.5, 1.2], dtype=torch.float64, requires_grad=True)

    def solution(t):
        return odeint(lambda t, y: torch.cos(t) * y, torch.ones(1).double(), t, rtol=1e-9)

    def closed(t):  # dy/dt = cos(t) y from 1
        return torch.exp(torch.sin(t) - torch.sin(t[0]))

    got, expected = (repeated_derivatives(one, t, 4) for one in (solution, closed))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("inputs", ["times", "all"])
def test_the_fifth_derivative_by_times_of_an_adaptive_odeint_is_refused(inputs):
    rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    t = torch.tensor([0.3, 1.2], dtype=torch.float64, requires_grad=True)
    value = odeint(lambda _t, y: rate * y * y, torch.ones(1).double() / 2, t)[-1].sum()
    for _ in range(4):
        value = torch.autograd.grad(value, t, create_graph=True)[0][-1]
    (by_rate,) = torch.autograd.grad(value, rate, retain_graph=True)
    # y = 1 / (2 - rate (t - t0)), whose fourth derivative by t is 24 rate^4 y^5
    y = 1 / (2 - 0.7 * 0.9)
    truth = 24 * (4 * 0.7**3 * y**5 + 0.7**4 * 5 * y**6 * 0.9)
    assert float(by_rate) == pytest.approx(truth, rel=1e-5)
    with pytest.raises(ConfigError, match=r"by times up to order 4 .* got a request for one of or"):
        torch.autograd.backward(value, inputs=[t] if inputs == "times" else None)


@pytest.mark.parametrize(("case", "starts", "sign"), thinned([CASES, STARTS, (1, -1)]), ids=str)
def test_solve_gives_the_gradients_of_differences_to_start_inner_time_and_end(case, starts, sign):
    method, gradient = case
    t0 = torch.tensor(starts, dtype=torch.float64)
    spans = torch.tensor([[0.0, 0.43, 1.1], [0.0, 0.31, 0.8]], dtype=torch.float64)
    times = t0[..., None] + sign * (spans[0] if t0.dim() == 0 else spans)  # ([series,] time)
    settings = SolverConfig(
        method=method, gradient=gradient, step_size=0.02, rtol=1e-5, atol=1e-6, max_nfe=100_000
    )

    def ours(times):
        ends = times[..., 0], times[..., -1]
        return solve(FIELD, Z0, *ends, settings, params=()).at(times)[:, 1:]

    expected = slopes_of_series(tuple(times.flatten().tolist()), times.shape)
    tolerance = 1e-3 if method == "adaptive_heun" else 1e-4
    torch.testing.assert_close(by_times(ours, times), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_times_that_want_gradients_may_leave_the_step_to_the_pilot(method):
    t0 = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(method=method, step_size=None, tolerance=1e-6)
    end = solve(lambda _t, z: -z, Z0, t0, 1.4, settings).at(1.4)[:, 0]
    (got,) = torch.autograd.grad(end.sum(), t0)
    torch.testing.assert_close(got, end.detach().sum(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("gradient", ["backprop", "checkpoint"])
@pytest.mark.parametrize("method", ["ab4", "rk4"])
def test_layered_fields_carry_the_gradient_of_the_start(method, gradient):
    field = LayeredTimeField(batch=2, latent=2)
    t0 = torch.tensor([0.3, -0.1], dtype=torch.float64)
    settings = SolverConfig(method=method, gradient=gradient, step_size=0.02)

    def end(t0):
        return solve(field, Z0, t0, 1.0, settings).at(1.0)

    torch.testing.assert_close(
        by_times(end, t0),
        differences(lambda t0: weighted(end(t0)).detach(), t0),
        rtol=1e-6,
        atol=1e-7,
    )


@pytest.mark.parametrize("method", METHODS[1:])
def test_second_derivatives_of_the_adjoint_are_refused(method):
    t0 = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(method=method, gradient="adjoint")
    end = solve(FIELD, Z0, t0, 1.0, settings, params=()).at(1.0)
    with pytest.raises(ConfigError, match=r'expected "backprop" for second derivatives, got "adj'):
        torch.autograd.grad(end.sum(), t0, create_graph=True)

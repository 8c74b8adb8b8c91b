"""Integrals along the dense output against closed forms, and as functions of their window."""

import math

import pytest
import torch
import torchdiffeq
from ode_cases import SolverConfig, solve

from latentode.errors import ConfigError, ShapeError

COARSE = SolverConfig(step_size=1.0)


def still(end=3.0, settings=COARSE, batch=1):
    """A trajectory that stays at 1, to integrate functions of time alone."""
    z0 = torch.ones(batch, 1, dtype=torch.float64)
    return solve(lambda _t, z: torch.zeros_like(z), z0, 0.0, end, settings)


def decay(t0, t1, settings=SolverConfig()):  # noqa: B008
    return solve(lambda _t, z: -z, torch.ones(2, len(t0), 1).double(), t0, t1, settings)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_gauss_legendre_is_exact_to_its_degree_and_no_further(nodes):
    degree = 2 * nodes - 1
    power = lambda k: lambda t, z: (t / 2.7) ** k * z[..., 0]  # noqa: E731
    ends = {"t0": 0.3, "t1": 2.7, "nodes": nodes}
    exact = lambda k: 2.7 / (k + 1) * (1 - (0.3 / 2.7) ** (k + 1))  # noqa: E731
    got = still().integrate(power(degree), **ends)
    torch.testing.assert_close(
        got, torch.tensor([exact(degree)], dtype=torch.float64), rtol=1e-13, atol=0
    )
    one_more = still().integrate(power(degree + 1), **ends)
    assert abs(float(one_more) - exact(degree + 1)) > 1e-12


@pytest.mark.parametrize("nodes", [3, 5])
def test_simpson_is_exact_to_degree_three_and_no_further(nodes):
    cube = still().integrate(lambda t, _z: t**3, 0.3, 2.7, rule="simpson", nodes=nodes)
    torch.testing.assert_close(cube[0], torch.tensor((2.7**4 - 0.3**4) / 4, dtype=torch.float64))
    fourth = still().integrate(lambda t, _z: t**4, 0.3, 2.7, rule="simpson", nodes=nodes)
    assert abs(float(fourth) - (2.7**5 - 0.3**5) / 5) > 1e-4


@pytest.mark.parametrize(
    ("rule", "nodes", "order"),
    [
        ("gauss_legendre", 1, 2),
        ("gauss_legendre", 2, 4),
        ("gauss_legendre", 3, 6),
        ("simpson", 3, 4),
    ],
)
def test_rules_converge_with_their_order_in_the_step_size(rule, nodes, order):
    def error(step_size):
        trajectory = still(2.0, SolverConfig(step_size=step_size))
        got = trajectory.integrate(lambda t, _z: torch.exp(t), rule=rule, nodes=nodes)
        return abs(float(got) - (math.exp(2) - 1))

    assert math.log2(error(0.5) / error(0.25)) == pytest.approx(order, abs=0.1)


def test_integrals_of_the_state_have_their_closed_form_for_own_windows():
    t0 = torch.tensor([0.0, 4.0, -2.0], dtype=torch.float64)
    length = torch.tensor([2.0, 0.37, 0.0], dtype=torch.float64)
    trajectory = decay(t0, t0 + length)
    # dense output of step 0.05 is right to about 1e-8
    whole = trajectory.integrate(lambda _t, z: z[..., 0])
    torch.testing.assert_close(whole, (1 - torch.exp(-length)).expand(2, 3), rtol=1e-6, atol=1e-12)
    square = trajectory.integrate(lambda _t, z: z.square().expand(*z.shape[:-1], 5))
    assert square.shape == (2, 3, 5)
    exact = (1 - torch.exp(-2 * length)) / 2
    torch.testing.assert_close(square[0, :, 3], exact, rtol=1e-6, atol=1e-12)


def test_integral_equals_that_of_the_augmented_solve():
    weights = torch.randn(2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = lambda t, z: torch.tanh(z @ weights) * torch.cos(t)  # noqa: E731
    rate = lambda t, z: torch.exp(z[..., 0] * torch.sin(3 * t))  # noqa: E731
    z0 = torch.tensor([[0.3, -1.0]], dtype=torch.float64)

    def augmented(t, both):
        z = both[:, :2]
        return torch.cat([field(t, z), rate(t, z)[:, None]], -1)

    start = torch.cat([z0, torch.zeros(1, 1).double()], -1)
    ends = torch.tensor([0.0, 3.0], dtype=torch.float64)
    truth = torchdiffeq.odeint(augmented, start, ends, rtol=1e-11, atol=1e-12, method="dopri8")
    got = solve(field, z0, 0.0, 3.0, SolverConfig(step_size=0.02)).integrate(rate)
    torch.testing.assert_close(got, truth[1, :, 2], rtol=1e-7, atol=0)


def test_integral_is_additive_over_split_windows_and_signed():
    generator = torch.Generator().manual_seed(0)
    trajectory = decay(torch.zeros(50).double(), torch.full((50,), 2.0).double())
    a, m, b = 2 * torch.rand(3, 50, generator=generator, dtype=torch.float64)
    fn = lambda t, z: torch.exp(-z[..., 0]) * (1 + t)  # noqa: E731
    whole = trajectory.integrate(fn, a, b)
    split = trajectory.integrate(fn, a, m) + trajectory.integrate(fn, m, b)
    # 4 nodes over at most 0.05 leave an error below 1e-15 for so smooth a function
    torch.testing.assert_close(split, whole, rtol=0, atol=1e-13)
    torch.testing.assert_close(trajectory.integrate(fn, b, a), -whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize("end", [0.12, 0.15, 1.0, 0.4], ids=["inside", "knot", "last", "empty"])
def test_gradient_by_the_ends_of_the_window_is_the_integrand(end):
    trajectory = decay(torch.zeros(1).double(), torch.ones(1).double())
    a = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([end], dtype=torch.float64, requires_grad=True)
    fn = lambda _t, z: z[..., 0] + 1  # noqa: E731
    area = trajectory.integrate(fn, a, b)[0].sum()
    at_a, at_b = torch.autograd.grad(area, [a, b])
    states = trajectory.at(torch.stack([a, b], -1))[0, :, :, 0].detach()
    torch.testing.assert_close(torch.stack([-at_a, at_b], -1), states + 1, rtol=1e-9, atol=0)


def test_backward_solve_integrates_from_its_start_to_its_end():
    trajectory = decay(torch.ones(1).double(), torch.zeros(1).double())
    exact = torch.full((2, 1), 1 - math.e, dtype=torch.float64)
    torch.testing.assert_close(
        trajectory.integrate(lambda _t, z: z[..., 0]), exact, rtol=1e-6, atol=0
    )


def test_integrand_is_never_evaluated_outside_the_window():
    trajectory = still(3.0)
    # infinite outside of [0.5, 1.5], where the weight is zero: 0 * inf would be NaN
    fn = lambda t, z: torch.where((t < 0.49) | (t > 1.51), torch.inf, z[..., 0])  # noqa: E731
    torch.testing.assert_close(trajectory.integrate(fn, 0.5, 1.5), torch.ones(1).double())


def test_integrate_keeps_float32_and_passes_shapes_as_stated():
    seen = []

    def fn(t, z):
        seen.append((t.shape, t.dtype, z.shape))
        return z[..., 0]

    area = solve(lambda _t, z: -z, torch.ones(5, 3, 2), 0.0, 0.1).integrate(fn, nodes=3)
    assert area.dtype == torch.float32
    assert area.shape == (5, 3)
    assert seen == [((3, 6), torch.float64, (5, 3, 6, 2))]


def test_integrate_refuses_wrong_shapes_windows_and_rules():
    trajectory = still(batch=2)
    with pytest.raises(ShapeError, match=r"integrand: expected shape \(2, 12\).* got \(12, 2\)"):
        trajectory.integrate(lambda _t, z: z[..., 0].T)
    with pytest.raises(ShapeError, match=r"times within \[0, 3\].* got 3.5 in series 0"):
        trajectory.integrate(lambda t, _z: t, 0.0, 3.5)
    with pytest.raises(ShapeError, match=r"window: expected a number or shape \(2,\)"):
        trajectory.integrate(lambda t, _z: t, torch.zeros(3))
    for rule, nodes in (("simpson", 4), ("gauss_legendre", 0), ("trapezoid", 3)):
        with pytest.raises(ConfigError, match="rule: expected"):
            trajectory.integrate(lambda t, _z: t, rule=rule, nodes=nodes)

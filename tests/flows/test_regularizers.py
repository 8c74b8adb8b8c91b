"""Regularisers against closed forms, on flows and on any trajectory."""

import pytest
import torch
from flow_cases import bent, points

from latentode import ode
from latentode.config import SolverConfig
from latentode.errors import ConfigError
from latentode.flows.regularizers import path_regularizers
from latentode.ode.divergence import TraceConfig

NAMES = ("kinetic", "jacobian", "second_derivative", "polynomial")
SETTINGS = SolverConfig(method="rk4", step_size=0.02)


def solve(field, t1=2.0, batch=3):
    return ode.solve(field, points(batch, 2), 0.0, t1, SETTINGS)


def test_a_constant_field_has_the_kinetic_energy_of_its_speed_and_nothing_else():
    c = torch.tensor([0.6, -2.0], dtype=torch.float64)
    field = lambda _t, z: c.expand_as(z)  # noqa: E731
    found = path_regularizers(field, solve(field), NAMES)
    torch.testing.assert_close(found["kinetic"], (0.5 * c.square().mean() * 2.0).expand(3))
    for name in NAMES[1:]:
        torch.testing.assert_close(found[name], torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_a_linear_field_has_the_norm_of_its_matrix():
    matrix = torch.tensor([[0.0, 0.7], [-0.7, 0.0]], dtype=torch.float64)
    field = lambda _t, z: z @ matrix.T  # noqa: E731
    ends = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    trajectory = solve(field, ends)
    found = path_regularizers(field, trajectory, NAMES)
    # A^T A is diagonal, so one Rademacher probe is exact
    torch.testing.assert_close(found["jacobian"], ends * matrix.square().sum() / 2)
    # a rotation keeps the norm of z: |f| = 0.7 |z| and |z''| = 0.49 |z|
    norm = points(3, 2).square().mean(-1)
    torch.testing.assert_close(found["kinetic"], 0.5 * 0.49 * norm * ends, rtol=1e-6, atol=0)
    expected = 0.49**2 * norm * ends
    torch.testing.assert_close(found["second_derivative"], expected, rtol=1e-6, atol=0)


def test_the_second_derivative_sees_time():
    field = lambda t, z: (3 * t[..., None] ** 2).expand_as(z)  # noqa: E731
    found = path_regularizers(field, solve(field), ["second_derivative"])
    # integral of (6 t)^2 over [0, 2]
    torch.testing.assert_close(found["second_derivative"], torch.full((3,), 96.0).double())


def test_a_parabola_leaves_the_residual_of_its_best_line():
    field = lambda t, z: (2 * t[..., None]).expand_as(z)  # noqa: E731
    found = path_regularizers(field, solve(field, 1.0), ["polynomial"])
    # t^2 - (t - 1/6) on [0, 1] has the mean square 1/180
    torch.testing.assert_close(found["polynomial"], torch.full((3,), 1 / 180).double())


def test_backward_trajectories_count_as_much_as_forward_ones():
    field = lambda t, z: torch.tanh(z) * torch.cos(t)  # noqa: E731
    forward = solve(field, 1.0)
    backward = ode.solve(field, forward.states[-1], 1.0, 0.0, SETTINGS)
    one = path_regularizers(field, forward, ["kinetic", "polynomial"])
    two = path_regularizers(field, backward, ["kinetic", "polynomial"])
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-6, atol=0)


@pytest.mark.parametrize("trace", [TraceConfig(), TraceConfig("hutchinson")])
def test_densities_are_the_same_to_the_bit_with_and_without_regularisers(trace):
    flow, x = bent(blocks=2, trace=trace).train(), points(5, 2)
    seeded = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    off = flow.evaluate(x, generator=seeded())
    on = flow.evaluate(x, regularizers=NAMES, generator=seeded())
    assert torch.equal(off.value, on.value)
    assert torch.equal(off.log_prob, on.log_prob)
    assert off.regularizers == {}
    assert set(on.regularizers) == set(NAMES)
    assert {value.shape for value in on.regularizers.values()} == {(5,)}
    assert all((value > 0).all() for value in on.regularizers.values())


def test_regularisers_of_a_flow_are_those_of_its_trajectory():
    flow, x = bent(), points(5, 2)
    field = flow.fields(x[:1, :0])[0]
    names = ["kinetic", "second_derivative", "polynomial"]
    solver = SolverConfig(method="rk4", step_size=1 / 160)
    trajectory = ode.solve(field, x, 1.0, 0.0, solver)
    expected = path_regularizers(field, trajectory, names, nodes=30)
    found = flow.evaluate(x, regularizers=names).regularizers
    for name in names:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-7, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_regularisers_are_those_of_finite_differences(name):
    flow, x = bent(solver=SolverConfig(method="rk4", step_size=1 / 4)).train(), points(4, 2)
    weight = flow.nets[0].linears[1].weight
    direction = points(*weight.shape)

    def total():
        seeded = torch.Generator().manual_seed(0)
        return flow.evaluate(x, regularizers=[name], generator=seeded).regularizers[name].sum()

    expected = float((torch.autograd.grad(total(), weight)[0] * direction).sum())
    values = []
    with torch.no_grad():
        for width in (1e-5, -1e-5):
            weight.add_(width * direction)
            values.append(float(total()))
            weight.sub_(width * direction)
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(expected, rel=1e-6)


def test_an_unknown_regulariser_is_refused():
    field = lambda _t, z: z  # noqa: E731
    with pytest.raises(ConfigError, match=r"regularizers: expected some of kinetic.* got entropy"):
        path_regularizers(field, solve(field), ["entropy"])

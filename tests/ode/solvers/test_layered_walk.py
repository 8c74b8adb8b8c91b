"""The hand-written solve of layered networks is the plain one, gradients and all."""

import pytest
import torch
from nn_cases import ACTIVATIONS, KINDS, LayeredTimeField, layered
from ode_cases import SolverConfig, solve

from latentode.errors import ConfigError
from latentode.ode.solvers import layered_walk
from latentode.ode.solvers.fixed_step import Walk, walk
from latentode.ode.solvers.layered_walk import walk_layers

# (steps, of which by RK4): all RK4, AB4 with its start, and solves too short for any AB4 step
WALKS = [(6, 6), (1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (14, 3)]


def both(kind, activation, steps, starts, done=None):
    """Solutions and gradients, by plain autograd and by hand."""
    layers = layered(kind, activation, steps + starts + 1)
    z0 = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    plan = Walk(steps, starts, 0.1, done)
    wanted = (z0, *layers.tensors())
    plain, hand = walk(layers.evaluate, z0, plan), walk_layers(layers, z0, plan)
    return plain, hand, wanted


@pytest.mark.parametrize(("steps", "starts"), WALKS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_hand_are_those_of_autograd(kind, steps, starts):
    plain, hand, wanted = both(kind, "tanh", steps, starts)
    torch.testing.assert_close(hand, plain, rtol=1e-12, atol=1e-12)
    cotangents = [torch.randn_like(table) for table in plain]
    expected = torch.autograd.grad(plain, wanted, cotangents)
    got = torch.autograd.grad(hand, wanted, cotangents)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["by time and series", "gated"])
def test_gradients_by_hand_hold_for_every_activation(kind, activation):
    plain, hand, wanted = both(kind, activation, 7, 3)
    cotangents = [torch.randn_like(table) for table in plain]
    expected = torch.autograd.grad(plain, wanted, cotangents)
    got = torch.autograd.grad(hand, wanted, cotangents)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


def sliced(table):
    wide = torch.randn(*table.shape[:-1], 2 * table.shape[-1], dtype=table.dtype)
    return wide[..., ::2]


def swapped(table):
    return torch.randn(*table.movedim(0, -1).shape, dtype=table.dtype).movedim(-1, 0)


def expanded(table):
    return torch.randn(1, dtype=table.dtype).expand_as(table)


@pytest.mark.parametrize("layout", [sliced, swapped, expanded])
@pytest.mark.parametrize(("steps", "starts"), [(5, 5), (9, 3)])
def test_cotangents_of_any_layout_are_read_right(layout, steps, starts):
    plain, hand, wanted = both("gated", "tanh", steps, starts)
    cotangents = [layout(table) for table in plain]
    expected = torch.autograd.grad(plain, wanted, cotangents)
    got = torch.autograd.grad(hand, wanted, cotangents)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("which", [0, 1])
def test_a_loss_of_states_or_slopes_alone_has_its_gradient(which):
    plain, hand, wanted = both("by time", "silu", 6, 3)
    expected = torch.autograd.grad(plain[which].sin().sum(), wanted, retain_graph=True)
    got = torch.autograd.grad(hand[which].sin().sum(), wanted, retain_graph=True)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("steps", "starts"), [(6, 6), (9, 3)])
def test_series_that_have_ended_wait_in_both(steps, starts):
    ends = torch.tensor([1, steps // 2, steps])
    done = (torch.arange(steps)[:, None] >= ends)[..., None]
    plain, hand, wanted = both("gated", "tanh", steps, starts, done)
    torch.testing.assert_close(hand, plain, rtol=1e-12, atol=1e-12)
    assert torch.equal(hand[0][1, :, 0], hand[0][-1, :, 0])
    cotangents = [torch.randn_like(table) for table in plain]
    expected = torch.autograd.grad(plain, wanted, cotangents)
    got = torch.autograd.grad(hand, wanted, cotangents)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", [1, 1 << 12])
def test_the_length_of_a_chunk_changes_nothing(size, monkeypatch):
    plain, hand, wanted = both("gated", "tanh", 14, 3)
    cotangents = [torch.randn_like(table) for table in plain]
    expected = torch.autograd.grad(plain, wanted, cotangents)
    monkeypatch.setattr(layered_walk, "_CHUNK_BYTES", size)
    got = torch.autograd.grad(hand, wanted, cotangents)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


def test_second_derivatives_are_those_of_autograd():
    plain, hand, wanted = both("gated", "tanh", 5, 3)

    def curvature(solution):
        loss = solution[0].square().sum() + solution[1].sin().sum()
        first = torch.autograd.grad(loss, wanted, create_graph=True)
        return torch.autograd.grad(sum(part.square().sum() for part in first), wanted)

    torch.testing.assert_close(curvature(hand), curvature(plain), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("gradient", ["backprop", "checkpoint"])
@pytest.mark.parametrize("method", ["ab4", "rk4"])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_layered_field_is_solved_as_the_same_plain_field(method, gradient, direction):
    field = LayeredTimeField(batch=3)
    z0 = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    t0 = torch.tensor([0.0, 2.0, -1.0], dtype=torch.float64)
    t1 = t0 + direction * torch.tensor([1.0, 0.4, 0.0], dtype=torch.float64)
    settings = SolverConfig(method=method, gradient=gradient, substeps=2, step_size=0.06)
    results = []
    for function in (field, lambda t, z: field(t, z)):
        trajectory = solve(function, z0, t0, t1, settings)
        read = trajectory.at(t0[:, None] + (t1 - t0)[:, None] * torch.tensor([0.1, 1.0, 0.6]))
        area = trajectory.integrate(lambda _t, z: z.prod(-1))
        inputs = (z0, *field.parameters())
        grads = torch.autograd.grad(read.square().sum() + area.sum(), inputs)
        results.append((read, area, grads, trajectory.stats.nfe))
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-11)


def test_the_gradient_keeps_states_and_slopes_and_nothing_else():
    field = LayeredTimeField(batch=3)
    z0 = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    kept = []

    def count(tensor):
        kept.append(tensor.numel())
        return tensor

    def floats(function, steps):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            solve(function, z0, 0.0, 1.0, SolverConfig(method="ab4", step_size=1 / steps))
        return sum(kept)

    # states and slopes of 400 more grid points; bias and gate of as many nodes are what the
    # network is made of
    hand = floats(field, 500) - floats(field, 100)
    assert hand <= 400 * (2 * z0.numel() + 12 * 3 * 8)
    assert floats(lambda t, z: field(t, z), 100) > 2 * floats(field, 100)


def second_derivatives(function, field, gradient):
    z0 = torch.linspace(-1, 1, 9, dtype=torch.float64).reshape(3, 3).requires_grad_()
    wanted = (z0, *field.parameters())
    settings = SolverConfig(method="rk4", gradient=gradient, substeps=3, step_size=0.1)
    loss = solve(function, z0, 0.0, 0.9, settings).states.sin().sum()
    first = torch.autograd.grad(loss, wanted, create_graph=True)
    return torch.autograd.grad(sum(part.square().sum() for part in first), wanted)


def test_second_derivatives_through_checkpoints_are_right_or_refused():
    field = LayeredTimeField(batch=3)
    plain = lambda t, z: field(t, z)  # noqa: E731
    expected = second_derivatives(plain, field, "backprop")
    for function, gradient in ((field, "backprop"), (plain, "checkpoint")):
        got = second_derivatives(function, field, gradient)
        torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-10)
    with pytest.raises(ConfigError, match='"backprop" for second derivatives of a network'):
        second_derivatives(field, field, "checkpoint")

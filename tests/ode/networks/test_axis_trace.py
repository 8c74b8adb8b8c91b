import itertools
from typing import get_args

import pytest
import torch

from latentode.ode.networks import axis_trace as module
from latentode.ode.networks.activations import (
    ACTIVATIONS,
    Activation,
    activation_curvature,
    activation_slope,
)
from latentode.ode.networks.axis_trace import axis_trace

F64 = torch.float64
NODES, ROWS, DIM = 5, 4, 3


def case(hidden, activation="tanh"):
    sizes = (DIM, *hidden, DIM)
    weights = [torch.randn(NODES, b, a, dtype=F64) / a**0.5 for a, b in itertools.pairwise(sizes)]
    biases = [torch.randn(NODES, 1, b, dtype=F64) for b in sizes[1:]]
    states = torch.randn(NODES, ROWS, DIM, dtype=F64)
    return [t.requires_grad_() for t in (states, *weights, *biases)], activation


def call(inputs, activation):
    states, *tensors = inputs
    half = len(tensors) // 2
    return axis_trace(tensors[:half], tensors[half:], states, activation)


def network(inputs, activation, node, z):
    _, *tensors = inputs
    half = len(tensors) // 2
    for layer in range(half):
        z = tensors[layer][node] @ z + tensors[half + layer][node, 0]
        z = ACTIVATIONS[activation](z) if layer + 1 < half else z
    return z


@pytest.mark.parametrize("activation", get_args(Activation))
def test_the_curvature_is_the_slope_of_the_slope(activation):
    u = torch.tensor([-30.0, -3.1, -0.4, 0.3, 2.0, 19.0, 25.0], dtype=F64, requires_grad=True)
    slope = activation_slope(activation, u, ACTIVATIONS[activation](u))
    expected = torch.autograd.grad(slope.sum(), u)[0]
    found = activation_curvature(activation, u, ACTIVATIONS[activation](u), slope)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("hidden", [(5, 6), (5, 6, 4), (3, 4, 5, 6)])
def test_value_and_trace_are_those_of_the_network(hidden):
    inputs, activation = case(hidden)
    value, trace = call(inputs, activation)
    for node in range(NODES):
        for row in range(ROWS):
            z = inputs[0][node, row]
            function = lambda x, k=node: network(inputs, activation, k, x)  # noqa: E731
            jacobian = torch.autograd.functional.jacobian(function, z)
            torch.testing.assert_close(value[node, row], function(z))
            torch.testing.assert_close(trace[node, row], jacobian.trace())


@pytest.mark.parametrize(
    ("activation", "hidden", "nodes_at_once"),
    [
        *((name, (4, 6, 5), 2) for name in get_args(Activation)),
        ("silu", (5, 6), 1),
        ("silu", (5, 6), 0),  # a node alone is more than the cache holds
        ("gelu", (5, 6), 99),
    ],
)
def test_gradients_equal_finite_differences(activation, hidden, nodes_at_once, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", nodes_at_once * DIM * ROWS * max(hidden) * 8)
    inputs, _ = case(hidden, activation)
    assert torch.autograd.gradcheck(lambda *tensors: call(tensors, activation), inputs)


def test_second_derivatives_equal_finite_differences():
    inputs, activation = case((4, 5, 3))
    assert torch.autograd.gradgradcheck(lambda *tensors: call(tensors, activation), inputs)


def test_a_gradient_of_one_result_alone_needs_no_other():
    inputs, activation = case((4, 5, 3))
    value, trace = call(inputs, activation)
    both = [torch.autograd.grad(part.sum(), inputs, retain_graph=True) for part in (value, trace)]
    together = torch.autograd.grad(value.sum() + trace.sum(), inputs)
    for one, two, total in zip(*both, together, strict=True):
        torch.testing.assert_close(one + two, total)

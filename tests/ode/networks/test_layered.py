"""Layered networks: evaluation, recording and pulling back by hand against autograd."""

import pytest
import torch
from nn_cases import ACTIVATIONS, KINDS, layered

from latentode.models.nn.mlp import MLP
from latentode.ode.networks.activations import ACTIVATIONS as FUNCTIONS
from latentode.ode.networks.activations import activation_slope, pull_activation
from latentode.ode.networks.tape import Evaluator, Tape


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_of_activations_are_their_derivatives(activation):
    u = torch.tensor([-30.0, -2.0, -0.3, 0.0, 1e-9, 0.7, 3.0, 25.0], dtype=torch.float64)
    u.requires_grad_()
    value = FUNCTIONS[activation](u)
    cotangent = torch.linspace(-1, 2, len(u), dtype=torch.float64)
    (expected,) = torch.autograd.grad(value, u, cotangent)
    slope = activation_slope(activation, u, value)
    torch.testing.assert_close(cotangent * slope, expected, rtol=1e-12, atol=1e-14)
    out = torch.empty_like(u)
    pull_activation(activation, cotangent, u.detach(), value.detach(), out)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_second_derivatives_flow_through_slopes(activation):
    u = torch.tensor([-1.3, -0.2, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    slope = activation_slope(activation, u, FUNCTIONS[activation](u))
    (second,) = torch.autograd.grad(slope.sum(), u)
    step = 1e-6
    moved = [
        torch.autograd.functional.jacobian(FUNCTIONS[activation], u.detach() + d).diagonal()
        for d in (step, -step)
    ]
    torch.testing.assert_close(second, (moved[0] - moved[1]) / (2 * step), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_tape_and_evaluator_equal_autograd(kind, activation):
    nodes, draws, batch = 5, 2, 3
    layers = layered(kind, activation, nodes)
    states = torch.randn(nodes, draws, batch, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.stack([layers.evaluate(k, states[k]) for k in range(nodes)])
    cotangents = torch.randn_like(expected)
    wanted = (states, *layers.tensors())
    gradients = torch.autograd.grad(expected, wanted, cotangents)

    with torch.no_grad():
        rows = states.flatten(1, 2).contiguous()
        evaluate, value = Evaluator(layers, states[0]), torch.empty(6, 4, dtype=torch.float64)
        for k in range(nodes):
            evaluate(k, rows[k], value)
            torch.testing.assert_close(value, expected[k].flatten(0, 1))
        tape = Tape(layers, 3, states[0])
        totals = [torch.zeros_like(tensor) for tensor in layers.tensors()]
        pulled = torch.empty_like(rows)
        for low, high in ((3, 5), (0, 3)):  # a short recording, then a full one in the same tables
            values = tape.record(slice(low, high), rows[low:high])
            torch.testing.assert_close(values, expected[low:high].flatten(1, 2))
            for k in range(low, high):
                tape.cotangent(k - low).copy_(cotangents[k].flatten(0, 1))
                tape.pull(k - low, torch.ones_like(rows[k]), pulled[k])
            tape.add_gradients(totals)
    torch.testing.assert_close(pulled - 1, gradients[0].flatten(1, 2), rtol=1e-10, atol=1e-12)
    for total, gradient in zip(totals, gradients[1:], strict=True):
        torch.testing.assert_close(total, gradient, rtol=1e-10, atol=1e-12)


def test_tensors_are_put_back_in_their_places():
    layers = layered("gated", "tanh", 4)
    doubled = layers.with_tensors([2 * tensor for tensor in layers.tensors()])
    for one, two in zip(layers.tensors(), doubled.tensors(), strict=True):
        torch.testing.assert_close(two, 2 * one)
    assert [gate is None for gate in doubled.gates] == [False, True, False]


@pytest.mark.parametrize("hidden", [(), (5,), (6, 5)])
def test_a_network_given_its_context_is_the_network(hidden):
    net = MLP(5, hidden, 3).double()
    z = torch.randn(2, 4, 3, dtype=torch.float64)
    context = torch.randn(6, 4, 2, dtype=torch.float64)
    layers = net.given(context)
    for node in range(6):
        whole = torch.cat([z, context[node].expand(2, -1, -1)], -1)
        torch.testing.assert_close(layers.evaluate(node, z), net(whole), rtol=1e-12, atol=1e-14)
    everything = net.given(torch.zeros(1, 1, 0, dtype=torch.float64))
    torch.testing.assert_close(everything.evaluate(0, whole), net(whole))


def test_folding_puts_shared_gates_into_the_weights_and_changes_no_value():
    layers = layered("gated", "tanh", 4)
    folded = layers.folded()
    assert [gate is None for gate in folded.gates] == [True, True, False]
    assert folded.weights[0].shape == (4, 8, 4)
    z = torch.randn(2, 3, 4, dtype=torch.float64)
    for node in range(4):
        expected = layers.evaluate(node, z)
        torch.testing.assert_close(folded.evaluate(node, z), expected, rtol=1e-12, atol=1e-13)

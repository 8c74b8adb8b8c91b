r"""The exact trace of a deep network's Jacobian, an axis at a time, with its gradient by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentode.ode.networks.activations import (
    ACTIVATIONS,
    Activation,
    activation_curvature,
    activation_slope,
)
from latentode.ode.networks.second_derivatives import differentiable_gradients

# bytes of one table of tangents: what a pass writes the next should find in the cache; on other
# devices few large kernels are better than many small ones
_CHUNK_BYTES = 1 << 19
_DEVICE_CHUNK_BYTES = 1 << 27


def axis_trace(
    weights: Sequence[Tensor], biases: Sequence[Tensor], states: Tensor, activation: Activation
) -> tuple[Tensor, Tensor]:
    r"""Value of a network and trace of its Jacobian, layers and states given node by node.

    .. math:: \mathrm{tr}\,J = \sum_k e_k^T W_L \mathrm{diag}(s_{L-1}) W_{L-1} \cdots
              \mathrm{diag}(s_1) W_1 e_k, \quad s_l = \phi'(u_l)

    A few nodes are gone through at a time, so that what one operation writes the next finds in the
    cache. A second derivative is taken through the graph of the formula.

    Args:
        weights: Three or more, (node, out, in); gates are part of them.
        biases: Shape (node, 1, out).
        states: Shape (node, row, in).
        activation: Name of :math:`\phi`.

    Returns:
        Values, shape of `states`, and traces, shape (node, row).
    """
    value, trace = _AxisTrace.apply(activation, states, *weights, *biases)
    return value, trace


@dataclass
class _Pass:
    """What a forward pass leaves.

    Attributes:
        inputs: Input of each layer, (node, row, in).
        sums: u of each hidden layer.
        slopes: phi'(u) of each hidden layer.
        tangents: Behind each hidden layer but the last, (node, axis, row, hidden).
        pushed: Before the slopes of each hidden layer but the first, likewise.
        value: Value of the network.
        trace: Trace of its Jacobian, (node, row).
        ends: Last of `pushed`, contracted with the last weights, (node, row, hidden).
    """

    inputs: list[Tensor]
    sums: list[Tensor]
    slopes: list[Tensor]
    tangents: list[Tensor]
    pushed: list[Tensor]
    value: Tensor
    trace: Tensor
    ends: Tensor


def _forward(
    weights: Sequence[Tensor], biases: Sequence[Tensor], states: Tensor, activation: Activation
) -> _Pass:
    """Value and trace; differentiable."""
    inputs, sums, slopes, tangents, pushed = [states], [], [], [], []
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        u = torch.baddbmm(bias, inputs[-1], weight.mT)
        value = ACTIVATIONS[activation](u)
        slope = activation_slope(activation, u, value)
        if layer == 0:
            tangents.append(slope[:, None] * _rows(weight.mT.contiguous()))
        else:
            pushed.append(_push(tangents[-1], weight.mT))
            if layer + 2 < len(weights):
                tangents.append(pushed[-1] * slope[:, None])
        inputs.append(value)
        sums.append(u)
        slopes.append(slope)
    value = torch.baddbmm(biases[-1], inputs[-1], weights[-1].mT)
    ends = (pushed[-1] * _rows(weights[-1])).sum(1)  # (node, row, hidden)
    trace = (ends * slopes[-1]).sum(-1)
    return _Pass(inputs, sums, slopes, tangents, pushed, value, trace, ends)


def _rows(matrix: Tensor) -> Tensor:
    """Rows (node, axis, hidden) that broadcast over samples, (node, axis, 1, hidden)."""
    return matrix[:, :, None, :]


def _push(tangents: Tensor, matrix: Tensor) -> Tensor:
    """Tangents (node, axis, row, in) through matrices (node, in, out)."""
    nodes, axes, rows, _ = tangents.shape
    return torch.bmm(tangents.flatten(1, 2), matrix).view(nodes, axes, rows, -1)


class _AxisTrace(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, activation: Activation, states: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.activation = activation
        ctx.save_for_backward(states, *tensors)
        weights, biases = tensors[: len(tensors) // 2], tensors[len(tensors) // 2 :]
        ctx.passes, values, traces = [], [], []
        for part in _chunks(states, weights):
            some = [w[part] for w in weights]
            done = _forward(some, [b[part] for b in biases], states[part], activation)
            values.append(done.value)
            traces.append(done.trace)
            if any(ctx.needs_input_grad):
                ctx.passes.append((part, done))
        return torch.cat(values), torch.cat(traces)

    @staticmethod
    def backward(ctx: Any, by_value: Tensor, by_trace: Tensor) -> tuple[Tensor | None, ...]:
        states, *tensors = ctx.saved_tensors
        weights, biases = tensors[: len(tensors) // 2], tensors[len(tensors) // 2 :]
        if torch.is_grad_enabled():
            done = _forward(weights, biases, states, ctx.activation)
            outputs, cotangents = (done.value, done.trace), (by_value, by_trace)
            return None, *differentiable_gradients(outputs, (states, *tensors), cotangents)
        grads = [torch.empty_like(tensor) for tensor in (states, *tensors)]
        for part, done in ctx.passes:
            some = [w[part] for w in weights]
            pieces = _backward(done, some, ctx.activation, by_value[part], by_trace[part])
            for grad, piece in zip(grads, pieces, strict=True):
                grad[part] = piece
        return None, *grads


def _backward(
    done: _Pass,
    weights: Sequence[Tensor],
    activation: Activation,
    by_value: Tensor,
    by_trace: Tensor,
) -> list[Tensor]:
    """Cotangents of states, weights and biases: first of the tangents, then of the network."""
    by_weights, by_slopes = _of_tangents(done, weights, by_trace)
    by_u, by_biases = by_value, []
    for layer in range(len(weights) - 1, -1, -1):
        by_weights[layer].baddbmm_(by_u.mT, done.inputs[layer])
        by_biases.append(by_u.sum(1, keepdim=True))
        by_input = torch.bmm(by_u, weights[layer])
        if layer:
            k = layer - 1
            slope = done.slopes[k]
            curved = activation_curvature(activation, done.sums[k], done.inputs[layer], slope)
            by_u = by_input.mul_(slope).addcmul_(by_slopes[k], curved)
    return [by_input, *by_weights, *reversed(by_biases)]


def _of_tangents(
    done: _Pass, weights: Sequence[Tensor], by_trace: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Cotangents of the weights and of the slopes, as far as they act through the tangents."""
    by_trace = by_trace[..., None]
    by_weights: list[Tensor] = [weight for weight in weights]
    by_slopes: list[Tensor] = [done.ends * by_trace]
    scaled = done.slopes[-1] * by_trace  # (node, row, hidden)
    by_weights[-1] = (done.pushed[-1] * scaled[:, None]).sum(2)
    by_pushed = scaled[:, None] * _rows(weights[-1])
    for layer in range(len(weights) - 2, 0, -1):
        flat = by_pushed.flatten(1, 2)
        by_weights[layer] = torch.bmm(flat.mT, done.tangents[layer - 1].flatten(1, 2))
        by_tangents = _push(by_pushed, weights[layer])
        if layer > 1:
            by_slopes.append((by_tangents * done.pushed[layer - 2]).sum(1))
            by_pushed = by_tangents.mul_(done.slopes[layer - 1][:, None])
    by_slopes.append((by_tangents * _rows(weights[0].mT.contiguous())).sum(1))
    by_weights[0] = by_tangents.mul_(done.slopes[0][:, None]).sum(2).mT.contiguous()
    return by_weights, by_slopes[::-1]


def _chunks(states: Tensor, weights: Sequence[Tensor]) -> Iterator[slice]:
    """Nodes a few at a time."""
    nodes, rows, axes = states.shape
    node_bytes = axes * rows * max(w.shape[1] for w in weights) * states.element_size()
    budget = _CHUNK_BYTES if states.device.type == "cpu" else _DEVICE_CHUNK_BYTES
    size = max(1, budget // max(1, node_bytes))
    return (slice(low, min(nodes, low + size)) for low in range(0, nodes, size))

"""Evaluations of a layered network by hand: in place, recorded, and pulled back."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.ode.networks.activations import ACTIVATIONS, pull_activation
from latentode.ode.networks.layered import Layers


class Tape:
    r"""Evaluates a network at up to `size` nodes at once, and gives its VJPs there.

    Nothing here makes a graph, and no call allocates: the tables are written again and again, so
    that they stay in the cache. After `record`, VJPs are asked for one node at a time, in any
    order, as a recurrence needs them (`cotangent`, then `pull`); the cotangents of all layers are
    kept, so that the gradient of each weight is one matrix product (`add_gradients`).

    Args:
        layers: The network.
        size: Most nodes of a recording.
        like: A state, shape (draw, batch, in), for shape and dtype; rows below are draw * batch.
    """

    def __init__(self, layers: Layers, size: int, like: Tensor) -> None:
        self.layers = layers
        self._axes = like.shape[:2]
        rows = like.shape[0] * like.shape[1]

        def table(layer: int) -> Tensor:
            return like.new_empty(size, rows, layers.weights[layer].shape[-2])

        number = range(len(layers.weights))
        self._hidden = [table(layer) for layer in number[:-1]]
        # tanh is pulled back from its value alone
        tanh = layers.activation == "tanh"
        self._arguments = self._hidden if tanh else [table(layer) for layer in number[:-1]]
        self._values = table(-1)
        self._products = {
            layer: table(layer) for layer in number if layers.gates[layer] is not None
        }
        self._cotangents = [table(layer) for layer in number]
        self._at = [
            [list(part) for part in parts]
            for parts in (self._arguments, self._hidden, self._cotangents)
        ]

    def record(self, nodes: slice, states: Tensor, *, last: bool = True) -> Tensor:
        """Evaluate at consecutive nodes.

        Args:
            nodes: Nodes, at most `size`.
            states: A state at each node, contiguous, shape (node, row, in).
            last: Whether the last layer is needed.

        Returns:
            Values, shape (node, row, out), valid until the next recording.
        """
        self.nodes, self._states, count = nodes, states, len(states)
        self._weights = [
            list(weight[nodes])
            if weight.dim() == 3 and len(weight) > 1
            else [weight.view(weight.shape[-2:])] * count
            for weight in self.layers.weights
        ]
        value = states
        for layer, hidden in enumerate(self._hidden):
            argument = self._affine(layer, value, self._arguments[layer][:count])
            value = hidden[:count]
            if self.layers.activation == "tanh":
                torch.tanh(argument, out=value)
            else:
                value.copy_(ACTIVATIONS[self.layers.activation](argument))
        if last or self.layers.gates[-1] is not None:  # the gradient of a gate needs its product
            self._affine(len(self._hidden), value, self._values[:count])
        return self._values[:count]

    def _affine(self, layer: int, inputs: Tensor, out: Tensor) -> Tensor:
        """Write :math:`g (W x) + c` at all nodes to `out`."""
        bias, gate = self.layers.biases[layer], self.layers.gates[layer]
        weight = self.layers.weights[layer]
        if gate is not None:
            product = self._products[layer][: len(out)]
            self._multiply(layer, inputs, product, beta=0)
            shaped = self._by_draw(product)
            torch.addcmul(self._table(bias), shaped, self._table(gate), out=self._by_draw(out))
        elif weight.dim() == 2 and bias.numel() == bias.shape[-1]:
            flat = out.flatten(0, 1)
            torch.addmm(bias.view(-1), inputs.flatten(0, 1), weight.mT, out=flat)
        else:
            self._by_draw(out).copy_(self._table(bias))
            self._multiply(layer, inputs, out, beta=1)
        return out

    def _multiply(self, layer: int, inputs: Tensor, out: Tensor, beta: int) -> None:
        """Write :math:`W x`, plus `out` for a beta of 1, at all nodes to `out`."""
        weight = self.layers.weights[layer]
        if weight.dim() == 2:
            flat = out.flatten(0, 1)
            torch.addmm(flat, inputs.flatten(0, 1), weight.mT, beta=beta, out=flat)
        else:
            weight = weight.expand(len(out), -1, -1) if len(weight) == 1 else weight[self.nodes]
            torch.baddbmm(out, inputs, weight.mT, beta=beta, out=out)

    def _by_draw(self, rows: Tensor) -> Tensor:
        return rows.view(len(rows), *self._axes, rows.shape[-1])  # (node, draw, batch, width)

    def _table(self, table: Tensor) -> Tensor:
        """Entries at the nodes of the recording, to broadcast over draws."""
        return (table if len(table) == 1 else table[self.nodes])[:, None]

    def cotangent(self, index: int) -> Tensor:
        """Where the cotangent of the value at a node of the recording belongs, (row, out)."""
        return self._at[2][-1][index]

    def pull(self, index: int, base: Tensor, out: Tensor) -> None:
        r"""Write :math:`base + J^\top b` at one node to `out`; b stands in `cotangent`.

        Args:
            index: Number of the node within the recording.
            base: Shape (row, in).
            out: Receives the cotangent of the state, same shape.
        """
        arguments, hidden, cotangents = self._at
        weights, activation = self._weights, self.layers.activation
        for layer in range(len(weights) - 1, 0, -1):
            target = cotangents[layer - 1][index]
            torch.mm(self._gated(layer, index), weights[layer][index], out=target)
            argument, value = arguments[layer - 1][index], hidden[layer - 1][index]
            pull_activation(activation, target, argument, value, target)
        torch.addmm(base, self._gated(0, index), weights[0][index], out=out)

    def _gated(self, layer: int, index: int) -> Tensor:
        cotangent, gate = self._at[2][layer][index], self.layers.gates[layer]
        if gate is None:
            return cotangent
        factor = self._table(gate)[index if len(gate) > 1 else 0]
        return (cotangent.view(*self._axes, -1) * factor).view_as(cotangent)

    def add_gradients(self, totals: list[Tensor]) -> None:
        """Add the gradients of `Layers.tensors` over the nodes of the recording to `totals`.

        Every node must have been pulled. In place.
        """
        count, number = len(self._states), len(self.layers.weights)
        gate_totals = iter(totals[2 * number :])
        inputs = [self._states, *self._hidden]
        for layer, gate in enumerate(self.layers.gates):
            cotangent = self._cotangents[layer][:count]
            _add_sum(totals[number + layer], self._by_draw(cotangent), self.nodes)
            if gate is not None:
                product = self._by_draw(self._products[layer][:count])
                by_gate = self._by_draw(cotangent) * product
                _add_sum(next(gate_totals), by_gate, self.nodes)
                cotangent = (self._by_draw(cotangent) * self._table(gate)).view_as(cotangent)
            total, reached = totals[layer], inputs[layer][:count]
            if total.dim() == 3 and len(total) > 1:
                total[self.nodes].baddbmm_(cotangent.mT, reached)
            else:
                total = total.view(total.shape[-2:])
                total.addmm_(cotangent.flatten(0, 1).mT, reached.flatten(0, 1))


class Evaluator:
    """Evaluates a network at one node after the other, into given places, without a graph.

    Args:
        layers: The network.
        like: A state, shape (draw, batch, in).
    """

    def __init__(self, layers: Layers, like: Tensor) -> None:
        self._layers = layers
        self._axes = like.shape[:2]
        rows = like.shape[0] * like.shape[1]
        self._transposed = [[weight.mT for weight in weights] for weights, *_ in layers.by_node]
        self._buffers = [like.new_empty(rows, weight.shape[-2]) for weight in layers.weights[:-1]]

    def __call__(self, node: int, z: Tensor, out: Tensor) -> None:
        """Write the value at a node for states `z` (row, in) to `out` (row, out)."""
        activation = self._layers.activation
        for layer, buffer in enumerate((*self._buffers, out)):
            _, biases, gates = self._layers.by_node[layer]
            weights = self._transposed[layer]
            weight, bias = weights[node % len(weights)], biases[node % len(biases)]
            if gates is not None:
                torch.mm(z, weight, out=buffer)
                shaped = buffer.view(*self._axes, -1)
                torch.addcmul(bias, shaped, gates[node % len(gates)], out=shaped)
            elif bias.dim() == 1:
                torch.addmm(bias, z, weight, out=buffer)
            else:
                buffer.view(*self._axes, -1).copy_(bias)
                buffer.addmm_(z, weight)
            if buffer is not out:
                z = buffer.tanh_() if activation == "tanh" else ACTIVATIONS[activation](buffer)


def _add_sum(total: Tensor, values: Tensor, nodes: slice) -> None:
    """Add `values` (node, draw, batch, width), summed to the shape of `total`."""
    rows, samples = total.shape[:2]
    summed = values.flatten(0, 1)[None] if rows == 1 else values
    # in one go where a batch shares it: to sum over a single draw first would be a copy
    summed = summed.flatten(1, 2).sum(1, keepdim=True) if samples == 1 else summed.sum(1)
    total[nodes if rows > 1 else slice(None)] += summed

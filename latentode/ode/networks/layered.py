"""Networks at given times: gates and biases evaluated beforehand, slopes and VJPs known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from latentode.ode.networks.activations import ACTIVATIONS, Activation


@dataclass(frozen=True, eq=False)
class Layers:
    r"""A network as a function of the state alone, at each of a number of nodes.

    .. math:: u_l = g_l \circ (W_l h_{l-1}) + c_l, \quad h_l = \phi(u_l), \quad h_0 = z,

    and the result is :math:`u_L`. Whatever depends on time or on a context (known inputs, static
    covariates, a condition) stands in the gates g and biases c, which are evaluated for all nodes
    of a solve in one go and before it. A node is a time at which a solver asks for the network.

    Attributes:
        weights: :math:`W_l`, shapes (out, in), or (node or 1, out, in).
        biases: :math:`c_l`, shapes (node or 1, batch or 1, out).
        gates: :math:`g_l`, shapes likewise; None for a gate of one.
        activation: Name of :math:`\phi`.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    gates: tuple[Tensor | None, ...]
    activation: Activation

    @property
    def is_shared(self) -> bool:
        """Whether all samples of a batch have the same gates and biases."""
        return all(table is None or table.shape[1] == 1 for table in (*self.biases, *self.gates))

    def tensors(self) -> tuple[Tensor, ...]:
        """All weights, biases and gates, flat; `with_tensors` puts others in their places."""
        return (*self.weights, *self.biases, *(gate for gate in self.gates if gate is not None))

    def with_tensors(self, tensors: Sequence[Tensor]) -> Layers:
        """The same network with other tensors, in the order of `tensors`."""
        count = len(self.weights)
        rest = iter(tensors[2 * count :])
        gates = tuple(None if gate is None else next(rest) for gate in self.gates)
        weights, biases = tuple(tensors[:count]), tuple(tensors[count : 2 * count])
        return Layers(weights, biases, gates, self.activation)

    def folded(self) -> Layers:
        """The same network with the gates that a batch shares in the weights, one set a node.

        A gate then costs a product with each weight, once a node, not with each state.
        """
        weights, gates = list(self.weights), list(self.gates)
        for layer, gate in enumerate(gates):
            if gate is not None and gate.shape[1] == 1:
                weights[layer] = gate.mT * weights[layer]  # (node, out, in)
                gates[layer] = None
        return Layers(tuple(weights), self.biases, tuple(gates), self.activation)

    def scaled(self, factor: Tensor) -> Layers:
        """The same network with its value times a 0-dim factor."""
        weights = (*self.weights[:-1], self.weights[-1] * factor)
        biases = (*self.biases[:-1], self.biases[-1] * factor)
        return Layers(weights, biases, self.gates, self.activation)

    def evaluate(self, node: int, z: Tensor) -> Tensor:
        """Value at one node for states `z`, shape (..., batch, in); differentiable."""
        phi = ACTIVATIONS[self.activation]
        value, last = z, len(self.weights) - 1
        for layer, (weights, biases, gates) in enumerate(self.by_node):
            weight, bias = weights[node % len(weights)], biases[node % len(biases)]
            if gates is not None:
                gate = gates[node % len(gates)]
                value = torch.addcmul(bias, functional.linear(value, weight), gate)
            elif bias.dim() == 1:
                value = functional.linear(value, weight, bias)
            else:
                value = functional.linear(value, weight) + bias
            if layer < last:
                value = phi(value)
        return value

    @cached_property
    def by_node(self) -> list[tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor] | None]]:
        """Weight, bias and gate of each layer, a tensor a node; a lone bias has shape (out,)."""
        # unbound once: to index a tensor at every evaluation costs as much as an activation
        tables: list[tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor] | None]] = []
        for weight, bias, gate in zip(self.weights, self.biases, self.gates, strict=True):
            fused = bias.shape[1] == 1 and gate is None
            biases = (bias[:, 0] if fused else bias).unbind(0)
            weights = (weight,) if weight.dim() == 2 else weight.unbind(0)
            tables.append((weights, biases, None if gate is None else gate.unbind(0)))
        return tables

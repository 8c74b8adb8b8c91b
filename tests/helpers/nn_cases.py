"""Layered networks of every kind, and what they are as plain autograd."""

from itertools import pairwise

import torch

from latentode.ode.networks.layered import Layers

ACTIVATIONS = ["tanh", "silu", "softplus", "elu", "gelu"]
KINDS = ["shared", "by time", "by time and series", "gated", "a weight a node"]


def layered(kind, activation, nodes, batch=3, sizes=(4, 8, 7, 4), dtype=torch.float64):
    """A network whose biases and gates depend on what `kind` says, all of them leaves."""
    generator = torch.Generator().manual_seed(7)

    def leaf(*shape, scale=1.0, offset=0.0):
        values = torch.randn(*shape, generator=generator, dtype=dtype) * scale + offset
        return values.requires_grad_()

    table = {
        "shared": (1, 1), "by time": (nodes, 1), "by time and series": (nodes, batch),
        "gated": (nodes, batch), "a weight a node": (nodes, batch),
    }[kind]  # fmt: skip
    inner = list(pairwise(sizes))
    weights = tuple(leaf(out, size, scale=size**-0.5) for size, out in inner)
    biases = (leaf(*table, sizes[1], scale=0.3), *(leaf(1, 1, out) for _, out in inner[1:]))
    if kind == "a weight a node":
        first = leaf(nodes, sizes[1], sizes[0], scale=sizes[0] ** -0.5)
        weights = (first, leaf(1, sizes[2], sizes[1], scale=sizes[1] ** -0.5), *weights[2:])
    gates = [None] * len(inner)
    if kind == "gated":
        gates[0] = leaf(nodes, 1, sizes[1], scale=0.3, offset=1.0)
        gates[-1] = leaf(nodes, batch, sizes[-1], scale=0.3, offset=1.0)
    return Layers(weights, biases, tuple(gates), activation)


class LayeredTimeField:
    """A field with time and a context of each series in its first bias and gate."""

    def __init__(self, batch, latent=3, hidden=8, dtype=torch.float64, activation="tanh"):
        generator = torch.Generator().manual_seed(3)

        def leaf(*shape, scale=1.0):
            return (scale * torch.randn(*shape, generator=generator, dtype=dtype)).requires_grad_()

        self.activation = activation
        self.weights = (leaf(hidden, latent), leaf(hidden, hidden, scale=0.4), leaf(latent, hidden))
        self.rate, self.context = leaf(hidden), leaf(batch, hidden)
        self.last = leaf(latent, scale=0.3)

    def parameters(self):
        return (*self.weights, self.rate, self.context, self.last)

    def __call__(self, t, z):
        return self.layers(t.double()[None]).evaluate(0, z)

    def layers(self, times):
        clock = times.reshape(len(times), -1, 1).to(self.rate.dtype)  # (node, batch or 1, 1)
        bias = torch.sin(clock * self.rate) + self.context
        gate = 1 + 0.5 * torch.cos(clock * self.rate)
        zero = torch.zeros(1, 1, len(self.rate), dtype=self.rate.dtype)
        biases = (bias, zero, self.last[None, None])
        return self._network(biases, (gate, None, None))

    def _network(self, biases, gates):
        return Layers(self.weights, biases, gates, self.activation)

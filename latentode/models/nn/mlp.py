"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.models.nn.dropout import dropout
from latentode.ode.networks.layered import Layers


class MLP(nn.Module):
    r"""Map :math:`x \mapsto W_L \tanh(\dots\tanh(W_1 x + b_1)\dots) + b_L`.

    Args:
        in_dim: Size of the last axis of the input.
        hidden_dims: Sizes of the hidden layers; empty for an affine map.
        out_dim: Size of the last axis of the output.
        dropout: Share of hidden units dropped in training mode.
        final_scale: Factor on the initial weights of the last layer; small values start a vector
            field near rest.
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dims: tuple[int, ...],
        out_dim: int,
        *,
        dropout: float = 0.0,
        final_scale: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = (in_dim, *hidden_dims, out_dim)
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.layers: Sequence[nn.Linear] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.dropout = dropout
        with torch.no_grad():
            layers[-1].weight.mul_(final_scale)
            layers[-1].bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate at `x`, shape (..., in_dim); the result has shape (..., out_dim)."""
        for layer in self.layers[:-1]:
            x = dropout(torch.tanh(layer(x)), self.dropout, self.training)
        out: Tensor = self.layers[-1](x)
        return out

    def given(self, context: Tensor) -> Layers:
        """The network as a function of the first part of its input, the rest being given.

        Args:
            context: The last features of the input, shape (node, batch, feature), node or batch 1
                where they are shared.

        Returns:
            The network of the first features; without features in `context` no bias depends on it.
        """
        assert self.dropout == 0.0, "a network with dropout is not a function of its input"
        first, *others = self.layers
        state_dim = first.in_features - context.shape[-1]
        bias = first.bias[None, None]
        if context.shape[-1]:
            bias = bias + functional.linear(context, first.weight[:, state_dim:])
        weights = (first.weight[:, :state_dim], *(layer.weight for layer in others))
        biases = (bias, *(layer.bias[None, None] for layer in others))
        return Layers(weights, biases, (None,) * len(weights), "tanh")


class SkipMLP(nn.Module):
    r"""A perceptron beside a linear map, of several inputs together.

    .. math:: y = \sum_p A_p x_p + V \tanh\big(\sum_p B_p x_p + b\big) + c

    What is linear in the inputs keeps its digits, and needs no hidden unit. Inputs broadcast: one
    that is the same for many draws is mapped once.

    Args:
        in_dims: Size of the last axis of each input.
        hidden_dim: Size of the hidden layer.
        out_dim: Size of the last axis of the output.
        dropout: Share of hidden units dropped in training mode.
        at_rest: Whether it starts at zero.
    """

    def __init__(
        self,
        in_dims: tuple[int, ...],
        hidden_dim: int,
        out_dim: int,
        *,
        dropout: float,
        at_rest: bool = False,
    ) -> None:
        super().__init__()
        total = nn.Linear(sum(in_dims), hidden_dim + out_dim)
        self.parts = nn.ParameterList(part.clone() for part in total.weight.split(in_dims, dim=1))
        self.bias = nn.Parameter(torch.zeros(hidden_dim + out_dim))
        self.last = nn.Linear(hidden_dim, out_dim, bias=False)
        self.sizes, self.dropout = (hidden_dim, out_dim), dropout
        with torch.no_grad():
            self.bias[:hidden_dim].copy_(total.bias[:hidden_dim])
            if at_rest:
                self.last.weight.zero_()
                for part in self.parts:
                    part[hidden_dim:].zero_()

    def forward(self, *inputs: Tensor) -> Tensor:
        """Evaluate at inputs of shapes (..., in_dim) that broadcast; shape (..., out_dim)."""
        first, *others = zip(inputs, self.parts, strict=True)
        mapped = functional.linear(*first, self.bias)
        for x, weight in others:
            mapped = _plus_product(mapped, x, weight)
        hidden, straight = mapped.split(self.sizes, dim=-1)
        hidden = dropout(torch.tanh(hidden), self.dropout, self.training)
        return _plus_product(straight, hidden, self.last.weight)


def _plus_product(total: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """A sum and a product of matrices, in one pass where neither is the same for many draws."""
    if x.dim() == 1 or total.shape[:-1] != x.shape[:-1]:
        return total + functional.linear(x, weight)
    rows = torch.addmm(total.flatten(0, -2), x.flatten(0, -2), weight.t())
    return rows.unflatten(0, x.shape[:-1])

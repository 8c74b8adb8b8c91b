"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["tanh", "silu", "softplus", "elu", "gelu"]

# smooth activations only: a field with kinks lowers the order of every solver
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "gelu": functional.gelu,
}


class MLP(nn.Module):
    r"""Map :math:`x \mapsto W_L\,\phi(\dots\phi(W_1 x + b_1)\dots) + b_L`.

    Args:
        in_dim: Size of the last axis of the input.
        hidden_dims: Sizes of the hidden layers; empty for an affine map.
        out_dim: Size of the last axis of the output.
        activation: Smooth activation between layers.
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
        activation: Activation = "tanh",
        dropout: float = 0.0,
        final_scale: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = (in_dim, *hidden_dims, out_dim)
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        self.activation = activation
        self.dropout = dropout
        with torch.no_grad():
            layers[-1].weight.mul_(final_scale)
            layers[-1].bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate at `x`, shape (..., in_dim); the result has shape (..., out_dim)."""
        phi = ACTIVATIONS[self.activation]
        for layer in self.layers[:-1]:
            x = functional.dropout(phi(layer(x)), self.dropout, self.training)
        out: Tensor = self.layers[-1](x)
        return out

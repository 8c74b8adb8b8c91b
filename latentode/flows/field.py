"""The vector field of a continuous normalizing flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast, get_args

import torch
from torch import Tensor, nn

from latentode.errors import ConfigError
from latentode.ode.networks.activations import Activation
from latentode.ode.networks.layered import Layers


class ConcatSquash(nn.Module):
    r"""Network whose gates and biases depend on time and context.

    .. math:: u_l = \sigma(A_l [t, c] + a_l) \circ (W_l h_{l-1}) + B_l [t, c] + b_l,
              \quad h_l = \phi(u_l)

    The gate of the last layer sees time alone, so that the divergence of two hidden layers keeps
    its closed form under a context; FFJORD gates every layer by time alone.

    Args:
        dim: Size of the state.
        context_dim: Size of the context; 0 for none.
        hidden_dims: Sizes of the hidden layers.
        activation: Smooth activation.

    Raises:
        ConfigError: If the activation is not smooth.

    Reference:
        Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD,
        https://arxiv.org/abs/1810.01367
    """

    def __init__(
        self, dim: int, context_dim: int, hidden_dims: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        if activation not in get_args(Activation):
            raise ConfigError(
                f"activation: expected one of {', '.join(get_args(Activation))}, got "
                f"{activation!r}. The divergence of a field with kinks, as of relu, jumps."
            )
        sizes = (dim, *hidden_dims, dim)
        self.activation = activation
        self.widths = sizes[1:]
        linears = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
        self.linears = nn.ModuleList(linears)
        self.biases = nn.Linear(1 + context_dim, sum(self.widths))
        self.gates = nn.Linear(1 + context_dim, sum(hidden_dims)) if hidden_dims else None
        self.last_gate = nn.Linear(1, dim)
        with torch.no_grad():
            # a flow that begins near the identity
            linears[-1].weight.mul_(0.1)
            self.biases.weight[-dim:].mul_(0.1)
            self.biases.bias[-dim:].mul_(0.1)

    def layers(self, times: Tensor, context: Tensor, speed: Tensor) -> Layers:
        """The network at some times.

        Args:
            times: Own time of the field, shape (node,) or (node, batch).
            context: Context, shape (batch or 1, context).
            speed: Factor on the value, 0-dim.

        Returns:
            Layers with gates, one entry a node.
        """
        clock = times.to(context.dtype).reshape(len(times), -1, 1)  # (node, batch or 1, 1)
        rows = max(clock.shape[1], len(context)) if context.shape[1] else clock.shape[1]
        seen = torch.cat([clock.expand(-1, rows, 1), context.expand(len(times), rows, -1)], -1)
        biases = list(self.biases(seen).split(self.widths, -1))
        gates = [] if self.gates is None else self.gates(seen).sigmoid().split(self.widths[:-1], -1)
        last_gate = speed * self.last_gate(clock).sigmoid()
        biases[-1] = speed * biases[-1]
        weights = tuple(cast(nn.Linear, linear).weight for linear in self.linears)
        return Layers(weights, tuple(biases), (*gates, last_gate), self.activation)


@dataclass(frozen=True)
class FlowField:
    r"""A field on the clock of a flow, :math:`dz/ds = T f(sT, z; c)` for s in [0, 1].

    The end time T stands in the field, not in the limits: the number of solver steps does not
    depend on it, and its gradient is exact.

    Attributes:
        net: Network of the block.
        context: Shape (batch or 1, context).
        end_time: T, 0-dim.
        observed: True for the axes that move, shape (batch or 1, dim); None for all.
    """

    net: ConcatSquash
    context: Tensor
    end_time: Tensor
    observed: Tensor | None = None

    def layers(self, times: Tensor) -> Layers:
        """The network at flow times of shape (node,) or (node, batch)."""
        layers = self.net.layers(times * self.end_time, self.context, self.end_time)
        if self.observed is None:
            return layers
        moves, gate = self.observed.to(self.context.dtype), layers.gates[-1]
        assert gate is not None
        biases = (*layers.biases[:-1], layers.biases[-1] * moves)
        return replace(layers, biases=biases, gates=(*layers.gates[:-1], gate * moves))

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        """Slope at flow time t, 0-dim or (batch,), of states (..., batch, latent)."""
        return self.layers(t[None]).evaluate(0, z)

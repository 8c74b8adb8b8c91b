"""Latent vector fields given by a multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from latentode.data.batches.known_inputs import KnownInputs
from latentode.models.nn.mlp import MLP
from latentode.ode.networks.layered import Layers


class MLPDynamics(nn.Module):
    r"""Latent dynamics :math:`dz/dt = f(z, [t], [u(t)], s)`.

    "autonomous" sees z alone; "time" also the model time t since the anchor; "inputs" also the
    known inputs u(t): calendar, set points, doses. Static covariates s enter every kind.

    Args:
        latent_dim: Size of z.
        hidden_dim: Size of the two hidden layers.
        input_dim: Known-input features.
        static_dim: Static covariates.
        kind: What the field may see, see `ModelConfig.dynamics`.

    Reference:
        Chen et al. (2018), Neural ordinary differential equations, https://arxiv.org/abs/1806.07366
    """

    def __init__(
        self, latent_dim: int, hidden_dim: int, input_dim: int, static_dim: int, kind: str
    ) -> None:
        super().__init__()
        self.kind = kind
        extra = {"autonomous": 0, "time": 1, "inputs": 1 + input_dim}[kind]
        in_dim = latent_dim + extra + static_dim
        self.net = MLP(in_dim, (hidden_dim, hidden_dim), latent_dim, final_scale=0.3)

    def context(self, times: Tensor, inputs: KnownInputs, static: Tensor) -> Tensor:
        """What the field sees beside the state.

        Args:
            times: Model times, float64, shape (node,) or (node, batch).
            inputs: Known inputs of the batch.
            static: Static covariates, shape (batch, static).

        Returns:
            Features of each node, shape (node, batch, feature); (1, batch, feature) where they do
            not depend on time.
        """
        if self.kind == "autonomous":
            return static[None]
        dtype, size = static.dtype, static.shape[0]
        clock = times.reshape(times.shape[0], -1).expand(-1, size)  # (node, batch)
        parts = [clock[..., None].to(dtype)]
        if self.kind == "inputs":
            parts.append(inputs(clock.mT).movedim(1, 0).to(dtype))
        parts.append(static.expand(times.shape[0], -1, -1))
        return torch.cat(parts, dim=-1)


@dataclass(frozen=True, eq=False)
class BoundDynamics:
    r"""`MLPDynamics` with the inputs and covariates of a batch, a `latentode.ode.LayeredField`.

    With a factor r the field is :math:`r f(z, rt, u(rt), s)`: what the solve reaches at t is what
    the dynamics reach at r t. A random factor is a random end time (STEER) for every reading of a
    window, on the same grid.

    Attributes:
        dynamics: The network.
        inputs: Known inputs of the batch.
        static: Static covariates, shape (batch, static).
        time_factor: Factor r on time, 0-dim; None is 1.
        start: Model time that counts as 0, shape (batch,); None is 0.
    """

    dynamics: MLPDynamics
    inputs: KnownInputs
    static: Tensor
    time_factor: Tensor | None = None
    start: Tensor | None = None

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        """Slope of z, shape (..., batch, latent), at a model time, scalar or (batch,)."""
        return self.layers(t.double()[None]).evaluate(0, z)

    def starting(self, windows: Tensor, start: Tensor) -> BoundDynamics:
        """The field of some windows, by index, in times from some starts (window,) on."""
        inputs, static = self.inputs.select(windows), self.static[windows]
        return replace(self, inputs=inputs, static=static, start=start)

    def layers(self, times: Tensor) -> Layers:
        """The network at model times of shape (node,) or (node, batch)."""
        if self.start is not None:
            times = times.reshape(times.shape[0], -1) + self.start
        if self.time_factor is not None:
            times = times * self.time_factor
        context = self.dynamics.context(times, self.inputs, self.static)
        layers = self.dynamics.net.given(context)
        return layers if self.time_factor is None else layers.scaled(self.time_factor)

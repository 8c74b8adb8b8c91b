"""Latent vector fields given by a multilayer perceptron."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from latentode.data.known_inputs import KnownInputs
from latentode.nn.mlp import MLP

DynamicsKind = Literal["autonomous", "time", "inputs"]


class MLPDynamics(nn.Module):
    r"""Latent dynamics :math:`dz/dt = f(z, [t], [u(t)], s)`.

    "autonomous" sees z alone; "time" also the model time t since the anchor; "inputs" also the
    known inputs u(t): calendar, set points, doses. Static covariates s enter every kind.

    Args:
        latent_dim: Size of z.
        hidden_dim: Size of the two hidden layers.
        input_dim: Known-input features.
        static_dim: Static covariates.
        kind: What the field may see.

    Reference:
        Chen et al. (2018), Neural ordinary differential equations, https://arxiv.org/abs/1806.07366
    """

    def __init__(
        self, latent_dim: int, hidden_dim: int, input_dim: int, static_dim: int, kind: DynamicsKind
    ) -> None:
        super().__init__()
        self.kind = kind
        extra = {"autonomous": 0, "time": 1, "inputs": 1 + input_dim}[kind]
        in_dim = latent_dim + extra + static_dim
        self.net = MLP(in_dim, (hidden_dim, hidden_dim), latent_dim, final_scale=0.3)

    def forward(self, t: Tensor, z: Tensor, inputs: KnownInputs, static: Tensor) -> Tensor:
        """Slope of z.

        Args:
            t: Model time, scalar or shape (batch,).
            z: Latent states, shape (..., batch, latent).
            inputs: Known inputs of the batch.
            static: Static covariates, shape (batch, static).

        Returns:
            dz/dt, shape of `z`.
        """
        context = [static]
        if self.kind != "autonomous":
            times = t.expand(z.shape[-2])[:, None]  # (batch, 1)
            context.append(times.to(z.dtype))
            if self.kind == "inputs":
                context.append(inputs(times.double())[:, 0].to(z.dtype))
        u = torch.cat(context, dim=-1)
        out: Tensor = self.net(torch.cat([z, u.expand(*z.shape[:-1], u.shape[-1])], dim=-1))
        return out

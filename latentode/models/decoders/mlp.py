"""Decoder from latent states to a location and a spread of every channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.models.nn.mlp import MLP


class MLPDecoder(nn.Module):
    r"""Map :math:`(z(t), u(t), s)` to locations and, optionally, log-scales.

    The location is affine in z plus a hidden layer, so that linear structure needs no hidden unit.

    Args:
        latent_dim: Size of z.
        hidden_dim: Size of the hidden layer.
        context_dim: Known inputs and static covariates.
        num_channels: Channels of the log.
        state_noise: Whether the log-scale depends on the state ("state") or not ("constant").
        dropout: Share of hidden units dropped in training.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dim: int,
        context_dim: int,
        num_channels: int,
        *,
        state_noise: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        outputs = num_channels * (2 if state_noise else 1)
        in_dim = latent_dim + context_dim
        self.hidden = MLP(in_dim, (hidden_dim,), outputs, dropout=dropout, final_scale=0.1)
        self.linear = nn.Linear(latent_dim, num_channels)
        with torch.no_grad():
            self.linear.weight.mul_(0.1)
        self.log_scale = nn.Parameter(torch.zeros(num_channels))
        self.num_channels = num_channels

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Location and log-scale of every channel, shapes (..., batch, time, channel)."""
        out = self.hidden(torch.cat([z, context.expand(*z.shape[:-1], context.shape[-1])], dim=-1))
        location = self.linear(z) + out[..., : self.num_channels]
        log_scale = self.log_scale.expand_as(location)
        if out.shape[-1] > self.num_channels:
            log_scale = log_scale + out[..., self.num_channels :]
        return location, log_scale

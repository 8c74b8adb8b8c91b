"""Standard normal prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class StandardNormal(nn.Module):
    """Standard normal density of the initial latent state.

    Args:
        latent_dim: Size of z.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats, shape of `z` without its last axis."""
        return -0.5 * (z * z + math.log(2 * math.pi)).sum(dim=-1)

    def kl_from(self, mean: Tensor, std: Tensor) -> Tensor:
        r"""KL(q || p) of a diagonal normal q, :math:`\sum \tfrac12(\sigma^2+\mu^2-1)-\log\sigma`.

        Args:
            mean: Mean of q, shape (..., latent).
            std: Standard deviation of q, positive, same shape.

        Returns:
            Divergence in nats, shape (...,).
        """
        return (0.5 * (std * std + mean * mean - 1.0) - std.log()).sum(dim=-1)

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """States for standard normal noise (..., latent), and their log-density in nats (...,)."""
        return noise, self.log_prob(noise)

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """Draws of shape ``(*shape, latent)``."""
        return torch.randn((*shape, self.latent_dim), generator=generator)

"""A prior that is learned: a continuous normalizing flow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.flows import CNF


class CNFPrior(nn.Module):
    """Density of the initial latent state that a flow learns, together with all else.

    Under the evidence lower bound it moves to where the encoder puts the windows, their aggregate
    posterior, and so takes the price off states that are common. Draws from it are like windows
    that were seen, which a standard normal need not give. Its divergence from a posterior has no
    closed form and is estimated by the draws.

    Args:
        latent_dim: Size of z.

    Reference:
        Chen et al. (2017), Variational lossy autoencoder, https://arxiv.org/abs/1611.02731;
        Grathwohl et al. (2019), FFJORD, https://arxiv.org/abs/1810.01367.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.flow = CNF(latent_dim)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats with the exact trace, shape of `z` without its last axis."""
        return self.flow.log_prob(z)

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """States for standard normal noise (..., latent), and their log-density, in one solve."""
        pushed = self.flow.push(noise)
        return pushed.value, pushed.log_prob

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """Draws of shape (*shape, latent)."""
        return self.flow.sample(shape, generator=generator)

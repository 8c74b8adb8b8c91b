"""Approximate posteriors of the latent state at the anchor of each window.

`NormalPosterior` is the default. `FlowPosterior` bends it, by a flow that sees what the encoder
saw: for windows that leave several states or a curved set of them open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.config import ModelConfig
from latentode.flows import CNF
from latentode.models.nn.mlp import SkipMLP

_MIN_STD = 1e-3  # at 0 the divergence from the prior is infinite


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Independent normals.

    Attributes:
        mean: Shape (batch, latent).
        stddev: Positive, same shape.
        context: What is known of each window: what the encoder made of it, its newest readings, and
            the known inputs and static covariates at its anchor, shape (batch, context).
    """

    mean: Tensor
    stddev: Tensor
    context: Tensor

    @property
    def centre(self) -> Tensor:
        """Where noise of zero goes, shape (batch, latent)."""
        return self.mean

    def at(self, noise: Tensor) -> Tensor:
        """States for standard normal noise, both (draw, batch, latent)."""
        return self.mean + self.stddev * noise

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """States, and their log-density in nats, shape (draw, batch)."""
        density = -0.5 * (noise.square() + math.log(2 * math.pi)) - self.stddev.log()
        return self.at(noise), density.sum(-1)


@dataclass(frozen=True, eq=False)
class FlowPosterior:
    r"""A normal after a conditional flow, :math:`z = \mu + \sigma\,\psi(e; c)`.

    Attributes:
        mean: Shape (batch, latent).
        stddev: Positive, same shape.
        flow: The flow, its gates and biases conditional on the context: one for all windows.
        context: As in `NormalPosterior`.
    """

    mean: Tensor
    stddev: Tensor
    flow: CNF
    context: Tensor

    @property
    def centre(self) -> Tensor:
        """Where noise of zero goes, shape (batch, latent)."""
        return self.at(torch.zeros_like(self.mean)[None])[0]

    def at(self, noise: Tensor) -> Tensor:
        """States for standard normal noise, both (draw, batch, latent)."""
        flowed: Tensor = self.flow(noise, self.context)
        return self.mean + self.stddev * flowed

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """States, and their log-density in nats with the exact trace, in one solve."""
        flowed = self.flow.push(noise, self.context)
        return self.mean + self.stddev * flowed.value, flowed.log_prob - self.stddev.log().sum(-1)


Posterior = NormalPosterior | FlowPosterior


class PosteriorHead(nn.Module):
    """From what is known of a window to the posterior of its state at the anchor.

    Args:
        in_dim: Features of a window.
        config: Settings of the model, resolved: sizes, and whether a flow bends the normal.
    """

    def __init__(self, in_dim: int, config: ModelConfig) -> None:
        super().__init__()
        latent = config.latent_dim
        self.normal = SkipMLP((in_dim,), config.hidden_dim, 2 * latent, dropout=config.dropout)
        self.flow = CNF(latent, context_dim=in_dim) if config.posterior == "cnf" else None

    def forward(self, features: Tensor) -> Posterior:
        """Posteriors given features, shape (batch, in_dim)."""
        mean, raw = self.normal(features).chunk(2, dim=-1)
        # softplus with a floor: |.| and exp reach 0 or infinity, where the KL is infinite
        stddev = functional.softplus(raw - 1.0) + _MIN_STD
        if self.flow is None:
            return NormalPosterior(mean, stddev, features)
        return FlowPosterior(mean, stddev, self.flow, features)

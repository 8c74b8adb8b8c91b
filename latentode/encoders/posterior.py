"""Approximate posteriors of the latent state at the anchor of each window.

`NormalPosterior` is the default. `FlowPosterior` bends it, by a flow that sees what the encoder
saw: for windows that leave several states or a curved set of them open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.flows import CNF


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Independent normals.

    Attributes:
        mean: Shape (batch, latent).
        stddev: Positive, same shape.
        context: What the encoder made of each window, and the known inputs and static covariates at
            its anchor, shape (batch, context).
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
    r"""A normal that a conditional flow has bent first, :math:`z = \mu + \sigma\,\psi(e; c)`.

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
        bent: Tensor = self.flow(noise, self.context)
        return self.mean + self.stddev * bent

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """States, and their log-density in nats with the exact trace, in one solve."""
        bent = self.flow.push(noise, self.context)
        return self.mean + self.stddev * bent.value, bent.log_prob - self.stddev.log().sum(-1)

"""Normal observation noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latentode.likelihoods.base import Likelihood


class GaussianLikelihood(Likelihood):
    r"""Normal readings, :math:`\log p = -\tfrac12\log 2\pi\sigma^2 - (x-\mu)^2 / 2\sigma^2`.

    Args:
        num_channels: Channels of the log (no parameter of its own; kept for one constructor shape).
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.num_channels = num_channels

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`."""
        error = (values - location) / scale
        return -0.5 * (error * error + math.log(2 * math.pi)) - scale.log()

    def sample(
        self, location: Tensor, scale: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """See `Likelihood`."""
        noise = torch.randn(
            location.shape, dtype=location.dtype, device=location.device, generator=generator
        )
        return location + scale * noise

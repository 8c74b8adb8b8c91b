"""Normal observation noise."""

from __future__ import annotations

import math

from torch import Tensor

from latentode.models.likelihoods.base import Likelihood


class GaussianLikelihood(Likelihood):
    r"""Normal readings, :math:`\log p = -\tfrac12\log 2\pi\sigma^2 - (x-\mu)^2 / 2\sigma^2`.

    Args:
        num_channels: Channels of the log; the density is the same for any number.
    """

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        error = (values - location) / scale
        return -0.5 * (error * error + math.log(2 * math.pi)) - scale.log()

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return location + scale * noise.to(location.dtype)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return (values - location) / scale


LIKELIHOOD = GaussianLikelihood

"""Student-t observation noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.models.likelihoods.base import Likelihood
from latentode.models.likelihoods.quantiles import StudentTQuantiles

# one number a channel must move by several units while weights move by hundredths
_GAIN = 5.0


class StudentTLikelihood(Likelihood):
    r"""Student-t readings with learned degrees of freedom :math:`\nu_c > 2` per channel.

    .. math:: \log p = \log\Gamma(\tfrac{\nu+1}2) - \log\Gamma(\tfrac\nu2)
              - \tfrac12\log\nu\pi\sigma^2 - \tfrac{\nu+1}2 \log(1 + (x-\mu)^2/\nu\sigma^2)

    A spike costs a logarithm, not a square, so it cannot drag the fit. For :math:`\nu\to\infty` it
    is the normal.

    Args:
        num_channels: Channels of the log.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)
        self.raw_df = nn.Parameter(torch.zeros(num_channels))

    @property
    def df(self) -> Tensor:
        """Degrees of freedom, shape (channel,)."""
        return 2.0 + functional.softplus(2.0 + _GAIN * self.raw_df)

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        df = self.df
        error = (values - location) / scale
        constant = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - 0.5 * torch.log(df * math.pi)
        return constant - scale.log() - 0.5 * (df + 1) * torch.log1p(error * error / df)

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; by the quantile function.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        error = StudentTQuantiles.of(self.df).at(noise)
        return location + scale * error.to(location.dtype)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return StudentTQuantiles.of(self.df).scores((values - location) / scale)


LIKELIHOOD = StudentTLikelihood

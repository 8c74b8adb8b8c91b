r"""What the nearest readings say about a query of a channel that moves smoothly."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.models.decoders.smooth_kriging import SmoothKriging

_GAIN = 5.0  # covariances must move by factors while weights move by hundredths
# weights before training, of smoothness 1/2, 3/2, 5/2 and of white noise
_LOGITS = (0.0, 1.0, 0.0, -2.0)
_SHARES = (0.0, -2.0)  # between readings and beyond them
_HARDLY = -4.0  # a share of 2 % in channels that are no Gaussian processes


class SmoothMemory(nn.Module):
    r"""Residuals of learned smoothness: condition on three readings before and after each query.

    The residual of a channel, in units of its scale, is taken as a stationary Gaussian process
    whose covariance is a mixture of Matern ones of smoothness 1/2, 3/2 and 5/2 with one rate k,

    .. math:: \rho(\Delta) = e^{-x}\big(w_1 + w_2 (1 + x) + w_3 (1 + x + x^2/3)\big), \qquad
        x = k\Delta,

    plus white noise. Of a smooth process, three readings to either side say nearly all that there
    is to know between them, as they show its slope and curvature: for slow rates this tends to a
    polynomial through them.

    It is joined to what the exponentials of `ResidualMemory` say: location and variance lie between
    those of the two, by learned shares of each channel, between readings and beyond them.

    Args:
        num_channels: Channels of the log; each has its own rate, weights and shares.

    Reference:
        Rasmussen, Williams (2006), Gaussian processes for machine learning, section 4.2.1; Datta et
        al. (2016), Hierarchical nearest-neighbor Gaussian process models for large geostatistical
        datasets, Journal of the American Statistical Association 111.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        # vectors, and the last of a model: optimisers know parameters by their number
        self.log_rate = nn.Parameter(torch.zeros(num_channels))
        self.logits = nn.Parameter(torch.tensor(_LOGITS).repeat_interleave(num_channels) / _GAIN)
        self.share = nn.Parameter(torch.tensor(_SHARES).repeat_interleave(num_channels) / _GAIN)

    def set_aside(self, channels: Tensor) -> None:
        """Begin with hardly a share in some channels, True in shape (channel,)."""
        with torch.no_grad():
            self.share.view(-1, len(channels))[:, channels] = _HARDLY / _GAIN

    def forward(
        self, gaps: Tensor, residuals: Tensor, mean: Tensor, variance: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance of the residual, in units of the stationary scale.

        Args:
            gaps: To the nearest readings before and after, then to the next ones, +inf where there
                is none, shape (neighbour, batch, step, channel).
            residuals: Residuals there, 0 where there is none, shape (neighbour, draw, batch, step,
                channel).
            mean: By `ResidualMemory`, shape (draw, batch, step, channel).
            variance: Likewise, shape (batch, step, channel).
        """
        channels = len(self.log_rate)
        weights = functional.softmax(_GAIN * self.logits.view(-1, channels), dim=0)
        rough, once, twice, _ = weights
        coefficients = torch.stack([rough + once + twice, once + twice, twice / 3.0])
        rates = torch.exp(_GAIN * self.log_rate)
        smooth_mean, smooth_variance = SmoothKriging.apply(gaps, residuals, rates, coefficients)
        between, beyond = torch.sigmoid(_GAIN * self.share.view(-1, channels))
        inside = (gaps[:2] < torch.inf).all(dim=0)
        share = torch.where(inside, between, beyond)
        return torch.lerp(mean, smooth_mean, share), torch.lerp(variance, smooth_variance, share)

"""What the nearest readings of other channels say about a query."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.models.decoders.kriging import Decayed
from latentode.models.nn.mlp import SkipMLP
from latentode.ode.networks.activations import tamed

# per unit of model time, of which a window has 4: the last tells the same moment from any other
_RATES = (1.0, 16.0, 512.0)
_GAIN = 5.0  # rates must move by factors while weights move by hundredths


class CrossMemory(nn.Module):
    r"""Corrections from the nearest residuals of all channels, before and after a query.

    Where one channel was read and another was not, the first knows of the second: bands of a star,
    load and temperature, a position between two velocities. With the residuals :math:`r_{sc}` on
    both sides of a query, the gaps to them, :math:`a_{sc}`, and three learned rates a channel,

    .. math::
        (\Delta\mu, \Delta\log\sigma) = A\phi + V\tanh(B\phi + b) + c, \qquad
        \phi = \big(r_{sc}\, e^{-k_{jc} a_{sc}},\; e^{-k_{jc} a_{sc}}\big)_{s,c,j},

    where what was never read counts as infinitely far away. It starts at zero.

    Args:
        num_channels: Channels of the log.
        hidden_dim: Size of the hidden layer.
        dropout: Share of hidden units dropped in training.

    Reference:
        Wackernagel (2003), Multivariate geostatistics, chapters 24-26: there the corrections are
        linear, with weights from covariances between channels (cokriging).
    """

    log_rates: Tensor

    def __init__(self, num_channels: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("log_rates", torch.tensor(_RATES).log()[:, None])
        self.rate_shift = nn.Parameter(torch.zeros(len(_RATES), num_channels))
        each = 2 * len(_RATES) * num_channels
        self.net = SkipMLP(
            (each, each), hidden_dim, 2 * num_channels, dropout=dropout, at_rest=True
        )

    def forward(self, gaps: Tensor, residuals: Tensor) -> tuple[Tensor, Tensor]:
        """Shift of the location and of the log-scale.

        Args:
            gaps: Gaps to the nearest readings before and after, +inf where there is none, shape
                (2, batch, step, channel).
            residuals: Residuals there, shape (2, draw, batch, step, channel).

        Returns:
            Both of shape (draw, batch, step, channel).
        """
        rates = (self.log_rates + _GAIN * self.rate_shift).exp()
        # sides and channels as one axis, last: (batch, step, side * channel)
        apart = gaps.movedim(0, -2).flatten(-2)
        read = tamed(residuals).movedim(0, -2).flatten(-2)
        weights, decayed = Decayed.apply(apart, read, rates.repeat(1, 2))
        shift, log_scale = self.net(weights, decayed).chunk(2, dim=-1)
        return shift, log_scale

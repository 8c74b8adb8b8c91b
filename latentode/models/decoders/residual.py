r"""What the nearest readings still say about a query, once the latent trajectory is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.models.decoders.kriging import Kriging, SumOfApproaches

# the few parameters of the covariance must move by several units while weights move by hundredths
_GAIN = 5.0
# standard deviation below which a channel counts as at rest, and log-variance of an ordinary one
_CALM = 0.01
_TYPICAL = -3.0


class ResidualMemory(nn.Module):
    r"""Correlated residuals: condition on the readings before and after each query.

    The residual of a channel around the decoded trajectory, in units of its scale, is taken as a
    stationary Gaussian process with covariance
    :math:`\rho(\Delta) = \sum_j w_j e^{-k_j\Delta}` plus white noise of variance :math:`\eta`,
    with :math:`\sum_j w_j + \eta = 1`. Given the residuals r of the nearest visible readings before
    and after a query (gaps a and b), its mean and variance are those of simple kriging,

    .. math:: m = k^\top K^{-1} r, \qquad v = 1 - k^\top K^{-1} k,

    with :math:`k = (\rho(a), \rho(b))` and :math:`K` the covariance of the two neighbours. With one
    rate and no white noise this is the Ornstein-Uhlenbeck bridge: it tends to linear interpolation
    for slow rates, and in a forecast decays from the last reading to the trajectory.

    Args:
        num_channels: Channels of the log; each has its own rates and weights.

    Reference:
        Rasmussen, Williams (2006), Gaussian processes for machine learning, section 2.2 and B.2.
    """

    log_rates: Tensor
    base_logits: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        # From hardly any decay over a window to decay within a hundredth of it, most weight on the
        # slow: an untrained model then forecasts the last reading, and training departs from that.
        rates, logits = torch.logspace(-1.5, 1.5, 3), torch.tensor([3.0, 1.0, -0.5, -2.0])
        self.register_buffer("log_rates", rates.log()[:, None])
        self.register_buffer("base_logits", logits[:, None])
        self.rate_shift = nn.Parameter(torch.zeros(len(rates), num_channels))
        self.logit_shift = nn.Parameter(torch.zeros(len(logits), num_channels))

    def forward(self, gaps: Tensor, residuals: Tensor) -> tuple[Tensor, Tensor]:
        """Kriging mean and variance of the residual.

        Args:
            gaps: Time to the nearest reading before and after, +inf where there is none, shape
                (2, batch, time, channel).
            residuals: Residuals there in units of the scale, 0 where there is none, shape
                (2, ..., batch, time, channel).

        Returns:
            Mean (..., batch, time, channel) and variance (batch, time, channel), both in units of
            the stationary scale.
        """
        weights = functional.softmax(self.base_logits + _GAIN * self.logit_shift, dim=0)
        rates = torch.exp(self.log_rates + _GAIN * self.rate_shift)
        mean, variance = Kriging.apply(gaps, residuals, rates, weights[:-1])
        return mean, variance


class RecentBehaviour(nn.Module):
    r"""What the last stretches of a channel say about it: drift and restlessness on several scales.

    With the last residual r, and the means :math:`\bar r_j` and standard deviations :math:`d_j` of
    the residuals over the last :math:`s_j` of model time,

    - a forecast at gap a after the last reading is moved by Holt's damped trend,
      :math:`\sum_j (r - \bar r_j)\big(\alpha_{jc} + \beta_{jc}\,(1 - e^{-\kappa_{jc} a}) /
      \kappa_{jc}\big)`: :math:`\alpha` smooths a noisy last reading, :math:`\beta` follows a drift
      that dies out at rate :math:`\kappa`;
    - the log-scale of every query is moved by :math:`\sum_j \gamma_{jc} \log d_j`: a channel that
      has been calm gets narrow bands, as in models of volatility.

    All start at zero.

    Args:
        num_channels: Channels of the log.

    Reference:
        Gardner, McKenzie (1985), Forecasting trends in time series, Management Science 31;
        Corsi (2009), A simple approximate long-memory model of realized volatility, Journal of
        Financial Econometrics 7.
    """

    spans: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.register_buffer("spans", torch.tensor([1 / 64, 1 / 16, 1 / 4, 1.0, 4.0]))
        shape = (len(self.spans), num_channels)
        self.smoothing = nn.Parameter(torch.zeros(shape))
        self.drift = nn.Parameter(torch.zeros(shape))
        self.log_damping = nn.Parameter(torch.zeros(shape))
        self.restlessness = nn.Parameter(torch.zeros(2, *shape))
        self.offset = nn.Parameter(torch.zeros(2, num_channels))

    def forward(
        self, times: Tensor, mask: Tensor, residuals: Tensor, ages: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Shift of the location and of the log-scale.

        Args:
            times: Row times, shape (batch, time).
            mask: True where a channel was read, shape (batch, time, channel).
            residuals: Residuals, 0 where missing, shape (draw, batch, time, channel).
            ages: Time since the last reading of each query, 0 where it is not a forecast, shape
                (batch, step, channel).

        Returns:
            Shift of the location, zero where `ages` is, shape (draw, batch, step, channel), and of
            the log-scale, shape (draw, batch, 1, channel).
        """
        drifts, variance = self._moments(times, mask, residuals)
        damping = (_GAIN * self.log_damping).exp().T.contiguous()  # (channel, span)
        slopes = drifts * (self.drift.T / damping)[:, None]
        trend = SumOfApproaches.apply(ages.transpose(1, 2).contiguous(), damping, slopes)
        ahead = (ages > 0).to(residuals.dtype)
        level = torch.einsum("sc,bcds->dbc", self.smoothing, drifts)[:, :, None]
        shift = trend.permute(2, 0, 3, 1) + level * ahead
        spread = 0.5 * (variance.log() - _TYPICAL)
        moved = torch.einsum("ksc,bcds->kdbc", _GAIN * self.restlessness, spread)
        between, beyond = (moved + _GAIN * self.offset[:, None, None])[:, :, :, None]
        return shift, torch.lerp(between, beyond, ahead)

    def _moments(self, times: Tensor, mask: Tensor, residuals: Tensor) -> tuple[Tensor, Tensor]:
        """What the newest residual has over the mean of each span, and the variance there.

        Both of shape (batch, channel, draw, span).
        """
        # channels before times: the sums over time are then products of matrices as they lie
        stamps = times[..., None].masked_fill(~mask, -torch.inf).transpose(1, 2).contiguous()
        last, row = stamps.max(dim=-1, keepdim=True)  # (batch, channel, 1)
        # a channel without readings has none that is recent: its stamps are infinitely old
        since = last.clamp(min=torch.finfo(times.dtype).min) - self.spans
        recent = (stamps[:, :, None] >= since[..., None]).to(residuals.dtype)
        count = recent.sum(dim=-1).clamp(min=1.0)[:, :, None]  # (batch, channel, 1, span)
        in_time = residuals.permute(1, 3, 0, 2).contiguous()  # (batch, channel, draw, time)
        newest = in_time.gather(-1, row[:, :, None].expand(-1, -1, in_time.shape[2], -1))
        # moments of differences from the newest: those of the residuals would cancel in float32
        below = newest - in_time
        sums = torch.cat([below, below * below], dim=2) @ recent.transpose(-1, -2)
        drifts, squares = (sums / count).unflatten(2, (2, -1)).unbind(2)
        return drifts, (squares - drifts * drifts).clamp(min=0.0) + _CALM**2

r"""What the nearest readings still say about a query, once the latent trajectory is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

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
        num_rates: Exponentials in the covariance.

    Reference:
        Rasmussen, Williams (2006), Gaussian processes for machine learning, section 2.2 and B.2.
    """

    log_rates: Tensor
    base_logits: Tensor

    def __init__(self, num_channels: int, num_rates: int = 3) -> None:
        super().__init__()
        # From hardly any decay over a window to decay within a hundredth of it, most weight on the
        # slow: an untrained model then forecasts the last reading, and training departs from that.
        rates = torch.logspace(-1.5, 1.5, num_rates)
        self.register_buffer("log_rates", rates.log()[:, None])
        logits = torch.cat([torch.linspace(2.0, 0.0, num_rates), torch.tensor([-2.0])])
        self.register_buffer("base_logits", logits[:, None])
        self.rate_shift = nn.Parameter(torch.zeros(num_rates, num_channels))
        self.logit_shift = nn.Parameter(torch.zeros(num_rates + 1, num_channels))

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
        before, after = self._covariance(gaps, weights)
        between = self._covariance(gaps.sum(dim=0), weights)
        determinant = (1.0 - between * between).clamp(min=1e-6)
        left = (before - between * after) / determinant
        right = (after - between * before) / determinant
        variance = 1.0 - left * before - right * after
        return left * residuals[0] + right * residuals[1], variance.clamp(min=1e-6)

    def _covariance(self, gaps: Tensor, weights: Tensor) -> Tensor:
        rates = torch.exp(self.log_rates + _GAIN * self.rate_shift)
        shape = (-1,) + (1,) * (gaps.dim() - 1) + (gaps.shape[-1],)
        present = torch.isfinite(gaps)
        # an infinite gap would give the right value, 0, but a NaN gradient: inf * 0
        decay = torch.exp(-rates.view(shape) * gaps.masked_fill(~present, 0.0))
        return (weights[:-1].view(shape) * decay).sum(dim=0) * present


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
        stamps = times[..., None].expand_as(mask).masked_fill(~mask, -torch.inf)
        last = stamps.amax(dim=1, keepdim=True)  # (batch, 1, channel)
        # (span, batch, time, channel)
        recent = (stamps >= last - self.spans.view(-1, 1, 1, 1)) & mask
        weights = recent.to(residuals.dtype)
        weights = weights / weights.sum(dim=2, keepdim=True).clamp(min=1.0)
        newest = torch.einsum(
            "btc,dbtc->dbc", (mask & (stamps == last)).to(residuals.dtype), residuals
        )
        # moments of differences from the newest: those of the residuals would cancel in float32
        below = newest[:, :, None] - residuals
        drifts = torch.einsum("sbtc,dbtc->dsbc", weights, below)  # (draw, span, batch, channel)
        squares = torch.einsum("sbtc,dbtc->dsbc", weights, below * below)
        variance = (squares - drifts * drifts).clamp(min=0.0) + _CALM**2
        damping = (_GAIN * self.log_damping).exp()[:, None, None]
        reach = -torch.expm1(-damping * ages) / damping  # (span, batch, step, channel)
        gains = self.smoothing[:, None, None] * (ages > 0) + self.drift[:, None, None] * reach
        shift = torch.einsum("sbqc,dsbc->dbqc", gains, drifts)
        spread = 0.5 * (variance.log() - _TYPICAL)
        moved = torch.einsum("ksc,dsbc->kdbc", _GAIN * self.restlessness, spread)
        between, ahead = (moved + _GAIN * self.offset[:, None, None])[:, :, :, None]
        return shift, torch.where(ages > 0, ahead, between)


def nearest_readings(
    times: Tensor, mask: Tensor, lengths: Tensor, query_times: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows of the nearest visible reading before (or at) and after each query, a channel.

    Args:
        times: Row times, padded by the last, shape (batch, time).
        mask: True where a channel was read, shape (batch, time, channel).
        lengths: Rows of each window, shape (batch,).
        query_times: Shape (batch, step).

    Returns:
        Row index, 0 where there is none, int64, and gap, +inf where there is none; both of shape
        (2, batch, step, channel).
    """
    rows = torch.arange(times.shape[1], device=times.device)[None, :, None]
    previous = torch.where(mask, rows, -1).cummax(dim=1).values
    following = torch.where(mask, rows, times.shape[1]).flip(1).cummin(dim=1).values.flip(1)
    # padding repeats the last time: searchsorted must not count it
    position = torch.searchsorted(times.contiguous(), query_times.contiguous(), right=True)
    position = torch.minimum(position, lengths[:, None])
    channels = mask.shape[-1]

    def read(table: Tensor, index: Tensor, valid: Tensor, none: int) -> Tensor:
        picked = table.gather(
            1, index.clamp(0, times.shape[1] - 1)[..., None].expand(-1, -1, channels)
        )
        return torch.where(valid[..., None], picked, none)

    before = read(previous, position - 1, position > 0, -1)
    after = read(following, position, position < lengths[:, None], times.shape[1])
    index = torch.stack([before, after])
    absent = torch.stack([before < 0, after >= times.shape[1]])
    index = index.masked_fill(absent, 0)
    found = times[None, :, :, None].expand(2, -1, -1, channels).gather(2, index)
    gaps = (query_times[None, :, :, None] - found).abs().masked_fill(absent, torch.inf)
    return index, gaps


def gather_readings(residuals: Tensor, index: Tensor, found: Tensor) -> Tensor:
    """Residuals at rows found by `nearest_readings`, 0 where there is none.

    Args:
        residuals: Shape (draw, batch, time, channel).
        index: Rows, shape (2, batch, step, channel).
        found: Whether there is such a row, same shape.

    Returns:
        Residuals, shape (2, draw, batch, step, channel).
    """
    picked = [residuals.gather(-2, rows.expand(len(residuals), *rows.shape)) for rows in index]
    return torch.where(found[:, None], torch.stack(picked), torch.zeros((), dtype=residuals.dtype))

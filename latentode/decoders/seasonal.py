"""What was read one period earlier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.nn.nearest import gather_readings, nearest_readings

_GAIN = 5.0
# neighbours further apart than this share of a period do not say what was read in between
_MAX_GAP = 0.25


class SeasonalMemory(nn.Module):
    r"""Residuals one period earlier, as far as the window has them.

    The residual of channel c at time t is expected to be :math:`\lambda_c\, r_c(t - kP)`, with
    the least k >= 1 for which :math:`t - kP` lies in the visible past, read linearly between its
    two neighbours, and :math:`\lambda_c \in (0, 1)` learned. Where the window reaches back less
    than a period, or the neighbours are more than a quarter of it apart, the expectation is 0. It
    is the seasonal autoregression of ARIMA models, for irregular time stamps.

    Args:
        num_channels: Channels of the log.
        period: P in model time.

    Reference:
        Box, Jenkins (1970), Time series analysis: forecasting and control, chapter 9.
    """

    def __init__(self, num_channels: int, period: float) -> None:
        super().__init__()
        self.period = period
        self.strength = nn.Parameter(torch.zeros(num_channels))

    def forward(
        self, times: Tensor, mask: Tensor, lengths: Tensor, residuals: Tensor, query_times: Tensor
    ) -> Tensor:
        """Expected residual at the query times.

        Args:
            times: Row times, padded by the last, shape (batch, time).
            mask: True where a channel was read, shape (batch, time, channel).
            lengths: Rows of each window, shape (batch,).
            residuals: Residuals, 0 where missing, shape (draw, batch, time, channel).
            query_times: Shape (batch, step).

        Returns:
            Expected residual, shape (draw, batch, step, channel).
        """
        behind = (query_times - times[:, -1:]) / self.period
        earlier = query_times - self.period * torch.ceil(behind).clamp(min=1.0)
        index, gaps = nearest_readings(times, mask, lengths, earlier)
        apart = gaps.sum(dim=0)
        known = apart <= _MAX_GAP * self.period
        tiny = torch.finfo(apart.dtype).tiny
        share = torch.where(known, gaps[0] / apart.clamp(min=tiny), 0.0).to(residuals.dtype)
        before, after = gather_readings(residuals, index)
        expected = torch.lerp(before, after, share) * known
        return expected * torch.sigmoid(_GAIN * self.strength - 1.0)

"""What was read one and more periods earlier."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latentode.models.nn.nearest import ReadingTable, gather_readings

_GAIN = 5.0  # one number a channel must move by units while weights move by hundredths
# neighbours further apart than this share of a period do not say what was read in between
_MAX_GAP = 0.25
_MOST_PERIODS = 4  # that the weighted mean of the past is taken over
_ROUNDING = 1e-9  # of a window that is as long as some periods


class SeasonalMemory(nn.Module):
    r"""Residuals whole periods earlier, as far as the window has them.

    The residual of channel c at time t is expected to be

    .. math:: \lambda_c\, \frac{\sum_{j=0}^{3} \rho_c^j\, r_c(t - (k+j)P)}{\sum_j \rho_c^j}

    with the least k >= 1 for which :math:`t - kP` lies in the visible past, residuals read linearly
    between their two neighbours, and :math:`\lambda_c, \rho_c \in (0, 1)` learned: seasonal
    exponential smoothing, for irregular time stamps. Periods that the window does not reach back
    to, or whose neighbours are more than a quarter of a period apart, are left out of both sums;
    without any the expectation is 0.

    Args:
        num_channels: Channels of the log.
        period: P in model time.

    Reference:
        Winters (1960), Forecasting sales by exponentially weighted moving averages, Management
        Science 6.
    """

    def __init__(self, num_channels: int, period: float) -> None:
        super().__init__()
        self.period = period
        self.strength = nn.Parameter(torch.zeros(num_channels))
        self.forgetting = nn.Parameter(torch.zeros(num_channels))

    def forward(
        self, table: ReadingTable, residuals: Tensor, query_times: Tensor, span: float = math.inf
    ) -> Tensor:
        """Expected residual at the query times.

        Args:
            table: The readings.
            residuals: Residuals, 0 where missing, shape (draw, batch, time, channel).
            query_times: Shape (batch, step).
            span: A time that no window is longer than, from its first row to its last.

        Returns:
            Expected residual, shape (draw, batch, step, channel).
        """
        # periods that no window reaches back to need not be looked for
        count = int(min(_MOST_PERIODS - 1, span / self.period + _ROUNDING)) + 1
        read, known = periods_earlier(table, residuals, query_times, self.period, count)
        lags = torch.arange(count, device=residuals.device)
        kept = torch.sigmoid(_GAIN * self.forgetting)
        weight = kept ** lags[:, None, None] * known
        least = torch.finfo(weight.dtype).eps
        expected = (weight * read).sum(dim=-3) / weight.sum(dim=1).clamp(min=least)
        return expected * torch.sigmoid(_GAIN * self.strength - 1.0)


def periods_earlier(
    table: ReadingTable,
    values: Tensor,
    query_times: Tensor,
    period: float,
    count: int,
) -> tuple[Tensor, Tensor]:
    """What was read whole periods before some times, linearly between the two neighbours.

    Args:
        table: The readings.
        values: Values at the rows, 0 where missing, shape (draw, batch, time, channel).
        query_times: Shape (batch, step).
        period: In model time.
        count: Periods, from the least by which a time lies in the visible past, at least one.

    Returns:
        Values, shape (draw, batch, period, step, channel), and whether there are any: neighbours no
        more than a quarter of a period apart, shape (batch, period, step, channel).
    """
    behind = (query_times - table.times[:, -1:]) / period
    nearest = torch.ceil(behind).clamp(min=1.0)
    lags = torch.arange(count, device=behind.device)
    # (batch, period * step): one search for all
    earlier = query_times[:, None] - period * (nearest[:, None] + lags[:, None])
    index, gaps = table.around(earlier.flatten(1))
    apart = gaps.sum(dim=0)
    known = apart <= _MAX_GAP * period
    tiny = torch.finfo(apart.dtype).tiny
    share = torch.where(known, gaps[0] / apart.clamp(min=tiny), 0.0).to(values.dtype)
    before, after = gather_readings(values, index)
    read = torch.lerp(before, after, share).unflatten(-2, earlier.shape[1:])
    return read, known.unflatten(1, earlier.shape[1:])

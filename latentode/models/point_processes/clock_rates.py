"""Rates that are constant, or follow the clock of the window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes.event_scores import EventProcess, EventScores, gap_windows


class HomogeneousProcess(EventProcess):
    r"""A constant rate of each mark, :math:`\lambda_k(t) = \lambda_k`.

    Args:
        rates: Events per unit of model time, shape (mark,); the mean rates are the fit.
    """

    def __init__(self, rates: Tensor) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(rates.log())

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        low, high = gap_windows(events)
        rates = self.log_rate.expand(*events.times.shape, -1)
        return EventScores.of(rates, (high - low) * self.log_rate.exp(), events)


class PiecewiseConstantProcess(EventProcess):
    r"""A constant rate in each of equal parts of the span; the last one goes on after it.

    Args:
        rates: Mean rates to start from, shape (mark,).
        span: Length that is divided, in model time.
        bins: Number of parts.
    """

    edges: Tensor

    def __init__(self, rates: Tensor, span: float, bins: int = 10) -> None:
        super().__init__()
        self.register_buffer("edges", torch.linspace(0, span, bins + 1, dtype=torch.float64)[:-1])
        self.log_rate = nn.Parameter(rates.log().expand(bins, -1).clone())

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        low, high = gap_windows(events)
        expected = self._until(high) - self._until(low)
        index = torch.bucketize(events.times, self.edges, right=True) - 1
        return EventScores.of(self.log_rate[index.clamp(min=0)], expected, events)

    def _until(self, times: Tensor) -> Tensor:
        """Expected counts from the start of the span, at times (..., mark)."""
        ends = torch.cat([self.edges[1:], self.edges.new_full((1,), torch.inf)])
        inside = torch.minimum(times[..., None], ends) - self.edges  # (..., mark, bin)
        return (inside.clamp(min=0.0) * self.log_rate.exp().T).sum(-1)


class LogLinearProcess(EventProcess):
    r"""A rate that grows or decays with the clock, :math:`\lambda_k(t) = e^{\alpha_k + \beta_k t}`.

    Args:
        rates: Mean rates to start from, shape (mark,).
        span: A length in model time; the slope is counted per span.
    """

    def __init__(self, rates: Tensor, span: float) -> None:
        super().__init__()
        self.span = span
        self.log_rate = nn.Parameter(rates.log())
        self.slope = nn.Parameter(torch.zeros_like(rates))

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        low, high = gap_windows(events)
        beta = self.slope / self.span
        # e^a (e^bh - e^bl) / b without 0 / 0 at b = 0: the mean of e^bt over the gap, times it
        half = beta * (high - low) / 2
        near = half.abs() < 1e-4
        safe = torch.where(near, torch.ones_like(half), half)
        sinhc = torch.where(near, 1 + half * half / 6, torch.sinh(safe) / safe)
        middle = self.log_rate + beta * (high + low) / 2
        rates = self.log_rate + beta * events.times[..., None]
        return EventScores.of(rates, (high - low) * middle.exp() * sinhc, events)

"""The rate that a stream has had of late."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.models.nn.decayed_counts import counts_after, decayed_counts
from latentode.models.point_processes.event_scores import (
    EventProcess,
    EventScores,
    gap_knots,
    gap_spans,
)

_FLAT = 1e-5  # below it, three terms of the series are exact in float64


class OwnRateProcess(EventProcess):
    r"""Rates that follow the recent counts of a stream, smoothed towards mean rates.

    .. math::
        \lambda_k(t) = \frac{c\,\mu_k + m_k(t)}{c + e(t)}, \qquad
        m_k(t) = \sum_{t_i < t,\ k_i = k} e^{-\beta (t - t_i)}, \qquad
        e(t) = \frac{1 - e^{-\beta t}}{\beta}

    the posterior mean of a Poisson rate under a gamma prior that is worth c units of time, with
    events and time alike forgotten at rate :math:`\beta`. Nothing is learned of other streams but
    the mean rates, so it is no worse on a stream of a hundred times their rate. The compensator is
    exact: with :math:`x = e^{-\beta \tau}` in a gap, :math:`D = c + 1/\beta` and
    :math:`F = e(t_0) - 1/\beta`, the rate is :math:`(c\mu + m x) / (D + F x)`, and

    .. math::
        \int \lambda\,d\tau = \frac{c \mu}{D}\,\tau
        - \Big(m - \frac{c \mu F}{D}\Big) \frac{\log(D + F x)}{\beta F}

    Args:
        rates: Mean rates :math:`\mu`, shape (mark,).
        weight: Worth c of the mean rates in model time.
        decay: Rate of forgetting :math:`\beta` per unit of model time.

    Reference:
        Robbins (1956), An empirical Bayes approach to statistics; Gerber and Jones (1975),
        Credibility formulas of the updating type, for the forgetting.
    """

    mean_rates: Tensor
    weight: Tensor
    decay: Tensor

    def __init__(self, rates: Tensor, weight: float, decay: float) -> None:
        super().__init__()
        self.register_buffer("mean_rates", rates.double())
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64))
        self.register_buffer("decay", torch.tensor(decay, dtype=torch.float64))

    def counts(self, events: EventBatch) -> tuple[Tensor, Tensor]:
        """Decayed counts before each event, and at the start of each gap.

        Args:
            events: Events whose history begins with the stream.

        Returns:
            Shapes (batch, event, mark) and (batch, event + 1, mark).
        """
        marks = len(self.mean_rates)
        zero = self.decay.new_zeros(len(events.times), 1, marks)
        before = decayed_counts(
            events.times, events.marks, events.valid, self.decay[None], marks, zero
        )
        after = counts_after(zero, before, events.marks, events.valid)
        return before[:, :, 0], after[:, :, 0]

    def log_rates(self, counts: Tensor, ages: Tensor) -> Tensor:
        """Log-rates per unit of model time, shape (..., mark).

        Args:
            counts: Decayed counts, shape (..., mark).
            ages: Model time since the origin of the stream, shape (...).
        """
        exposure = -torch.expm1(-self.decay * ages) / self.decay
        return (
            (self.weight * self.mean_rates + counts) / (self.weight + exposure)[..., None]
        ).log()

    def expected(self, counts: Tensor, ages: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Expected counts between two times of a gap, were nothing to happen, shape (..., mark).

        Args:
            counts: Decayed counts at the start of the gap, shape (..., mark).
            ages: Model time from the origin of the stream to it, shape (...).
            low: Time since the start of the gap, of each mark or of all, shape (..., mark or 1).
            high: Likewise, not before `low`.
        """
        total = self.weight + 1 / self.decay
        left = -(torch.exp(-self.decay * ages) / self.decay)[..., None]
        span = high - low
        fallen = torch.exp(-self.decay * low) * -torch.expm1(-self.decay * span)
        ratio = fallen / (total + left * torch.exp(-self.decay * high))
        y = left * ratio
        series = ratio * (1 - y / 2 + y**2 / 3)
        far = torch.where(y.abs() < _FLAT, -0.5, y)
        logs = torch.where(y.abs() < _FLAT, series, torch.log1p(far) / left.clamp(max=-1e-300))
        prior = self.weight * self.mean_rates / total
        return prior * span + (counts - prior * left) * logs / self.decay

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        before, after = self.counts(events)
        rates = self.log_rates(before, events.times)
        expected = self.expected(after, gap_knots(events)[:, :-1], *gap_spans(events))
        return EventScores.of(rates, expected.clamp(min=0.0), events)

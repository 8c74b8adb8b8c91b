r"""A Poisson process whose rate is uncertain, as the one point process that it is.

Given a draw of the latent state, events are Poisson with rates :math:`\lambda_k(t)`. With K draws
from the posterior they are not: an event makes the draws of a high rate more likely, a silence
those of a low one. The rate that a spectator without knowledge of the draw has to expect is

.. math::
    \lambda^*(t) = \sum_j w_j(t)\,\lambda_j(t), \qquad
    w_j(t) \propto \prod_{t_i < t} \lambda_j(t_i)\; e^{-\Lambda_j(t)}

and its likelihood is exactly the mean of those of the draws.

Reference:
    Snyder and Miller (1991), Random Point Processes in Time and Space, chapter 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes.compensator import invert
from latentode.models.point_processes.event_scores import EventScores, by_window, gap_windows
from latentode.ode.quadrature import unit_rule
from latentode.ode.trajectory import Trajectory


def mixture_scores(log_rates: Tensor, increments: Tensor, scored: Tensor) -> EventScores:
    """Scores of the mixture of Poisson processes.

    Args:
        log_rates: Log-rate of what happened under each draw, 0 where not scored, shape (draw,
            batch, event).
        increments: Expected counts of each draw as in `EventScores`, shape (draw, batch, event + 1,
            mark).
        scored: True for events that count, shape (batch, event).

    Returns:
        Scores whose sums are exact. What a gap adds to the compensator is shared among the marks
        by the mean of the weights at both of its ends.
    """
    silence = increments.sum(-1)  # (draw, batch, event + 1)
    weight = functional.pad((log_rates - silence[..., :-1]).cumsum(-1), (1, 0))
    before, after = weight.logsumexp(0), (weight - silence).logsumexp(0)
    rates = (weight[..., :-1] - silence[..., :-1] + log_rates).logsumexp(0) - after[..., :-1]
    mean_weight = (weight.softmax(0) + (weight - silence).softmax(0)) / 2
    parts = (mean_weight[..., None] * increments).sum(0)  # (batch, event + 1, mark)
    tiny = torch.finfo(parts.dtype).tiny
    shares = parts / parts.sum(-1, keepdim=True).clamp(min=tiny)
    return EventScores(rates, (before - after)[..., None] * shares, scored)


def increments_between(total: Trajectory, events: EventBatch) -> Tensor:
    """Expected counts of each draw between the events of a batch.

    Args:
        total: Expected counts of each mark, dense, states (step, draw, batch, mark).
        events: Events and windows.

    Returns:
        Shape (draw, batch, event + 1, mark).
    """

    def expected(low: Tensor, high: Tensor) -> Tensor:
        return total.at(high, check=False) - total.at(low, check=False)

    return by_window(*gap_windows(events), expected)


@dataclass(frozen=True, eq=False)
class NextOfMixture:
    """The next event of each window, given that nothing happens until then.

    Attributes:
        total: Expected counts of each draw and mark, dense, states (step, draw, batch, mark).
        begin: Model time from which is asked, shape (batch,).
        end: Until when, shape (batch,).
    """

    total: Trajectory
    begin: Tensor
    end: Tensor

    def _silence(self, times: Tensor) -> Tensor:
        """Minus the log of each draw's survival from the begin on, shape (draw, batch, time)."""
        start = self.total.at(self.begin[:, None], check=False)
        return (self.total.at(times, check=False) - start).sum(-1)

    def survival(self, times: Tensor) -> Tensor:
        """Probability of no event until some model times, shape (batch, time)."""
        return torch.exp(-self._silence(times)).mean(0)

    def expected(self) -> Tensor:
        """Expected counts of each draw from begin to end, shape (draw, batch, mark)."""
        ends = torch.stack([self.begin, self.end], dim=1)
        return self.total.at(ends, check=False).diff(dim=-2)[..., 0, :].clamp(min=0.0)

    def quantile(self, levels: Tensor) -> Tensor:
        """Time from the begin to the next event, infinity beyond the end, shape (batch, level)."""
        targets = -torch.log1p(-levels.double()).expand(len(self.begin), -1)
        return invert(self._compensator(), targets, self.begin, self.end) - self.begin[:, None]

    def _compensator(self) -> Trajectory:
        """Minus the log of the mixture's survival, dense, states (step, batch, 1)."""
        total = self.total
        start = total.at(self.begin[:, None], check=False)[..., 0, :]  # (draw, batch, mark)
        silence = (total.states - start).sum(-1, keepdim=True)  # (step, draw, batch, 1)
        weight = torch.softmax(-silence, dim=1)
        values = torch.logsumexp(torch.zeros_like(silence), 1) - torch.logsumexp(-silence, 1)
        slopes = (weight * total.slopes.sum(-1, keepdim=True)).sum(1)
        return replace(total, states=values, slopes=slopes)

    def mean(self) -> Tensor:
        r"""Mean time to the next event or to the end, :math:`\int S(t)\,dt`, shape (batch,)."""
        points, weights = unit_rule("gauss_legendre", 64)
        length = (self.end - self.begin)[:, None]
        times = self.begin[:, None] + length * points.to(length)
        return (self.survival(times) * length * weights.to(length)).sum(-1)

    def marks(self, times: Tensor) -> Tensor:
        """Probability of each mark if the next event comes at some times (batch,): (batch, mark).

        Rates are the slopes of the expected counts.
        """
        weight = torch.softmax(-self._silence(times[:, None]), dim=0)
        rates = self.total.slope_at(times[:, None], check=False)  # (draw, batch, 1, mark)
        parts = (weight[..., None] * rates.clamp(min=0.0)).sum(0)[:, 0]
        return parts / parts.sum(-1, keepdim=True)

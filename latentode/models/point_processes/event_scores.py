"""What a point process says about observed events: the one interface of all models of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.heads.poisson_process import at_marks


@dataclass(frozen=True, eq=False)
class EventScores:
    """Rates at events and expected counts between them; all that is scored derives from these.

    Attributes:
        log_intensity: Log-rate of what happened, just before it happened, per unit of model time,
            shape (batch, event); 0 where not scored.
        increments: Expected counts of each mark between consecutive events (and from the start of
            the window, and to its end), shape (batch, event + 1, mark).
        scored: True for events that count, shape (batch, event).
    """

    log_intensity: Tensor
    increments: Tensor
    scored: Tensor

    @classmethod
    def of(cls, log_rates: Tensor, increments: Tensor, events: EventBatch) -> EventScores:
        """Pick the rates of what happened.

        Args:
            log_rates: Of each mark just before each event, shape (batch, event, mark).
            increments: As in `EventScores`.
            events: The events.
        """
        return cls(at_marks(log_rates, events), increments, events.scored)

    def log_prob(self) -> Tensor:
        """Log-likelihood of each series in nats, shape (batch,)."""
        return self.log_intensity.sum(-1) - self.increments.sum((-2, -1))


class EventProcess(nn.Module):
    """The contract of all that scores events: models, baselines, simulated truths."""

    def score(self, events: EventBatch) -> EventScores:
        """Score the events of a batch, in the model's unit of time."""
        raise NotImplementedError


def gap_knots(events: EventBatch) -> Tensor:
    """Origin of each stream, its events, and the end of its windows, shape (batch, event + 2)."""
    first = torch.zeros_like(events.times[:, :1])
    last = torch.maximum(events.end.max(1, keepdim=True).values, events.times[:, -1:])
    return torch.cat([first, events.times, last], dim=1)


def gap_windows(events: EventBatch) -> tuple[Tensor, Tensor]:
    """Observed part of the gap before each event and after the last, (batch, event + 1, mark).

    A gap that no window meets has no length there.
    """
    knots = gap_knots(events)[..., None]
    start, end = events.start[:, None], events.end[:, None]
    low = torch.minimum(torch.maximum(knots[:, :-1], start), end)
    high = torch.minimum(torch.maximum(knots[:, 1:], start), end)
    return low, high


def gap_spans(events: EventBatch) -> tuple[Tensor, Tensor]:
    """The same as `gap_windows`, in time since the start of each gap."""
    start = gap_knots(events)[:, :-1, None]
    low, high = gap_windows(events)
    return (low - start).clamp(min=0.0), (high - start).clamp(min=0.0)


def by_window(low: Tensor, high: Tensor, expected: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Expected counts of each mark in its own window, all at once where they share it.

    Args:
        low: Start of the window of each mark, shape (..., mark).
        high: End, likewise.
        expected: Counts of all marks between two times of shape (...).

    Returns:
        The shape of what `expected` gives.
    """
    if bool((low == low[..., :1]).all() & (high == high[..., :1]).all()):
        return expected(low[..., 0], high[..., 0])
    marks = range(low.shape[-1])
    return torch.stack([expected(low[..., k], high[..., k])[..., k] for k in marks], dim=-1)

"""Gaps between events under a jump process with its share of the streams' own rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.models.dynamics.jump import JumpDynamics
from latentode.models.point_processes.jump import JumpProcess
from latentode.models.point_processes.rate_share import RateShare


@dataclass(frozen=True, eq=False)
class OwnPast:
    """What the own rate of streams goes by at the start of gaps.

    Attributes:
        share: The share that it has.
        counts: Decayed counts, shape (..., mark).
        log_odds: Log-odds of the own rate against the model, shape (...).
    """

    share: RateShare
    counts: Tensor
    log_odds: Tensor


def own_pasts(model: JumpProcess, events: EventBatch) -> OwnPast | None:
    """At the start of each gap, (batch, event + 1); None for a process without a share.

    Args:
        model: The process.
        events: All that was seen.
    """
    if model.share is None:
        return None
    whole = events.from_origin()
    scores = model.follow(whole, model.fresh(len(whole.times)))[0]
    odds = model.share.log_odds(model.share.own.score(whole), scores, whole.valid)
    return OwnPast(model.share, model.share.own.counts(whole)[1], odds)


@dataclass(frozen=True, eq=False)
class MixedGap:
    """Expected counts of a model with its share of the own rate, on the clock of the gap.

    Attributes:
        own: Where the own rate stands at the start of the gap.
        dynamics: They own the clock.
        alone: From clock times (batch, time) to expected counts of the model since the start of the
            gap, (batch, time, mark).
        ages: Time from the origin of the stream to it, shape (batch,).
    """

    own: OwnPast
    dynamics: JumpDynamics
    alone: Callable[[Tensor], Tensor]
    ages: Tensor

    def _both(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Expected counts of the own rate and of the model, shape (batch, time, mark)."""
        since = self.dynamics.from_clock(w)[..., None]
        own = self.own.share.own.expected(
            self.own.counts[:, None], self.ages[:, None], torch.zeros_like(since), since
        )
        return own, self.alone(w).double()

    def at(self, w: Tensor, *, check: bool = False) -> Tensor:
        """Expected counts since the start of the gap, shape (batch, time, mark)."""
        del check  # the times are the caller's own
        return self.own.share.expected(self.own.log_odds[:, None], *self._both(w))

    def _own_rates(self, w: Tensor) -> Tensor:
        since = self.dynamics.from_clock(w)
        left = torch.exp(-since * self.own.share.own.decay)[..., None]
        return self.own.share.own.log_rates(
            self.own.counts[:, None] * left, self.ages[:, None] + since
        )

    def log_rates(self, w: Tensor, model: Tensor) -> Tensor:
        """Log-rates of the mixture, given those of the model, shape (batch, time, mark)."""
        own, alone = self._both(w)
        odds = self.own.log_odds[:, None]
        return self.own.share.log_rates(odds, (self._own_rates(w), own), (model.double(), alone))

    def after(self, w: Tensor, model: Tensor, one: Tensor) -> OwnPast:
        """Where the own rate stands after an event.

        Args:
            w: Its clock time, shape (batch, 1).
            model: Log-rates of the model there, shape (batch, 1, mark).
            one: Its mark, one-hot, shape (batch, mark).
        """
        own, alone = (part[:, 0].sum(-1) for part in self._both(w))
        won = ((self._own_rates(w) - model.double())[:, 0] * one).sum(-1)
        left = torch.exp(-self.dynamics.from_clock(w) * self.own.share.own.decay)
        odds = self.own.share.after(self.own.log_odds, won - own + alone)
        return OwnPast(self.own.share, self.own.counts * left + one, odds)

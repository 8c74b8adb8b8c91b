"""Hawkes processes with exponential kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.nn.decayed_counts import decayed_counts
from latentode.models.point_processes.event_scores import (
    EventProcess,
    EventScores,
    gap_knots,
    gap_windows,
    scores_from,
)


class HawkesProcess(EventProcess):
    r"""Events that excite events, exactly and in linear time.

    .. math::
        \lambda_k(t) = \mu_k + \sum_{jl} \alpha_{kjl} \beta_j
                       \sum_{t_i < t,\ k_i = l} e^{-\beta_j (t - t_i)}

    so :math:`\alpha_{kjl}` is the number of events of kind k that one of kind l brings about. Every
    parameter is positive, by its logarithm.

    Args:
        rates: Mean rates, shape (channel,); half of each is taken for the background at first.
        decay: Initial :math:`\beta` per unit of model time, shape (rate,).

    Reference:
        Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes,
        Biometrika 58; Ozaki (1979) for the recursion.
    """

    def __init__(self, rates: Tensor, decay: Tensor) -> None:
        super().__init__()
        self.log_background = nn.Parameter((rates / 2).log())
        self.log_decay = nn.Parameter(decay.log())
        share = 0.5 * rates / rates.sum() / len(decay)
        spread = share[:, None, None].expand(-1, len(decay), len(rates))
        self.log_branching = nn.Parameter(spread.log().clone())  # (channel, rate, channel)

    @classmethod
    def of(cls, background: Tensor, branching: Tensor, decay: Tensor) -> HawkesProcess:
        """A process with given parameters.

        Args:
            background: Rates mu, shape (channel,).
            branching: Expected children alpha, shape (channel, rate, channel).
            decay: Rates of decay, shape (rate,).
        """
        process = cls(background, decay)
        process.log_background = nn.Parameter(background.log())
        process.log_branching = nn.Parameter(branching.log())
        return process

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        kinds, decay = len(self.log_background), self.log_decay.exp()
        zero = decay.new_zeros(len(events.times), len(decay), kinds)
        before = decayed_counts(events.times, events.marks, events.valid, decay, kinds, zero)
        kernel = self.log_branching.exp() * decay[:, None]
        background = self.log_background.exp()
        rates = background + torch.einsum("berl,krl->bek", before, kernel)
        one = nn.functional.one_hot(events.marks, kinds) * events.valid[..., None]
        after = torch.cat([zero[:, None], before + one[:, :, None].to(decay.dtype)], dim=1)
        low, high = gap_windows(events)
        start = gap_knots(events)[:, :-1, None]
        since = [(edge - start).clamp(min=0.0)[..., None] * decay for edge in (low, high)]
        # the difference of two exponentials, exact for short gaps: (batch, gap, channel, rate)
        used = torch.exp(-since[0]) * -torch.expm1(since[0] - since[1])
        branching = self.log_branching.exp()
        children = torch.einsum("bgrl,krl->bgkr", after, branching)
        expected = background * (high - low) + (children * used).sum(-1)
        return scores_from(rates.log(), expected.clamp(min=0.0), events)

"""Hawkes processes with exponential kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.nn.decayed_counts import counts_after, decayed_counts
from latentode.models.point_processes.event_scores import (
    EventProcess,
    EventScores,
    gap_spans,
    gap_windows,
)


class HawkesProcess(EventProcess):
    r"""Events that excite events, exactly and in linear time.

    .. math::
        \lambda_k(t) = \mu_k + \sum_{jl} \alpha_{kjl} \beta_j
                       \sum_{t_i < t,\ k_i = l} e^{-\beta_j (t - t_i)}

    so :math:`\alpha_{kjl}` is the number of events of mark k that one of mark l brings about. Every
    parameter is positive, by its logarithm.

    Args:
        rates: Mean rates, shape (mark,); half of each is taken for the background at first.
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
        self.log_branching = nn.Parameter(spread.log().clone())  # (mark, rate, mark)

    @classmethod
    def of(cls, background: Tensor, branching: Tensor, decay: Tensor) -> HawkesProcess:
        """A process with given parameters.

        Args:
            background: Rates mu, shape (mark,).
            branching: Expected children alpha, shape (mark, rate, mark).
            decay: Rates of decay, shape (rate,).
        """
        process = cls(background, decay)
        process.log_background = nn.Parameter(background.log())
        process.log_branching = nn.Parameter(branching.log())
        return process

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        num_marks, decay = len(self.log_background), self.log_decay.exp()
        zero = decay.new_zeros(len(events.times), len(decay), num_marks)
        before = decayed_counts(events.times, events.marks, events.valid, decay, num_marks, zero)
        kernel = self.log_branching.exp() * decay[:, None]
        background = self.log_background.exp()
        rates = background + torch.einsum("berl,krl->bek", before, kernel)
        after = counts_after(zero, before, events.marks, events.valid)
        low, high = gap_windows(events)
        since = [span[..., None] * decay for span in gap_spans(events)]
        # the difference of two exponentials, exact for short gaps: (batch, gap, mark, rate)
        used = torch.exp(-since[0]) * -torch.expm1(since[0] - since[1])
        branching = self.log_branching.exp()
        children = torch.einsum("bgrl,krl->bgkr", after, branching)
        expected = background * (high - low) + (children * used).sum(-1)
        return EventScores.of(rates.log(), expected.clamp(min=0.0), events)

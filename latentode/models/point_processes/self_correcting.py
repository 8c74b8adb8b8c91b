"""Self-correcting processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes.event_scores import EventProcess, EventScores, gap_windows


class SelfCorrectingProcess(EventProcess):
    r"""Pressure that grows with time and falls with every event.

    .. math:: \lambda_k(t) = p_k \exp(\mu + a t - b N(t^-))

    Args:
        rates: Mean rates, shape (mark,); marks keep their shares p.

    Reference:
        Isham and Westcott (1979), A self-correcting point process, Stochastic Processes and their
        Applications 8.
    """

    log_share: Tensor

    def __init__(self, rates: Tensor) -> None:
        super().__init__()
        total = rates.sum()
        self.log_base = nn.Parameter(total.log().clone())
        self.log_growth = nn.Parameter((0.1 * total).log())
        self.log_drop = nn.Parameter(total.new_tensor(0.1).log())
        self.register_buffer("log_share", (rates / total).log())

    @classmethod
    def of(cls, base: float, growth: float, drop: float) -> SelfCorrectingProcess:
        """A process of one mark with given mu, a and b.

        Args:
            base: mu, the logarithm of the rate at time 0.
            growth: a, per unit of time; positive.
            drop: b, for each event; positive.
        """
        process = cls(torch.ones(1, dtype=torch.float64))
        numbers = torch.tensor([growth, drop], dtype=torch.float64).log()
        process.log_base = nn.Parameter(torch.tensor(base, dtype=torch.float64))
        process.log_growth, process.log_drop = nn.Parameter(numbers[0]), nn.Parameter(numbers[1])
        return process

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        growth, drop = self.log_growth.exp(), self.log_drop.exp()
        number = nn.functional.pad(events.valid.double().cumsum(1), (1, 0))  # (batch, gap)
        pressure = self.log_base - drop * number
        log_total = pressure[:, :-1] + growth * events.times
        low, high = gap_windows(events)
        at_low = pressure[..., None] + growth * low
        expected = at_low.exp() * torch.expm1(growth * (high - low)) / growth
        rates = log_total[..., None] + self.log_share
        return EventScores.of(rates, expected * self.log_share.exp(), events)

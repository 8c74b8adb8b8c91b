"""Renewal processes with a log-normal mixture of gaps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes.event_scores import (
    EventProcess,
    EventScores,
    gap_knots,
    gap_spans,
)


class RenewalProcess(EventProcess):
    r"""Independent gaps from a mixture of log-normals; the rate is the hazard of the gap.

    .. math:: \lambda_k(t) = p_k \frac{f(t - t_n)}{1 - F(t - t_n)}

    Gaps count from the last event of any mark, and from the start of the window before the first.
    The last gap of a window is censored, not dropped.

    Args:
        rates: Mean rates, shape (mark,); marks keep their shares p.
        gap: Typical gap in model time, where the mixture starts.
        components: Log-normals in the mixture.

    Reference:
        Shchur, Bilos, Guennemann (2020), Intensity-free learning of temporal point processes,
        https://arxiv.org/abs/1909.12127; without its recurrent history.
    """

    log_share: Tensor

    def __init__(self, rates: Tensor, gap: float, components: int = 8) -> None:
        super().__init__()
        spread = torch.linspace(-2.5, 2.5, components) if components > 1 else torch.zeros(1)
        self.weight = nn.Parameter(torch.zeros(components, dtype=rates.dtype))
        self.mean = nn.Parameter(math.log(gap) + spread.to(rates.dtype))
        self.log_sd = nn.Parameter(torch.zeros(components, dtype=rates.dtype))
        self.register_buffer("log_share", (rates / rates.sum()).log())

    @classmethod
    def of(cls, mean: float, sd: float) -> RenewalProcess:
        """A process of one mark with given mean and sd of the log-gap."""
        process = cls(torch.ones(1, dtype=torch.float64), 1.0, 1)
        process.mean = nn.Parameter(torch.tensor([mean], dtype=torch.float64))
        process.log_sd = nn.Parameter(torch.tensor([sd], dtype=torch.float64).log())
        return process

    def log_survival(self, gap: Tensor) -> Tensor:
        """Log of the share of gaps that are longer, at gaps of any shape."""
        standard = (self._log(gap) - self.mean) / self.log_sd.exp()
        mixed = torch.special.log_ndtr(-standard) + self.weight.log_softmax(0)
        return torch.where(gap > 0, mixed.logsumexp(-1), torch.zeros_like(gap))

    def log_density(self, gap: Tensor) -> Tensor:
        """Log-density of gaps per unit of model time."""
        log_gap = self._log(gap)
        standard = (log_gap - self.mean) / self.log_sd.exp()
        log_pdf = -0.5 * standard**2 - self.log_sd - 0.5 * math.log(2 * math.pi) - log_gap
        return (log_pdf + self.weight.log_softmax(0)).logsumexp(-1)

    @staticmethod
    def _log(gap: Tensor) -> Tensor:
        return gap.clamp(min=1e-12)[..., None].log()

    def score(self, events: EventBatch) -> EventScores:
        """See `EventProcess`."""
        gap = gap_knots(events).diff(dim=1)[:, :-1]
        hazard = self.log_density(gap) - self.log_survival(gap)
        low, high = gap_spans(events)
        expected = self.log_survival(low) - self.log_survival(high)
        rates = hazard[..., None] + self.log_share
        return EventScores.of(rates, expected * self.log_share.exp(), events)

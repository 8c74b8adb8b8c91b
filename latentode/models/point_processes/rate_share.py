"""A bounded share of a stream's own recent rate beside a model of many streams."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes.event_scores import EventScores
from latentode.models.point_processes.own_rate import OwnRateProcess


class RateShare(nn.Module):
    r"""A model's rates and a stream's own, mixed gap by gap by how well they have foretold it.

    With the share :math:`\pi_n` of the own rate at the start of gap n, and :math:`\Lambda` since
    then, the rate of each mark is

    .. math::
        \lambda_k = -\frac{d}{dt} \log\big(\pi_n e^{-\Lambda^{own}_k}
                    + (1 - \pi_n) e^{-\Lambda^{model}_k}\big), \qquad
        \pi_{n+1} = (1 - \rho)\,p_n + \rho s

    with :math:`p_n` the posterior of the own rate after event n (Bayes). That is
    :math:`(1 - w) \lambda^{model} + w \lambda^{own}` with a share w of the past alone, so the
    likelihood is a density, and its compensator is in closed form, given the two. As the share
    stays in :math:`[\rho s, 1 - \rho (1 - s)]`, a stream unlike all that were trained on costs
    :math:`-\log \rho s` nats once, and not some at every event; one like them about
    :math:`\rho s` an event.

    Args:
        own: The own rate.
        start: Share s at the start of a stream, in (0, 1).
        switch: Probability :math:`\rho` of a change of mind at an event, in (0, 1).

    Reference:
        Herbster and Warmuth (1998), Tracking the best expert, Machine Learning 32 (fixed share).
    """

    start: Tensor
    switch: Tensor

    def __init__(self, own: OwnRateProcess, start: float, switch: float) -> None:
        super().__init__()
        self.own = own
        self.register_buffer("start", torch.tensor(start, dtype=torch.float64))
        self.register_buffer("switch", torch.tensor(switch, dtype=torch.float64))

    def fresh(self, batch: int) -> Tensor:
        """Log-odds of the own rate where streams begin, shape (batch,)."""
        return torch.logit(self.start).expand(batch)

    def after(self, log_odds: Tensor, evidence: Tensor) -> Tensor:
        """Log-odds at the start of the next gap.

        Args:
            log_odds: At the start of this one.
            evidence: Log-likelihood of the gap and its event under the own rate, less the model's.
        """
        seen = log_odds + evidence
        stay, change = torch.log1p(-self.switch), self.switch.log()
        mine = torch.logaddexp(stay + logsigmoid(seen), change + self.start.log())
        other = torch.logaddexp(stay + logsigmoid(-seen), change + torch.log1p(-self.start))
        return mine - other

    def expected(self, log_odds: Tensor, own: Tensor, model: Tensor) -> Tensor:
        """Expected counts since the start of a gap.

        Args:
            log_odds: At the start of the gap, shape (...).
            own: Expected counts of the own rate since then, shape (..., mark).
            model: Those of the model, likewise.
        """
        odds = log_odds[..., None]
        return -torch.logaddexp(logsigmoid(odds) - own, logsigmoid(-odds) - model)

    def log_rates(
        self, log_odds: Tensor, own: tuple[Tensor, Tensor], model: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Log-rates inside a gap, shape (..., mark).

        Args:
            log_odds: At the start of the gap, shape (...).
            own: Log-rates of the own rate, and its expected counts since the start of the gap.
            model: Those of the model.
        """
        odds = log_odds[..., None]
        mine, other = logsigmoid(odds) - own[1], logsigmoid(-odds) - model[1]
        rates = torch.logaddexp(mine + own[0], other + model[0])
        return rates - torch.logaddexp(mine, other)

    def log_odds(self, own: EventScores, model: EventScores, valid: Tensor) -> Tensor:
        """Log-odds at the start of each gap, shape (batch, event + 1).

        Args:
            own: Scores of the own rate from the origin of the streams.
            model: Those of the model.
            valid: False where padded, shape (batch, event).
        """
        silence = (own.increments - model.increments.double()).sum(-1)[:, :-1]
        evidence = own.log_intensity - model.log_intensity.double() - silence
        odds = [self.fresh(len(valid))]
        for n in range(valid.shape[1]):
            odds.append(torch.where(valid[:, n], self.after(odds[-1], evidence[:, n]), odds[-1]))
        return torch.stack(odds, dim=1)

    def scores(self, events: EventBatch, model: EventScores, whole: EventScores) -> EventScores:
        """Scores of the mixture.

        Args:
            events: Events and windows.
            model: Scores of the model in the windows.
            whole: Its scores from the origin of the streams, of which the share is learned; the
                same where the windows begin there.
        """
        since = events.from_origin()
        own = self.own.score(since)
        odds = self.log_odds(own, whole, since.valid)
        total = whole.increments.double()
        increments = self.expected(odds, own.increments, total)
        if whole is not model:
            unseen = own.increments - self.own.score(events).increments
            before = self.expected(odds, unseen, total - model.increments.double())
            increments = increments - before
        picked = events.marks[..., None]
        at_events = [part[:, :-1].gather(-1, picked) for part in (own.increments, total)]
        rates = self.log_rates(
            odds[:, :-1],
            (own.log_intensity[..., None], at_events[0]),
            (whole.log_intensity.double()[..., None], at_events[1]),
        )[..., 0]
        scored = events.scored
        return EventScores(torch.where(scored, rates, 0.0), increments.clamp(min=0.0), scored)

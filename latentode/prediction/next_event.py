r"""What comes next: survival, the next event, simulated continuations, and intensities.

All is read from one compensator per gap, dense on the logarithmic clock of the gap: survival is
:math:`S(t) = e^{-(\Lambda(t) - \Lambda(now))}`, a quantile of the next event is its inverse, and so
is a draw, by :math:`\Lambda^{-1}(\Lambda(now) + E)` with E exponential. No bound on the rate is
needed, and no proposal is rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from latentode.config.memory import check_memory
from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError, ResourceError
from latentode.models.point_processes.compensator import cumulative, invert
from latentode.models.point_processes.jump import NODES, JumpProcess, RateOnClock
from latentode.ode.quadrature import unit_rule
from latentode.ode.trajectory import Trajectory
from latentode.prediction.mixed_gap import MixedGap, OwnPast, own_pasts

_REFINE = 8  # parts of a step of the state: rates move faster than it
_PER_COORDINATE = 7_000  # bytes of each coordinate of the state of a future, as measured
_MAX_EVENTS = 100_000  # of one stream: a rate that feeds itself has no end


@dataclass(frozen=True, eq=False)
class Present:
    """Streams at their last event.

    Attributes:
        state: Latent states just after it, shape (batch, latent).
        counts: Decayed counts just after it, shape (batch, rate, mark).
        last: Its time since the origin in model time; 0 where there is none, shape (batch,).
        now: Until when nothing else was seen, shape (batch,).
        own: What the stream's own rate goes by; None for a process that has no share of it.
    """

    state: Tensor
    counts: Tensor
    last: Tensor
    now: Tensor
    own: OwnPast | None = None

    def repeat(self, times: int) -> Present:
        """The same streams many times over, one set after the other."""

        def many(part: Tensor) -> Tensor:
            return part.repeat(times, *[1] * (part.dim() - 1))

        own = self.own and OwnPast(self.own.share, many(self.own.counts), many(self.own.log_odds))
        return Present(many(self.state), many(self.counts), many(self.last), many(self.now), own)


@torch.no_grad()
def present(model: JumpProcess, events: EventBatch) -> Present:
    """Bring streams to the end of their windows.

    Args:
        model: The process.
        events: All that was seen; "now" is the end of the longest window of each series.
    """
    last = events.times[:, -1].clamp(min=0.0)
    # a window that ends at the last event: the walk ends just after the jump there
    closed = EventBatch(
        events.times, events.marks, events.valid, events.start.clamp(max=0.0),
        last[:, None].expand_as(events.end),
    )  # fmt: skip
    gaps = model.gaps(closed, model.fresh(len(last)))
    own = own_pasts(model, closed)
    here = own and OwnPast(own.share, own.counts[:, -1], own.log_odds[:, -1])
    return Present(gaps.last, gaps.after[:, -1], last, events.end.max(1).values, here)


class NextEvent:
    """The next event of each stream, given that nothing happened until now.

    Args:
        model: The process.
        at: The streams.
        horizon: How far ahead is looked, in model time, a number.

    Raises:
        ConfigError: If the horizon is not positive.
    """

    @torch.no_grad()
    def __init__(self, model: JumpProcess, at: Present, horizon: float) -> None:
        if not 0 < horizon < math.inf:
            raise ConfigError(f"horizon: expected a length above 0, got {horizon}.")
        self._model, self._at, self.horizon = model, at, horizon
        self._since = at.now - at.last
        self._begin = model.dynamics.to_clock(self._since)
        self._end = model.dynamics.to_clock(self._since + horizon)
        self._flow = model.dynamics.flow(at.state, self._end)
        self._rate = RateOnClock(model, at.counts, at.last)
        alone = cumulative(self._flow, self._rate, refine=_REFINE)
        self._total: Trajectory | MixedGap = alone
        if at.own is not None:
            expected = partial(alone.at, check=False)
            self._total = MixedGap(at.own, model.dynamics, expected, at.last)

    def _clock(self, ahead: Tensor) -> Tensor:
        return self._model.dynamics.to_clock(self._since[:, None] + ahead)

    def expected(self, ahead: Tensor) -> Tensor:
        """Compensator of each mark from now, were nothing to happen, shape (batch, time, mark).

        Args:
            ahead: Model time from now, at most the horizon, shape (batch, time).
        """
        start = self._total.at(self._begin[:, None], check=False)
        return (self._total.at(self._clock(ahead), check=False) - start).clamp(min=0.0)

    def survival(self, ahead: Tensor) -> Tensor:
        """Probability that nothing happens until `ahead`, shape (batch, time)."""
        return torch.exp(-self.expected(ahead).sum(-1))

    def quantile(self, levels: Tensor) -> Tensor:
        """Quantiles of the time to the next event; infinity beyond the horizon.

        Args:
            levels: Probabilities in (0, 1), shape (level,).

        Returns:
            Model time from now, shape (batch, level).
        """
        targets = -torch.log1p(-levels.double()).expand(len(self._begin), -1)
        return self._inverse(targets)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw times to the next event, infinity beyond the horizon, shape (batch, draw)."""
        uniform = torch.rand(
            len(self._begin), count, dtype=torch.float64, device=self._begin.device,
            generator=generator,
        )  # fmt: skip
        return self._inverse(-torch.log1p(-uniform))

    def _inverse(self, targets: Tensor) -> Tensor:
        w = invert(self._total, targets, self._begin, self._end)
        ahead = self._model.dynamics.from_clock(w) - self._since[:, None]
        return torch.where(torch.isinf(w), w, ahead.clamp(min=0.0, max=self.horizon))

    def mean(self) -> Tensor:
        r"""Mean time to the next event, or to the horizon, :math:`\int_0^h S(t)\,dt`, (batch,)."""
        points, weights = unit_rule("gauss_legendre", 64)
        width = (self._end - self._begin)[:, None]
        w = self._begin[:, None] + width * points.to(width)
        survival = self.survival(self._model.dynamics.from_clock(w) - self._since[:, None])
        speed = self._model.dynamics.clock * w.exp()
        return (survival * speed * width * weights.to(width)).sum(-1)

    @torch.no_grad()
    def marks(self, ahead: Tensor) -> Tensor:
        """Probability of each mark if the next event comes at `ahead`, (batch, time, mark)."""
        w = self._clock(ahead)
        return self._total_log_rates(w).softmax(-1)

    def _log_rates(self, w: Tensor) -> Tensor:
        """Log-rates of the model alone, shape (batch, time, mark)."""
        states = self._flow.at(w, check=False)
        return self._rate.log_intensity(w.to(states.dtype), states)

    def _total_log_rates(self, w: Tensor) -> Tensor:
        rates = self._log_rates(w)
        return rates if isinstance(self._total, Trajectory) else self._total.log_rates(w, rates)

    @torch.no_grad()
    def after(self, ahead: Tensor, marks: Tensor) -> Present:
        """The streams just after one more event.

        Args:
            ahead: Its model time from now, shape (batch,).
            marks: Its mark, shape (batch,).
        """
        w = self._clock(ahead[:, None])
        left = self._flow.at(w, check=False)[:, 0]
        time = self._at.now + ahead
        since = (time - self._at.last).to(self._at.counts.dtype)
        decayed = self._at.counts * torch.exp(-since[:, None] * self._model.decay)[..., None]
        one = torch.nn.functional.one_hot(marks, self._model.num_marks)
        own = None
        if isinstance(self._total, MixedGap):
            own = self._total.after(w, self._log_rates(w), one)
        return Present(
            self._model.dynamics.jump(left, marks, w[:, 0]),
            decayed + one[:, None].to(decayed.dtype),
            time,
            time,
            own,
        )


@dataclass(frozen=True, eq=False)
class Continuations:
    """Simulated futures.

    Attributes:
        times: Model time from now, padded with infinity, shape (draw, batch, event).
        marks: Marks, -1 where padded, shape (draw, batch, event).
    """

    times: Tensor
    marks: Tensor

    def counts(self, num_marks: int) -> Tensor:
        """Events of each mark, shape (draw, batch, mark)."""
        numbers = torch.arange(num_marks, device=self.marks.device)
        return (self.marks[..., None] == numbers).sum(-2)


@torch.no_grad()
def simulate(
    model: JumpProcess,
    at: Present,
    horizon: float,
    num_draws: int,
    generator: torch.Generator,
    *,
    most: int | None = None,
) -> Continuations:
    """Continue streams by exact draws, event by event, each draw with its own history.

    Args:
        model: The process.
        at: The streams.
        horizon: Length of the futures in model time.
        num_draws: Futures of each stream.
        generator: Source of randomness.
        most: Events of each future after which it ends; None follows all to the horizon.

    Raises:
        ResourceError: If a stream explodes, or the futures would take too much memory.
    """
    batch, latent = at.state.shape
    need = batch * num_draws * latent * _PER_COORDINATE
    check_memory(need, f"{batch:,} streams x {num_draws:,} futures")
    current = at.repeat(num_draws)
    spent = torch.zeros_like(current.now)
    times: list[Tensor] = []
    marks: list[Tensor] = []
    while most is None or len(times) < most:
        following = NextEvent(model, current, horizon)
        ahead = following.draw(1, generator)[:, 0]
        alive = spent + ahead <= horizon
        if not alive.any():
            break
        if len(times) * len(spent) > _MAX_EVENTS * max(1, batch):
            raise ResourceError(
                f"simulation: expected at most {_MAX_EVENTS} events a stream, got more within "
                f"{horizon:g} units of time. Shorten the horizon, or draw fewer futures."
            )
        step = torch.where(alive, ahead, 0.0)
        shares = following.marks(step[:, None])[:, 0]
        mark = torch.multinomial(shares, 1, generator=generator)[:, 0]
        spent = torch.where(alive, spent + step, torch.inf)
        times.append(spent)
        marks.append(torch.where(alive, mark, -1))
        current = following.after(step, mark)
    empty = spent.new_zeros(len(spent), 0)
    all_times = torch.stack(times, dim=-1) if times else empty
    all_marks = torch.stack(marks, dim=-1) if marks else empty.long()
    shape = (num_draws, batch)
    return Continuations(all_times.unflatten(0, shape), all_marks.unflatten(0, shape))


@torch.no_grad()
def intensity(model: JumpProcess, events: EventBatch, times: Tensor) -> Tensor:
    """Rates at any times inside the windows, given what happened before; left limits at events.

    Args:
        model: The process.
        events: The events.
        times: Model times, not before the start of the stream, shape (batch, time).

    Returns:
        Events per unit of model time, shape (batch, time, mark).
    """
    gaps = model.gaps(events, model.fresh(len(times)))
    count = gaps.lengths.shape[1]
    # a padded slot opens a gap of no length at the last event; the one after it is the longest
    index = torch.searchsorted(gaps.knots.contiguous(), times.contiguous()) - 1
    index = index.clamp(0, count - 1)  # (batch, time)
    rows = (torch.arange(len(times), device=times.device)[:, None] * count + index).flatten()
    elapsed = (times - gaps.knots.gather(1, index)).clamp(min=0.0)
    w = model.dynamics.to_clock(elapsed).flatten()[:, None]
    flow = gaps.flow
    states, slopes = flow.states[:, rows], flow.slopes[:, rows]
    part = replace(flow, states=states, slopes=slopes, end=flow.end[rows])
    states = part.at(w, check=False)
    rate = RateOnClock(model, gaps.after.flatten(0, 1)[rows], gaps.ages[:, :-1].flatten()[rows])
    log_rates = rate.log_intensity(w.to(states.dtype), states)
    own = own_pasts(model, events)
    if own is not None:

        def expected(w: Tensor) -> Tensor:
            start = torch.zeros_like(w[:, 0])
            return part.integrate(rate, start, w[:, 0], nodes=NODES, check=False)[:, None]

        mine = OwnPast(own.share, own.counts.flatten(0, 1)[rows], own.log_odds.flatten()[rows])
        gap = MixedGap(mine, model.dynamics, expected, rate.ages)
        log_rates = gap.log_rates(w, log_rates)
    return log_rates[:, 0].exp().unflatten(0, times.shape)

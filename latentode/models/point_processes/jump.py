"""A point process with a history."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from latentode.data.batches.event_batch import EventBatch
from latentode.models.dynamics.jump import JumpDynamics
from latentode.models.heads.poisson_process import Link, PoissonProcess
from latentode.models.nn.decayed_counts import counts_after, decayed_counts
from latentode.models.point_processes.event_scores import (
    EventProcess,
    EventScores,
    by_window,
    gap_knots,
    gap_spans,
)
from latentode.models.point_processes.rate_share import RateShare
from latentode.ode.trajectory import Trajectory

NODES = 8


@dataclass(frozen=True, eq=False)
class Past:
    """What a stream brings along when it is entered in the middle.

    Attributes:
        counts: Decayed counts just after the time of entry, shape (batch, rate, mark).
        state: Latent state just after it, shape (batch, latent).
        age: Model time from the origin of the stream to the time of entry, shape (batch,).
    """

    counts: Tensor
    state: Tensor
    age: Tensor


@dataclass(frozen=True, eq=False)
class Gaps:
    """A walk through the events of a batch: one gap before each event, and one after the last.

    Attributes:
        flow: Latent states in clock time since the start of each gap; its batch is the gaps, series
            after series.
        lengths: Lengths of the gaps in clock time, shape (batch, event + 1).
        knots: Edges of the gaps in model time, shape (batch, event + 2).
        before: Decayed counts just before each event, shape (batch, event, rate, mark).
        after: Decayed counts at the start of each gap, shape (batch, event + 1, rate, mark).
        ages: Time from the origin of the stream to each edge in model time, (batch, event + 2).
        last: Latent states at the end of the last gap, shape (batch, latent).
    """

    flow: Trajectory
    lengths: Tensor
    knots: Tensor
    before: Tensor
    after: Tensor
    ages: Tensor
    last: Tensor


class JumpProcess(EventProcess):
    r"""Point process with a history: a latent jump ODE beside decaying counts of past events.

    .. math::
        \lambda_k(t) = s_k\,g\Big(w_k(h(t)) + \sum_{j,l} v_{kjl}\,\beta_j^{1/2}\,m_{jl}(t)\Big)

    with :math:`h` a `JumpDynamics` and :math:`m_{jl}` the count of past events of mark l that
    decays at rate :math:`\beta_j`; mark 0 is time itself, :math:`(1 - e^{-\beta_j t}) / \beta_j`.
    The counts are what a Hawkes process consists of, solved in closed form over the whole past, and
    slow counts less time are what presses in a self-correcting one; the latent state gates,
    saturates and forgets. One kind of history alone is not enough: a gated state forgets slow sums,
    and sums cannot saturate.

    Args:
        latent_dim: Size of h.
        hidden_dim: Hidden units of field and head.
        rates: Mean rate of each mark per unit of model time, shape (mark,).
        decay: Initial rates of decay per unit of model time, shape (rate,).
        clock: Constant of the logarithmic clock, about the median gap in model time.
        link: Link of the rate; "softplus" leaves a Hawkes process exact.
        step: Solver step on the logarithmic clock.

    Attributes:
        share: Share of a stream's own recent rate in what is scored and foretold, once the process
            is trained; None before, and where there is to be none.

    Reference:
        Jia and Benson (2019), https://arxiv.org/abs/1905.10403 (jumps); Mei and Eisner (2017), The
        neural Hawkes process, https://arxiv.org/abs/1612.09328 (decaying state, scaled softplus).
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dim: int,
        rates: Tensor,
        decay: Tensor,
        clock: float,
        *,
        link: Link = "softplus",
        step: float = 1.0,
    ) -> None:
        super().__init__()
        self.num_marks = len(rates)
        self.dynamics = JumpDynamics(latent_dim, hidden_dim, self.num_marks, clock, step)
        self.process = PoissonProcess(latent_dim, rates, hidden_dim=hidden_dim, link=link)
        dtype = torch.get_default_dtype()
        self.log_decay = nn.Parameter(decay.log().to(dtype))
        self.excite = nn.Linear(len(decay) * (self.num_marks + 1), self.num_marks, bias=False)
        nn.init.zeros_(self.excite.weight)
        self.share: RateShare | None = None

    @property
    def decay(self) -> Tensor:
        """Rates of decay per unit of model time, shape (rate,)."""
        return self.log_decay.exp()

    @property
    def total_rate(self) -> Tensor:
        """Mean rate of all marks together per unit of model time, 0-dim."""
        return self.process.mean_rates.sum()

    def fresh(self, batch: int) -> Past:
        """The past of streams that begin with their windows."""
        zero = self.log_decay.new_zeros(batch, len(self.log_decay), self.num_marks)
        age = torch.zeros(batch, dtype=torch.float64, device=zero.device)
        return Past(zero, self.dynamics.initial.expand(batch, -1), age)

    def counts_before(self, events: EventBatch, past: Past) -> Tensor:
        """Decayed counts just before each event, shape (batch, event, rate, mark)."""
        decay = self.decay
        elapsed = events.times[:, :1].to(decay.dtype)[..., None]  # since time 0
        carried = past.counts * torch.exp(-elapsed * decay[:, None])
        return decayed_counts(
            events.times, events.marks, events.valid, decay, self.num_marks, carried
        )

    def score(self, events: EventBatch, *, nodes: int = NODES) -> EventScores:
        """Score events whose history begins with the stream, with the share of its own rate.

        Args:
            events: Events and windows in model time.
            nodes: Gauss-Legendre nodes for each solver step.
        """
        fresh = self.fresh(len(events.times))
        alone = self.follow(events, fresh, nodes=nodes)[0]
        if self.share is None:
            return alone
        history = bool((events.start > 0).any())
        whole = self.follow(events.from_origin(), fresh, nodes=nodes)[0] if history else alone
        return self.share.scores(events, alone, whole)

    def follow(
        self,
        events: EventBatch,
        past: Past,
        *,
        nodes: int = NODES,
        generator: torch.Generator | None = None,
    ) -> tuple[EventScores, Tensor]:
        """Score events after a given past, without the share of the stream's own rate.

        Fixed nodes have blind spots, and training finds them: a spike of the rate before the first
        node raises the likelihood of short gaps and costs nothing. With a generator the nodes are
        drawn, one in each of equal parts of a gap, which makes the compensator unbiased for any
        rate; train so, and score with Gauss-Legendre.

        Args:
            events: Events and windows in model time.
            past: What came before time 0, or before the first event if that is earlier.
            nodes: Nodes for each solver step.
            generator: Draws the nodes; Gauss-Legendre without one.

        Returns:
            Scores, and latent states at the end of the windows, shape (batch, latent).
        """
        gaps = self.gaps(events, past)
        flow, lengths = gaps.flow, gaps.lengths
        ends = flow.at(lengths.flatten()[:, None], check=False)[:, 0]
        states = ends.unflatten(0, lengths.shape)[:, :-1]  # (batch, event, latent)
        rates = self.log_rates(states, gaps.before, gaps.ages[:, 1:-1])
        expected = self._expected(events, gaps, nodes, generator)
        return EventScores.of(rates, expected, events), gaps.last

    def gaps(self, events: EventBatch, past: Past) -> Gaps:
        """Walk through the events of a batch."""
        before = self.counts_before(events, past)
        knots = gap_knots(events)
        lengths = self.dynamics.to_clock(knots.diff(dim=1))
        flow, last = self.dynamics.walk(past.state, events.marks, events.valid, lengths)
        after = counts_after(past.counts, before, events.marks, events.valid)
        return Gaps(flow, lengths, knots, before, after, past.age[:, None] + knots, last)

    def log_rates(self, states: Tensor, counts: Tensor, ages: Tensor) -> Tensor:
        """Log-rates per unit of model time.

        Args:
            states: Latent states, shape (..., latent).
            counts: Decayed counts, shape (..., rate, mark).
            ages: Time since the origin of the stream, shape (...).

        Returns:
            Log-rates of each mark, shape (..., mark).
        """
        decay, rate = self.decay, self.total_rate
        time = -torch.expm1(-ages[..., None].to(decay.dtype) * decay) / decay  # (..., rate)
        parts = torch.cat([rate * time[..., None], counts], dim=-1)
        scaled = parts * (2 * decay / rate).sqrt()[:, None]
        return self.process.log_link(self.process.head(states) + self.excite(scaled.flatten(-2)))

    def _expected(
        self, events: EventBatch, gaps: Gaps, nodes: int, generator: torch.Generator | None
    ) -> Tensor:
        low, high = (self.dynamics.to_clock(span).flatten(0, 1) for span in gap_spans(events))
        start = gaps.after.flatten(0, 1), gaps.ages[:, :-1].flatten()

        def expected(begin: Tensor, end: Tensor) -> Tensor:
            return self._by_steps(gaps.flow, start, begin, end, nodes, generator)

        return by_window(low, high, expected).unflatten(0, gaps.lengths.shape)

    def _by_steps(
        self,
        flow: Trajectory,
        start: tuple[Tensor, Tensor],
        low: Tensor,
        high: Tensor,
        nodes: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Integrate gaps of equal numbers of steps together: most are short, a few are long."""
        needed = (high / flow.step - 1e-9).ceil().clamp(min=1, max=len(flow.states) - 1).long()
        needed = torch.where(high > low, needed, 0)
        after, ages = start
        total = torch.zeros(len(low), self.num_marks, dtype=after.dtype, device=after.device)
        for steps in needed.unique().tolist():
            if steps == 0:
                continue
            rows = (needed == steps).nonzero()[:, 0]
            points = slice(steps + 1)
            states, slopes = flow.states[points, rows], flow.slopes[points, rows]
            part = replace(flow, states=states, slopes=slopes, end=flow.end[rows])
            rate = RateOnClock(self, after[rows], ages[rows])
            if generator is None:
                expected = part.integrate(rate, low[rows], high[rows], nodes=nodes, check=False)
            else:
                expected = _drawn(part, rate, low[rows], high[rows], nodes * steps, generator)
            total = total.index_put((rows,), expected)
        return total


def _drawn(
    part: Trajectory,
    rate: RateOnClock,
    low: Tensor,
    high: Tensor,
    nodes: int,
    generator: torch.Generator,
) -> Tensor:
    """Unbiased integral with one uniform node in each of equal parts, shape (batch, mark)."""
    drawn = torch.rand(len(low), nodes, generator=generator, dtype=low.dtype, device=low.device)
    share = (torch.arange(nodes, device=low.device) + drawn) / nodes
    width = (high - low)[:, None]
    w = low[:, None] + width * share
    values = rate(w.to(part.states.dtype), part.at(w, check=False))
    return values.mean(-2) * width.to(values.dtype)


@dataclass(frozen=True, eq=False)
class RateOnClock:
    r"""Rates of each mark in gaps, :math:`\lambda(t(w))\,dt/dw`, for quadrature on the clock.

    Attributes:
        model: The process.
        after: Decayed counts at the start of each gap, shape (batch, rate, mark).
        ages: Time from the origin of the stream to it in model time, shape (batch,).
    """

    model: JumpProcess
    after: Tensor
    ages: Tensor

    def log_intensity(self, w: Tensor, states: Tensor) -> Tensor:
        """Log-rates per unit of model time at clock times (batch, node)."""
        elapsed = self.model.dynamics.from_clock(w)
        decay = torch.exp(-elapsed[..., None] * self.model.decay)  # (batch, node, rate)
        counts = self.after[:, None] * decay[..., None]
        return self.model.log_rates(states, counts, self.ages[:, None] + elapsed)

    def __call__(self, w: Tensor, states: Tensor) -> Tensor:
        """Rates per unit of clock time, shape (batch, node, mark)."""
        w = w.to(states.dtype)
        speed = self.model.dynamics.clock * w.exp()
        return self.log_intensity(w, states).exp() * speed[..., None]

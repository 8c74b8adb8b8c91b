r"""Models of event streams: a history that jumps, and none.

Use `JumpProcess` where events change what comes after them (aftershocks, follow-up alarms, queues);
`HistoryFreeProcess` where only the clock of the window counts, and as the yardstick of how much the
history is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentode import ode
from latentode.config import SolverConfig
from latentode.data.event_batch import EventBatch
from latentode.dynamics.jump import JumpDynamics
from latentode.likelihoods.compensator import cumulative
from latentode.likelihoods.event_scores import (
    EventScores,
    gap_knots,
    gap_windows,
    scores_from,
)
from latentode.likelihoods.poisson_process import Link, PoissonProcess
from latentode.nn.decayed_counts import decayed_counts
from latentode.nn.mlp import MLP
from latentode.ode.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class Past:
    """What a stream brings along when it is entered in the middle.

    Attributes:
        counts: Decayed counts just after the time of entry, shape (batch, rate, channel).
        state: Latent state just after it, shape (batch, latent).
    """

    counts: Tensor
    state: Tensor


class HistoryFreeProcess(nn.Module):
    r"""Poisson process whose rate follows a latent ODE from one learned initial state.

    Args:
        latent_dim: Size of the latent state.
        hidden_dim: Hidden units of field and head.
        rates: Mean rate of each kind per unit of model time, shape (channel,).
        span: Longest window in model time; the solver takes 50 steps of it.
        link: Link of the rate.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dim: int,
        rates: Tensor,
        span: float,
        link: Link = "softplus",
    ) -> None:
        super().__init__()
        self.span = span
        self.solver = SolverConfig(method="rk4", step_size=0.02)
        self.initial = nn.Parameter(0.5 * torch.randn(latent_dim))
        self.field = MLP(latent_dim + 1, (hidden_dim, hidden_dim), latent_dim)
        self.process = PoissonProcess(latent_dim, rates, hidden_dim=hidden_dim, link=link)

    def _slope(self, s: Tensor, z: Tensor) -> Tensor:
        share = s[..., None].expand(*z.shape[:-1], 1).to(z.dtype)
        out: Tensor = self.field(torch.cat([z, share], dim=-1))
        return out

    def solve(self, until: float) -> tuple[Trajectory, Trajectory]:
        """Solve the state and integrate its rates.

        Args:
            until: End of the solve in model time.

        Returns:
            States, and expected counts since the start of a window, both with a batch of 1, on a
            clock that counts shares of `span`.
        """
        end = max(1.0, until / self.span)
        states = ode.solve(self._slope, self.initial[None], 0.0, end, self.solver)
        return states, cumulative(states, self._rate)

    def _rate(self, share: Tensor, states: Tensor) -> Tensor:
        del share
        return self.process.log_intensity(states).exp() * self.span

    def score(self, events: EventBatch) -> EventScores:
        """Score events; windows count from model time 0."""
        states, total = self.solve(float(events.end.max()))
        zero = torch.zeros((), dtype=torch.float64, device=events.times.device)
        at = torch.where(events.scored, events.times, zero) / self.span
        read = states.at(at.flatten()).unflatten(1, at.shape)[0]  # (batch, event, latent)
        low, high = gap_windows(events)
        expected = _per_kind(total, high / self.span) - _per_kind(total, low / self.span)
        return scores_from(self.process.log_intensity(read), expected, events)


def _per_kind(total: Trajectory, times: Tensor) -> Tensor:
    """Read each kind of a compensator with a batch of 1 at its own times (..., channel)."""
    read = total.at(times.flatten()).unflatten(1, times.shape)[0]  # (..., channel, channel)
    return read.diagonal(dim1=-2, dim2=-1)


class JumpProcess(nn.Module):
    r"""Point process with a history: a latent jump ODE beside decaying counts of past events.

    .. math::
        \lambda_k(t) = s_k\,g\Big(w_k(h(t)) + \sum_{jl} v_{kjl}\,\beta_j^{1/2}\,m_{jl}(t)\Big)

    with :math:`h` a `JumpDynamics` and :math:`m_{jl}` the count of past events of kind l that
    decays at rate :math:`\beta_j`. The counts are what a Hawkes process consists of, solved in
    closed form over the whole past; the latent state gates, saturates and forgets. One kind of
    history alone is not enough: a gated state forgets slow sums, and sums cannot saturate.

    Args:
        latent_dim: Size of h.
        hidden_dim: Hidden units of field and head.
        rates: Mean rate of each kind per unit of model time, shape (channel,).
        decay: Initial rates of decay per unit of model time, shape (rate,).
        clock: Constant of the logarithmic clock, about the median gap in model time.
        link: Link of the rate; "softplus" leaves a Hawkes process exact.
        step: Solver step on the logarithmic clock.

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
        self.register_buffer("total_rate", rates.sum().to(dtype))
        self.excite = nn.Linear(len(decay) * self.num_marks, self.num_marks, bias=False)
        nn.init.zeros_(self.excite.weight)

    @property
    def decay(self) -> Tensor:
        """Rates of decay per unit of model time, shape (rate,)."""
        return self.log_decay.exp()

    def fresh(self, batch: int) -> Past:
        """The past of streams that begin with their windows."""
        shape = (batch, len(self.log_decay), self.num_marks)
        zero = torch.zeros(shape, dtype=self.log_decay.dtype, device=self.log_decay.device)
        return Past(zero, self.dynamics.initial.expand(batch, -1))

    def counts_before(self, events: EventBatch, past: Past) -> Tensor:
        """Decayed counts just before each event, shape (batch, event, rate, channel)."""
        first = gap_knots(events)[:, :1]
        decay = self.decay
        elapsed = (events.times[:, :1] - first).to(decay.dtype)[..., None]
        carried = past.counts * torch.exp(-elapsed * decay[:, None])
        return decayed_counts(
            events.times, events.marks, events.valid, decay, self.num_marks, carried
        )

    def score(self, events: EventBatch, *, nodes: int | None = None) -> EventScores:
        """Score events whose history begins with the stream.

        Args:
            events: Events and windows in model time.
            nodes: Gauss-Legendre nodes for each solver step; 4 by default.
        """
        return self.follow(events, self.fresh(len(events.times)), nodes=nodes)[0]

    def follow(
        self, events: EventBatch, past: Past, *, nodes: int | None = None
    ) -> tuple[EventScores, Tensor]:
        """Score events after a given past.

        Args:
            events: Events and windows in model time.
            past: What came before time 0, or before the first event if that is earlier.
            nodes: Gauss-Legendre nodes for each solver step; 4 by default.

        Returns:
            Scores, and latent states at the end of the windows, shape (batch, latent).
        """
        before = self.counts_before(events, past)
        knots = gap_knots(events)
        lengths = self.dynamics.to_clock(knots.diff(dim=1))  # (batch, gap)
        flow, state = self.dynamics.walk(past.state, events.marks, events.valid, lengths)
        after = self._after(events, before, past)  # (batch, gap, rate, channel)
        ends = flow.at(lengths.flatten()[:, None], check=False)[:, 0]
        states = ends.unflatten(0, lengths.shape)[:, :-1]  # (batch, event, latent)
        rates = self.process.log_link(self._drive(states, before))
        expected = self._expected(events, flow, after.flatten(0, 1), knots, nodes)
        return scores_from(rates, expected, events), state

    def _after(self, events: EventBatch, before: Tensor, past: Past) -> Tensor:
        """Counts at the start of each gap, the event there included."""
        one = nn.functional.one_hot(events.marks, self.num_marks) * events.valid[..., None]
        return torch.cat([past.counts[:, None], before + one[:, :, None].to(before.dtype)], dim=1)

    def _drive(self, states: Tensor, counts: Tensor) -> Tensor:
        """What goes into the link, from states (..., latent) and counts (..., rate, channel)."""
        scale = (2 * self.decay / self.total_rate).sqrt()
        out: Tensor = self.process.head(states) + self.excite((counts * scale[:, None]).flatten(-2))
        return out

    def rate_on_clock(self, after: Tensor) -> RateOnClock:
        """The rate in a gap as a function of clock time and state; see `RateOnClock`."""
        return RateOnClock(self, after)

    def _expected(
        self,
        events: EventBatch,
        flow: Trajectory,
        after: Tensor,
        knots: Tensor,
        nodes: int | None,
    ) -> Tensor:
        low, high = (edge - knots[:, :-1, None] for edge in gap_windows(events))
        shape = low.shape
        low, high = (self.dynamics.to_clock(t.clamp(min=0.0)).flatten(0, 1) for t in (low, high))
        kinds = self.num_marks
        if bool((low == low[:, :1]).all() & (high == high[:, :1]).all()):
            parts = [self._by_steps(flow, after, low[:, 0], high[:, 0], nodes)]
        else:
            parts = [
                self._by_steps(flow, after, low[:, k], high[:, k], nodes)[:, k : k + 1]
                for k in range(kinds)
            ]
        return torch.cat(parts, dim=-1).reshape(shape)

    def _by_steps(
        self, flow: Trajectory, after: Tensor, low: Tensor, high: Tensor, nodes: int | None
    ) -> Tensor:
        """Integrate gaps of equal numbers of steps together: most are short, a few are long."""
        needed = (high / flow.step - 1e-9).ceil().clamp(min=1, max=len(flow.states) - 1).long()
        needed = torch.where(high > low, needed, 0)
        total = torch.zeros(len(low), self.num_marks, dtype=after.dtype, device=after.device)
        for steps in needed.unique().tolist():
            if steps == 0:
                continue
            rows = (needed == steps).nonzero()[:, 0]
            part = Trajectory(
                flow.t0, flow.step, flow.states[: steps + 1, rows], flow.slopes[: steps + 1, rows],
                flow.start, flow.end[rows], flow.stats,
            )  # fmt: skip
            rate = self.rate_on_clock(after[rows])
            expected = part.integrate(rate, low[rows], high[rows], nodes=nodes, check=False)
            total = total.index_put((rows,), expected)
        return total


class RateOnClock:
    r"""Rates of each kind in gaps, :math:`\lambda(t(w))\,dt/dw`, for quadrature on the clock.

    Args:
        model: The process.
        after: Decayed counts at the start of each gap, shape (batch, rate, channel).
    """

    def __init__(self, model: JumpProcess, after: Tensor) -> None:
        self._model = model
        self._after = after

    def log_intensity(self, w: Tensor, states: Tensor) -> Tensor:
        """Log-rates per unit of model time at clock times (batch, node)."""
        elapsed = self._model.dynamics.from_clock(w)
        decay = torch.exp(-elapsed[..., None] * self._model.decay)  # (batch, node, rate)
        counts = self._after[:, None] * decay[..., None]
        return self._model.process.log_link(self._model._drive(states, counts))

    def __call__(self, w: Tensor, states: Tensor) -> Tensor:
        """Rates per unit of clock time, shape (batch, node, channel)."""
        speed = self._model.dynamics.clock * w.exp()
        return self.log_intensity(w, states).exp() * speed[..., None]

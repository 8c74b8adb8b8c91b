"""A point process without a history."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode import ode
from latentode.config import SolverConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.models.heads.poisson_process import Link, PoissonProcess
from latentode.models.nn.mlp import MLP
from latentode.models.point_processes.compensator import cumulative
from latentode.models.point_processes.event_scores import EventProcess, EventScores, gap_windows
from latentode.ode.trajectory import Trajectory


class HistoryFreeProcess(EventProcess):
    r"""Poisson process whose rate follows a latent ODE from one learned initial state.

    Args:
        latent_dim: Size of the latent state.
        hidden_dim: Hidden units of field and head.
        rates: Mean rate of each mark per unit of model time, shape (mark,).
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
        rate = self.process.rate()
        return states, cumulative(states, lambda share, z: rate(share, z) * self.span)

    def score(self, events: EventBatch) -> EventScores:
        """Score events; windows count from model time 0."""
        states, total = self.solve(float(events.end.max()))
        zero = torch.zeros((), dtype=torch.float64, device=events.times.device)
        at = torch.where(events.scored, events.times, zero) / self.span
        read = states.at(at.flatten()).unflatten(1, at.shape)[0]  # (batch, event, latent)
        low, high = gap_windows(events)
        expected = _per_mark(total, high / self.span) - _per_mark(total, low / self.span)
        return EventScores.of(self.process.log_intensity(read), expected, events)


def _per_mark(total: Trajectory, times: Tensor) -> Tensor:
    """Read each mark of a compensator with a batch of 1 at its own times (..., mark)."""
    read = total.at(times.flatten()).unflatten(1, times.shape)[0]  # (..., mark, mark)
    return read.diagonal(dim1=-2, dim2=-1)

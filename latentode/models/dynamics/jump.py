"""A latent state that flows between events and jumps at them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from latentode import ode
from latentode.config import SolverConfig
from latentode.models.nn.mlp import MLP
from latentode.ode.trajectory import Trajectory

_EMBEDDING = 8  # numbers by which a mark enters the update


class JumpDynamics(nn.Module):
    r"""Neural ODE between events, gated recurrent update at events; each series at its own times.

    .. math::
        \frac{dh}{dw} = f(h, w), \quad w = \log(1 + (t - t_i) / c); \qquad
        h(t_i^+) = \mathrm{GRU}(h(t_i^-), [k_i, w_i])

    The clock w starts anew at each event and slows down with the logarithm of the time since it, so
    that a burst and a silence a hundred times longer take steps of one size. The step is fixed on
    that clock from the gap's own start: the state before an event cannot depend on when the event
    comes, which a step of a share of the gap would let it do.

    Args:
        latent_dim: Size of h.
        hidden_dim: Units of the hidden layer of f.
        num_marks: Number of marks.
        clock: The constant c in model time, about the typical gap.
        step: Solver step on the clock w.

    Reference:
        Rubanova, Chen, Duvenaud (2019), Latent ODEs for irregularly-sampled time series,
        https://arxiv.org/abs/1907.03907; Jia and Benson (2019), Neural jump stochastic differential
        equations, https://arxiv.org/abs/1905.10403. The logarithmic clock is ours.
    """

    def __init__(
        self, latent_dim: int, hidden_dim: int, num_marks: int, clock: float, step: float = 1.0
    ) -> None:
        super().__init__()
        self.clock = clock
        self.solver = SolverConfig(method="rk4", step_size=step)
        self.field = MLP(latent_dim + 1, (hidden_dim,), latent_dim, final_scale=0.3)
        self.embedding = nn.Embedding(num_marks, _EMBEDDING)
        self.cell = nn.GRUCell(_EMBEDDING + 1, latent_dim)
        self.initial = nn.Parameter(torch.zeros(latent_dim))

    def slope(self, w: Tensor, h: Tensor) -> Tensor:
        """dh/dw at clock time `w`, scalar or (batch,), and states `h`, shape (..., latent)."""
        clock = w[..., None].expand(*h.shape[:-1], 1)
        out: Tensor = self.field(torch.cat([h, clock.to(h.dtype)], dim=-1))
        return out

    def to_clock(self, elapsed: Tensor) -> Tensor:
        """Clock time of a time since the last event in model time."""
        return torch.log1p(elapsed / self.clock)

    def from_clock(self, w: Tensor) -> Tensor:
        """Model time since the last event."""
        return self.clock * torch.expm1(w)

    def flow(self, h: Tensor, length: Tensor) -> Trajectory:
        """Solve one gap of each series.

        Args:
            h: States just after the last events, shape (batch, latent).
            length: Length of the gaps in clock time, float64, shape (batch,).

        Returns:
            Dense output in clock time from 0.
        """
        return ode.solve(self.slope, h, 0.0, length, self.solver)

    def jump(self, h: Tensor, marks: Tensor, w: Tensor) -> Tensor:
        """State just after an event.

        Args:
            h: State just before it, shape (batch, latent).
            marks: Its mark, shape (batch,).
            w: Clock time since the event before, shape (batch,).
        """
        seen = torch.cat([self.embedding(marks), w[:, None].to(h.dtype)], dim=-1)
        out: Tensor = self.cell(seen, h)
        return out

    def walk(
        self, h: Tensor, marks: Tensor, valid: Tensor, lengths: Tensor
    ) -> tuple[Trajectory, Tensor]:
        """Advance all series gap by gap, with a jump between gaps.

        Args:
            h: States at the start of the first gap, shape (batch, latent).
            marks: Mark of the event at the end of each gap but the last, shape (batch, event).
            valid: False for padded events, which do not jump, shape (batch, event).
            lengths: Lengths of the gaps in clock time, float64, shape (batch, event + 1).

        Returns:
            One dense output whose batch is the gaps, series after series, shape
            (batch * (event + 1)); and the states at the end of the last gap, (batch, latent).
        """
        pieces = []
        for i, length in enumerate(lengths.unbind(1)):
            piece = self.flow(h, length)
            pieces.append(piece)
            left = piece.at(length[:, None], check=False)[:, 0]
            if i < marks.shape[1]:
                jumped = self.jump(left, marks[:, i], length)
                h = torch.where(valid[:, i, None], jumped, left)
        return _stack(pieces, lengths), left


def _stack(pieces: list[Trajectory], lengths: Tensor) -> Trajectory:
    """Gaps side by side; a gap with fewer steps is filled with states that nothing reads."""
    states, slopes = (
        pad_sequence([getattr(piece, name) for piece in pieces])  # (step + 1, gap, batch, latent)
        .transpose(1, 2)
        .flatten(1, 2)
        for name in ("states", "slopes")
    )
    zero = torch.zeros((), dtype=torch.float64, device=lengths.device)
    return Trajectory(
        zero, pieces[0].step, states, slopes, zero, lengths.flatten(), pieces[0].stats
    )

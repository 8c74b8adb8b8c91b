"""Competitors in torch: torchdiffeq in two ways, torchode, and the ODE-RNN on the union grid.

All of them run the same weights. Decoders have the form of `benchmarks.engine.model.Decode`; their
field is the bare network, without the context that ours could have.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torchdiffeq
from torch import Tensor, nn

from benchmarks.engine import ours
from latentode.data.batches.batch import SeriesBatch
from latentode.models.dynamics.mlp import MLPDynamics
from latentode.models.encoders import ODERNNEncoder
from latentode.models.encoders.base import row_features


def union_grid(times: Tensor) -> tuple[Tensor, Tensor]:
    """Sorted union of all times, and the place of each time in it, shape of `times`."""
    return torch.unique(times, return_inverse=True)


class UnionGrid:
    """torchdiffeq on the union of all query times, as the code of 2019 does.

    Args:
        rtol: Relative tolerance; the absolute one is a tenth of it, as there.
        method: Method of torchdiffeq.
    """

    def __init__(self, rtol: float, method: str = "dopri5") -> None:
        self.rtol, self.method = rtol, method

    def __call__(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> Tensor:
        """States at the queries of each series, shape (draw, batch, step, latent)."""
        union, place = union_grid(batch.query_times)
        start = union.new_zeros(1) if union[0] > 0 else union.new_zeros(0)
        grid = torch.cat([start, union]).to(z0.dtype)
        states = torchdiffeq.odeint(
            lambda _, z: dynamics.net(z), z0, grid,
            rtol=self.rtol, atol=self.rtol / 10, method=self.method,
        )  # fmt: skip
        picked = states.permute(1, 2, 0, 3)  # (draw, batch, union, latent)
        index = (place + len(start))[None, :, :, None]
        return picked.gather(2, index.expand(len(z0), -1, -1, z0.shape[-1]))


class PerGap:
    """torchdiffeq once a gap, every series' own gap rescaled to [0, 1].

    Args:
        rtol: Relative tolerance; the absolute one is a tenth of it.
    """

    def __init__(self, rtol: float) -> None:
        self.rtol = rtol

    def __call__(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> Tensor:
        """States at the queries of each series, shape (draw, batch, step, latent)."""
        gaps = torch.diff(batch.query_times, dim=1, prepend=torch.zeros(batch.size, 1)).to(z0)
        unit = torch.tensor([0.0, 1.0], dtype=z0.dtype)
        state, states = z0, []
        for gap in gaps.unsqueeze(-1).unbind(1):
            state = torchdiffeq.odeint(
                lambda _, z, gap=gap: gap * dynamics.net(z), state, unit,
                rtol=self.rtol, atol=self.rtol / 10, method="dopri5",
            )[1]  # fmt: skip
            states.append(state)
        return torch.stack(states, dim=2)


class TorchODE:
    """torchode's dopri5: every row has steps and times of its own.

    Args:
        rtol: Relative tolerance; the absolute one is a tenth of it.
    """

    def __init__(self, rtol: float) -> None:
        self.rtol = rtol

    def __call__(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> Tensor:
        """States at the queries of each series, shape (draw, batch, step, latent)."""
        import torchode

        term = torchode.ODETerm(lambda _, z: dynamics.net(z))
        controller = torchode.IntegralController(atol=self.rtol / 10, rtol=self.rtol, term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), controller)
        times = batch.query_times.repeat(len(z0), 1).to(z0.dtype)
        problem = torchode.InitialValueProblem(
            y0=z0.flatten(0, 1),
            t_start=torch.zeros(len(times), dtype=z0.dtype),
            t_end=times[:, -1],
            t_eval=times,
        )
        return solver.solve(problem).ys.unflatten(0, z0.shape[:2])


@dataclass(frozen=True)
class UnionRows:
    """Rows of a batch scattered on the union of its times, in reading order.

    Attributes:
        features: What the encoder reads, 0 where a series has no row, (union, batch, feature).
        present: True where a series has a row, (union, batch, 1).
        gaps: Time since the union point read before, 0 before a series' first row and after its
            last, (union, batch, 1).
    """

    features: Tensor
    present: Tensor
    gaps: Tensor


def union_rows(batch: SeriesBatch) -> UnionRows:
    """Scatter a batch for reading backwards; the work of a loader, in no timing."""
    features, _ = row_features(batch, reverse=True)
    rows = torch.arange(batch.times.shape[1])
    valid = rows < batch.lengths[:, None]  # (batch, time)
    index = (batch.lengths[:, None] - 1 - rows).clamp(min=0)
    times = batch.times.gather(1, index)
    union, place = union_grid(times)
    place = len(union) - 1 - place
    series = torch.arange(batch.size)[:, None].expand_as(place)
    scattered = features.new_zeros(len(union), batch.size, features.shape[-1])
    present = torch.zeros(len(union), batch.size, 1, dtype=torch.bool)
    scattered[place[valid], series[valid]] = features[valid]
    present[place[valid], series[valid]] = True
    backwards = union.flip(0)
    gaps = torch.diff(-backwards, prepend=-backwards[:1])[:, None, None]
    # a series that has begun, and has rows left; the original moves all of them all the time, which
    # costs the same and is another function of the readings
    seen = present.int().cumsum(0)
    within = (seen - present.int() > 0) & (seen - present.int() < seen[-1])
    return UnionRows(scattered, present, (gaps * within).to(features.dtype))


class UnionODERNN(nn.Module):
    """The ODE-RNN as in 2019: every series moves by Euler steps over the union of all times.

    Args:
        encoder: Whose weights, update and longest step are used.
        rows: The batch on its union grid.
    """

    def __init__(self, encoder: ODERNNEncoder, rows: UnionRows) -> None:
        super().__init__()
        self.encoder, self.rows = encoder, rows

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """Summaries, shape (batch, hidden)."""
        assert reverse
        cell, field = ours.ode_rnn_parts(self.encoder)
        rows = self.rows
        counts = ours.euler_counts(self.encoder, rows.gaps).amax((1, 2)).long().tolist()
        state = rows.features.new_zeros(batch.size, self.encoder.hidden_dim)
        for features, present, gap, count in zip(
            rows.features, rows.present, rows.gaps, counts, strict=True
        ):
            for _ in range(count):
                state = state + (gap / count) * field(state)
            state = torch.where(present, cell(features, state), state)
        return state

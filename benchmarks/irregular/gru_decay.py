"""A recurrent network whose state and inputs decay, trained by the package's trainer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from latentode.config import LatentODEConfig, ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.decoders.readout import Decoded
from latentode.models.encoders.condense import condense
from latentode.models.encoders.posterior import NormalPosterior
from latentode.models.heads.base import StateSizes
from latentode.models.heads.labels import LabelHead
from latentode.models.latent_ode import Evidence
from latentode.models.likelihoods.student_t import StudentTLikelihood
from latentode.models.nn.mlp import MLP
from latentode.models.nn.nearest import gather_readings, nearest_readings
from latentode.models.solved import Solved

_ROWS = 128
_LOG_SCALE_RANGE = (-9.0, 6.0)
_WIDTHS = range(4, 513)


class DecayingGRU(nn.Module):
    r"""A GRU over rows: :math:`h \leftarrow \mathrm{GRU}([\hat x, m],\, e^{-\gamma_h(\delta)} h)`.

    A missing input is the last reading of its channel, decayed to the training centre at a rate of
    its own; :math:`\delta` is the time since each channel was last read.

    Args:
        num_channels: Channels.
        hidden_dim: Size of the state.

    Reference:
        Che et al. (2018), Recurrent neural networks for multivariate time series with missing
        values, https://arxiv.org/abs/1606.01865
    """

    def __init__(self, num_channels: int, hidden_dim: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(2 * num_channels, hidden_dim)
        self.input_rate = nn.Parameter(torch.zeros(num_channels))
        self.state_decay = nn.Linear(num_channels, hidden_dim)
        self.query_rate = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, times: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """States before the first row and after each, shape (batch, 1 + time, hidden)."""
        seen = torch.where(mask, times[..., None], -torch.inf).cummax(1).values
        before = torch.cat([torch.full_like(seen[:, :1], -torch.inf), seen[:, :-1]], dim=1)
        never = torch.isinf(before)
        # as if never read for a whole window: the longest gap there is
        age = torch.where(never, 4.0, times[..., None] - before).to(values.dtype)
        rows = torch.where(mask, torch.arange(mask.shape[1], device=mask.device)[:, None], 0)
        held = values.gather(1, rows.cummax(1).values)
        kept = torch.exp(-self.input_rate.exp() * age)
        inputs = torch.cat([torch.where(mask, values, kept * held), mask.to(values.dtype)], dim=-1)
        decay = torch.exp(-torch.relu(self.state_decay(age)))
        states = [values.new_zeros(len(values), self.cell.hidden_size)]
        for row in range(values.shape[1]):
            states.append(self.cell(inputs[:, row], decay[:, row] * states[-1]))
        return torch.stack(states, dim=1)

    def read(self, states: Tensor, rows: Tensor, gaps: Tensor) -> Tensor:
        """States after some numbers of rows, decayed by gaps, shape (batch, step, hidden)."""
        index = rows[..., None].expand(-1, -1, states.shape[-1])
        return states.gather(1, index) * torch.exp(-self.query_rate.exp() * gaps[..., None])


@dataclass(frozen=True)
class _NoSolve:
    """What stands for a solve: this network has none."""

    nfe: int = 0

    @property
    def stats(self) -> _NoSolve:
        """Itself."""
        return self


class FinalStateHead(LabelHead):
    """Labels of windows, of a network that sees the final states of both directions."""

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits of each window, the same for every draw, shape (draw, batch, class)."""
        logits: Tensor = self(solved.posterior.context, batch)
        return logits.expand(len(solved.z0), *logits.shape)


class GRUDecay(nn.Module):
    r"""Forecast and interpolate from decaying states before and after a query.

    .. math::
        \mu_c(t) = e^{-k_c a}\,\tilde x_c(t) + f_c(h_\to, h_\leftarrow, a, b, u(t), s), \qquad
        \log \sigma_c(t) = g_c(\dots) + w_c \log a_c

    with :math:`\tilde x` the line between the nearest readings (or the only one), :math:`a, b` the
    gaps to the rows before and after, and a Student-t likelihood as the package's default. It
    keeps the contract of `LatentODEModel`, with a latent state that nothing depends on.

    Args:
        config: Settings of the model that it is compared with.
        num_channels: Channels.
        hidden_dim: Size of both states and of the hidden layer.
        input_dim: Known-input features.
        static_dim: Covariates.
        scale_floor: Least scale of each channel, shape (channel,).
        num_classes: Classes of the labels of windows, see `FinalStateHead`; 0 goes without.
    """

    scale_floor: Tensor

    smooth = direct = None  # it has no memory of readings, nor forecasts beside
    latent_noise = None  # nor a path

    def __init__(
        self,
        config: ModelConfig,
        num_channels: int,
        hidden_dim: int,
        *,
        input_dim: int,
        static_dim: int,
        scale_floor: Tensor,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        self.config = config.model_copy(update={"latent_dim": 1})
        self.solver = SolverConfig(step_size=1.0)
        self.event_process = None
        self.shooting = None
        self.forwards = DecayingGRU(num_channels, hidden_dim)
        self.backwards = DecayingGRU(num_channels, hidden_dim)
        self.head = MLP(
            2 * hidden_dim + 2 + input_dim + static_dim,
            (hidden_dim,),
            2 * num_channels,
            dropout=config.dropout,
            final_scale=0.1,
        )
        self.reading_rate = nn.Parameter(torch.full((num_channels,), -3.0))
        self.growth = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("scale_floor", scale_floor.to(torch.float32).clamp(min=1e-4))
        self.likelihood = StudentTLikelihood(num_channels)
        sizes = StateSizes(
            latent_dim=0,
            hidden_dim=hidden_dim,
            num_channels=num_channels,
            static_dim=static_dim,
            context_dim=2 * hidden_dim,
            covariates_dim=0,
            dropout=config.dropout,
        )
        self.label_head = FinalStateHead(num_classes, sizes) if num_classes else None

    def likelihood_given(self, _batch: SeriesBatch) -> StudentTLikelihood:
        """The likelihood of windows; it knows no bounds that a reading could lift."""
        return self.likelihood

    @property
    def heads(self) -> list[FinalStateHead]:
        """As those of `LatentODEModel`."""
        return [] if self.label_head is None else [self.label_head]

    def posterior(self, batch: SeriesBatch) -> NormalPosterior:
        """A latent state that nothing depends on."""
        zero = batch.values.new_zeros(batch.size, 1)
        return NormalPosterior(zero, torch.ones_like(zero), zero)

    def trajectory(self, _z0: Tensor, _batch: SeriesBatch, **_options: bool) -> _NoSolve:
        """Nothing to solve."""
        return _NoSolve()

    def choose_solver(self, *_arguments: object, **_options: bool) -> SolverConfig:
        """The solver that is not used."""
        return self.solver

    def solver_error(self, *_arguments: object) -> float:
        """An error that asks for no other step."""
        return self.solver.tolerance / 2

    def _decoded(
        self, read: tuple[Tensor, Tensor], rows: SeriesBatch, batch: SeriesBatch
    ) -> Decoded:
        before, after, gaps = self._states(read, rows, batch.query_times)
        static = batch.static[:, None].expand(-1, batch.query_times.shape[1], -1)
        context = [before, after, _log_time(gaps), batch.inputs(batch.query_times), static]
        moved, log_scale = self.head(torch.cat(context, dim=-1)).chunk(2, dim=-1)
        line, age = self._line(batch)
        location = moved + torch.exp(-self.reading_rate.exp() * age) * line
        log_scale = log_scale + self.growth * _log_time(age)
        scale = torch.hypot(log_scale.clamp(*_LOG_SCALE_RANGE).exp(), self.scale_floor)
        return Decoded(location[None], scale[None], _no_rates)

    def solve(self, batch: SeriesBatch, noise: Tensor, **_options: object) -> Solved:
        """Location and scale at the queries, the same for every draw."""
        rows = condense(batch, _ROWS)
        read = self._read(rows)
        decoded = self._decoded(read, rows, batch)
        shape = (len(noise), *decoded.location.shape[1:])
        decoded = Decoded(decoded.location.expand(shape), decoded.scale.expand(shape), _no_rates)
        last = rows.lengths[:, None, None].expand(-1, 1, read[0].shape[-1])
        states = torch.cat([state.gather(1, last)[:, 0] for state in read], dim=-1)
        posterior = replace(self.posterior(batch), context=states)
        return Solved(posterior, noise, torch.zeros_like(noise[..., 0]), _NoSolve(), decoded)

    def forward(
        self, batch: SeriesBatch, noise: Tensor, *, check: bool = True, **weights: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `evidence` says of a batch."""
        del check
        return self.evidence(self.solve(batch, noise), batch, **weights)

    def evidence(
        self, solved: Solved, batch: SeriesBatch, *, balance: float = 0.0, label_weight: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log-likelihood (draw, batch), and zeros for what a posterior would cost."""
        decoded = solved.decoded
        targets = batch.targets.masked_fill(~batch.target_mask, 0.0)
        density = self.likelihood.joint(
            targets, decoded.location, decoded.scale, batch.target_mask, balance=balance
        )
        if self.label_head is not None:
            density = density + label_weight * self.label_head.log_prob(solved, batch)
        return Evidence(density, torch.zeros_like(density), density.new_zeros(batch.size))

    def _read(self, rows: SeriesBatch) -> tuple[Tensor, Tensor]:
        """States of both directions after some numbers of rows, shape (batch, 1 + time, hidden)."""
        mirror = _mirror(rows)
        across = mirror[..., None].expand_as(rows.values)
        return self.forwards(rows.times, rows.values, rows.mask), self.backwards(
            -rows.times.gather(1, mirror),
            rows.values.gather(1, across),
            rows.mask.gather(1, across),
        )

    def _states(
        self, read: tuple[Tensor, Tensor], rows: SeriesBatch, queries: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """States before and after each query, and the gaps to their rows (batch, step, 2)."""
        times, lengths = rows.times, rows.lengths[:, None]
        position = torch.searchsorted(times.contiguous(), queries.contiguous(), right=True)
        position = torch.minimum(position, lengths)
        later = times.gather(1, position.clamp(max=times.shape[1] - 1))
        earlier = times.gather(1, (position - 1).clamp(min=0))
        # where no row is on that side the state is zero, whatever the gap
        gaps = torch.stack([queries - earlier, later - queries], dim=-1).clamp(min=0)
        gaps = gaps.to(rows.values.dtype)
        return (
            self.forwards.read(read[0], position, gaps[..., 0]),
            self.backwards.read(read[1], lengths - position, gaps[..., 1]),
            gaps,
        )

    def _line(self, batch: SeriesBatch) -> tuple[Tensor, Tensor]:
        """Line between the nearest readings of each channel, 0 without any; gap to the nearer."""
        index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
        before, after = gather_readings(batch.values[None], index)[:, 0]
        gaps = gaps.to(batch.values.dtype)
        has_before, has_after = torch.isfinite(gaps)
        a, b = gaps.masked_fill(torch.isinf(gaps), 1.0)
        share = torch.where(has_before & has_after, a / (a + b).clamp(min=1e-9), 0.0)
        share = torch.where(has_before, share, has_after.to(a.dtype))
        line = torch.lerp(before, after, share)
        some = has_before | has_after
        return torch.where(some, line, 0.0), gaps.amin(0).clamp(max=4.0)


def _mirror(rows: SeriesBatch) -> Tensor:
    """Number of the row in each row's place when a window is read backwards, (batch, time)."""
    place = torch.arange(rows.times.shape[1], device=rows.times.device)
    return (rows.lengths[:, None] - 1 - place).clamp(min=0)


def _no_rates(_times: Tensor, _states: Tensor) -> Tensor:
    raise NotImplementedError("a network without events has no rates")


def _log_time(gap: Tensor) -> Tensor:
    return torch.log(gap + 1e-4) / 4.0 + 1.0


def of_equal_size(
    reference: nn.Module,
    config: LatentODEConfig,
    *,
    num_channels: int,
    input_dim: int,
    static_dim: int,
    scale_floor: Tensor,
    num_classes: int = 0,
) -> GRUDecay:
    """A network whose number of parameters is nearest to that of a reference."""
    wanted = sum(p.numel() for p in reference.parameters())

    def build(hidden: int) -> GRUDecay:
        return GRUDecay(
            config.model,
            num_channels,
            hidden,
            input_dim=input_dim,
            static_dim=static_dim,
            scale_floor=scale_floor,
            num_classes=num_classes,
        )

    def distance(hidden: int) -> int:
        with torch.device("meta"):
            return abs(sum(p.numel() for p in build(hidden).parameters()) - wanted)

    return build(min(_WIDTHS, key=distance))

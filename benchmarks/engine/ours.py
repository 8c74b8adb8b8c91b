"""The only place that says how the library's own engine and encoders are called."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from benchmarks.engine.workloads import Sizes
from latentode import ode
from latentode.config import SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.dynamics.mlp import BoundDynamics, MLPDynamics
from latentode.models.encoders import AttentionEncoder, ODERNNEncoder, RNNEncoder
from latentode.models.encoders.base import Encoder
from latentode.models.nn.mlp import MLP
from latentode.ode.fields import FieldFunction

METHODS = ("ab4", "rk4")
ENCODERS = ("ode_rnn", "rnn", "attention")
# what the whole iteration and the growth curves are measured with
METHOD = "ab4"
GRADIENTS = ("backprop", "checkpoint", "adjoint")


def make_encoder(name: str, sizes: Sizes) -> Encoder:
    """An encoder for a workload without known inputs."""
    if name == "rnn":
        return RNNEncoder(sizes.channels, 0, sizes.hidden)
    if name == "attention":
        return AttentionEncoder(sizes.channels, 0, sizes.hidden)
    encoder = ODERNNEncoder(sizes.channels, 0, sizes.hidden)
    # the workloads give the field of the ODE-RNN a width of its own
    encoder.field = MLP(sizes.hidden, (sizes.encoder_units,), sizes.hidden, final_scale=0.3)
    return encoder


def make_dynamics(sizes: Sizes) -> MLPDynamics:
    """The vector field latent-units-units-latent, tanh."""
    return MLPDynamics(sizes.latent, sizes.units, 0, 0, "autonomous")


def bind(dynamics: MLPDynamics, batch: SeriesBatch) -> FieldFunction:
    """The dynamics as a field of time and state."""
    return BoundDynamics(dynamics, batch.inputs, batch.static)


@lru_cache(maxsize=256)
def solver(
    method: str, step_size: float, gradient: str = "backprop", substeps: int = 1
) -> SolverConfig:
    """Settings of a solve; `substeps` solver steps lie between two points of the dense output."""
    return SolverConfig(
        method=method,
        step_size=step_size,
        gradient=gradient,
        substeps=substeps,
        max_nfe=1_000_000,
    )


def solve(
    dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch, config: SolverConfig
) -> ode.Trajectory:
    """Solve the window of the batch from 0 to its end."""
    return ode.solve(
        bind(dynamics, batch), z0, 0.0, batch.upper, config, params=tuple(dynamics.parameters())
    )


class Engine:
    """Decode by one solve with fixed steps, read at the times of each series.

    Args:
        method: Method of the solver.
        steps: Steps over the window.
        gradient: Kind of gradient.
    """

    def __init__(self, method: str, steps: int, gradient: str = "backprop") -> None:
        self.method, self.steps, self.gradient = method, steps, gradient

    def __call__(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> Tensor:
        """States at the queries of each series, shape (draw, batch, step, latent)."""
        config = solver(self.method, batch.upper / self.steps, self.gradient)
        return solve(dynamics, z0, batch, config).at(batch.query_times, check=False)


class WatchedEngine:
    """An engine whose method and step follow the dynamics, as they do in `latentode.training`.

    Args:
        tolerance: Relative error that the states may have.
    """

    def __init__(self, tolerance: float) -> None:
        self._wanted = SolverConfig(tolerance=tolerance / 4)
        self._config = self._wanted

    @torch.no_grad()
    def settle(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> None:
        """Choose method and step for the dynamics as they are."""
        field = bind(dynamics, batch)
        self._config, _ = ode.choose_step(field, z0, 0.0, batch.upper, self._wanted)

    def __call__(self, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch) -> Tensor:
        """States at the queries of each series, shape (draw, batch, step, latent)."""
        return solve(dynamics, z0, batch, self._config).at(batch.query_times, check=False)


def evaluations(dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch, engine: Engine) -> int:
    """Evaluations of the field that a decoding takes."""
    config = solver(engine.method, batch.upper / engine.steps)
    with torch.no_grad():
        return solve(dynamics, z0, batch, config).stats.nfe


def euler_counts(encoder: ODERNNEncoder, gaps: Tensor) -> Tensor:
    """Euler steps that the ODE-RNN takes over each gap, at least one."""
    return torch.ceil(gaps / encoder.max_step).clamp(1, encoder.max_substeps)


def ode_rnn_parts(encoder: ODERNNEncoder) -> tuple[nn.GRUCell, MLP]:
    """The update at a reading and the field between readings."""
    return encoder.cell, encoder.field

r"""Densities carried along by any vector field, not only that of a flow.

Along a path of :math:`\dot z = f(t, z)` the density of what is carried changes by

.. math:: \log p_t(z(t)) = \log p_0(z(0)) - \int_0^t \mathrm{tr}\,\partial_z f(s, z(s))\,ds,

and both sides come from one solve: the states by `Trajectory.at`, the integral by quadrature of the
divergence on the same dense output. Where inputs of the field jump, both lose their high order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode import ode
from latentode.config import SolverConfig
from latentode.ode.divergence import TraceConfig, TraceUsed, choose_trace, divergence, draw_probes
from latentode.ode.fields import FieldFunction
from latentode.ode.trajectory import Trajectory

_EXACT = TraceConfig("exact")


@dataclass(frozen=True)
class PushedDensity:
    """States that are carried along, and what becomes of their density.

    Attributes:
        trajectory: The states.
        log_prob: Log-density at `t0` in nats, shape (..., batch).
        volume: Running integral of the divergence: log-volume gained since `t0`.
        trace: How the divergence was found; "hutchinson" is an unbiased estimate of the log.
    """

    trajectory: Trajectory
    log_prob: Tensor
    volume: Trajectory
    trace: TraceUsed

    def at(self, times: Tensor | float, *, check: bool = True) -> tuple[Tensor, Tensor]:
        """States and their log-densities at any times.

        Args:
            times: Model times, as in `Trajectory.at`.
            check: Likewise.

        Returns:
            States, shape (..., batch, time, latent), and log-densities in nats, without the last
            axis; at `t0` those that were given.

        Raises:
            ShapeError: If a time is not covered.
        """
        states = self.trajectory.at(times, check=check)
        gained = self.volume.at(times, check=check)[..., 0]
        return states, self.log_prob[..., None] - gained


def push_forward(
    field: FieldFunction,
    trajectory: Trajectory,
    log_prob: Tensor,
    *,
    trace: TraceConfig = _EXACT,
    generator: torch.Generator | None = None,
) -> PushedDensity:
    """Carry the log-densities of states along with them.

    Args:
        field: The field that was solved.
        trajectory: Its solution from the states, in one direction or both.
        log_prob: Log-densities of the states at `t0` in nats, shape (..., batch).
        trace: How the divergence is found.
        generator: Source of the probes of "hutchinson", one draw a sample.

    Returns:
        States and log-densities at all times that the trajectory covers; differentiable.

    Raises:
        ConfigError: If the field has kinks.
    """
    rate, used = _divergence(field, trajectory, trace, generator)
    return PushedDensity(trajectory, log_prob, ode.running_integral(trajectory, rate), used)


def log_prob_at(
    field: FieldFunction,
    points: Tensor,
    time: float,
    log_prob: Callable[[Tensor], Tensor],
    solver: SolverConfig,
    *,
    start: float = 0.0,
    trace: TraceConfig = _EXACT,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Log-density of given points at a time, by a solve back to where the density is known.

    Args:
        field: The field; its parameters get gradients by "backprop" and "checkpoint".
        points: Shape (..., batch, latent).
        time: When they are there, model time.
        log_prob: Log-density in nats at `start`, of states (..., batch, latent).
        solver: How to solve.
        start: When `log_prob` holds.
        trace: How the divergence is found.
        generator: Source of the probes of "hutchinson".

    Returns:
        Nats, shape (..., batch).

    Raises:
        SolverError: If the solve fails: the dynamics may be stiff in this direction.
        ConfigError: If the field has kinks.
    """
    if time == start:
        return log_prob(points)
    path = ode.solve(field, points, time, start, solver, params=())
    rate, _ = _divergence(field, path, trace, generator)
    # from `time` to `start`: the sign is that of the volume lost on the way there
    return log_prob(path.at(start)[..., 0, :]) + path.integrate(rate)


def _divergence(
    field: FieldFunction,
    path: Trajectory,
    trace: TraceConfig,
    generator: torch.Generator | None,
) -> tuple[Callable[[Tensor, Tensor], Tensor], TraceUsed]:
    """The divergence as an integrand of a trajectory."""
    like = path.states[0]
    own_times = any(time.dim() > 0 for time in (path.t0, path.start, path.end))
    used = choose_trace(field, like, trace, own_times=own_times)
    probes = draw_probes(like, trace, generator) if used == "hutchinson" else None

    def rate(times: Tensor, states: Tensor) -> Tensor:
        nodes = states.movedim(-2, 0)  # (node, ..., batch, latent)
        times = times.movedim(-1, 0) if own_times else times[0]
        return divergence(field, times, nodes, used, probes)[1].movedim(0, -1)

    return rate, used

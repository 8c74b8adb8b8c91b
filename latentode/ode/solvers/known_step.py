"""Solves whose step size is given: fixed steps by our own methods, others through torchdiffeq."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from latentode.config import FIXED_STEP, SolverConfig
from latentode.errors import ConfigError
from latentode.ode.fields import CountedField, FieldFunction, LayeredField
from latentode.ode.solvers.adaptive import solve_torchdiffeq
from latentode.ode.solvers.fixed_step import Walk, walk
from latentode.ode.solvers.grid import Grid, check_finite, checked_budget, plan_grid
from latentode.ode.solvers.layered_walk import walk_layers
from latentode.ode.trajectory import SolveStats, Trajectory

_ROUNDING_FLOOR = 1e-6  # tighter relative tolerances are lost in float32


def solve_known_step(
    field: FieldFunction,
    z0: Tensor,
    t0: Tensor | float,
    t1: Tensor | float,
    config: SolverConfig,
    *,
    params: Sequence[Tensor] | None = None,
    check: bool = True,
) -> Trajectory:
    """Solve with ``config.step_size``, which is not None.

    Args:
        field: As in `latentode.ode.solve`, like all others.
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End, likewise.
        config: Method, step size, tolerances, kind of gradient and budget.
        params: What the adjoint gives gradients to.
        check: Whether to refuse what is not finite.
    """
    assert config.step_size is not None
    grid = plan_grid(z0, t0, t1, config.step_size, config.substeps, check)
    nfe, steps = checked_budget(grid, config), grid.intervals * grid.substeps
    if config.method in FIXED_STEP and config.gradient != "adjoint":
        states, slopes = _solve_fixed(field, z0, grid, config)
    else:
        _check_torchdiffeq(z0, config)
        wanted = _adjoint_params(field, params) if config.gradient == "adjoint" else ()
        states, slopes, nfe, steps = solve_torchdiffeq(
            field, z0, grid.t0, grid.offsets(), config, wanted
        )
    if check:
        check_finite(states, slopes, grid, config.method)
    stats = SolveStats(nfe=nfe, steps=steps, method=config.method)
    return Trajectory(grid.t0, grid.step, states, slopes, grid.t0, grid.t1, stats)


def _solve_fixed(
    field: FieldFunction, z0: Tensor, grid: Grid, config: SolverConfig
) -> tuple[Tensor, Tensor]:
    if config.gradient == "backprop":
        states, slopes = _walk(field, z0, grid.t0, grid.walk(config, 0, grid.intervals))
        return states[:: grid.substeps], slopes[:: grid.substeps]

    state, kept, slope_of = z0, [z0], []
    for first in range(grid.intervals):
        plan = grid.walk(config, first, 1)
        start = grid.t0 + first * grid.step
        # the field draws no random numbers, so there is no state of a generator to restore
        state, slope, last = checkpoint(
            _walk_interval, field, state, start, plan, use_reentrant=False, preserve_rng_state=False
        )
        kept.append(state)
        slope_of.append(slope)
    return torch.stack(kept), torch.stack([*slope_of, last])


def _walk_interval(
    field: FieldFunction, state: Tensor, start: Tensor, plan: Walk
) -> tuple[Tensor, Tensor, Tensor]:
    states, slopes = _walk(field, state, start, plan, once=True)
    # copies: a view would keep the whole interval alive
    return states[-1].clone(), slopes[0].clone(), slopes[-1].clone()


def _walk(
    field: FieldFunction, z0: Tensor, t0: Tensor, plan: Walk, *, once: bool = False
) -> tuple[Tensor, Tensor]:
    offsets = plan.offsets(z0.device)
    times = t0 + offsets.reshape(-1, *[1] * t0.dim())
    if isinstance(field, LayeredField):
        return walk_layers(field.layers(times), z0, plan, once=once)
    counted, clock = CountedField(field), times.unbind(0)
    return walk(lambda node, z: counted(clock[node], z), z0, plan)


def _check_torchdiffeq(z0: Tensor, config: SolverConfig) -> None:
    """Refuse what torchdiffeq has not, or cannot reach."""
    if config.method == "ab4":
        raise ConfigError(
            'gradient: expected "backprop" or "checkpoint" with method "ab4", got "adjoint", which '
            'torchdiffeq does not have for it. Take method "rk4" or an adaptive one.'
        )
    if config.gradient == "checkpoint":
        raise ConfigError(
            'gradient: expected "backprop" or "adjoint" with an adaptive method, got "checkpoint" '
            f'with {config.method!r}. Take "adjoint", or method "rk4" or "ab4".'
        )
    if z0.dtype == torch.float32 and config.rtol < _ROUNDING_FLOOR and config.method != "rk4":
        raise ConfigError(
            f"rtol: expected at least {_ROUNDING_FLOOR:g} for float32 states, got "
            f"{config.rtol:g}, which is lost in rounding. Solve in float64 or raise rtol."
        )


def _adjoint_params(field: FieldFunction, params: Sequence[Tensor] | None) -> Sequence[Tensor]:
    if params is not None:
        return tuple(params)
    if isinstance(field, torch.nn.Module):
        return tuple(field.parameters())
    raise ConfigError(
        "params: expected the tensors that the adjoint gives gradients to, as the field is no "
        f"torch.nn.Module, got None for {type(field).__name__}. Pass params=(), or the tensors."
    )

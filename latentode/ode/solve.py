"""The only door to the solvers: border checks, the shared grid, and typed failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import ConfigError, ShapeError, SolverError
from latentode.ode.adaptive import solve_torchdiffeq
from latentode.ode.fields import CountedField, FieldFunction
from latentode.ode.fixed_step import rk4
from latentode.ode.trajectory import CEIL_SLACK, SolveStats, Trajectory

_DEFAULT = SolverConfig.model_validate({})
_ROUNDING_FLOOR = 1e-6


def solve(
    field: FieldFunction,
    z0: Tensor,
    t0: Tensor | float,
    t1: Tensor | float,
    config: SolverConfig = _DEFAULT,
    *,
    params: Sequence[Tensor] | None = None,
) -> Trajectory:
    r"""Solve :math:`dz/dt = f(t, z), z(t_0) = z_0` for a batch of series, each from its own start.

    All series walk together on offsets :math:`s_k = k h` from their own starts,
    :math:`t = t_0 + s_k`, until the longest has reached its end. The step h is ``step_size``
    exactly, whatever the spans: the grid may reach past `t1` by less than a step, and a series
    alone gets the same states as in any batch. With method "rk4" and gradient "backprop" a series
    that has reached its own end waits there; otherwise it runs on, and a blow-up past its own end
    fails. Adaptive methods choose their steps for the batch as a whole, so there a series depends
    on the others within the tolerance.

    Use "rk4" with gradient "backprop" for training: one exact discrete gradient, and no waiting for
    the device inside. Use an adaptive method as the reference for its error, and gradient "adjoint"
    where the memory of a long solve is short. The adjoint solves backward in time, so its gradient
    has the error of the solver; with "rk4" it runs torchdiffeq's variant of that method, the
    3/8 rule.

    Args:
        field: Callable ``(t, z) -> dz/dt``, see `latentode.ode.VectorField`. Time is kept in
            float64 and cast to the dtype of `z0` only for the field.
        z0: State at the start, shape (..., batch, latent), float32 or float64.
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, a number or shape (batch,); before `t0` for a backward solve, the
            direction being that of the batch. A series may have no length.
        config: Method, step size, tolerances, kind of gradient and budget of evaluations.
        params: What the adjoint gives gradients to beside `z0` and `t0`; the parameters of `field`
            by default. Contexts that a field has closed over must be named here.

    Returns:
        Dense output with its statistics; its own interpolation error is O(h^4).

    Raises:
        ShapeError: If `z0`, `t0` and `t1` disagree on the batch, or directions on their sign.
        ConfigError: If the adjoint is asked of a plain callable without `params`, or a tolerance
            lies below the rounding of float32.
        SolverError: "max_steps" when the budget does not suffice (before the solve where that is
            known), "dt_underflow", or "non_finite"; names the series and the offset reached.

    Example:
        >>> trajectory = solve(lambda t, z: -z, torch.ones(2, 1), 0.0, torch.tensor([1.0, 2.0]))
        >>> trajectory.at(torch.tensor([[1.0], [2.0]])).squeeze()
        tensor([0.3679, 0.1353])
    """
    grid = _plan(z0, t0, t1, config)
    if config.method == "rk4" and config.gradient == "backprop":
        counted = CountedField(field)
        halves = torch.arange(2 * grid.steps + 1, dtype=torch.float64, device=z0.device)
        times = grid.t0 + (halves * grid.step / 2).reshape(-1, *[1] * grid.t0.dim())
        states, slopes = rk4(counted, z0, times.to(z0.dtype), grid.step, grid.done())
        nfe, steps = counted.nfe, grid.steps
    else:
        wanted = _adjoint_params(field, params) if config.gradient == "adjoint" else ()
        _check_tolerance(z0, config)
        knots = torch.arange(grid.steps + 1, dtype=torch.float64, device=z0.device)
        states, slopes, nfe, steps = solve_torchdiffeq(
            field, z0, grid.t0, knots * grid.step, config, wanted
        )
    _check_finite(states, slopes, grid, config)
    stats = SolveStats(nfe=nfe, steps=steps, method=config.method)
    return Trajectory(grid.t0, grid.step, states, slopes, grid.t0, grid.t1, stats)


@dataclass(frozen=True)
class _Grid:
    """Offsets that all series share, and how many steps of them each series needs."""

    t0: Tensor
    t1: Tensor
    step: float
    steps: int
    counts: Tensor  # () or (batch,)
    uneven: bool

    def done(self) -> Tensor | None:
        """True at steps that begin at or after a series' own end, shape (step, batch, 1)."""
        if not self.uneven:
            return None
        steps = torch.arange(self.steps, device=self.counts.device)
        return (steps[:, None] >= self.counts)[..., None]


def _plan(z0: Tensor, t0: Tensor | float, t1: Tensor | float, config: SolverConfig) -> _Grid:
    if z0.dim() < 2 or z0.numel() == 0 or z0.dtype not in (torch.float32, torch.float64):
        raise ShapeError(
            f"z0: expected a non-empty float32 or float64 state of shape (..., batch, latent), got "
            f"shape {tuple(z0.shape)} of {z0.dtype}. Give at least one series."
        )
    begin, end = _time("t0", t0, z0), _time("t1", t1, z0)
    span = (end - begin).detach()
    # one transfer for all that the host must know before it can launch the solve
    finite = torch.isfinite(z0).all()
    low, high, sound = torch.stack([span.min(), span.max(), finite.to(span)]).tolist()
    if not (sound and math.isfinite(low) and math.isfinite(high)):
        _fail_at_start(z0, span)
    if low < 0 < high:
        raise ShapeError(
            f"t1: expected all series to be solved in one direction, got spans from {low:g} to "
            f"{high:g} in series {int(span.argmin())} and {int(span.argmax())}. "
            "Solve forward and backward separately, and join them."
        )
    longest = max(abs(low), abs(high)) / config.step_size
    steps = max(1, math.ceil(min(longest, 1e18) - CEIL_SLACK))
    _check_budget(steps, config)
    counts = (span.abs() / config.step_size - CEIL_SLACK).ceil().clamp(min=1).long()
    shortest = min(abs(low), abs(high)) / config.step_size
    uneven = max(1, math.ceil(shortest - CEIL_SLACK)) < steps
    step = -config.step_size if low < 0 else config.step_size
    return _Grid(begin, end, step, steps, counts, uneven)


def _time(name: str, value: Tensor | float, z0: Tensor) -> Tensor:
    time = torch.as_tensor(value, dtype=torch.float64, device=z0.device)
    batch = z0.shape[-2]
    if time.dim() > 1 or (time.dim() == 1 and len(time) != batch):
        raise ShapeError(
            f"{name}: expected a number or shape ({batch},) like the batch axis of z0, got shape "
            f"{tuple(time.shape)}. Give one time per series."
        )
    return time


def _check_budget(steps: int, config: SolverConfig) -> None:
    # slopes come free with our own RK4; torchdiffeq's states have theirs evaluated afterwards
    per_step = 4 if config.method == "rk4" else 0
    needed = per_step * steps + 1
    if config.method != "rk4" or config.gradient == "adjoint":
        needed += steps
    if needed > config.max_nfe:
        raise SolverError(
            f"solve by {config.method}: expected at most max_nfe={config.max_nfe} evaluations, got "
            f"{needed} or more for {steps} grid steps of {config.step_size:g}. "
            "Raise max_nfe, or take a larger step_size or a shorter span.",
            status="max_steps",
            time_reached=0.0,
        )


def _check_tolerance(z0: Tensor, config: SolverConfig) -> None:
    if config.method != "rk4" and z0.dtype == torch.float32 and config.rtol < _ROUNDING_FLOOR:
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


def _fail_at_start(z0: Tensor, span: Tensor) -> None:
    bad = ~torch.isfinite(z0).all(-1).reshape(-1, z0.shape[-2]).all(0) | ~torch.isfinite(span)
    series = bad.nonzero().flatten().tolist()
    raise SolverError(
        f"solve: expected finite z0, t0 and t1, got NaN or infinity in series {series}. "
        "Check what produces the initial states.",
        status="non_finite",
        time_reached=0.0,
        series=series,
    )


def _check_finite(states: Tensor, slopes: Tensor, grid: _Grid, config: SolverConfig) -> None:
    if torch.isfinite(states).all() & torch.isfinite(slopes).all():
        return
    steps = torch.arange(len(states), device=states.device)[:, None]
    needed = steps <= grid.counts  # (step + 1, batch) or (step + 1, 1)
    good_state = _finite_by_series(states)
    failed = (needed & ~(good_state & _finite_by_series(slopes))).any(0)
    if not failed.any():
        return
    reached = good_state[:, failed].int().cumprod(0).sum(0).min()
    offset = (max(int(reached), 1) - 1) * grid.step
    series = failed.nonzero().flatten().tolist()
    raise SolverError(
        f"solve by {config.method}: expected finite states, got NaN or infinity in series {series} "
        f"after offset {offset:.6g} of {grid.steps * grid.step:.6g}. Check the weights of the "
        "field, or take a smaller step_size where it is steep.",
        status="non_finite",
        time_reached=offset,
        series=series,
    )


def _finite_by_series(values: Tensor) -> Tensor:
    # (step + 1, ..., batch, latent) -> (step + 1, batch)
    return torch.isfinite(values).all(-1).reshape(len(values), -1, values.shape[-2]).all(1)

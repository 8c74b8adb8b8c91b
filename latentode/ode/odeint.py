"""The front door of torchdiffeq: the same call, our engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentode.config import FIXED_STEP, SolverConfig
from latentode.errors import ConfigError, ShapeError, SolverError
from latentode.ode.fields import FieldFunction
from latentode.ode.solve import solve
from latentode.ode.solvers.adaptive import solve_torchdiffeq
from latentode.ode.solvers.grid import check_state, described

State = Tensor | tuple[Tensor, ...]
_FLOAT32_FLOOR = 1e-6  # tighter relative tolerances are lost in rounding
_ORDER = 4  # of the steps that carry gradients of times
_BUDGET = 100_000  # evaluations of the field, unless `options` say otherwise


def odeint(
    func: Callable[[Tensor, State], State],
    y0: State,
    t: Tensor,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> State:
    r"""Solve an initial value problem and read the solution at given times, as torchdiffeq does.

    Exchange ``from torchdiffeq import odeint`` for ``from latentode.ode import odeint``. With the
    fixed steps of "ab4" and "rk4" the cost grows with the steps, not with the number of times:
    these are read from the dense output. Without ``options["step_size"]`` the step is chosen so
    that the relative error is within `rtol`, or 1e-6 where that is below it. Adaptive methods place
    a point of the dense output on every time.

    Differentiable in `y0`, in what `func` closes over, and in every time, the first included; by
    times up to order 4 with adaptive methods, whose further derivatives are refused.

    Args:
        func: Callable ``(t, y) -> dy/dt``, t 0-dim and float64 whatever the dtype of y, y like
            `y0`. (torchdiffeq hands on t in the dtype of y, in which epoch seconds stand still.)
        y0: State at ``t[0]``, a float32 or float64 tensor of any shape or a tuple of such.
        t: Times, monotone, shape (time,); repeated times are allowed.
        rtol: Relative tolerance.
        atol: Absolute tolerance of adaptive methods.
        method: Name of a method of `SolverConfig`; None is "dopri5".
        options: "step_size" and "max_num_steps" (a budget of evaluations).

    Returns:
        The solution at each time, shape (time, ...); a tuple of such for a tuple.

    Raises:
        ConfigError: If the method or an option is unknown; from ``backward()``, if a fifth
            derivative by times is asked of an adaptive method.
        ShapeError: If `t` is not a tensor of monotone times, `y0` of another kind, or a slope not
            like `y0`.
        SolverError: If the solve fails, or a state or time is not finite.

    Reference:
        Chen (2018), torchdiffeq, https://github.com/rtqichen/torchdiffeq (the signature)
    """
    shapes = _Shapes.of(y0)
    z0 = shapes.join(y0)
    times = _checked_times(t, z0)
    unknown = set(options or {}) - {"step_size", "max_num_steps"}
    if unknown:
        raise ConfigError(
            f'options: expected "step_size" or "max_num_steps", got {sorted(unknown)}. '
            "Leave the others out."
        )
    config = _config(method or "dopri5", rtol, atol, options or {}, z0)

    def field(now: Tensor, z: Tensor) -> Tensor:
        return shapes.join(func(now, shapes.split(z[0])))

    if config.method in FIXED_STEP:
        solution = solve(field, z0, times[0], times[-1], config).at(times)[0]  # (time, size)
    else:
        solution = _solve_adaptive(field, z0, times, config)
    return shapes.split(solution)


def _solve_adaptive(
    field: FieldFunction, z0: Tensor, times: Tensor, config: SolverConfig
) -> Tensor:
    """Solution at the times, (time, size), each at a step of its own."""
    offsets = times - times[0]
    distinct, number = offsets.detach().unique_consecutive(return_inverse=True)
    states = z0[None]
    if len(distinct) > 1:
        states, *_ = solve_torchdiffeq(field, z0, times[0], distinct, config, ())
    solution = states[number, 0]
    return _with_times(field, solution, offsets, times) if times.requires_grad else solution


def _with_times(field: FieldFunction, states: Tensor, offsets: Tensor, times: Tensor) -> Tensor:
    """States with the gradients of their times, by RK4 steps of no length.

    Up to the fourth by times, derivatives, mixed ones too, are those of the solution.
    """
    rows = []
    steps = offsets - offsets.detach()
    limits = _Limit.apply(steps, _ORDER)
    for z, t, step, limit in zip(states[:, None], times, steps, limits, strict=True):
        begin, half = t - step, 0.5 * step
        first = field(begin, z)
        second = field(begin + half, z + half * first)
        third = field(begin + half, z + half * second)
        fourth = field(t, z + step * third)
        rows.append(z + step / 6 * (first + 2 * (second + third) + fourth) + limit.to(z.dtype))
    return torch.cat(rows)


class _Limit(torch.autograd.Function):
    """Zeros whose derivatives are zeros, and which refuse the one after the last of `order`."""

    @staticmethod
    def forward(steps: Tensor, order: int) -> Tensor:
        """Zeros like the steps, of which `order` derivatives may be asked."""
        del order
        return torch.zeros_like(steps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        """Keep what the derivative is made of."""
        del output
        steps, ctx.order = inputs
        ctx.save_for_backward(steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Zeros again, of an order less."""
        del gradients
        if ctx.order == 0:
            raise ConfigError(
                f"t: expected derivatives by times up to order {_ORDER} of an adaptive method, got "
                f"a request for one of order {_ORDER + 1}. Leave out create_graph, or name what "
                "gradients are wanted of in `inputs`."
            )
        return _Limit.apply(ctx.saved_tensors[0], ctx.order - 1), None


def _config(
    method: str, rtol: float, atol: float, options: Mapping[str, Any], z0: Tensor
) -> SolverConfig:
    smallest = _FLOAT32_FLOOR if z0.dtype == torch.float32 else 0.0
    values = {
        "method": method,
        "rtol": max(rtol, smallest),
        "atol": atol,
        "tolerance": max(rtol, _FLOAT32_FLOOR),
        "max_nfe": options.get("max_num_steps", _BUDGET),
        # adaptive methods take their grid from the times
        "step_size": options.get("step_size"),
    }
    try:
        return SolverConfig.model_validate(values)
    except ValueError as error:
        raise ConfigError(
            f"odeint: expected a method of SolverConfig with valid options, got {method!r} with "
            f"{dict(options)} ({str(error).splitlines()[2].strip()})."
        ) from None


def _checked_times(t: Tensor, z0: Tensor) -> Tensor:
    if not isinstance(t, Tensor) or t.is_complex() or t.dim() != 1 or not len(t):
        raise ShapeError(
            f"t: expected a tensor of one real time or more, shape (time,), got {described(t)}. "
            "Give torch.tensor(times, dtype=torch.float64)."
        )
    times = t.to(z0.device, torch.float64)
    _check_finite("y0", z0)
    _check_finite("t", times)
    gaps = times.detach().diff()
    if not (bool((gaps >= 0).all()) or bool((gaps <= 0).all())):
        raise ShapeError(
            f"t: expected times that do not turn back, got shape {tuple(times.shape)} with both "
            "rising and falling times. Sort them."
        )
    return times


def _check_finite(name: str, values: Tensor) -> None:
    if not torch.isfinite(values).all():
        raise SolverError(
            f"{name}: expected finite numbers, got NaN or infinity. Check what produces them.",
            status="non_finite",
            time_reached=0.0,
        )


@dataclass(frozen=True)
class _Shapes:
    """A state of any shape, or several, as one row: (1, size)."""

    shapes: tuple[torch.Size, ...]
    is_tuple: bool

    @classmethod
    def of(cls, y0: State) -> _Shapes:
        """Shapes of the first state, once it is sound."""
        parts = _parts(y0)
        for part in parts or (torch.empty(0),):
            check_state("y0", part)
        kinds = {f"{part.dtype} on {part.device}" for part in parts}
        if len(kinds) > 1:
            raise ShapeError(
                f"y0: expected tensors of one dtype on one device, got {', '.join(sorted(kinds))}. "
                "Convert them with .to()."
            )
        return cls(tuple(part.shape for part in parts), isinstance(y0, tuple))

    def join(self, state: State) -> Tensor:
        """A state, or a slope that must be like it, as (1, size)."""
        parts = _parts(state)
        if tuple(getattr(part, "shape", None) for part in parts) != self.shapes:
            raise ShapeError(
                f"func: expected slopes like y0, of shapes {[*map(tuple, self.shapes)]}, got "
                f"{', '.join(map(described, parts))}. Return dy/dt in the form of y0."
            )
        return torch.cat([part.reshape(1, -1) for part in parts], -1)

    def split(self, rows: Tensor) -> State:
        """Back from (..., size), with the same axes in front."""
        sizes = [shape.numel() for shape in self.shapes]
        pairs = zip(rows.split(sizes, -1), self.shapes, strict=True)
        parts = [part.reshape((*rows.shape[:-1], *shape)) for part, shape in pairs]
        return tuple(parts) if self.is_tuple else parts[0]


def _parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)

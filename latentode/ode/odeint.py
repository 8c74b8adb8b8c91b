"""The front door of torchdiffeq: the same call, our engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import ConfigError, ShapeError
from latentode.ode.solve import solve
from latentode.ode.solvers.adaptive import solve_torchdiffeq
from latentode.ode.solvers.grid import FIXED_STEP

State = Tensor | tuple[Tensor, ...]
_FLOAT32_FLOOR = 1e-6  # tighter relative tolerances are lost in rounding
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

    Args:
        func: Callable ``(t, y) -> dy/dt``, t 0-dim, y like `y0`.
        y0: State at ``t[0]``, a tensor of any shape or a tuple of tensors.
        t: Times, monotone, shape (time,); repeated times are allowed.
        rtol: Relative tolerance.
        atol: Absolute tolerance of adaptive methods.
        method: Name of a method of `SolverConfig`; None is "dopri5".
        options: "step_size" and "max_num_steps" (a budget of evaluations).

    Returns:
        The solution at each time, shape (time, ...); a tuple of such for a tuple.

    Raises:
        ConfigError: If the method or an option is unknown.
        ShapeError: If `t` is not a list of monotone times.
        SolverError: If the solve fails.

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
        return shapes.join(func(now, shapes.split(z)))

    if config.method in FIXED_STEP:
        solution = solve(field, z0, times[0], times[-1], config).at(times)[0]  # (time, size)
    else:
        # distinct times, in the order of the solve; the first is the start
        steps = torch.cat([times.new_ones(1), times.diff()]) != 0
        offsets = (times - times[0])[steps].detach()
        if len(offsets) == 1:
            return shapes.split_times(z0.expand(len(times), -1))
        states, *_ = solve_torchdiffeq(field, z0, times[0], offsets, config, ())
        solution = states[:, 0][steps.long().cumsum(0) - 1]
    return shapes.split_times(solution)


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
    times = torch.as_tensor(t, device=z0.device).double()
    gaps = times.detach().diff()
    if (
        times.dim() != 1
        or not len(times)
        or not (bool((gaps >= 0).all()) or bool((gaps <= 0).all()))
    ):
        raise ShapeError(
            f"t: expected a list of times that do not turn back, got shape {tuple(times.shape)}"
            f"{'' if times.dim() != 1 else ' with both rising and falling times'}. Sort them."
        )
    return times


@dataclass(frozen=True)
class _Shapes:
    """A state of any shape, or several, as one row: (1, size)."""

    shapes: tuple[torch.Size, ...]
    is_tuple: bool

    @classmethod
    def of(cls, state: State) -> _Shapes:
        parts = state if isinstance(state, tuple) else (state,)
        return cls(tuple(part.shape for part in parts), isinstance(state, tuple))

    def join(self, state: State) -> Tensor:
        parts = state if isinstance(state, tuple) else (state,)
        return torch.cat([part.reshape(1, -1) for part in parts], -1)

    def split(self, rows: Tensor) -> State:
        """Back from (1, size)."""
        return self._shape(rows[0], ())

    def split_times(self, rows: Tensor) -> State:
        """Back from (time, size), with a time axis in front."""
        return self._shape(rows, rows.shape[:1])

    def _shape(self, rows: Tensor, lead: tuple[int, ...]) -> State:
        sizes = [shape.numel() for shape in self.shapes]
        parts = [
            part.reshape((*lead, *shape))
            for part, shape in zip(rows.split(sizes, -1), self.shapes, strict=True)
        ]
        return tuple(parts) if self.is_tuple else parts[0]

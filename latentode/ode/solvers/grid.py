"""The grid that all series of a solve share, and the checks on what it is made from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import ShapeError, SolverError
from latentode.ode.solvers.fixed_step import Walk
from latentode.ode.trajectory import CEIL_SLACK

FIXED_STEP = ("ab4", "rk4")


@dataclass(frozen=True)
class Grid:
    """Offsets that all series share, and how many of them each series needs.

    Attributes:
        t0: Start of each series, float64, 0-dim or shape (batch,).
        t1: End of each series, likewise.
        step: Signed distance of grid points in model time.
        intervals: Distances from the first grid point to the last.
        substeps: Solver steps in each distance.
        uneven: Whether some series ends before the last distance.
    """

    t0: Tensor
    t1: Tensor
    step: float
    intervals: int
    substeps: int
    uneven: bool

    @property
    def counts(self) -> Tensor:
        """Intervals that each series needs, at least 1, 0-dim or shape (batch,)."""
        span = (self.t1 - self.t0).detach().abs()
        return (span / abs(self.step) - CEIL_SLACK).ceil().clamp(min=1).long()

    def offsets(self) -> Tensor:
        """Offsets of the grid points, float64, shape (interval + 1,)."""
        device = self.t0.device
        return torch.arange(self.intervals + 1, dtype=torch.float64, device=device) * self.step

    def walk(self, config: SolverConfig, first: int, intervals: int) -> Walk:
        """Steps of a fixed-step method over some distances of the grid.

        Args:
            config: Which method.
            first: Grid point to begin at.
            intervals: Distances to go.
        """
        steps = intervals * self.substeps
        done = None
        if self.uneven:
            number = torch.arange(first, first + intervals, device=self.t0.device)
            done = (number[:, None] >= self.counts)[..., None]  # (interval, batch, 1)
            done = done.repeat_interleave(self.substeps, 0)
        return Walk(steps, _starts(config.method, steps), self.step / self.substeps, done)


def plan_grid(
    z0: Tensor, t0: Tensor | float, t1: Tensor | float, step_size: float, substeps: int, check: bool
) -> Grid:
    """Check the start of a solve, and lay its grid.

    Args:
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, likewise.
        step_size: Solver step in model time.
        substeps: Solver steps between two grid points.
        check: Whether to look for numbers that are not finite, which waits for the device.

    Returns:
        The grid: whole intervals from each series' own start to the first that covers the longest.

    Raises:
        ShapeError: If the arguments disagree on the batch, or spans on their sign.
        SolverError: "non_finite", with the series, if a state or time is not finite.
    """
    if z0.dim() < 2 or z0.numel() == 0 or z0.dtype not in (torch.float32, torch.float64):
        raise ShapeError(
            f"z0: expected a non-empty float32 or float64 state of shape (..., batch, latent), got "
            f"shape {tuple(z0.shape)} of {z0.dtype}. Give at least one series."
        )
    begin, end = _time("t0", t0, z0), _time("t1", t1, z0)
    low, high = _spans(z0, t0, t1, begin, end, check)
    if low < 0 < high:
        span = end - begin
        raise ShapeError(
            f"t1: expected all series to be solved in one direction, got spans from {low:g} to "
            f"{high:g} in series {int(span.argmin())} and {int(span.argmax())}. "
            "Solve forward and backward separately, and join them."
        )
    distance = step_size * substeps
    intervals = _intervals(max(abs(low), abs(high)), distance)
    uneven = _intervals(min(abs(low), abs(high)), distance) < intervals
    return Grid(begin, end, -distance if low < 0 else distance, intervals, substeps, uneven)


def _intervals(span: float, distance: float) -> int:
    return max(1, math.ceil(min(span / distance, 1e18) - CEIL_SLACK))


def _spans(
    z0: Tensor, t0: Tensor | float, t1: Tensor | float, begin: Tensor, end: Tensor, check: bool
) -> tuple[float, float]:
    """Least and largest span; what is known to the host already is not asked of the device."""
    known = not isinstance(t0, Tensor) and not isinstance(t1, Tensor)
    if known and not check:
        return float(t1) - float(t0), float(t1) - float(t0)
    span = (end - begin).detach()
    finite = torch.isfinite(z0).all() if check else torch.ones((), device=z0.device)
    # one transfer for all that the host must know before it can launch the solve
    low, high, sound = torch.stack([span.min(), span.max(), finite.to(span)]).tolist()
    if not (sound and math.isfinite(low) and math.isfinite(high)):
        _fail_at_start(z0, span)
    return low, high


def _time(name: str, value: Tensor | float, z0: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        # filled on the device: a copy from the host would wait, and cannot be captured in a graph
        return torch.full((), value, dtype=torch.float64, device=z0.device)
    time = value.to(z0.device, torch.float64)
    batch = z0.shape[-2]
    if time.dim() > 1 or (time.dim() == 1 and len(time) != batch):
        raise ShapeError(
            f"{name}: expected a number or shape ({batch},) like the batch axis of z0, got shape "
            f"{tuple(time.shape)}. Give one time per series."
        )
    return time


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


def _starts(method: str, steps: int) -> int:
    """Steps that are taken by RK4: all, or as many as AB4 needs before it has a past."""
    return steps if method == "rk4" else min(3, steps)


def evaluations(method: str, steps: int) -> int:
    """Evaluations of the field by a fixed-step method: each RK4 step takes three more than one."""
    return 3 * _starts(method, steps) + steps + 1


def check_budget(grid: Grid, config: SolverConfig) -> None:
    """Refuse a solve that cannot succeed within ``config.max_nfe`` evaluations.

    Raises:
        SolverError: "max_steps".
    """
    if config.method in FIXED_STEP and config.gradient == "checkpoint":
        needed = grid.intervals * evaluations(config.method, grid.substeps)
    elif config.method in FIXED_STEP and config.gradient == "backprop":
        needed = evaluations(config.method, grid.intervals * grid.substeps)
    else:
        # torchdiffeq's states have their slopes evaluated afterwards
        per_step = 4 * grid.substeps if config.method == "rk4" else 0
        needed = (per_step + 1) * grid.intervals + 1
    if needed > config.max_nfe:
        raise SolverError(
            f"solve by {config.method}: expected at most max_nfe={config.max_nfe} evaluations, got "
            f"{needed} or more for {grid.intervals * grid.substeps} steps of "
            f"{abs(grid.step) / grid.substeps:g}. "
            "Raise max_nfe, or take a larger step_size or a shorter span.",
            status="max_steps",
            time_reached=0.0,
        )


def check_finite(states: Tensor, slopes: Tensor, grid: Grid, method: str) -> None:
    """Refuse a solution that is not finite where some series needs it.

    Args:
        states: At the grid points, shape (interval + 1, ..., batch, latent).
        slopes: There, the same shape.
        grid: The grid.
        method: What solved, for the message.

    Raises:
        SolverError: "non_finite", with the series and the offset reached.
    """
    if torch.isfinite(states).all() & torch.isfinite(slopes).all():
        return
    points = torch.arange(len(states), device=states.device)[:, None]
    needed = points <= grid.counts  # (interval + 1, batch) or (interval + 1, 1)
    good_state = _finite_by_series(states)
    failed = (needed & ~(good_state & _finite_by_series(slopes))).any(0)
    if not failed.any():
        return
    reached = good_state[:, failed].int().cumprod(0).sum(0).min()
    offset = (max(int(reached), 1) - 1) * grid.step
    series = failed.nonzero().flatten().tolist()
    raise SolverError(
        f"solve by {method}: expected finite states, got NaN or infinity in series {series} "
        f"after offset {offset:.6g} of {grid.intervals * grid.step:.6g}. Check the weights of the "
        "field, or take a smaller step_size where it is steep.",
        status="non_finite",
        time_reached=offset,
        series=series,
    )


def _finite_by_series(values: Tensor) -> Tensor:
    # (interval + 1, ..., batch, latent) -> (interval + 1, batch)
    return torch.isfinite(values).all(-1).reshape(len(values), -1, values.shape[-2]).all(1)

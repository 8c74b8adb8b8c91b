"""The grid that all series of a solve share, and the checks on what it is made from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import ShapeError, SolverError
from latentode.ode.solvers.fixed_step import Walk
from latentode.ode.trajectory import CEIL_SLACK


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


def check_state(name: str, state: object, axes: int = 0) -> None:
    """Refuse what no method can solve from: the one check of states, before anything else.

    Args:
        name: What the caller knows the state by.
        state: What was given.
        axes: Least number of axes, of which the last two are batch and latent.

    Raises:
        ShapeError: If it is no tensor, empty, of another dtype, or has fewer axes.
    """
    if (
        isinstance(state, Tensor)
        and state.dtype in (torch.float32, torch.float64)
        and state.numel()
        and state.dim() >= axes
    ):
        return
    shape = " of shape (..., batch, latent)" if axes else ""
    raise ShapeError(
        f"{name}: expected a non-empty float32 or float64 state{shape}, got {described(state)}. "
        "Give a tensor of one of these dtypes with at least one element."
    )


def described(value: object) -> str:
    """Shape and dtype of a tensor, or what it is instead."""
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)} of {value.dtype}"
    return f"a {type(value).__name__}"


def checked_spans(
    z0: Tensor, t0: Tensor | float, t1: Tensor | float, *, check: bool = True
) -> tuple[Tensor, Tensor, tuple[float, float]]:
    """Check state and times of a solve by any method, before anything is computed.

    Args:
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, likewise.
        check: As in `plan_grid`.

    Returns:
        Starts and ends, float64, 0-dim or (batch,); and the least and the largest signed span.

    Raises:
        ShapeError: As `plan_grid`.
        SolverError: As `plan_grid`.
    """
    check_state("z0", z0, axes=2)
    begin, end = _time("t0", t0, z0), _time("t1", t1, z0)
    span = (end - begin).detach()
    if check or isinstance(t0, Tensor) or isinstance(t1, Tensor):
        finite = torch.isfinite(z0).all() if check else torch.ones((), device=z0.device)
        # one transfer for all that the host must know before it can launch the solve
        low, high, sound = torch.stack([span.min(), span.max(), finite.to(span)]).tolist()
    else:  # what is known to the host already is not asked of the device
        low = high = float(t1) - float(t0)
        sound = 1.0
    if not (sound and math.isfinite(low) and math.isfinite(high)):
        _fail_at_start(z0, span)
    if low < 0 < high:
        raise ShapeError(
            f"t1: expected all series to be solved in one direction, got spans from {low:g} to "
            f"{high:g} in series {int(span.argmin())} and {int(span.argmax())}. "
            "Solve forward and backward separately, and join them."
        )
    return begin, end, (low, high)


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
        ShapeError: If an argument is of another kind, if they disagree on the batch, or spans on
            their sign.
        SolverError: "non_finite", with the series, if a state or time is not finite.
    """
    begin, end, (low, high) = checked_spans(z0, t0, t1, check=check)
    distance = step_size * substeps
    intervals = _intervals(max(abs(low), abs(high)), distance)
    uneven = _intervals(min(abs(low), abs(high)), distance) < intervals
    return Grid(begin, end, -distance if low < 0 else distance, intervals, substeps, uneven)


def _intervals(span: float, distance: float) -> int:
    return max(1, math.ceil(min(span / distance, 1e18) - CEIL_SLACK))


def _time(name: str, value: Tensor | float, z0: Tensor) -> Tensor:
    if isinstance(value, Real):
        # filled on the device: a copy from the host would wait, and cannot be captured in a graph
        return torch.full((), value, dtype=torch.float64, device=z0.device)
    batch = z0.shape[-2]
    if (
        not isinstance(value, Tensor)
        or value.is_complex()
        or value.dim() > 1
        or (value.dim() == 1 and len(value) != batch)
    ):
        raise ShapeError(
            f"{name}: expected a number or shape ({batch},) like the batch axis of z0, got "
            f"{described(value)}. Give one time, or a tensor of one real time per series."
        )
    return value.to(z0.device, torch.float64)


def _fail_at_start(z0: Tensor, span: Tensor) -> None:
    bad = ~torch.isfinite(z0).all(-1).reshape(-1, z0.shape[-2]).all(0) | ~torch.isfinite(span)
    series = bad.nonzero().flatten().tolist()
    raise SolverError(
        f"solve: expected finite z0, t0 and t1, got NaN or infinity in series {series}. "
        "Check what produces the initial states and the times.",
        status="non_finite",
        time_reached=0.0,
        series=series,
    )


def _starts(method: str, steps: int) -> int:
    """Steps that are taken by RK4: all, or as many as AB4 needs before it has a past."""
    return steps if method == "rk4" else min(3, steps)


def checked_budget(grid: Grid, config: SolverConfig) -> int:
    """Refuse a solve that cannot succeed within ``config.max_nfe`` evaluations.

    Returns:
        Evaluations that the solve takes; by torchdiffeq, the least.

    Raises:
        SolverError: "max_steps".
    """
    needed = config.evaluations(grid.intervals)
    if needed > config.max_nfe:
        raise SolverError(
            f"solve by {config.method}: expected at most max_nfe={config.max_nfe} evaluations, got "
            f"{needed} or more for {grid.intervals * grid.substeps} steps of "
            f"{abs(grid.step) / grid.substeps:g}. "
            "Ask for a shorter span, or take a larger step_size or max_nfe (where a model is "
            f"trained: --set solver.max_nfe={needed}).",
            status="max_steps",
            time_reached=0.0,
        )
    return needed


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
    # sums are as finite as what they are of, and far cheaper; numbers that are huge are looked at
    if torch.isfinite(states.sum() + slopes.sum()):
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

"""Dense output of a solve: read, differentiated and integrated at any times of any series."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from latentode.errors import ShapeError, SolverStatus
from latentode.ode.brownian import PathNoise
from latentode.ode.quadrature import Rule, unit_rule

# In grid steps. Times of the order of 1e9 (epoch seconds) are rounded to 1e-7, and float32 times to
# 1e-7 of their size: neither may cost a whole step, nor be refused at the very end of a window.
CEIL_SLACK = 1e-4
RANGE_SLACK = 1e-3


@dataclass(frozen=True)
class SolveStats:
    """What a solve cost, and how it ended.

    Attributes:
        nfe: Evaluations of the field in the forward pass, counted by call.
        steps: Steps taken; for adaptive methods the accepted ones.
        method: Name of the method.
        status: "ok"; a solve that fails raises `latentode.errors.SolverError` with its status.
        failed: Batch indices of series that failed; empty for a solve that returned.
        error: Estimated relative error of the states where the step was chosen, None where it was
            given.
    """

    nfe: int
    steps: int
    method: str
    status: SolverStatus = "ok"
    failed: tuple[int, ...] = ()
    error: float | None = None

    def plus(self, other: SolveStats) -> SolveStats:
        """These, with the cost of another solve of the same method."""
        return replace(self, nfe=self.nfe + other.nfe, steps=self.steps + other.steps)


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States and slopes on a grid that is shared in steps from each series' own start.

    Grid point k of a series lies at ``t0 + (first + k) * step``. Between two grid points the state
    is the cubic Hermite polynomial through both states and slopes; its own error is
    :math:`\tfrac{h^4}{384} \max |z''''|`, of the order of RK4's, whatever the solver's tolerance.
    Where there is noise, the polynomial is that of the drift, and what the noise has added since
    the grid point before comes on top, so that a read between grid points has all its variance.

    Attributes:
        t0: Time of each series from which offsets count, float64, 0-dim or shape (batch,).
        step: Signed distance of grid points in model time; negative where the solve ran backward.
        states: States at the grid points, shape (step + 1, ..., batch, latent).
        slopes: dz/dt at the grid points, shape of `states`.
        start: Where each series' solve was asked to start, 0-dim or shape (batch,).
        end: Where each series' solve was asked to end, 0-dim or shape (batch,).
        stats: Cost and status of the solve.
        first: Number of the first grid point; 0 but for joined trajectories.
        noise: What noise adds from grid point 0 on; None for an ordinary differential equation.
    """

    t0: Tensor
    step: float
    states: Tensor
    slopes: Tensor
    start: Tensor
    end: Tensor
    stats: SolveStats
    first: int = 0
    noise: PathNoise | None = None

    def at(self, times: Tensor | float, *, check: bool = True) -> Tensor:
        """Read the state at any times, in any order, different for every series.

        Differentiable in the states and in the times.

        Args:
            times: Model times, shape (batch, time); or (time,) or a number, shared by all series.
            check: Refuse times that a series' own solve does not cover, which waits for the device
                once. Without it, times beyond the grid read the state at its nearest end.

        Returns:
            States, shape (..., batch, time, latent); a single number keeps a time axis of 1.

        Raises:
            ShapeError: If a time lies outside the covered range, or `times` has another batch.
        """
        return self._read(self._positions(times, check))

    def slope_at(self, times: Tensor | float, *, check: bool = True) -> Tensor:
        """Read the time derivative of the dense output (not the field) at any times.

        Its error is O(h^3), one order below the states; at grid points it is the field's value.

        Args:
            times: As in `at`.
            check: As in `at`.

        Returns:
            Slopes in states per unit of model time, shape (..., batch, time, latent).

        Raises:
            ShapeError: As in `at`, and for a path with noise, which has no slope.
        """
        if self.noise is not None:
            raise ShapeError(
                "slope_at: expected a path without noise, got one of a stochastic differential "
                "equation, which has no derivative. Take differences of `at`."
            )
        position = self._positions(times, check)
        left, right, left_slope, right_slope, u = self._interval(position)
        bump = 6 * u * (1 - u)
        return (
            (bump / self.step).to(left) * (right - left)
            + ((1 - u) * (1 - 3 * u)).to(left) * left_slope
            + (u * (3 * u - 2)).to(left) * right_slope
        )

    def covered(self) -> tuple[Tensor, Tensor]:
        """Earliest and latest time that each series' own solve covers.

        The latest is the first grid point at or after a series' own end. It does not depend on the
        other series of the batch, although their grid may be longer.

        Returns:
            Model times, float64, both 0-dim or of shape (batch,).
        """
        low, high = self._bounds()
        one = self.t0 + (low + self.first) * self.step
        other = self.t0 + (high + self.first) * self.step
        return torch.minimum(one, other), torch.maximum(one, other)

    def integrate(
        self,
        fn: Callable[[Tensor, Tensor], Tensor],
        t0: Tensor | float | None = None,
        t1: Tensor | float | None = None,
        *,
        rule: Rule = "gauss_legendre",
        nodes: int | None = None,
        check: bool = True,
    ) -> Tensor:
        r"""Integrate a function of time and state, :math:`\int_{t_0}^{t_1} g(t, z(t))\,dt`.

        The rule is applied to each grid interval, clipped to the window of each series, so that
        kinks of the dense output at grid points cost no accuracy and windows may differ between
        series. One call of `fn` sees all nodes. Signed: exchanging `t0` and `t1` changes the sign.
        Differentiable in the states, in `t0` and in `t1`.

        Gauss-Legendre with n nodes is exact for polynomials of degree 2n - 1 on each interval; the
        composite Simpson rule for degree 3, with error O((h / (n - 1))^4).

        Args:
            fn: Maps times (batch, node), float64, and states (..., batch, node, latent) to values
                (..., batch, node) or (..., batch, node, k).
            t0: Start of the window in model time, number or shape (batch,); the series' own start
                by default.
            t1: End of the window, likewise; the series' own end by default.
            rule: "gauss_legendre", or "simpson".
            nodes: Nodes per grid interval: 4 by default for Gauss-Legendre; odd, 3 by default, for
                Simpson.
            check: Refuse windows that are not covered, as in `at`.

        Returns:
            Integrals in units of `fn` times model time, shape (..., batch) or (..., batch, k).

        Raises:
            ConfigError: If the rule is unknown or cannot have this number of nodes.
            ShapeError: If the window is not covered, or `fn` returns another shape.
        """
        points, weights = unit_rule(rule, nodes)
        ends = [self.start if t0 is None else t0, self.end if t1 is None else t1]
        window = [_column(end, self.states) for end in ends]
        low, high = (self._positions(end, check) for end in window)  # (batch, 1)
        position, width = self._clipped_nodes(low, high, points)
        times = self.t0.reshape(-1, 1) + (position + self.first) * self.step  # (batch, node)
        states = self._read(position)
        values = fn(times, states)
        if values.shape[: states.dim() - 1] != states.shape[:-1] or values.dim() > states.dim():
            raise ShapeError(
                f"integrand: expected shape {tuple(states.shape[:-1])} or that with one more axis, "
                f"got {tuple(values.shape)}. Return one value (or k values) per node and series."
            )
        weight = (width[..., None] * self.step * weights.to(width)).flatten(1).to(values.dtype)
        if values.dim() < states.dim():
            return (values * weight).sum(-1)
        return (values * weight[..., None]).sum(-2)

    def _clipped_nodes(self, low: Tensor, high: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes (batch, step * node) and signed widths (batch, step), in grid steps."""
        edges = torch.arange(len(self.states), dtype=torch.float64, device=low.device)
        below, above = edges[:-1].clone(), edges[1:].clone()
        # the outer intervals take what rounding puts beyond the grid
        below[0], above[-1] = -torch.inf, torch.inf
        left = torch.maximum(torch.minimum(low, above), below)  # (batch, step)
        right = torch.maximum(torch.minimum(high, above), below)
        width = right - left
        # Intervals outside the window have no width, but their nodes are evaluated: put them on the
        # nearest end of the window, as a function that is only valid inside may be infinite there.
        first, last = torch.minimum(low, high).detach(), torch.maximum(low, high).detach()
        nearest = torch.minimum(torch.maximum(edges[:-1], first), last)
        origin = torch.where(width == 0, nearest, left)
        return (origin[..., None] + width[..., None] * points.to(width)).flatten(1), width

    def _read(self, position: Tensor) -> Tensor:
        left, right, left_slope, right_slope, u = self._interval(position)
        if self.noise is not None:
            index = self._index(position) + self.first
            kick, added = self.noise.within(index, u[..., 0].detach())
            left, right = left + added, right - kick + added
        rest = 1 - u
        return (
            left
            + (u * u * (3 - 2 * u)).to(left) * (right - left)
            + (self.step * u * rest * rest).to(left) * left_slope
            - (self.step * u * u * rest).to(left) * right_slope
        )

    def _interval(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """States and slopes around each position, and the fraction between, (batch, time, 1)."""
        last = self.states.shape[0] - 1
        position = position.clamp(-RANGE_SLACK, last + RANGE_SLACK)
        index = self._index(position)
        *draws, batch, latent = self.states.shape[1:]
        # whole states are copied faster than single numbers are gathered
        each = torch.arange(math.prod(draws) * batch, device=index.device).view(*draws, batch, 1)
        before = (index * each.numel() + each).flatten()
        states, slopes = (table.reshape(-1, latent) for table in (self.states, self.slopes))
        left, right, left_slope, right_slope = (
            table.index_select(0, rows).view(*draws, *index.shape, latent)
            for table in (states, slopes)
            for rows in (before, before + each.numel())
        )
        return left, right, left_slope, right_slope, (position - index)[..., None]

    def _index(self, position: Tensor) -> Tensor:
        """Number of the interval that a position lies in, or nearest to, (batch, time)."""
        return position.detach().floor().clamp(0, self.states.shape[0] - 2).long()

    def _positions(self, times: Tensor | float, check: bool) -> Tensor:
        """Times as grid positions, shape (batch, time), float64 for any dtype of the states."""
        batch = self.states.shape[-2]
        times = torch.as_tensor(times, dtype=torch.float64, device=self.states.device)
        if times.dim() > 2 or (times.dim() == 2 and times.shape[0] != batch):
            raise ShapeError(
                f"times: expected shape ({batch}, time) or (time,), got {tuple(times.shape)}. "
                "Give each series its own row of times, or all of them one list."
            )
        times = times.reshape(1, -1) if times.dim() < 2 else times
        position = (times - self.t0.reshape(-1, 1)) / self.step - self.first
        position = position.expand(batch, -1)
        if check:
            self._check_covered(times.expand(batch, -1), position)
        return position

    def _bounds(self) -> tuple[Tensor, Tensor]:
        """First and last grid position that each series' own solve covers."""
        last, anchor = len(self.states) - 1, -self.first
        begin = (self.start - self.t0) / self.step + anchor
        end = (self.end - self.t0) / self.step + anchor
        low = (begin.detach() + CEIL_SLACK).floor().clamp(max=anchor - 1)
        high = (end.detach() - CEIL_SLACK).ceil().clamp(min=anchor + 1)
        return low.clamp(0, last), high.clamp(0, last)

    def _check_covered(self, times: Tensor, position: Tensor) -> None:
        low, high = (bound.reshape(-1, 1) for bound in self._bounds())
        # written so that a NaN fails
        outside = ~((position >= low - RANGE_SLACK) & (position <= high + RANGE_SLACK))
        if not outside.any():
            return
        series, k = outside.nonzero()[0].tolist()
        earliest, latest = (bound.expand(len(times))[series] for bound in self.covered())
        raise ShapeError(
            f"times: expected times within [{float(earliest):.10g}, {float(latest):.10g}], which "
            f"the solve covers, got {float(times[series, k]):.10g} in series {series}. "
            "Solve over a longer span, or leave these times out."
        )


def join(backward: Trajectory, forward: Trajectory, *, check: bool = True) -> Trajectory:
    """Glue a backward and a forward solve from the same start into one dense output.

    Args:
        backward: Solve from `t0` to earlier times; zero length is allowed.
        forward: Solve from the same `t0`, states and step size to later times.
        check: Whether to compare the starts, for which the host waits for the device. Without it
            `backward` must have a length.

    Returns:
        Trajectory in increasing time from the end of `backward` to the end of `forward`.

    Raises:
        ShapeError: If the two do not start together or differ in step size or shape.
    """
    stats = forward.stats.plus(backward.stats)
    together = (
        forward.step > 0
        and abs(backward.step) == forward.step
        and backward.first == forward.first == 0
        and backward.states.shape[1:] == forward.states.shape[1:]
        and (not check or torch.equal(backward.t0, forward.t0))
        and (not check or torch.equal(backward.states[0], forward.states[0]))
    )
    nothing = check and bool((backward.end == backward.t0).all())
    if not together or (backward.step > 0 and not nothing):
        raise ShapeError(
            "join: expected a backward and a forward trajectory from the same start with the same "
            f"step size, got steps {backward.step:g} and {forward.step:g} and shapes "
            f"{tuple(backward.states.shape)} and {tuple(forward.states.shape)}. "
            "Solve both from the same t0 and z0 with one SolverConfig."
        )
    if backward.step > 0:  # a solve of no length has no direction and runs forward
        return replace(forward, stats=stats)
    return replace(
        forward,
        states=torch.cat([backward.states[1:].flip(0), forward.states]),
        slopes=torch.cat([backward.slopes[1:].flip(0), forward.slopes]),
        start=backward.end,
        first=1 - backward.states.shape[0],
        stats=stats,
    )


def _column(time: Tensor | float, states: Tensor) -> Tensor:
    """One time per series as (batch, 1)."""
    time = torch.as_tensor(time, dtype=torch.float64, device=states.device)
    batch = states.shape[-2]
    if time.dim() > 1 or (time.dim() == 1 and len(time) != batch):
        raise ShapeError(
            f"window: expected a number or shape ({batch},), got {tuple(time.shape)}. "
            "Give one start and one end per series."
        )
    return time.reshape(-1, 1).expand(batch, 1)

"""Stochastic differential equations on the same grid, read at any times like ordinary ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from latentode.config import FIXED_STEP, SolverConfig
from latentode.errors import ConfigError
from latentode.ode.brownian import BrownianPaths, PathNoise
from latentode.ode.fields import CountedField, FieldFunction, LayeredField
from latentode.ode.solvers.fixed_step import walk
from latentode.ode.solvers.grid import check_finite, checked_budget, plan_grid
from latentode.ode.trajectory import SolveStats, Trajectory

Scheme = Literal["euler", "milstein"]
Control = Callable[[int, Tensor], tuple[Tensor, Tensor | float]]


def solve_sde(
    drift: FieldFunction,
    diffusion: FieldFunction,
    z0: Tensor,
    t0: Tensor | float,
    t1: Tensor | float,
    config: SolverConfig,
    *,
    keys: Tensor,
    scheme: Scheme = "milstein",
    control: Control | None = None,
    depth: int = 8,
    check: bool = True,
) -> Trajectory:
    r"""Solve :math:`dz = f(t, z)\,dt + g(t, z)\,dB` in the sense of Ito.

    B is a Brownian motion W, or what a control makes of it, :math:`dB = s\,dW + u\,dt`.

    The noise is diagonal: :math:`g_i` depends on :math:`z_i` and the time alone. In each step of
    the grid of `solve` the drift is followed by the method of the settings, and the noise is added:

    .. math:: z_{k+1} = \Phi_h(z_k) + g_k \Delta B + b_k (\Delta B^2 - h), \qquad
        \Delta B = s_k \Delta W + h u_k,

    with :math:`b_k = 0` for "euler" (Euler-Maruyama: strong order 1/2, and 1 where g does not
    depend on the state) and :math:`b_k = (g(z_k + \sqrt h\,g_k) - g_k) / 2\sqrt h` for "milstein"
    (Platen's form without derivatives, strong order 1). Without diffusion the path is that of
    `solve` for the same plain callable, to the bit.

    W is a function of `keys` and of the time since `t0` (`BrownianPaths`): a series has the same
    path in any batch, and at any step size. Between grid points the path is read with the noise
    that W has there, conditional on both of them, so that no variance is lost.

    Args:
        drift: Callable ``(t, z) -> f``, as in `solve`.
        diffusion: Callable ``(t, z) -> g``, likewise; it may broadcast.
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, at or after `t0`, likewise.
        config: Method of the drift, "ab4" or "rk4", step size and budget; each step has a point of
            the dense output, and gradients are those of "backprop".
        keys: What makes each path its own, int64, shape (..., batch) like `z0`.
        scheme: "euler" or "milstein".
        control: Callable ``(k, z) -> (u, s)`` in the step from grid point k; None for none. It
            costs :math:`\tfrac12 (h u^2 + s^2 - 1 - \log s^2)` nats a step and coordinate: with s =
            1 Girsanov's :math:`\tfrac12 \int |u|^2 dt`, in which u is the difference of two drifts
            over g. Another s is a posterior of the solution on this grid, which may know the next
            state better than any drift over less than a step can make it known; shorter steps leave
            less for it to gain.
        depth: As in `BrownianPaths`; steps should not be shorter than 2**-depth.
        check: As in `solve`.

    Returns:
        Dense output; ``noise`` says what the noise has added.

    Raises:
        ConfigError: If the settings have no fixed step, another gradient, or substeps.
        ShapeError: As `solve`, or if an end lies before its start.
        SolverError: As `solve`.

    Reference:
        Kloeden, Platen (1992), Numerical Solution of Stochastic Differential Equations, sections
        10.2 and 11.1; Li, Wong, Chen, Duvenaud (2020), Scalable gradients for stochastic
        differential equations, https://arxiv.org/abs/2001.01328

    Example:
        >>> import torch
        >>> config = SolverConfig(method="rk4", step_size=0.02)
        >>> settled = solve_sde(
        ...     lambda t, z: -z, lambda t, z: torch.ones_like(z), torch.zeros(20_000, 1), 0.0, 4.0,
        ...     config, keys=torch.arange(20_000)
        ... )
        >>> bool((settled.at(3.97).var() - 0.5).abs() < 0.03)  # of the stationary distribution
        True
    """
    _check_settings(config)
    assert config.step_size is not None
    grid = plan_grid(z0, t0, t1, config.step_size, 1, check)
    if grid.step < 0:
        raise ConfigError(
            "t1: expected an end at or after t0, as noise has no way back, got one before it. "
            "Solve forward."
        )
    nfe, plan = checked_budget(grid, config), grid.walk(config, 0, grid.intervals)
    brownian = BrownianPaths(keys, z0.shape[-1], grid.intervals * grid.step, depth)
    at_points = brownian.at(grid.offsets()[:, None]).to(z0.dtype)
    kicks = _Kicks(diffusion, control, scheme, at_points, grid.t0, grid.step)
    times = grid.t0 + plan.offsets(z0.device).reshape(-1, *[1] * grid.t0.dim())
    evaluate = _evaluation(drift, times)
    states, slopes = walk(evaluate, z0, plan, kicks)
    if check:
        check_finite(states, slopes, grid, config.method)
    stats = SolveStats(nfe=nfe, steps=grid.intervals, method=config.method)
    noise = kicks.noise(brownian, plan.done)
    return Trajectory(grid.t0, grid.step, states, slopes, grid.t0, grid.t1, stats, noise=noise)


def _check_settings(config: SolverConfig) -> None:
    wanted = {
        "method": (config.method, FIXED_STEP),
        "gradient": (config.gradient, ("backprop",)),
        "substeps": (config.substeps, (1,)),
    }
    for name, (got, allowed) in wanted.items():
        if got not in allowed:
            raise ConfigError(
                f"solver.{name}: expected {' or '.join(map(repr, allowed))} for a path with noise, "
                f"got {got!r}. Set solver.{name} to {allowed[0]!r}."
            )
    if config.step_size is None:
        raise ConfigError("solver.step_size: expected a number for a path with noise, got None.")


def _evaluation(drift: FieldFunction, times: Tensor) -> Callable[[int, Tensor], Tensor]:
    """The drift at nodes by number, whose times are given, shape (node,) or (node, batch)."""
    if isinstance(drift, LayeredField):
        return drift.layers(times).evaluate
    counted, clock = CountedField(drift), times.unbind(0)
    return lambda node, z: counted(clock[node], z)


class _Kicks:
    """What noise adds in each step; keeps what reads between grid points need."""

    def __init__(
        self,
        diffusion: FieldFunction,
        control: Control | None,
        scheme: Scheme,
        at_points: Tensor,
        t0: Tensor,
        step: float,
    ) -> None:
        self.diffusion, self.control, self.scheme = diffusion, control, scheme
        self.at_points, self.t0, self.step = at_points, t0, step
        self.increments = at_points.diff(dim=0)
        self.rows: list[tuple[Tensor, ...]] = []

    def __call__(self, k: int, z: Tensor) -> Tensor:
        """The kick in the step from grid point k."""
        t, root, increment = self.t0 + k * self.step, self.step**0.5, self.increments[k]
        scale = self.diffusion(t, z).expand_as(z)
        moved, kl, log_ratio = increment, torch.zeros_like(z), torch.zeros_like(z)
        if self.control is not None:
            shift, factor = self.control(k, z)
            factor = torch.as_tensor(factor, dtype=z.dtype, device=z.device)
            moved = factor * increment + self.step * shift
            kl = 0.5 * (self.step * shift.square() + factor.square() - 1.0) - factor.log()
            log_ratio = (increment.square() - moved.square()) / (2.0 * self.step) + factor.log()
        kick = scale * moved
        bends: tuple[Tensor, ...] = ()
        if self.scheme == "milstein":
            bends = ((self.diffusion(t, z + root * scale) - scale) / (2.0 * root),)
            kick = kick + bends[0] * (moved.square() - self.step)
        self.rows.append((moved - increment, scale, kick, kl, log_ratio, *bends))
        return kick

    def noise(self, brownian: BrownianPaths, done: Tensor | None) -> PathNoise:
        """What the path keeps of it: nothing where a series waits at its own end."""
        tables = [torch.stack(table) for table in zip(*self.rows, strict=True)]
        if done is not None:
            axes = [1] * (tables[0].dim() - done.dim())
            over = done.reshape(len(done), *axes, *done.shape[1:])
            tables = [table.masked_fill(over, 0.0) for table in tables]
        moves, scales, kicks, kl, log_ratio, *bends = tables
        return PathNoise(
            brownian,
            self.step,
            self.at_points,
            moves,
            scales,
            bends[0] if bends else None,
            kicks,
            kl.sum((0, -1)),
            log_ratio.sum((0, -1)),
        )

"""The step size of a solve, from pilot solves that compare a step with its half."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import SolverError
from latentode.ode.fields import FieldFunction
from latentode.ode.solvers.grid import checked_spans
from latentode.ode.solvers.known_step import solve_known_step
from latentode.ode.trajectory import Trajectory

# of the whole span: the steps that a search begins with, and ends with at the latest
_FEWEST_INTERVALS = 4
_MOST_INTERVALS = 512
_ORDER = 4  # the power of a step that its error is taken to grow with
_SAFETY = 0.7  # of the tolerance: a step that just fails would cost a solve
_STEADIER = ("adaptive_heun", "bosh3", "ab4", "rk4", "dopri5", "dopri8")


def step_error(
    field: FieldFunction, z0: Tensor, t0: Tensor | float, t1: Tensor | float, config: SolverConfig
) -> float:
    r"""Estimate the relative error of a solve and its dense output.

    .. math:: \sqrt{\textstyle\sum (z_h - z_{h/2})^2 / \sum z_{h/2}^2}

    over all series, at the grid points of step h and half-way between them, where the error of the
    dense output is largest. For a method of order 4 it overstates the error by a fifteenth. (The
    estimate that Adams-Bashforth gives for nothing, Milne's, is fifty times too small.)

    Args:
        field: Callable ``(t, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, likewise.
        config: Method and step size.

    Returns:
        Relative error; infinity where one of the two solves fails.
    """
    pilots = _Pilots(field, z0, t0, t1)
    with torch.no_grad():
        return _difference(pilots.attempt(config), pilots.attempt(_with_step(config, 0.5)))


def choose_step(
    field: FieldFunction,
    z0: Tensor,
    t0: Tensor | float,
    t1: Tensor | float,
    config: SolverConfig,
    *,
    stiff: bool = True,
) -> tuple[SolverConfig, float]:
    """Choose the longest step whose error, by `step_error`, is within ``config.tolerance``.

    Steps are halved from a quarter of the span on; between the last that was too long and the first
    that was not, the order of the method tells where to go. For method "ab4", "rk4" is tried as
    well, and the one with fewer evaluations is taken: a steep field makes Adams-Bashforth unstable
    at steps that Runge-Kutta can still take. If neither reaches the tolerance within 512 steps, the
    field is stiff: then "dopri5" is taken, whose step size is the spacing of its dense output. It
    steps over every jump of the known inputs with care, which can cost a hundred times as much.

    Args:
        field: Callable ``(t, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, likewise.
        config: Method, tolerances and budget; its step size is not looked at.
        stiff: Whether "dopri5" may be taken where a method of fixed steps was asked for.

    Returns:
        The config with method and step size, and the estimated relative error.

    Raises:
        ShapeError: If state or times are such that no method can solve them.
        SolverError: If no method can solve it.
    """
    pilots = _Pilots(field, z0, t0, t1)
    span = max(map(abs, checked_spans(z0, t0, t1)[2]))
    first = span / (_FEWEST_INTERVALS * config.substeps) or 1.0
    methods = ("ab4", "rk4") if config.method == "ab4" else (config.method,)
    trials = [config.model_copy(update={"method": m, "step_size": first}) for m in methods]
    with torch.no_grad():
        choices = [choice for choice in map(pilots.search, trials) if choice is not None]
    if choices:
        chosen, error, _ = min(choices, key=lambda choice: choice[2])
        return chosen, error
    if config.method != "dopri5" and stiff:
        return choose_step(field, z0, t0, t1, config.model_copy(update={"method": "dopri5"}))
    # what cannot be solved at all says so itself
    finest = first * _FEWEST_INTERVALS / _MOST_INTERVALS
    pilots.solve(config.model_copy(update={"step_size": finest}))
    raise SolverError(
        f"step_size: expected a relative error within {config.tolerance:g}, got a larger one even "
        f"with {_MOST_INTERVALS} points of dense output. Give step_size, or raise the tolerance.",
        status="max_steps",
        time_reached=0.0,
    )


def choose_joint_step(
    field: FieldFunction,
    z0: Tensor,
    t0: float,
    ends: Sequence[float],
    config: SolverConfig,
    *,
    stiff: bool = True,
) -> SolverConfig:
    """Choose one method and step for solves from a start to several ends, to be joined.

    The step of the farthest end holds for the others as far as its error there is within the
    tolerance, by `step_error`; else they have a choice of their own, and the steadiest method and
    the shortest step of all are taken.

    Args:
        field: Callable ``(t, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        t0: Start in model time.
        ends: Ends in model time.
        config: Method, tolerances and budget; its step size is not looked at.
        stiff: As in `choose_step`.

    Raises:
        SolverError: If no method can solve one of them.
    """
    farthest, *others = sorted(ends, key=lambda end: -abs(end - t0))
    choices = [choose_step(field, z0, t0, farthest, config, stiff=stiff)[0]]
    for end in others:
        if step_error(field, z0, t0, end, choices[0]) > config.tolerance:
            choices.append(choose_step(field, z0, t0, end, config, stiff=stiff)[0])
    steadiest = max(choices, key=lambda choice: _STEADIER.index(choice.method))
    shortest = min(choice.step_size or 0.0 for choice in choices)
    return steadiest.model_copy(update={"step_size": shortest})


@dataclass(frozen=True)
class _Pilots:
    """Pilot solves of one problem, which differ in method and step."""

    field: FieldFunction
    z0: Tensor
    t0: Tensor | float
    t1: Tensor | float

    def solve(self, config: SolverConfig) -> Trajectory:
        config = config.model_copy(update={"gradient": "backprop"})
        return solve_known_step(self.field, self.z0, self.t0, self.t1, config)

    def attempt(self, config: SolverConfig) -> Trajectory | None:
        try:
            return self.solve(config)
        except SolverError:
            return None

    def search(self, config: SolverConfig) -> tuple[SolverConfig, float, int] | None:
        """The longest step within the tolerance, its error and evaluations, if there is one."""
        coarse, above = self.attempt(config), math.inf
        for _ in range(int(math.log2(_MOST_INTERVALS / _FEWEST_INTERVALS))):
            finer = _with_step(config, 0.5)
            fine = self.attempt(finer)
            error = _difference(coarse, fine)
            if error <= config.tolerance:
                assert coarse is not None
                return self.stretched(config, above) or (config, error, coarse.stats.nfe)
            config, coarse, above = finer, fine, error
        return None

    def stretched(
        self, config: SolverConfig, above: float
    ) -> tuple[SolverConfig, float, int] | None:
        """A step between that of `config` and twice that, whose error was `above` the tolerance."""
        factor = 2 * (_SAFETY * config.tolerance / above) ** (1 / _ORDER)
        if factor <= 1:
            return None
        longer = _with_step(config, factor)
        coarse = self.attempt(longer)
        error = _difference(coarse, self.attempt(_with_step(longer, 0.5)))
        if coarse is None or error > config.tolerance:
            return None
        return longer, error, coarse.stats.nfe


def _with_step(config: SolverConfig, factor: float) -> SolverConfig:
    assert config.step_size is not None
    return config.model_copy(update={"step_size": config.step_size * factor})


def _difference(coarse: Trajectory | None, fine: Trajectory | None) -> float:
    if coarse is None or fine is None:
        return math.inf
    states = fine.states.movedim(0, -2)  # (..., batch, step, latent)
    points = torch.arange(len(fine.states), dtype=torch.float64, device=states.device)
    times = fine.t0[..., None] + points * fine.step
    # the coarse grid may end a step later, never earlier
    error = (coarse.at(times, check=False) - states).square().sum()
    relative = float((error / states.square().sum().clamp(min=1e-30)).sqrt())
    return relative if math.isfinite(relative) else math.inf

"""The compensator of a point process as dense output, and its inverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from latentode.ode.quadrature import unit_rule
from latentode.ode.trajectory import Trajectory

_BISECTIONS = 44  # a span of 5 to 3e-13


class Cumulative(Protocol):
    """Expected counts of each mark at any time."""

    def at(self, times: Tensor, *, check: bool = True) -> Tensor:
        """Counts at times (batch, time), shape (batch, time, mark)."""
        ...


def cumulative(
    trajectory: Trajectory, rate: Callable[[Tensor, Tensor], Tensor], *, refine: int = 1
) -> Trajectory:
    r"""Integrate a rate along a solve, :math:`\Lambda(t) = \int_{t_0}^t \lambda(z(s))\,ds`.

    Each grid interval is `refine` Gauss-Legendre rules; between their edges the compensator is the
    cubic Hermite polynomial through values and slopes, off by O((h / refine)^4).

    Args:
        trajectory: Dense output of the state, solved forward.
        rate: Maps times (batch, node) and states (..., batch, node, latent) to rates
            (..., batch, node, mark) per unit of the trajectory's time.
        refine: Parts of each grid interval; more where the rate moves faster than the state.

    Returns:
        Dense output with one "state" for each mark: its expected count since the start.
    """
    points, weights = unit_rule("gauss_legendre")
    points, weights = points.to(trajectory.t0.device), weights.to(trajectory.states)
    steps = (len(trajectory.states) - 1) * refine
    step = trajectory.step / refine
    grid = torch.arange(steps + 1, dtype=torch.float64, device=points.device)
    batch = trajectory.states.shape[-2]

    def at(position: Tensor) -> Tensor:
        times = trajectory.t0.reshape(-1, 1) + (position + trajectory.first * refine) * step
        times = times.expand(batch, -1)
        states = trajectory.at(times, check=False)
        return rate(times.to(states.dtype), states)  # (..., batch, node, mark)

    values = at((grid[:-1, None] + points).flatten())
    values = values.unflatten(-2, (steps, len(points)))
    pieces = (values * weights[:, None]).sum(-2) * step  # (..., batch, step, mark)
    total = torch.nn.functional.pad(pieces.cumsum(-2), (0, 0, 1, 0))
    return replace(
        trajectory,
        step=step,
        states=total.movedim(-2, 0),
        slopes=at(grid).movedim(-2, 0),
        first=trajectory.first * refine,
    )


def invert(compensator: Cumulative, targets: Tensor, start: Tensor, end: Tensor) -> Tensor:
    r"""Times at which the expected count of all marks together reaches a target.

    :math:`t = \Lambda^{-1}(\Lambda(a) + E)` with E exponential is an exact draw of the next event:
    no bound on the rate, and no rejections. Solved by bisection, as Hermite polynomials need not be
    monotone to the last bit.

    Args:
        compensator: Expected counts, such as the dense output of `cumulative`.
        targets: Expected counts since `start`, not negative, shape (batch, sample).
        start: Where counting begins, shape (batch,).
        end: Where the search ends, shape (batch,).

    Returns:
        Times, float64, shape (batch, sample); infinity where the target lies beyond `end`.
    """
    low = start.double()[:, None].expand(targets.shape)
    high = end.double()[:, None].expand(targets.shape)
    base = compensator.at(start.double()[:, None], check=False).sum(-1)
    wanted = base + targets.to(base)
    beyond = compensator.at(end.double()[:, None], check=False).sum(-1) < wanted
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = compensator.at(middle, check=False).sum(-1) >= wanted
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return torch.where(beyond, torch.inf, high)

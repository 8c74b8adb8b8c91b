"""Runge-Kutta and Adams-Bashforth methods of order 4 on a fixed grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Adams-Bashforth: weights of the slopes at this grid point and the three before it
AB4 = (55 / 24, -59 / 24, 37 / 24, -9 / 24)


@dataclass(frozen=True)
class Walk:
    """The steps of a solve: the first by RK4, which needs no past, the others by AB4.

    Attributes:
        steps: Number of steps.
        starts: How many of them, the first, are taken by RK4; all for method "rk4".
        step: Signed step size in model time.
        done: True where a series has passed its own end and stays where it is, shape
            (step, batch, 1). It keeps a short series from blowing up beyond the end of its own
            window (and from poisoning gradients) because a long one shares its batch.
    """

    steps: int
    starts: int
    step: float
    done: Tensor | None = None

    def node(self, k: int) -> int:
        """Number of the node at grid point k; an RK4 step has a node in its middle, too."""
        return k + min(k, self.starts)

    def offsets(self, device: torch.device) -> Tensor:
        """Offsets of all nodes from the start, float64, shape (node,)."""
        halves = torch.arange(2 * self.starts + 1, dtype=torch.float64, device=device) / 2
        wholes = torch.arange(self.starts + 1, self.steps + 1, dtype=torch.float64, device=device)
        return torch.cat([halves, wholes]) * self.step


def walk(
    evaluate: Callable[[int, Tensor], Tensor],
    z0: Tensor,
    plan: Walk,
    kick: Callable[[int, Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Take all steps, keeping state and slope at each grid point.

    .. math::
        \text{RK4:}\; & z_{k+1} = z_k + \tfrac{h}{6} (k_1 + 2 k_2 + 2 k_3 + k_4) \\
        \text{AB4:}\; & z_{k+1} = z_k
        + \tfrac{h}{24} (55 f_k - 59 f_{k-1} + 37 f_{k-2} - 9 f_{k-3})

    The first slope of each step is the slope at its grid point, so dense output costs one
    evaluation for the whole solve (at the last point). Nothing here waits for the device, and the
    gradient is the exact gradient of the discrete solution.

    Args:
        evaluate: The field at a node, ``(node, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        plan: The steps.
        kick: What noise adds in the step from a grid point, ``(k, z) -> like z``; None for none.

    Returns:
        States and slopes at the grid points, both (step + 1, ..., batch, latent).

    Reference:
        Hairer, Norsett, Wanner (1993), Solving Ordinary Differential Equations I, sections II.1
        and III.1.
    """
    state, states, slopes = z0, [z0], []
    for k in range(plan.steps):
        slopes.append(evaluate(plan.node(k), state))
        if k < plan.starts:
            moved = _rk4_step(evaluate, plan.node(k), state, slopes[-1], plan.step)
        else:
            moved = state
            for weight, slope in zip(AB4, reversed(slopes[-4:]), strict=True):
                moved = torch.add(moved, slope, alpha=plan.step * weight)
        if kick is not None:
            moved = moved + kick(k, state)
        state = moved if plan.done is None else torch.where(plan.done[k], state, moved)
        states.append(state)
    slopes.append(evaluate(plan.node(plan.steps), state))
    return torch.stack(states), torch.stack(slopes)


def _rk4_step(
    evaluate: Callable[[int, Tensor], Tensor], node: int, state: Tensor, first: Tensor, step: float
) -> Tensor:
    second = evaluate(node + 1, torch.add(state, first, alpha=step / 2))
    third = evaluate(node + 1, torch.add(state, second, alpha=step / 2))
    fourth = evaluate(node + 2, torch.add(state, third, alpha=step))
    moved = torch.add(state, first, alpha=step / 6)
    for slope, weight in ((second, step / 3), (third, step / 3), (fourth, step / 6)):
        moved = torch.add(moved, slope, alpha=weight)
    return moved

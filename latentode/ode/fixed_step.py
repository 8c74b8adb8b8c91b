"""The classic Runge-Kutta method of order 4 on a fixed grid."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.ode.fields import FieldFunction


def rk4(
    field: FieldFunction, z0: Tensor, times: Tensor, step: float, done: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Walk a fixed grid, keeping state and slope at each grid point.

    .. math:: z_{k+1} = z_k + \tfrac{h}{6} (k_1 + 2 k_2 + 2 k_3 + k_4)

    The slope :math:`k_1` of each step is the slope at its grid point, so dense output costs one
    evaluation for the whole solve (at the last point): 4 steps + 1 in all. Nothing here waits for
    the device, and the gradient is the exact gradient of the discrete solution.

    Args:
        field: Callable ``(t, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        times: Model times of the grid points and the midpoints between them, in walking order,
            shape (2 step + 1,) or (2 step + 1, batch), dtype of `z0`.
        step: Signed step size in model time.
        done: True where a series has passed its own end and stays where it is, shape
            (step, batch, 1). It keeps a short series from blowing up beyond the end of its own
            window (and from poisoning gradients) because a long one shares its batch.

    Returns:
        States and slopes at the grid points, both (step + 1, ..., batch, latent).

    Reference:
        Hairer, Norsett, Wanner (1993), Solving Ordinary Differential Equations I, section II.1.
    """
    clock = times.unbind(0)
    state, states, slopes = z0, [z0], []
    for k in range(len(clock) // 2):
        start, middle, end = clock[2 * k : 2 * k + 3]
        slope = field(start, state)
        second = field(middle, state + slope * (step / 2))
        third = field(middle, state + second * (step / 2))
        fourth = field(end, state + third * step)
        increment = (slope + 2 * (second + third) + fourth) * (step / 6)
        if done is not None:
            increment = increment.masked_fill(done[k], 0.0)
        state = state + increment
        states.append(state)
        slopes.append(slope)
    slopes.append(field(clock[-1], state))
    return torch.stack(states), torch.stack(slopes)

"""The running integral of a function along a trajectory, as dense output of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from latentode.ode.quadrature import rule_on
from latentode.ode.trajectory import Trajectory


def running_integral(
    trajectory: Trajectory, fn: Callable[[Tensor, Tensor], Tensor], *, nodes: int = 4
) -> Trajectory:
    r"""Integrate from `t0` to every time at once, :math:`G(t) = \int_{t_0}^{t} g(s, z(s))\,ds`.

    `Trajectory.integrate` gives one integral a series. Here each grid interval is integrated once,
    by Gauss-Legendre on the dense output, and the sums are read between grid points as states are,
    with g for their slope: the error there is of the order of that of the states, O(h^4).

    Args:
        trajectory: Where z comes from; the joined one of both directions from `t0` is fine.
        fn: As in `Trajectory.integrate`, one value a node: maps times (batch, node), float64, and
            states (..., batch, node, latent) to (..., batch, node). It is evaluated on the whole
            grid, for a series beyond its own end as well.
        nodes: Nodes a grid interval.

    Returns:
        Dense output over the same times whose states (..., batch, 1) are the integrals, in units of
        `fn` times model time; 0 at `t0`. Differentiable.
    """
    states = trajectory.states
    points, weights = rule_on(states.device, "gauss_legendre", nodes)
    edges = torch.arange(len(states), dtype=torch.float64, device=states.device)
    inner = (edges[:-1, None] + points).flatten()
    places = torch.cat([inner, edges]) + trajectory.first
    times = trajectory.t0.reshape(-1, 1) + places * trajectory.step  # (batch or 1, node)
    times = times.expand(states.shape[-2], -1)
    values = fn(times, trajectory.at(times, check=False))
    inside, slopes = values.split([len(inner), len(edges)], dim=-1)
    pieces = inside.unflatten(-1, (-1, nodes)) @ weights.to(values.dtype) * trajectory.step
    totals = torch.nn.functional.pad(pieces.cumsum(-1), (1, 0))  # (..., batch, step + 1)
    totals = totals - totals[..., [-trajectory.first]]
    states, slopes = (part.movedim(-1, 0)[..., None] for part in (totals, slopes))
    return replace(trajectory, states=states, slopes=slopes, noise=None)

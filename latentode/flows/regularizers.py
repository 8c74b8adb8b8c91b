r"""Regularisers of a path: integrals on the dense output of a solve that is there anyway.

They never enter the solver's state, so they cannot steer a step, and the solution is the same to
the bit with and without them. They serve flows and latent dynamics alike. On a path of length T in
D dimensions:

- "kinetic" :math:`\int \tfrac12\|f\|^2/D` and "jacobian" :math:`\int \|e^T J\|^2/D` (RNODE, by one
  random probe e): straight paths at constant speed, which coarse solvers follow;
- "second_derivative" :math:`\int \|\ddot z\|^2/D` (TayNODE :math:`R_2`): one more derivative of the
  field, for the error of low-order steps;
- "polynomial" :math:`\int \|z - Pz\|^2/D`, P the best straight line (CNF-TPR): needs no derivative
  at all; take this one first where the others cost too much.

A random end time (STEER) is the fifth: `latentode.flows.CNF` takes it as ``steer``, the latent
dynamics as `latentode.models.dynamics.mlp.BoundDynamics.time_factor`.

Reference:
    Finlay, Jacobsen, Nurbekyan, Oberman (2020), RNODE, https://arxiv.org/abs/2002.02798;
    Kelly, Bettencourt, Johnson, Duvenaud (2020), TayNODE, https://arxiv.org/abs/2007.04504;
    Huang, Yeh (2021), CNF-TPR, https://arxiv.org/abs/2012.04228 (there at random times; here the
    integral, which has no noise); Ghosh et al. (2020), STEER, https://arxiv.org/abs/2006.10711.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from latentode.errors import ConfigError
from latentode.ode.divergence import TraceConfig, draw_probes, jacobian_products, slopes_at
from latentode.ode.fields import FieldFunction
from latentode.ode.quadrature import rule_on
from latentode.ode.trajectory import Trajectory

Regularizer = Literal["kinetic", "jacobian", "second_derivative", "polynomial"]
REGULARIZERS: tuple[Regularizer, ...] = get_args(Regularizer)


def path_regularizers(
    field: FieldFunction,
    trajectory: Trajectory,
    names: Sequence[Regularizer],
    *,
    t0: Tensor | None = None,
    t1: Tensor | None = None,
    nodes: int = 12,
    generator: torch.Generator | None = None,
    check: bool = True,
) -> dict[str, Tensor]:
    """Integrate regularisers along a trajectory, from each series' own start to its own end.

    Args:
        field: The field that was solved.
        trajectory: Its solution.
        names: Which ones.
        t0: Where the path of each series begins, model time, float64, shape (batch,) or 0-dim; None
            is the start of the solve.
        t1: Where it ends, likewise.
        nodes: Gauss-Legendre nodes on the whole path.
        generator: Source of the probe of "jacobian", one draw a sample.
        check: Refuse paths that the solve does not cover, which waits for the device once.

    Returns:
        Integrals by name, each of shape (..., batch); differentiable.

    Raises:
        ConfigError: If a name is unknown.
        ShapeError: If a path is not covered.
    """
    points, weights = rule_on(trajectory.t0.device, "gauss_legendre", nodes)
    start = trajectory.start if t0 is None else t0
    span = (trajectory.end if t1 is None else t1) - start
    times = start[..., None] + span[..., None] * points  # (node,) or (batch, node)
    states = trajectory.at(times, check=check).movedim(-2, 0)  # (node, ..., batch, latent)
    # (node,) or (node, 1 ..., batch)
    lengths = (span.abs()[..., None] * weights).movedim(-1, 0)
    return regularizers_on_nodes(field, times.movedim(-1, 0), states, lengths, names, generator)


def regularizers_on_nodes(
    field: FieldFunction,
    times: Tensor,
    states: Tensor,
    weights: Tensor,
    names: Sequence[Regularizer],
    generator: torch.Generator | None,
) -> dict[str, Tensor]:
    """Sum regularisers over the nodes of a quadrature rule.

    Args:
        field: The field.
        times: Model times, float64, shape (node,) or (node, batch).
        states: Shape (node, ..., batch, latent).
        weights: Weights of the rule, positive, shape (node,) or (node, batch).
        names: Which ones.
        generator: Source of the probe.

    Returns:
        As `path_regularizers`.

    Raises:
        ConfigError: If a name is unknown.
    """
    if unknown := set(names) - set(REGULARIZERS):
        raise ConfigError(
            f"regularizers: expected some of {', '.join(REGULARIZERS)}, got "
            f"{', '.join(sorted(unknown))}. Correct the name."
        )
    integrals: dict[str, Tensor] = {}
    if "kinetic" in names:
        integrals["kinetic"] = 0.5 * _mean_square(slopes_at(field, times, states), weights)
    if "jacobian" in names:
        probe = draw_probes(states[0], TraceConfig(), generator)[0]
        products = jacobian_products(field, times, states, probe)[1]
        integrals["jacobian"] = _mean_square(products, weights)
    if "second_derivative" in names:
        integrals["second_derivative"] = _mean_square(_second(field, times, states), weights)
    if "polynomial" in names:
        integrals["polynomial"] = _mean_square(_off_line(times, states, weights), weights)
    return integrals


def _mean_square(values: Tensor, weights: Tensor) -> Tensor:
    """Integral of the mean square over the latent axis, shape (..., batch)."""
    squares = values.square().mean(-1)  # (node, ..., batch)
    return (_spread(weights, squares) * squares).sum(0)


def _spread(of_nodes: Tensor, like: Tensor) -> Tensor:
    """Values (node,) or (node, batch) against (node, ..., batch)."""
    rest = of_nodes.shape[1:]
    return of_nodes.to(like.dtype).reshape(
        len(of_nodes), *[1] * (like.dim() - 1 - len(rest)), *rest
    )


def _second(field: FieldFunction, times: Tensor, states: Tensor) -> Tensor:
    r""":math:`\ddot z = \partial_t f + J f`: the derivative of a VJP by its cotangent is a JVP."""
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        t = times.detach().requires_grad_()
        z = states if wanted and states.requires_grad else states.detach().requires_grad_()
        slopes = slopes_at(field, t, z)
        if not slopes.requires_grad:
            return torch.zeros_like(slopes)
        cotangent = torch.zeros_like(slopes, requires_grad=True)
        by_t, by_z = torch.autograd.grad(
            slopes, (t, z), cotangent, create_graph=True, materialize_grads=True
        )
        along = by_t.sum() + (by_z * slopes).sum()
        second = torch.autograd.grad(along, cotangent, create_graph=wanted)[0]
    return second if wanted else second.detach()


def _off_line(times: Tensor, states: Tensor, weights: Tensor) -> Tensor:
    """What the best straight line through the path leaves, best by the weights."""
    squares = states[..., 0]
    weight, t = _spread(weights, squares)[..., None], _spread(times, squares)[..., None]
    weight = weight / weight.sum(0).clamp(min=1e-30)  # a path may have no length
    centred = states - (weight * states).sum(0)
    t = t - (weight * t).sum(0)
    rate = (weight * t * centred).sum(0) / (weight * t.square()).sum(0).clamp(min=1e-30)
    return centred - t * rate

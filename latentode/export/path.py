"""The latent path of windows as loops that an exported program has: steps of one size, any number.

It walks the steps of `latentode.ode.solvers.fixed_step.walk`. What the field takes from time and
context is evaluated for all steps beforehand, and a loop goes over them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan
from torch.nn import functional

from latentode import ode
from latentode.config import SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.dynamics.mlp import BoundDynamics
from latentode.models.latent_ode import LatentODEModel
from latentode.ode.networks.layered import Layers
from latentode.ode.solvers.fixed_step import AB4

#: Grid points that a walk to the farthest query has at least: AB4 begins with three steps of RK4.
FEWEST_POINTS = 4
_STARTS = FEWEST_POINTS - 1  # these steps


def path(
    model: LatentODEModel, z0: Tensor, batch: SeriesBatch, ahead: Tensor, behind: Tensor
) -> ode.Trajectory:
    """The paths of windows through states at their anchors.

    Args:
        model: The model, whose solver has fixed steps.
        z0: States, shape (draw, batch, latent).
        batch: Windows; how far to go their own bounds do not say.
        ahead: Numbers of the grid points after the anchor, 1 2 3 ..., float64, shape (step,).
        behind: The same of the grid points before it, or of the knots there.
    """
    field, solver, knots = model.field(batch), model.solver, model.shooting
    if knots is None:
        onwards = _walked(field, z0, ahead.shape[0], solver, 1.0)
        backward = _walked(field, z0, behind.shape[0], solver, -1.0)
        return ode.join(backward, onwards, check=False)
    solver = knots.between(solver)
    onwards = _walked(field, z0, ahead.shape[0], solver, 1.0)
    starts = -knots.spacing * behind.flip(0)
    times = starts.expand(batch.size, -1)
    rows = model.encoder_rows(batch)
    # (draw, segment, batch, latent)
    states = knots.smoother(rows, times, model.known_at(batch, times), z0).transpose(1, 2)
    every = torch.arange(batch.size).expand(behind.shape[0], -1).flatten()
    begins = starts[:, None].expand(-1, batch.size).flatten()
    points = round(knots.spacing / _distance(solver))
    pieces = _walked(field.starting(every, begins), states.flatten(1, 2), points, solver, 1.0)
    return ode.through_knots(pieces, states[:, 1:].transpose(0, 1), onwards)


def _distance(solver: SolverConfig) -> float:
    """Between two points of the dense output."""
    assert solver.step_size is not None
    return solver.step_size * solver.substeps


def _walked(
    field: BoundDynamics, z0: Tensor, points: int, solver: SolverConfig, sign: float
) -> ode.Trajectory:
    """Dense output over some grid points beyond the start."""
    distance = sign * _distance(solver)
    step, count = distance / solver.substeps, points * solver.substeps
    layers = field.layers(torch.arange(2 * count + 1).double() * (step / 2))
    table = layers.biases[0].expand(2 * count + 1, -1, -1)  # of wholes and halves
    walk = _by_rk4 if solver.method == "rk4" else _by_ab4
    states, slopes = walk(layers, table, z0, step)
    nothing = torch.zeros((), dtype=torch.float64)
    stats = ode.SolveStats(nfe=0, steps=0, method=solver.method)
    states, slopes = states[:: solver.substeps], slopes[:: solver.substeps]
    return ode.Trajectory(nothing, distance, states, slopes, nothing, nothing, stats)


def _by_rk4(layers: Layers, table: Tensor, z0: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """States and slopes at the grid points, both (step + 1, draw, batch, latent)."""
    weights, biases = layers.weights, [bias[0] for bias in layers.biases[1:]]

    def advance(carry: list[Tensor], nodes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        moved, slope = _rk4_step(weights, biases, nodes, carry[0], step)
        return [moved], [carry[0].clone(), slope]

    (last,), (states, slopes) = scan(advance, [z0], [table[:-1:2], table[1::2], table[2::2]])
    slope = _slope(weights, biases, table[-1], last)
    return torch.cat([states, last[None]]), torch.cat([slopes, slope[None]])


def _by_ab4(layers: Layers, table: Tensor, z0: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """The same; a walk of few steps has none but those that AB4 starts with."""
    weights, biases = layers.weights, [bias[0] for bias in layers.biases[1:]]
    states, slopes = [z0], []
    few = isinstance(table.shape[0], int) and table.shape[0] // 2 <= _STARTS
    for k in range(table.shape[0] // 2 if few else _STARTS):
        nodes = [table[2 * k], table[2 * k + 1], table[2 * k + 2]]
        moved, slope = _rk4_step(weights, biases, nodes, states[-1], step)
        states.append(moved)
        slopes.append(slope)
    if few:
        slopes.append(_slope(weights, biases, table[-1], states[-1]))
        return torch.stack(states), torch.stack(slopes)

    def advance(carry: list[Tensor], nodes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        state, first, second, third = carry
        slope = _slope(weights, biases, nodes[0], state)
        moved = state
        for weight, past in zip(AB4, (slope, third, second, first), strict=True):
            moved = moved + step * weight * past
        return [moved, second.clone(), third.clone(), slope], [state.clone(), slope.clone()]

    whole = table[2 * _STARTS : -1 : 2]
    (last, *_), (later, later_slopes) = scan(advance, [states[-1], *slopes], [whole])
    slopes = [torch.stack(slopes), later_slopes, _slope(weights, biases, table[-1], last)[None]]
    return torch.cat([torch.stack(states[:-1]), later, last[None]]), torch.cat(slopes)


def _rk4_step(
    weights: tuple[Tensor, ...],
    biases: list[Tensor],
    nodes: list[Tensor],
    state: Tensor,
    step: float,
) -> tuple[Tensor, Tensor]:
    """The state after a step, and the slope before it."""
    start, middle, end = nodes
    first = _slope(weights, biases, start, state)
    second = _slope(weights, biases, middle, state + step / 2 * first)
    third = _slope(weights, biases, middle, state + step / 2 * second)
    fourth = _slope(weights, biases, end, state + step * third)
    return state + step / 6 * (first + 2 * second + 2 * third + fourth), first


def _slope(
    weights: tuple[Tensor, ...], biases: list[Tensor], first: Tensor, state: Tensor
) -> Tensor:
    """The field at a node: its first bias knows time and context, the others nothing."""
    value = functional.linear(state, weights[0]) + first
    for weight, bias in zip(weights[1:], biases, strict=True):
        value = functional.linear(torch.tanh(value), weight) + bias
    return value

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
from latentode.ode.solvers.fixed_step import AB4

_STARTS = 3  # steps by RK4, before AB4 has a past


def path(
    model: LatentODEModel, z0: Tensor, batch: SeriesBatch, ahead: Tensor, behind: Tensor
) -> ode.Trajectory:
    """The paths of windows through states at their anchors.

    Args:
        model: The model, whose solver has fixed steps.
        z0: States, shape (draw, batch, latent).
        batch: Windows; how far to go their own bounds do not say.
        ahead: Numbers of the steps after the anchor, 1 2 3 ..., float64, shape (step,); there are
            `first_steps` more.
        behind: The same of the steps before it, or of the knots there.
    """
    field, solver, knots = model.field(batch), model.solver, model.shooting
    starts = first_steps(solver)
    if knots is None:
        onwards = _walked(field, z0, starts, ahead, solver, 1.0)
        return ode.join(_walked(field, z0, starts, behind, solver, -1.0), onwards, check=False)
    solver = knots.between(solver)
    onwards = _walked(field, z0, starts, ahead, solver, 1.0)
    begins = -knots.spacing * behind.flip(0)
    times = begins.expand(batch.size, -1)
    rows = model.encoder_rows(batch)
    # (draw, segment, batch, latent)
    states = knots.smoother(rows, times, model.known_at(batch, times), z0).transpose(1, 2)
    every = torch.arange(batch.size).expand(behind.shape[0], -1).flatten()
    field = field.starting(every, begins[:, None].expand(-1, batch.size).flatten())
    assert solver.step_size is not None
    count = round(knots.spacing / solver.step_size)
    pieces = _walked(field, states.flatten(1, 2), count, None, solver, 1.0)
    return ode.through_knots(pieces, states[:, 1:].transpose(0, 1), onwards)


def first_steps(solver: SolverConfig) -> int:
    """Steps that are taken before those that a loop takes."""
    return 0 if solver.method == "rk4" else _STARTS


def _walked(
    field: BoundDynamics,
    z0: Tensor,
    starts: int,
    others: Tensor | None,
    solver: SolverConfig,
    sign: float,
) -> ode.Trajectory:
    """Dense output of a walk.

    Args:
        field: The latent dynamics.
        z0: State at the start, shape (draw, batch, latent).
        starts: Steps before those of a loop, one after the other.
        others: Numbers of the steps of the loop, shape (step,); None goes without.
        solver: Method and size of the steps.
        sign: Direction of time.
    """
    assert solver.step_size is not None
    step, network = sign * solver.step_size, field.layers(torch.zeros(1).double())
    weights, biases = network.weights, [bias[0] for bias in network.biases[1:]]

    def nodes(numbers: Tensor) -> Tensor:
        """First bias of the field at some steps, shape (step, batch, hidden)."""
        return field.layers(numbers * step).biases[0].expand(numbers.shape[0], -1, -1)

    early = nodes(torch.arange(2 * starts + 1).double() / 2)
    states, slopes = [z0], []
    for k in range(starts):
        if solver.method == "rk4" or k < _STARTS:
            moved, slope = _rk4_step(weights, biases, early[2 * k : 2 * k + 3], states[-1], step)
            slopes.append(slope)
        else:
            slopes.append(_slope(weights, biases, early[2 * k], states[-1]))
            moved = _ab4_step(states[-1], slopes[-4:], step)
        states.append(moved)
    last, ends = states.pop(), torch.full((1,), float(starts)).double()
    grid, gradients = [state[None] for state in states], [slope[None] for slope in slopes]
    if others is not None:
        numbers, ends = others + (starts - 1.0), others[-1:] + starts
        if solver.method == "rk4":
            tables = [*(nodes(numbers + share) for share in (0.0, 0.5, 1.0)), numbers]
            last, later, gradient = _by_rk4(weights, biases, tables, last, step)
        else:
            tables = [nodes(numbers), numbers]
            last, later, gradient = _by_ab4(weights, biases, tables, [last, *slopes], step)
        grid, gradients = [*grid, later], [*gradients, gradient]
    gradients.append(_slope(weights, biases, nodes(ends)[0], last)[None])
    thin, nothing = slice(None, None, solver.substeps), torch.zeros((), dtype=torch.float64)
    stats = ode.SolveStats(nfe=0, steps=0, method=solver.method)
    points, slopes_at = torch.cat([*grid, last[None]])[thin], torch.cat(gradients)[thin]
    return ode.Trajectory(
        nothing, step * solver.substeps, points, slopes_at, nothing, nothing, stats
    )


def _by_rk4(
    weights: tuple[Tensor, ...],
    biases: list[Tensor],
    tables: list[Tensor],
    start: Tensor,
    step: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The last state, and states and slopes before each step, (step, draw, batch, latent).

    The numbers of the steps come along, unread: who follows the program would compare the lengths
    of loops over as many tables, and be bound to what it finds.
    """

    def advance(carry: list[Tensor], nodes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        moved, slope = _rk4_step(weights, biases, nodes[:3], carry[0], step)
        return [moved], [carry[0].clone(), slope]

    (last,), (states, slopes) = scan(advance, [start], tables)
    return last, states, slopes


def _by_ab4(
    weights: tuple[Tensor, ...],
    biases: list[Tensor],
    tables: list[Tensor],
    past: list[Tensor],
    step: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same, given the state and the three slopes before it."""

    def advance(carry: list[Tensor], nodes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        state, first, second, third = carry
        slope = _slope(weights, biases, nodes[0], state)
        moved = _ab4_step(state, [first, second, third, slope], step)
        return [moved, second.clone(), third.clone(), slope], [state.clone(), slope.clone()]

    (last, *_), (states, slopes) = scan(advance, past, tables)
    return last, states, slopes


def _ab4_step(state: Tensor, slopes: list[Tensor], step: float) -> Tensor:
    """The state after a step, given the slopes at four points, the newest last."""
    for weight, slope in zip(AB4, reversed(slopes), strict=True):
        state = state + step * weight * slope
    return state


def _rk4_step(
    weights: tuple[Tensor, ...],
    biases: list[Tensor],
    nodes: Tensor | list[Tensor],
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

"""Walks of a gated recurrence over packed events, forward and back; see `recurrent`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from latentode.models.nn.schedule import Schedule


class Unit(NamedTuple):
    """Weights of a gated recurrent unit, named, shaped and ordered as in `torch.nn.GRUCell`."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor


class Field(NamedTuple):
    """Weights and biases of a field with one tanh layer."""

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor


class Tape(NamedTuple):
    """What the walk forward leaves for the walk back, one row a packed event."""

    features: Tensor
    gates: Tensor  # r, z, and U_n m + c
    new: Tensor  # n


class Moves(NamedTuple):
    """The same of the field."""

    steps: Tensor  # (event, 1)
    inner: Tensor  # tanh(W_1 h + b_1)
    moved: Tensor  # m


def slots(states: Tensor, sizes: list[int]) -> tuple[tuple[Tensor, ...], list[Tensor]]:
    """States after each event, and before each, which are fewer than after the event before it."""
    slots = states.split(sizes[:1] + sizes)
    return slots[1:], [slot[:size] for slot, size in zip(slots, sizes, strict=False)]


def gate_inputs(schedule: Schedule, features: Tensor, unit: Unit) -> tuple[Tensor, Tensor]:
    """What products with the state are added to: for the gates, and for the new state.

    Args:
        schedule: Which events are the last of their rows: before those, the state stays.
        features: Of the packed events, shape (event, feature).
        unit: Weights.

    Returns:
        Shapes (event, 3 * hidden) and (event, hidden).
    """
    hidden = unit.weight_hh.shape[1]
    bias = unit.bias_ih + torch.cat([unit.bias_hh[: 2 * hidden], unit.bias_hh.new_zeros(hidden)])
    gates = torch.addmm(bias, features, unit.weight_ih.t())
    _, keep, inner = gates.split(hidden, dim=1)
    new = inner.clone()
    inner.copy_(unit.bias_hh[2 * hidden :])
    keep.masked_fill_(~schedule.is_end[:, None], torch.inf)
    return gates, new


def walk(sizes: list[int], states: Tensor, tape: Tape, unit: Unit) -> None:
    """Fill in `states` and `tape`, which `gate_inputs` began.

    Args:
        sizes: Series still running at each event.
        states: The initial ones, then room for those after each event, shape (state, hidden).
        tape: Of the whole walk.
        unit: Weights.
    """
    after, before = slots(states, sizes)
    weight = unit.weight_hh.t().contiguous()
    for state, out, gates in zip(before, after, _unit_parts(sizes, tape), strict=True):
        _update(state, out, gates, weight)


def walk_with_field(
    sizes: list[int], states: Tensor, tape: Tape, moves: Moves, unit: Unit, field: Field
) -> None:
    """Fill in `states`, `tape` and what `moves` holds beside the steps.

    Args:
        sizes: Series still running at each event.
        states: The initial ones, then room for those after each event, shape (state, hidden).
        tape: Of the whole walk.
        moves: The same of the field.
        unit: Weights.
        field: What moves the states between events.
    """
    after, before = slots(states, sizes)
    first, second, weight = (
        w.t().contiguous() for w in (field.first, field.second, unit.weight_hh)
    )
    drifts = torch.empty_like(states[: sum(sizes[:1])])
    moves_of = zip(*(part.split(sizes) for part in moves), strict=True)
    for state, out, gates, (step, inner, moved) in zip(
        before, after, _unit_parts(sizes, tape), moves_of, strict=True
    ):
        torch.addmm(field.first_bias, state, first, out=inner).tanh_()
        drift = torch.addmm(field.second_bias, inner, second, out=drifts[: len(state)])
        torch.addcmul(state, step, drift, out=moved)
        _update(moved, out, gates, weight)


def _unit_parts(sizes: list[int], tape: Tape) -> Iterator[tuple[Tensor, ...]]:
    """All gates, r with z, r, z, U_n m + c and n of each event."""
    hidden = tape.new.shape[1]
    parts = [tape.gates, tape.gates[:, : 2 * hidden], *tape.gates.split(hidden, dim=1), tape.new]
    return zip(*(part.split(sizes) for part in parts), strict=True)


def _update(moved: Tensor, out: Tensor, parts: tuple[Tensor, ...], weight: Tensor) -> None:
    gates, both, reset, keep, inner, new = parts
    gates.addmm_(moved, weight)
    both.sigmoid_()
    new.addcmul_(reset, inner).tanh_()
    torch.lerp(new, moved, keep, out=out)


class Stretch(NamedTuple):
    """A segment of events on the way back.

    Attributes:
        sizes: Series running at each event.
        start: States before the events, shape (event, hidden).
        after: Cotangents of the states after them, shape (event, hidden).
        before: Cotangents of the states before each event, to which the walk adds.
    """

    sizes: list[int]
    start: Tensor
    after: Tensor
    before: list[Tensor]


class _Slopes(NamedTuple):
    """Derivatives of h' by what stands before each activation; times a cotangent, cotangents."""

    gates: Tensor  # by V_r x, V_z x and U_n m
    new: Tensor  # by V_n x


def back(stretch: Stretch, tape: Tape, unit: Unit, sums: list[Tensor]) -> Tensor:
    """Walk back through a segment without a field.

    Args:
        stretch: The segment.
        tape: Its part of the tape.
        unit: The gated recurrent unit.
        sums: Cotangents of the weights of the unit; added to.

    Returns:
        Cotangents of V x, shape (event, 3 * hidden).
    """
    slopes = _slopes(tape, stretch.start)
    for part in _parts_back(stretch, stretch.before, tape, slopes):
        _update_back(part, unit.weight_hh)
    return _add_unit(sums, stretch, tape, stretch.start, slopes)


def back_with_field(
    stretch: Stretch,
    tape: Tape,
    moves: Moves,
    weights: tuple[Unit, Field],
    sums: list[Tensor],
    of_steps: Tensor | None,
) -> Tensor:
    """Walk back through a segment with a field.

    Args:
        stretch: The segment.
        tape: Its part of the tape.
        moves: Its part of the moves.
        weights: Of the unit and the field.
        sums: Cotangents of the weights of the unit, then of the field; added to.
        of_steps: Room for the cotangents of the steps, shape (event,); None where none are asked
            for.

    Returns:
        Cotangents of V x, shape (event, 3 * hidden).
    """
    (steps, inner, moved), (unit, field) = moves, weights
    slopes, through = _slopes(tape, moved), torch.zeros_like(moved)
    bends = torch.ops.aten.tanh_backward(steps.expand_as(inner), inner)
    through_parts = through.split(stretch.sizes)
    field_parts = zip(reversed(bends.split(stretch.sizes)), reversed(stretch.before), strict=True)
    for part, (bend, before) in zip(
        _parts_back(stretch, through_parts, tape, slopes), field_parts, strict=True
    ):
        _update_back(part, unit.weight_hh)
        into = part[1]
        bend.mul_(into @ field.second)
        before.add_(into).addmm_(bend, field.first)
    if of_steps is not None:
        drift = torch.addmm(field.second_bias, inner, field.second.t())
        torch.sum(through * drift, dim=1, out=of_steps)
    through.mul_(steps)  # now the cotangents of the drift
    sums[4].addmm_(bends.t(), stretch.start)
    sums[5].add_(bends.sum(dim=0))
    sums[6].addmm_(through.t(), inner)
    sums[7].add_(through.sum(dim=0))
    return _add_unit(sums, stretch, tape, moved, slopes)


def _slopes(tape: Tape, moved: Tensor) -> _Slopes:
    sigmoid_back = torch.ops.aten.sigmoid_backward.grad_input
    hidden = moved.shape[1]
    reset, keep, inner = tape.gates.split(hidden, dim=1)
    gates = torch.empty_like(tape.gates)
    of_reset, of_keep, of_inner = gates.split(hidden, dim=1)
    new = torch.ops.aten.tanh_backward(1 - keep, tape.new)
    sigmoid_back(new * inner, reset, grad_input=of_reset)
    sigmoid_back(moved - tape.new, keep, grad_input=of_keep)
    torch.mul(new, reset, out=of_inner)
    return _Slopes(gates, new)


def _parts_back(
    stretch: Stretch, into: Sequence[Tensor], tape: Tape, slopes: _Slopes
) -> Iterator[tuple[Tensor, ...]]:
    """Parts of each event, the last event first: what `_update_back` reads and adds to."""
    hidden = slopes.new.shape[1]
    parts = (
        stretch.after,
        stretch.after.unsqueeze(1),
        tape.gates[:, hidden : 2 * hidden],
        slopes.gates,
        slopes.gates.unflatten(1, (3, hidden)),
    )
    out, *rest = (reversed(part.split(stretch.sizes)) for part in parts)
    return zip(out, reversed(into), *rest, strict=True)


def _update_back(parts: tuple[Tensor, ...], weight: Tensor) -> None:
    after, into, wide, keep, gates, thirds = parts
    # products of what is smaller are subnormal numbers, which take a CPU 100 times as long
    smallest = torch.finfo(after.dtype).tiny ** 0.5
    torch.ops.aten.hardshrink.out(after, smallest, out=after)
    thirds.mul_(wide)
    into.addcmul_(after, keep)
    into.addmm_(gates, weight)


def _add_unit(
    sums: list[Tensor], stretch: Stretch, tape: Tape, moved: Tensor, slopes: _Slopes
) -> Tensor:
    gates, hidden = slopes.gates, moved.shape[1]
    sums[1].addmm_(gates.t(), moved)
    sums[3].add_(gates.sum(dim=0))
    # the features enter n itself, the state through r
    torch.mul(slopes.new, stretch.after, out=gates[:, 2 * hidden :])
    sums[0].addmm_(gates.t(), tape.features)
    sums[2].add_(gates.sum(dim=0))
    return gates

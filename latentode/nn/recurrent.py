r"""Gated recurrence over series of different lengths, with its own gradient.

A series is a list of *events*. At each, the state moves by one Euler step of a field and, where the
event ends a row, is updated by a gated recurrent unit:

.. math::
    m = h + \Delta\,(W_2 \tanh(W_1 h + b_1) + b_2), \qquad h' = n + z\,(m - n), \\
    (r, z) = \sigma(V_{r,z}\, x + U_{r,z}\, m + b), \quad n = \tanh(V_n x + r\,(U_n m + c) + b_n)

with :math:`x` the features of the row. An event that ends no row has :math:`z = 1`, so that
:math:`h' = m` to the last bit and no gradient reaches the unit; without a field, :math:`m = h`.

Series are packed: sorted by their number of events, those still running are the first rows of every
product. All events share one buffer per kind of state or activation. The backward pass runs two to
four small products an event, and forms the weight gradients by one product a segment of events.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentode.nn.schedule import Schedule

_aten = torch.ops.aten


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


def recur(
    schedule: Schedule,
    features: Tensor,
    unit: Unit,
    steps: Tensor | None = None,
    field: Field | None = None,
) -> Tensor:
    """Run the recurrence from zero states.

    The gradient is exact but cannot be differentiated again: it is formed in place, and nothing
    here asks for second derivatives of an encoder.

    Args:
        schedule: The events.
        features: Features of the row of each event, shape (event, feature).
        unit: The gated recurrent unit.
        steps: Length of the Euler step of each event, shape (event,); None without a field.
        field: The field; None for a plain gated recurrence.

    Returns:
        Last states of the series in `schedule.series`, shape (series, hidden).

    Raises:
        RuntimeError: By torch, where the gradient is differentiated again.
    """
    assert (steps is None) == (field is None)
    last: Tensor = _Recurrence.apply(schedule, features, steps, *unit, *(field or ()))
    return last


class _Tape(NamedTuple):
    """What the walk forward leaves for the walk back, one row a packed event."""

    features: Tensor
    states: Tensor  # before the event
    gates: Tensor  # r, z, and U_n m + c
    new: Tensor  # n
    steps: Tensor | None
    inner: Tensor | None  # tanh(W_1 h + b_1)
    moved: Tensor  # m


class _Slopes(NamedTuple):
    """Derivatives of h' by what stands before each activation, then cotangents of the same."""

    gates: Tensor
    new: Tensor
    inner: Tensor | None
    moved: Tensor


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, schedule: Schedule, features: Tensor, steps: Tensor | None, *weights: Tensor
    ) -> Tensor:
        unit, field = _named(weights)
        gates, new = _gate_inputs(schedule, features, unit)
        # the initial states, then those after each event
        states = new.new_zeros(sum(schedule.sizes[:1]) + len(new), new.shape[1])
        inner, moved = None, states
        if field is not None and steps is not None:
            steps, moved = steps[:, None], torch.empty_like(new)
            inner = new.new_empty(len(new), len(field.first))
        tape = _Tape(features, states, gates, new, steps, inner, moved)
        _walk(schedule.sizes, tape, unit, field)
        ctx.schedule = schedule
        ctx.save_for_backward(*tape, *weights)
        return states.index_select(0, schedule.last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        schedule, count = ctx.schedule, len(_Tape._fields)
        tape, weights = _Tape(*ctx.saved_tensors[:count]), ctx.saved_tensors[count:]
        unit, field = _named(weights)
        cotangents = torch.zeros_like(tape.states).index_copy_(0, schedule.last, grad)
        after, before = _slots(cotangents, schedule.sizes)
        _, entered = _slots(tape.states, schedule.sizes)
        grads = [torch.zeros_like(weight) for weight in weights]
        of_features = torch.empty_like(tape.features) if ctx.needs_input_grad[1] else None
        of_steps = torch.empty_like(tape.steps) if ctx.needs_input_grad[2] else None
        for events, rows in reversed(schedule.segments()):
            part = _part(tape, rows, torch.cat(entered[events]))
            slopes = _slopes(part)
            _walk_back(schedule.sizes[events], after[events], before[events], part, slopes, unit, field)
            if of_steps is not None:
                drift = torch.addmm(field.second_bias, part.inner, field.second.t())
                of_steps[rows] = (slopes.moved * drift).sum(dim=1, keepdim=True)
            _add_weight_gradients(grads, part, slopes, torch.cat(after[events]))
            if of_features is not None:
                torch.mm(slopes.gates, unit.weight_ih, out=of_features[rows])
        return None, of_features, None if of_steps is None else of_steps[:, 0], *grads


def _named(weights: tuple[Tensor, ...]) -> tuple[Unit, Field | None]:
    return Unit(*weights[:4]), Field(*weights[4:]) if weights[4:] else None


def _slots(states: Tensor, sizes: list[int]) -> tuple[tuple[Tensor, ...], list[Tensor]]:
    """States after each event, and before each, which are fewer than after the event before it."""
    slots = states.split(sizes[:1] + sizes)
    return slots[1:], [slot[:size] for slot, size in zip(slots, sizes, strict=False)]


def _gate_inputs(schedule: Schedule, features: Tensor, unit: Unit) -> tuple[Tensor, Tensor]:
    """What products with the state are added to: for the gates, and for the new state."""
    hidden = unit.weight_hh.shape[1]
    bias = unit.bias_ih + torch.cat([unit.bias_hh[: 2 * hidden], unit.bias_hh.new_zeros(hidden)])
    gates = torch.addmm(bias, features, unit.weight_ih.t())
    _, keep, inner = gates.split(hidden, dim=1)
    new = inner.clone()
    inner.copy_(unit.bias_hh[2 * hidden :])
    keep.masked_fill_(~schedule.is_end[:, None], torch.inf)
    return gates, new


def _walk(sizes: list[int], tape: _Tape, unit: Unit, field: Field | None) -> None:
    hidden = tape.new.shape[1]
    after, before = _slots(tape.states, sizes)
    gates = (tape.gates, tape.gates[:, : 2 * hidden], *tape.gates.split(hidden, dim=1), tape.new)
    updates = zip(*(part.split(sizes) for part in gates), after, strict=True)
    weight = unit.weight_hh.t().contiguous()
    if field is None:
        for state, update in zip(before, updates, strict=True):
            _update(state, *update, weight)
        return
    moves = zip(*(part.split(sizes) for part in (tape.steps, tape.inner, tape.moved)), strict=True)
    first, second = field.first.t().contiguous(), field.second.t().contiguous()
    drifts = torch.empty_like(tape.moved[: sum(sizes[:1])])
    for state, (step, inner, moved), update in zip(before, moves, updates, strict=True):
        torch.addmm(field.first_bias, state, first, out=inner).tanh_()
        drift = torch.addmm(field.second_bias, inner, second, out=drifts[: len(state)])
        torch.addcmul(state, step, drift, out=moved)
        _update(moved, *update, weight)


def _update(
    moved: Tensor,
    gates: Tensor,
    both: Tensor,
    reset: Tensor,
    keep: Tensor,
    inner: Tensor,
    new: Tensor,
    after: Tensor,
    weight: Tensor,
) -> None:
    gates.addmm_(moved, weight)
    both.sigmoid_()
    new.addcmul_(reset, inner).tanh_()
    torch.lerp(new, moved, keep, out=after)


def _part(tape: _Tape, rows: slice, states: Tensor) -> _Tape:
    kinds = [None if kind is None else kind[rows] for kind in tape]
    part = _Tape(*kinds)._replace(states=states)
    return part._replace(moved=states) if part.inner is None else part


def _slopes(part: _Tape) -> _Slopes:
    hidden = part.new.shape[1]
    reset, keep, inner = part.gates.split(hidden, dim=1)
    gates = torch.empty_like(part.gates)
    of_reset, of_keep, of_inner = gates.split(hidden, dim=1)
    new = _aten.tanh_backward(1 - keep, part.new)
    _aten.sigmoid_backward.grad_input(new * inner, reset, grad_input=of_reset)
    _aten.sigmoid_backward.grad_input(part.moved - part.new, keep, grad_input=of_keep)
    torch.mul(new, reset, out=of_inner)
    bend = None
    if part.inner is not None:
        bend = _aten.tanh_backward(part.steps.expand_as(part.inner), part.inner)
    return _Slopes(gates, new, bend, torch.empty_like(part.moved))


def _walk_back(sizes, after, before, part, slopes, unit, field):
    """Run the cotangents from `after` to `before` through a segment of events."""
    hidden = part.new.shape[1]
    keep = part.gates[:, hidden : 2 * hidden].split(sizes)
    gates, moved = slopes.gates.split(sizes), slopes.moved.split(sizes)
    thirds = slopes.gates.unflatten(1, (3, hidden)).split(sizes)
    inner = None if field is None else slopes.inner.split(sizes)
    smallest = torch.finfo(part.new.dtype).tiny ** 0.5
    for event in reversed(range(len(sizes))):
        out, into = after[event], before[event] if field is None else moved[event]
        # products of what is smaller are subnormal numbers, which take a CPU 100 times as long
        _aten.hardshrink.out(out, smallest, out=out)
        thirds[event].mul_(out[:, None])
        torch.mul(out, keep[event], out=into)
        into.addmm_(gates[event], unit.weight_hh)
        if field is not None:
            inner[event].mul_(into @ field.second)
            torch.addmm(into, inner[event], field.first, out=before[event])


def _add_weight_gradients(grads, part: _Tape, slopes: _Slopes, after: Tensor) -> None:
    hidden = after.shape[1]
    grads[1].addmm_(slopes.gates.t(), part.moved)
    grads[3] += slopes.gates.sum(dim=0)
    # the features enter n itself, the state through r
    torch.mul(slopes.new, after, out=slopes.gates[:, 2 * hidden :])
    grads[0].addmm_(slopes.gates.t(), part.features)
    grads[2] += slopes.gates.sum(dim=0)
    if part.inner is not None:
        grads[4].addmm_(slopes.inner.t(), part.states)
        grads[5] += slopes.inner.sum(dim=0)
        drift = slopes.moved.mul_(part.steps)
        grads[6].addmm_(drift.t(), part.inner)
        grads[7] += drift.sum(dim=0)

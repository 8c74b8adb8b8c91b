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

from typing import Any

import torch
from torch import Tensor

from latentode.errors import ConfigError
from latentode.models.nn.gated import (
    Field,
    Moves,
    Stretch,
    Tape,
    Unit,
    back,
    back_with_field,
    gate_inputs,
    slots,
    walk,
    walk_with_field,
)
from latentode.models.nn.schedule import Schedule


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
        The states that the schedule asks for, shape (state, hidden).

    Raises:
        ConfigError: In the backward pass, where it is to be differentiated again (create_graph).
    """
    assert (steps is None) == (field is None)
    last: Tensor = _Recurrence.apply(schedule, features, steps, *unit, *(field or ()))
    return last


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, schedule: Schedule, features: Tensor, steps: Tensor | None, *weights: Tensor
    ) -> Tensor:
        unit, sizes = Unit(*weights[:4]), schedule.sizes
        tape, moves = Tape(features, *gate_inputs(schedule, features, unit)), None
        # the initial states, then those after each event
        states = features.new_zeros(sum(sizes[:1]) + len(features), unit.weight_hh.shape[1])
        if steps is None:
            walk(sizes, states, tape, unit)
        else:
            field = Field(*weights[4:])
            inner = features.new_empty(len(features), len(field.first))
            moves = Moves(steps[:, None], inner, torch.empty_like(tape.new))
            walk_with_field(sizes, states, tape, moves, unit, field)
        ctx.schedule, ctx.num_weights = schedule, len(weights)
        ctx.save_for_backward(*weights, states, *tape, *(moves or ()))
        return states.index_select(0, schedule.last)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # torch's once_differentiable would let constant cotangents pass as if they were right
        if torch.is_grad_enabled():
            raise ConfigError(
                "gradient of a recurrence: expected create_graph=False, got True. It is formed in "
                "place and has no second derivative; take differences of gradients."
            )
        schedule, saved = ctx.schedule, ctx.saved_tensors
        weights, (states, *rest) = saved[: ctx.num_weights], saved[ctx.num_weights :]
        tape, unit = Tape(*rest[:3]), Unit(*weights[:4])
        cotangents = torch.zeros_like(states).index_add_(0, schedule.last, grad)
        sums = [torch.zeros_like(weight) for weight in weights]
        of_features = torch.empty_like(tape.features) if ctx.needs_input_grad[1] else None
        of_steps = tape.new.new_empty(len(tape.new)) if ctx.needs_input_grad[2] else None
        _, started = slots(states, schedule.sizes)
        _, before = slots(cotangents, schedule.sizes)
        after = cotangents[sum(schedule.sizes[:1]) :]
        for events, rows in reversed(schedule.segments()):
            start = torch.cat(started[events])
            stretch = Stretch(schedule.sizes[events], start, after[rows], before[events])
            part = Tape(*(kind[rows] for kind in tape))
            if rest[3:]:
                moves, field = Moves(*(kind[rows] for kind in rest[3:])), Field(*weights[4:])
                slopes = None if of_steps is None else of_steps[rows]
                of_gates = back_with_field(stretch, part, moves, (unit, field), sums, slopes)
            else:
                of_gates = back(stretch, part, unit, sums)
            if of_features is not None:
                torch.mm(of_gates, unit.weight_ih, out=of_features[rows])
        return None, of_features, of_steps, *sums

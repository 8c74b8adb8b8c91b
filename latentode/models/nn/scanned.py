"""Gated recurrences as one loop over padded rows: for a program that is exported.

`recurrent` packs rows by a schedule that is laid on the host, which no exported graph has. Here
every series goes through all rows of its batch, and who asks reads the states that are its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from latentode.models.nn.gated import Field, Unit


def states_of_rows(features: Tensor, unit: Unit) -> Tensor:
    """States of a gated recurrent unit before the first row (zero) and after each.

    Args:
        features: Features of the rows, shape (batch, time, feature).
        unit: The gated recurrent unit.

    Returns:
        Shape (batch, 1 + time, hidden).
    """
    weight, bias = unit.weight_hh, unit.bias_hh

    def step(carry: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        state = _updated(carry[0], row[0], weight, bias)
        return [state], [state.clone()]

    return _scanned(step, features, unit, [])


def states_of_moved_rows(
    features: Tensor, unit: Unit, gaps: Tensor, counts: Tensor, most: int, field: Field
) -> Tensor:
    """The same of states that move by Euler steps of a field before each row.

    Args:
        features: Features of the rows, shape (batch, time, feature).
        unit: The gated recurrent unit.
        gaps: Time since the row before, shape (batch, time).
        counts: Euler steps over each gap, whole numbers, likewise.
        most: The most of them.
        field: The field.

    Returns:
        Shape (batch, 1 + time, hidden).
    """
    weight, bias = unit.weight_hh, unit.bias_hh
    first, first_bias, second, second_bias = field

    def step(carry: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        state, (gates, length, count) = carry[0], row
        for number in range(most):
            inner = torch.tanh(functional.linear(state, first, first_bias))
            moved = state + length * functional.linear(inner, second, second_bias)
            state = torch.where(number < count, moved, state)
        state = _updated(state, gates, weight, bias)
        return [state], [state.clone()]

    others = [(gaps / counts)[..., None], counts[..., None]]
    return _scanned(step, features, unit, others)


def _updated(state: Tensor, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A state after a row, whose features were multiplied by their weights already."""
    reset, keep, new = gates.chunk(3, dim=-1)
    of_reset, of_keep, of_new = functional.linear(state, weight, bias).chunk(3, dim=-1)
    new = torch.tanh(new + torch.sigmoid(reset + of_reset) * of_new)
    return new + torch.sigmoid(keep + of_keep) * (state - new)


def _scanned(step: Any, features: Tensor, unit: Unit, others: list[Tensor]) -> Tensor:
    from torch._higher_order_ops.scan import scan  # a loop that exported programs have too

    gates = functional.linear(features, unit.weight_ih, unit.bias_ih)
    rows = [part.transpose(0, 1) for part in (gates, *others)]
    start = features.new_zeros(features.shape[0], unit.weight_hh.shape[1])
    _, (states,) = scan(step, [start], rows)
    return functional.pad(states.transpose(0, 1), (0, 0, 1, 0))

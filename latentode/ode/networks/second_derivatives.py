"""Gradients by hand that are to be differentiated again: taken through the graph instead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def differentiable_gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> list[Tensor | None]:
    """Gradients that have a graph of their own; None for an input that needs none.

    Args:
        outputs: What was computed from `inputs`, with a graph.
        inputs: Leaves or not.
        cotangents: Of `outputs`.
    """
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    grads = iter(torch.autograd.grad(outputs, wanted, cotangents, create_graph=True))
    return [next(grads) if tensor.requires_grad else None for tensor in inputs]

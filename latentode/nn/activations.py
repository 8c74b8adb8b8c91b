"""Smooth activations and their slopes: a field with kinks lowers the order of every solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Activation = Literal["tanh", "silu", "softplus", "elu", "gelu"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "gelu": functional.gelu,
}


def activation_slope(activation: Activation, u: Tensor, value: Tensor) -> Tensor:
    r"""Derivative :math:`\phi'(u)`, elementwise and differentiable.

    Args:
        activation: Name of :math:`\phi`.
        u: Argument.
        value: :math:`\phi(u)`, from which some slopes are cheaper.

    Returns:
        Slopes, shape of `u`.
    """
    if activation == "tanh":
        return 1 - value * value
    if activation == "softplus":
        # torch's softplus is the identity above 20
        return torch.sigmoid(u).masked_fill(u > 20, 1.0)
    if activation == "elu":
        return u.clamp(max=0.0).exp()
    if activation == "silu":
        gate = torch.sigmoid(u)
        return gate + value * (1 - gate)
    density = torch.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(u / math.sqrt(2))) + u * density


def pull_activation(
    activation: Activation, cotangent: Tensor, u: Tensor, value: Tensor, out: Tensor
) -> None:
    r"""Write :math:`\phi'(u) \circ b` to `out`, in one kernel and without gradient.

    Args:
        activation: Name of :math:`\phi`.
        cotangent: b.
        u: Argument; not read for "tanh".
        value: :math:`\phi(u)`; read for "tanh" alone.
        out: Receives the result, contiguous; all shapes are alike.
    """
    aten = torch.ops.aten
    if activation == "tanh":
        aten.tanh_backward.grad_input(cotangent, value, grad_input=out)
    elif activation == "silu":
        aten.silu_backward.grad_input(cotangent, u, grad_input=out)
    elif activation == "softplus":
        aten.softplus_backward.grad_input(cotangent, u, 1.0, 20.0, grad_input=out)
    elif activation == "elu":
        aten.elu_backward.grad_input(cotangent, 1.0, 1.0, 1.0, False, u, grad_input=out)
    else:
        aten.gelu_backward.grad_input(cotangent, u, grad_input=out)

"""Smooth activations and their slopes: a field with kinks lowers the order of every solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Activation = Literal["tanh", "silu", "softplus", "elu", "gelu"]
_ORDINARY = 10.0  # scales of a channel, up to which `tamed` changes nothing

# looked up once: by name, each call costs as much as its arithmetic
_TANH = torch.ops.aten.tanh_backward.grad_input
_SILU = torch.ops.aten.silu_backward.grad_input
_SOFTPLUS = torch.ops.aten.softplus_backward.grad_input
_ELU = torch.ops.aten.elu_backward.grad_input
_GELU = torch.ops.aten.gelu_backward.grad_input

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
        return torch.addcmul(value.new_ones(()), value, value, value=-1)
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


def activation_curvature(activation: Activation, u: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    r"""Second derivative :math:`\phi''(u)`, elementwise.

    Args:
        activation: Name of :math:`\phi`.
        u: Argument.
        value: :math:`\phi(u)`.
        slope: :math:`\phi'(u)`.

    Returns:
        Curvatures, shape of `u`.
    """
    if activation == "tanh":
        return -2 * value * slope
    if activation == "softplus":
        gate = torch.sigmoid(u)
        return (gate * (1 - gate)).masked_fill(u > 20, 0.0)
    if activation == "elu":
        return torch.where(u > 0, 0.0, u.clamp(max=0.0).exp())
    if activation == "silu":
        gate = torch.sigmoid(u)
        return gate * (1 - gate) * (2 + u * (1 - 2 * gate))
    return torch.exp(-0.5 * u * u) / math.sqrt(2 * math.pi) * (2 - u * u)


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
    if activation == "tanh":
        _TANH(cotangent, value, grad_input=out)
    elif activation == "silu":
        _SILU(cotangent, u, grad_input=out)
    elif activation == "softplus":
        _SOFTPLUS(cotangent, u, 1.0, 20.0, grad_input=out)
    elif activation == "elu":
        _ELU(cotangent, 1.0, 1.0, 1.0, False, u, grad_input=out)
    else:
        _GELU(cotangent, u, grad_input=out)


def tamed(values: Tensor) -> Tensor:
    r"""Scaled readings as a network may see them: x up to 10, :math:`10 + \log(x - 9)` above.

    The same below zero, and smooth up to the first derivative. A network that is linear in its
    inputs would otherwise let a reading of a hundred scales, as in a wrong unit, move all channels.
    """
    beyond = (values.abs() - _ORDINARY).clamp(min=0.0)
    return values - (beyond - beyond.log1p()).copysign(values)

"""Exponential decays without the numbers that are slow."""

from __future__ import annotations

import torch
from torch import Tensor

#: Exponent beyond which a decay is 0: what is left, 7e-13, is lost in rounding beside others.
FARTHEST = 28.0
_LEAST = 1e-12  # its third power is a normal number in float32


def decay_(exponents: Tensor) -> Tensor:
    r""":math:`e^{-x}` in place of x, 0 where less than 1e-12 is left.

    Subnormal numbers take a CPU a hundred times as long: `torch.exp` where it underflows, and any
    product where it does. Here no product of three decays does.

    Args:
        exponents: Not negative, finite or not; changed.
    """
    decays = exponents.clamp_(max=FARTHEST).neg_().exp_()
    return torch.threshold_(decays, _LEAST, 0.0)

"""Bounds of channels, in scaled units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_ROUNDING = 1e-6  # relative: a bound and a reading at it were scaled alike, in float32


class Bounds(nn.Module):
    """Which values stand at a bound, or beyond it.

    Args:
        lower: Least value of each channel in scaled units, -inf without, shape (..., channel).
        upper: Greatest value, +inf without, likewise.
    """

    lower: Tensor
    upper: Tensor
    tolerance: Tensor

    def __init__(self, lower: Tensor, upper: Tensor) -> None:
        super().__init__()
        both = torch.stack([lower, upper]).to(torch.get_default_dtype())
        # not of the weights: they are known from the data, and infinities cannot be stored
        self.register_buffer("lower", both[0], persistent=False)
        self.register_buffer("upper", both[1], persistent=False)
        slack = torch.where(both.isfinite(), _ROUNDING * (1.0 + both.abs()), 0.0)
        self.register_buffer("tolerance", slack, persistent=False)

    def at(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each value stands at the lower, and at the upper bound."""
        low = (values - self.lower).abs() <= self.tolerance[0]
        return low, (values - self.upper).abs() <= self.tolerance[1]

    def holds(self, values: Tensor) -> Tensor:
        """Whether each value is within the bounds."""
        above = values >= self.lower - self.tolerance[0]
        return above & (values <= self.upper + self.tolerance[1])

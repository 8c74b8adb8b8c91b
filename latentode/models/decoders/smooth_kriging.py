r"""Kriging from two neighbours on either side with smooth covariances, its gradient by hand.

Left to autograd, every pair of neighbours would keep and pass several times over arrays of the size
of all queries.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEIGHBOURS = 4  # in the order of `nearest_readings`: before, after, second before, second after
_PAIRS = list(combinations(range(NEIGHBOURS), 2))
_BEFORE = (1.0, -1.0, 1.0, -1.0)  # signs of gaps on the axis of time, backwards
_JITTER = 1e-5  # smooth covariances of close readings are singular in float32


class SmoothKriging(torch.autograd.Function):
    r"""Simple kriging from up to four neighbours, see `SmoothMemory`.

    The covariance is :math:`e^{-x} (c_0 + c_1 x + c_2 x^2)` with x = rate times gap. There is no
    gradient in the gaps. With :math:`u = K^{-1}k` and :math:`s = K^{-1}r`, the others are

    .. math:: dm = s^\top dk - u^\top dK\, s + u^\top dr, \qquad dv = u^\top dK\, u - 2 u^\top dk.
    """

    @staticmethod
    def forward(
        ctx: Any, gaps: Tensor, residuals: Tensor, rates: Tensor, coefficients: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean (draw, batch, step, channel) and variance (batch, step, channel).

        Args:
            ctx: Keeps what `backward` needs.
            gaps: To the neighbours, +inf where there is none, shape (4, batch, step, channel).
            residuals: There, shape (4, draw, batch, step, channel).
            rates: Shape (channel,).
            coefficients: c, shape (3, channel).
        """
        gaps, present = _with_pairs(gaps)
        scaled = gaps.mul_(rates)  # (4 + 6, batch, step, channel)
        decay = scaled.neg().exp_().mul_(present)
        constant, linear, square = coefficients
        covariance = (scaled * square).add_(linear).mul_(scaled).add_(constant).mul_(decay)
        factor = _Factor.of(covariance[NEIGHBOURS:])
        wanted = covariance[:NEIGHBOURS]
        found = factor.solve(wanted)
        variance = 1.0 - (found * wanted).sum(dim=0)
        ctx.factor, ctx.known = factor, variance < _JITTER
        ctx.save_for_backward(residuals, rates, coefficients, scaled, decay, found)
        return (found[:, None] * residuals).sum(dim=0), variance.clamp_(min=_JITTER)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, in_mean: Tensor, in_variance: Tensor
    ) -> tuple[None, Tensor, Tensor, Tensor]:
        """Gradients in residuals, rates and coefficients.

        Args:
            ctx: What `forward` kept.
            in_mean: Gradient in the mean, shape (draw, batch, step, channel).
            in_variance: Gradient in the variance, shape (batch, step, channel).
        """
        residuals, rates, coefficients, scaled, decay, found = ctx.saved_tensors
        in_variance = in_variance.masked_fill(ctx.known, 0.0)
        pulls = ctx.factor.solve((in_mean * residuals).sum(dim=1))
        half = pulls - in_variance * found  # of K both halves are met
        pairs = [-(found[i] * half[j] + found[j] * half[i]) for i, j in _PAIRS]
        power = torch.cat([half - in_variance * found, torch.stack(pairs)]).mul_(decay)
        moments = [power.flatten(0, -2).sum(dim=0)]
        for _ in range(3):
            moments.append(power.mul_(scaled).flatten(0, -2).sum(dim=0))
        # d/dx e^-x (c0 + c1 x + c2 x^2), and dx = x / rate * drate
        constant, linear, square = coefficients
        slope = (linear - constant) * moments[1] + (2.0 * square - linear) * moments[2]
        in_rates = (slope - square * moments[3]) / rates
        return None, in_mean * found[:, None], in_rates, torch.stack(moments[:3])


def _with_pairs(gaps: Tensor) -> tuple[Tensor, Tensor]:
    """Gaps to the neighbours and between all pairs of them, 0 where one is absent; presence."""
    present = gaps < torch.inf
    gaps = torch.where(present, gaps, 0.0)  # inf * 0 would be NaN
    signed = [sign * gap for sign, gap in zip(_BEFORE, gaps, strict=True)]
    between = torch.stack([signed[i] - signed[j] for i, j in _PAIRS]).abs_()
    both = torch.stack([present[i] & present[j] for i, j in _PAIRS])
    return torch.cat([gaps, between]), torch.cat([present, both])


class _Factor:
    """K = L D L^T of many small matrices, row by row over all of them at once."""

    def __init__(self, lower: dict[tuple[int, int], Tensor], inverse: list[Tensor]) -> None:
        self.lower, self.inverse = lower, inverse

    @classmethod
    def of(cls, pairs: Tensor) -> _Factor:
        """Factor matrices of ones on the diagonal and `pairs` beside it."""
        covariance = dict(zip(_PAIRS, pairs, strict=True))
        lower: dict[tuple[int, int], Tensor] = {}
        scaled: dict[tuple[int, int], Tensor] = {}  # L D
        inverse: list[Tensor] = []
        for i in range(NEIGHBOURS):
            pivot = torch.full_like(pairs[0], 1.0 + _JITTER)
            for j in range(i):
                entry = covariance[j, i]
                for k in range(j):
                    entry = entry - lower[i, k] * scaled[j, k]
                scaled[i, j] = entry
                lower[i, j] = entry * inverse[j]
                pivot -= entry * lower[i, j]
            inverse.append(pivot.clamp_(min=_JITTER).reciprocal_())
        return cls(lower, inverse)

    def solve(self, right: Tensor) -> Tensor:
        """K^-1 of vectors along the first axis."""
        rows = list(right)
        for i in range(NEIGHBOURS):
            for j in range(i):
                rows[i] = rows[i] - self.lower[i, j] * rows[j]
        rows = [row * inverse for row, inverse in zip(rows, self.inverse, strict=True)]
        for i in reversed(range(NEIGHBOURS)):
            for j in range(i + 1, NEIGHBOURS):
                rows[i] = rows[i] - self.lower[j, i] * rows[j]
        return torch.stack(rows)

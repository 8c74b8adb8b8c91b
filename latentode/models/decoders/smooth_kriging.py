r"""Kriging from three neighbours on either side with smooth covariances, its gradient by hand.

Left to autograd, every pair of neighbours would keep and pass several times over arrays of the size
of all queries. Pairs are taken one by one: those arrays then stay in the cache of a processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentode.models.nn.decay import FARTHEST, decay_

DEPTH = 3  # readings to either side
NEIGHBOURS = 2 * DEPTH  # in the order of `nearest_readings`: before, after, next before, next after
# between which covariances are needed
_PAIRS = list(combinations(range(NEIGHBOURS), 2))
_FAR = 1e8  # a gap over which nothing is remembered
_JITTER = 1e-5  # smooth covariances of close readings are singular in float32


class SmoothKriging(torch.autograd.Function):
    r"""Simple kriging from up to six neighbours, see `SmoothMemory`.

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
            gaps: To the neighbours, +inf where there is none, shape (neighbour, batch, step,
                channel).
            residuals: There, shape (neighbour, draw, batch, step, channel).
            rates: Shape (channel,).
            coefficients: c, shape (3, channel).
        """
        # as large as a gap: products with the few numbers of each channel are slow
        speed, constant, linear, square = (
            part.expand(gaps[0].shape).contiguous() for part in (rates, *coefficients)
        )
        every = [(x, decay_(x.clone())) for x in _scaled(gaps, speed)]
        covariance = [
            (x * square).add_(linear).mul_(x).add_(constant).mul_(decay) for x, decay in every
        ]
        ctx.factor = _Factor.of(covariance[NEIGHBOURS:])
        found = ctx.factor.solve(covariance[:NEIGHBOURS])
        variance = torch.ones_like(found[0])
        mean = torch.zeros_like(residuals[0])
        near = covariance[:NEIGHBOURS]
        for weight, wanted, residual in zip(found, near, residuals, strict=True):
            variance.addcmul_(weight, wanted, value=-1.0)
            mean.addcmul_(weight, residual)
        ctx.every, ctx.found, ctx.known = every, found, variance < _JITTER
        ctx.save_for_backward(residuals, rates, coefficients)
        return mean, variance.clamp_(min=_JITTER)

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
        residuals, rates, coefficients = ctx.saved_tensors
        in_variance, found = in_variance.masked_fill(ctx.known, 0.0), ctx.found
        pulls = ctx.factor.solve([(in_mean * residual).sum(dim=0) for residual in residuals])
        # of K both halves are met
        half = [p.addcmul_(in_variance, u, value=-1.0) for p, u in zip(pulls, found, strict=True)]
        of_query = (p.addcmul(in_variance, u, value=-1.0) for p, u in zip(half, found, strict=True))
        of_pairs = ((found[i] * half[j]).addcmul_(found[j], half[i]).neg_() for i, j in _PAIRS)
        sums = [torch.zeros_like(in_variance) for _ in range(4)]
        for (x, decay), power in zip(ctx.every, (*of_query, *of_pairs), strict=True):
            sums[0] += power.mul_(decay)
            for total in sums[1:]:
                total += power.mul_(x)
        moments = torch.stack([total.flatten(0, -2).sum(dim=0) for total in sums])
        # d/dx e^-x (c0 + c1 x + c2 x^2), and dx = x / rate * drate
        constant, linear, square = coefficients
        slope = (linear - constant) * moments[1] + (2.0 * square - linear) * moments[2]
        in_rates = (slope - square * moments[3]) / rates
        return None, torch.stack([in_mean * u for u in found]), in_rates, moments[:3]


def _scaled(gaps: Tensor, rates: Tensor) -> Iterator[Tensor]:
    """Gaps to the neighbours, then between all pairs of them, times rates.

    What is absent is far from all others.
    """
    near = [gap.clamp(max=_FAR * (n + 1)).mul_(rates) for n, gap in enumerate(gaps)]
    for x in near:
        yield x.clamp(max=FARTHEST)
    for i, j in _PAIRS:
        same_side = (i - j) % 2 == 0
        yield (near[j] - near[i] if same_side else near[i] + near[j]).clamp_(max=FARTHEST)


class _Factor:
    """K = L D L^T of many small matrices, entry by entry over all of them at once."""

    def __init__(self, lower: dict[tuple[int, int], Tensor], inverse: list[Tensor]) -> None:
        self.lower, self.inverse = lower, inverse

    @classmethod
    def of(cls, pairs: list[Tensor]) -> _Factor:
        """Factor matrices of ones on the diagonal and `pairs` beside it, which are changed."""
        covariance = dict(zip(_PAIRS, pairs, strict=True))
        lower: dict[tuple[int, int], Tensor] = {}
        inverse: list[Tensor] = []
        for i in range(NEIGHBOURS):
            pivot = torch.full_like(pairs[0], 1.0 + _JITTER)
            for j in range(i):
                entry = covariance[j, i]  # of L D
                for k in range(j):
                    entry.addcmul_(lower[i, k], covariance[k, j], value=-1.0)
                lower[i, j] = entry * inverse[j]
                pivot.addcmul_(entry, lower[i, j], value=-1.0)
            inverse.append(pivot.clamp_(min=_JITTER).reciprocal_())
        return cls(lower, inverse)

    def solve(self, right: list[Tensor]) -> list[Tensor]:
        """K^-1 of vectors whose entries are those of a list."""
        rows = [row.clone() for row in right]
        for i, row in enumerate(rows):
            for j in range(i):
                row.addcmul_(self.lower[i, j], rows[j], value=-1.0)
        for row, inverse in zip(rows, self.inverse, strict=True):
            row *= inverse
        for i, row in reversed(list(enumerate(rows))):
            for j in range(i + 1, NEIGHBOURS):
                row.addcmul_(self.lower[j, i], rows[j], value=-1.0)
        return rows

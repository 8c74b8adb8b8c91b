r"""Functions of exponentials at many gaps whose gradients are written by hand.

Left to autograd, each would keep and pass several times over arrays of shape (rate, gap, channel).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentode.models.nn.decay import decay_

_LEAST = 1e-6  # readings at one moment leave no variance to divide by


class Kriging(torch.autograd.Function):
    r"""Simple kriging from up to two neighbours, see `ResidualMemory`.

    There is no gradient in the gaps. With :math:`u = K^{-1}k` and :math:`s = K^{-1}r`, the others
    are

    .. math:: dm = s^\top dk - u^\top dK\, s + u^\top dr, \qquad dv = u^\top dK\, u - 2 u^\top dk,

    where dK has the change of the covariance between the neighbours off its diagonal.
    """

    @staticmethod
    def forward(
        ctx: Any, gaps: Tensor, residuals: Tensor, rates: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean (draw, batch, step, channel) and variance (batch, step, channel).

        Args:
            ctx: Keeps what `backward` needs.
            gaps: To both neighbours, +inf where there is none, shape (2, batch, step, channel).
            residuals: There, shape (2, draw, batch, step, channel).
            rates: Of the covariance, shape (rate, channel).
            weights: Likewise.
        """
        gaps = torch.cat([gaps, gaps.sum(dim=0, keepdim=True)])  # the last: between the neighbours
        present = gaps < torch.inf
        gaps = torch.where(present, gaps, 0.0)  # in the gradient, inf * 0 would be NaN
        # (rate, 3, batch, step, channel)
        decay = decay_(gaps * _over(rates, gaps))
        decay *= present
        before, after, between = (_over(weights, gaps) * decay).sum(dim=0)
        inverse = (1.0 - between * between).clamp_(min=_LEAST).reciprocal_()
        left = (before - between * after) * inverse
        right = (after - between * before) * inverse
        variance = 1.0 - left * before - right * after
        mean = left * residuals[0] + right * residuals[1]
        ctx.save_for_backward(gaps, residuals, weights, decay, between, inverse, left, right)
        ctx.known = variance < _LEAST
        return mean, variance.clamp_(min=_LEAST)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, in_mean: Tensor, in_variance: Tensor
    ) -> tuple[None, Tensor, Tensor, Tensor]:
        """Gradients in residuals, rates and weights.

        Args:
            ctx: What `forward` kept.
            in_mean: Gradient in the mean, shape (draw, batch, step, channel).
            in_variance: Gradient in the variance, shape (batch, step, channel).
        """
        gaps, residuals, weights, decay, between, inverse, left, right = ctx.saved_tensors
        in_variance = in_variance.masked_fill(ctx.known, 0.0)
        # sum over draws of the mean's gradient times s
        pulls = (in_mean * residuals).sum(dim=1)
        first = (pulls[0] - between * pulls[1]) * inverse
        second = (pulls[1] - between * pulls[0]) * inverse
        twice = 2.0 * in_variance
        in_covariance = torch.stack(
            [
                first - twice * left,
                second - twice * right,
                twice * left * right - left * second - right * first,
            ]
        )
        parts = decay * in_covariance
        in_weights = parts.flatten(1, -2).sum(dim=1)
        in_rates = -weights * parts.mul_(gaps).flatten(1, -2).sum(dim=1)
        return None, torch.stack([in_mean * left, in_mean * right]), in_rates, in_weights


def _over(table: Tensor, gaps: Tensor) -> Tensor:
    """A table (rate, channel) that broadcasts against gaps."""
    return table.view(len(table), *(1,) * (gaps.dim() - 1), -1)


class SumOfApproaches(torch.autograd.Function):
    r""":math:`\sum_j g_{cj} (1 - e^{-k_{cj} a_c})`, without a gradient in the ages a."""

    @staticmethod
    def forward(ctx: Any, ages: Tensor, rates: Tensor, gains: Tensor) -> Tensor:
        """The sums, shape (batch, channel, draw, step).

        Args:
            ctx: Keeps what `backward` needs.
            ages: Shape (batch, channel, step).
            rates: Shape (channel, rate).
            gains: Shape (batch, channel, draw, rate).
        """
        # (batch, channel, rate, step)
        grown = (ages[:, :, None] * -rates[..., None]).expm1_().neg_()
        ctx.save_for_backward(ages, grown, gains)
        return gains @ grown

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor]:
        """Gradients in rates and gains."""
        ages, grown, gains = ctx.saved_tensors
        aged = grad * ages[:, :, None]
        both = torch.cat([grad, aged], dim=2) @ grown.transpose(-1, -2)
        in_gains, risen = both.chunk(2, dim=2)  # (batch, channel, draw, rate)
        in_rates = gains * (aged.sum(dim=-1, keepdim=True) - risen)
        return None, in_rates.sum(dim=(0, 2)), in_gains


class Decayed(torch.autograd.Function):
    r"""Weights :math:`e^{-k_{jc} a_c}` and products :math:`r_c e^{-k_{jc} a_c}`.

    There is no gradient in the gaps a.
    """

    @staticmethod
    def forward(ctx: Any, gaps: Tensor, residuals: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (batch, step, rate * channel) and products (draw, batch, step, rate * channel).

        Args:
            ctx: Keeps what `backward` needs.
            gaps: +inf where there is none, shape (batch, step, channel).
            residuals: Shape (draw, batch, step, channel).
            rates: Shape (rate, channel).
        """
        near = decay_(gaps[..., None, :] * rates)
        ctx.save_for_backward(gaps, residuals, near)
        return near.flatten(-2), (near * residuals[..., None, :]).flatten(-2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, in_weights: Tensor, in_products: Tensor) -> tuple[None, Tensor, Tensor]:
        """Gradients in residuals and rates.

        Args:
            ctx: What `forward` kept.
            in_weights: Gradient in the weights, shape (batch, step, rate * channel).
            in_products: Gradient in the products, shape (draw, batch, step, rate * channel).
        """
        gaps, residuals, near = ctx.saved_tensors
        in_products = in_products.unflatten(-1, near.shape[-2:])
        of_draws = (in_products * residuals[..., None, :]).sum(dim=0)
        in_near = of_draws.add_(in_weights.unflatten(-1, near.shape[-2:])).mul_(near)
        in_residuals = torch.einsum("dbsjc,bsjc->dbsc", in_products, near)
        finite = gaps.masked_fill(torch.isinf(gaps), 0.0)[..., None, :]
        in_rates = in_near.mul_(finite).flatten(0, 1).sum(dim=0).neg_()
        return None, in_residuals, in_rates

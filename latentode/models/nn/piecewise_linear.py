"""Sums of piecewise-linear functions of one number each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FARTHEST = 5.0  # standard deviations of a piece: a rare one counts no more than that
_LEAST = 1e-3  # standard deviation below which a piece says nothing


class PiecewiseLinear(nn.Module):
    r"""A sum of functions of single features, linear between quantiles of the training part.

    .. math::
        y_k = a_k + \sum_f \sum_b w_{kfb}\, \frac{e_b(x_f) - m_{fb}}{s_{fb}}, \qquad
        e_b(x) = \min\Big(1, \max\Big(0, \frac{x - q_{b}}{q_{b+1} - q_b}\Big)\Big)

    Everything is a buffer, as it is fitted beside the network and not by its steps; before that it
    is zero.

    Args:
        features: Number of features.
        bins: Pieces of each function.
        outputs: Number of sums.
    """

    edges: Tensor
    mean: Tensor
    factor: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, features: int, bins: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("edges", torch.zeros(features, bins + 1))
        self.register_buffer("mean", torch.zeros(features * bins))
        self.register_buffer("factor", torch.zeros(features * bins))
        self.register_buffer("weight", torch.zeros(outputs, features * bins))
        self.register_buffer("bias", torch.zeros(outputs))

    def encode(self, x: Tensor) -> Tensor:
        """Standardised pieces of features (..., feature), shape (..., feature * bin)."""
        width = self.edges.diff(dim=-1)
        share = (x[..., None] - self.edges[:, :-1]) / torch.where(width > 0, width, 1.0)
        pieces = torch.where(width > 0, share.clamp(0.0, 1.0), 0.0).flatten(-2)
        return ((pieces - self.mean) * self.factor).clamp(-_FARTHEST, _FARTHEST)

    @torch.no_grad()
    def learn_scale(self, x: Tensor) -> None:
        """Take quantiles, and means and deviations of pieces, from features (row, feature)."""
        bins = self.edges.shape[1] - 1
        levels = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=x.device)
        self.edges.copy_(torch.quantile(x.double(), levels, dim=0).T)
        self.mean.zero_()
        self.factor.fill_(1.0)
        pieces = self.encode(x)
        self.mean.copy_(pieces.mean(0))
        spread = pieces.std(0, correction=0)
        self.factor.copy_(torch.where(spread > _LEAST, 1.0 / spread, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        """Sums for features (..., feature), shape (..., output)."""
        return nn.functional.linear(self.encode(x), self.weight, self.bias)

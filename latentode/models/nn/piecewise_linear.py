"""Sums of piecewise-linear functions of one number each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_PENALTIES = (1.6, 0.8, 0.4, 0.2, 0.1)  # weights of the squared norm
_ITERATIONS = 100  # of L-BFGS, most: 30 found the same fit of 3,700 weights
_FARTHEST = 5.0  # standard deviations of a piece: a rare one counts no more than that
_LEAST = 1e-3  # standard deviation below which a piece says nothing


class PiecewiseLinear(nn.Module):
    r"""A sum of functions of single features, linear between quantiles of the training part.

    .. math::
        y_k = a_k + \sum_f \sum_b w_{kfb}\, \frac{e_b(x_f) - m_{fb}}{s_{fb}}, \qquad
        e_b(x) = \min\Big(1, \max\Big(0, \frac{x - q_{b}}{q_{b+1} - q_b}\Big)\Big)

    Everything is a buffer, as it is fitted by itself (`fit_classes`), not by the steps of a network
    beside it; before that it is zero.

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
        return functional.linear(self.encode(x), self.weight, self.bias)

    def fit_classes(
        self, train: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor] | None
    ) -> None:
        r"""Fit the sums as logits of classes by penalised likelihood.

        Minimises the mean of :math:`-\log p(k \mid x)` over rows :math:`+ \lambda \lVert w
        \rVert^2`, a convex problem, by L-BFGS in float64. Rows that are held out choose
        :math:`\lambda`, from the strongest on; without any it is that.

        Args:
            train: Features (row, feature) and classes (row,).
            held_out: Likewise; None where there is nothing to judge by.
        """
        features, codes = train
        self.learn_scale(features)
        inputs = self.encode(features).double()
        judged = None if held_out is None else (self.encode(held_out[0]).double(), held_out[1])
        weight = torch.zeros_like(self.weight, dtype=torch.float64)
        bias = torch.bincount(codes, minlength=len(weight)).double().clamp(min=0.5).log()
        best = torch.inf
        for penalty in _PENALTIES if judged is not None else _PENALTIES[:1]:
            weight, bias = _fit(inputs, codes, penalty, weight, bias)
            loss = 0.0 if judged is None else float(_log_loss(*judged, weight, bias))
            if loss >= best:
                break
            best = loss
            self.weight.copy_(weight)
            self.bias.copy_(bias)


def _fit(
    inputs: Tensor, codes: Tensor, penalty: float, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Weight and bias that are best, searched from some."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _log_loss(inputs, codes, weight, bias) + penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def _log_loss(inputs: Tensor, codes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.cross_entropy(functional.linear(inputs, weight, bias), codes)

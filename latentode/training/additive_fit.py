"""The additive part of a head for labels of series, fitted before the network learns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from latentode.data.batches.batch import SeriesBatch
from latentode.models.heads.labels import LabelHead

_PENALTIES = (1.6, 0.8, 0.4, 0.2, 0.1)  # weights of the squared norm
_ITERATIONS = 100


def fit_additive(
    head: LabelHead, train: Sequence[SeriesBatch], held_out: Sequence[SeriesBatch]
) -> None:
    r"""Fit the sum of piecewise-linear functions by penalised likelihood, in place.

    Minimises the mean of :math:`-\log p(y \mid r, s)` over labelled windows of the training part
    :math:`+ \lambda \lVert w \rVert^2`, a convex problem, by L-BFGS in float64. The labelled
    windows that are held out choose :math:`\lambda`; without any it is 1.6.

    Args:
        head: Head of the model, on the CPU.
        train: Training windows.
        held_out: Windows of validation with labels; none where these cannot be judged by.
    """
    additive = head.additive
    assert additive is not None
    numbers, codes = _labelled(head, train)
    additive.learn_scale(numbers)
    inputs = additive.encode(numbers).double()
    judged = None
    if held_out:
        numbers, known = _labelled(head, held_out)
        judged = additive.encode(numbers).double(), known
    weight = inputs.new_zeros(head.num_classes, inputs.shape[1])
    bias = torch.bincount(codes, minlength=head.num_classes).double().clamp(min=0.5).log()
    best = torch.inf
    for penalty in _PENALTIES if judged is not None else _PENALTIES[:1]:
        weight, bias = _fit(inputs, codes, penalty, weight, bias)
        loss = 0.0 if judged is None else float(_cross_entropy(*judged, weight, bias))
        if loss >= best:
            break
        best = loss
        additive.weight.copy_(weight)
        additive.bias.copy_(bias)


def _labelled(head: LabelHead, batches: Sequence[SeriesBatch]) -> tuple[Tensor, Tensor]:
    numbers = torch.cat([head.numbers(batch) for batch in batches])
    codes = torch.cat([head.codes(batch) for batch in batches])
    return numbers[codes >= 0], codes[codes >= 0]


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
        loss = _cross_entropy(inputs, codes, weight, bias)
        loss = loss + penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def _cross_entropy(inputs: Tensor, codes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.cross_entropy(functional.linear(inputs, weight, bias), codes)

"""Quadrature rules on the unit interval."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from latentode.errors import ConfigError

Rule = Literal["gauss_legendre", "simpson"]


@functools.lru_cache(maxsize=32)
def unit_rule(rule: Rule, nodes: int | None = None) -> tuple[Tensor, Tensor]:
    """Points and weights of a quadrature rule on [0, 1].

    Args:
        rule: "gauss_legendre", exact for degree 2 nodes - 1; or "simpson", the composite rule on
            equidistant nodes with both ends, exact for degree 3.
        nodes: Number of points; 4 by default for Gauss-Legendre, 3 (the least) for Simpson, which
            needs an odd number.

    Returns:
        Points, and weights that sum to 1, both of shape (nodes,), float64, on the CPU.

    Raises:
        ConfigError: If the rule is unknown or cannot have this number of nodes.
    """
    if rule == "gauss_legendre" and (nodes is None or nodes >= 1):
        points, weights = np.polynomial.legendre.leggauss(4 if nodes is None else nodes)
        return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)
    if rule == "simpson" and (nodes is None or (nodes >= 3 and nodes % 2 == 1)):
        points = np.linspace(0, 1, 3 if nodes is None else nodes)
        weights = np.ones_like(points)
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        return torch.from_numpy(points), torch.from_numpy(weights / weights.sum())
    raise ConfigError(
        'rule: expected "gauss_legendre" with 1 or more nodes, or "simpson" with an odd number of '
        f"3 or more, got {rule!r} with nodes={nodes}. Choose one of these."
    )


def rule_on(device: torch.device, rule: Rule, nodes: int | None = None) -> tuple[Tensor, Tensor]:
    """`unit_rule` on a device, filled there number by number: for a copy the host would wait.

    Args:
        device: Where points and weights are needed.
        rule: As in `unit_rule`.
        nodes: As in `unit_rule`.
    """
    points, weights = unit_rule(rule, nodes)
    if device.type == "cpu":
        return points, weights
    return _filled(device, points), _filled(device, weights)


def _filled(device: torch.device, numbers: Tensor) -> Tensor:
    fill = functools.partial(torch.full, (), dtype=numbers.dtype, device=device)
    return torch.stack([fill(number) for number in numbers.tolist()])

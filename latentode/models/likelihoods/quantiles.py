"""Quantiles and probabilities for which torch has no function.

scipy is loaded when they are asked for: a program that only trains a network needs none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from torch import Tensor

_REACH, _NODES = 8.5, 1025  # of scores; no draw in 1e16 is farther out


@dataclass(frozen=True, eq=False)
class StudentTQuantiles:
    r"""The map from normal scores z to quantiles :math:`F_\nu^{-1}(\Phi(z))`, and back.

    Between nodes it is linear, by less than 2e-4 of the quantile beside the true one; both ways
    use the same line, so that they are each other's inverse.

    Attributes:
        nodes: Quantiles of scores from 0 on, increasing, float64, shape (channel, node).
    """

    nodes: Tensor

    @classmethod
    def of(cls, df: Tensor) -> Self:
        """For some degrees of freedom, shape (channel,)."""
        return cls(_quantiles(tuple(df.detach().double().cpu().tolist())).to(df.device))

    def at(self, scores: Tensor) -> Tensor:
        """Quantiles of some scores, the last axis `channel`; of the type of the scores."""
        nodes = self.nodes.to(scores.dtype)
        place = scores.abs() * ((_NODES - 1) / _REACH)
        node = place.int().clamp_(max=_NODES - 2)
        place -= node
        node += _NODES * torch.arange(len(nodes), device=node.device, dtype=torch.int32)
        low, high = (_read(of.flatten(), node) for of in (nodes, nodes.roll(-1, dims=1)))
        return torch.lerp(low, high, place).copysign_(scores)

    def scores(self, quantiles: Tensor) -> Tensor:
        """Scores of some quantiles, the last axis `channel`; of the type of the quantiles."""
        size = quantiles.double().abs().movedim(-1, 0).flatten(1)
        node = torch.searchsorted(self.nodes, size.contiguous(), right=True) - 1
        node = node.clamp(0, _NODES - 2)
        low, high = (self.nodes.gather(1, node + step) for step in (0, 1))
        score = (node + (size - low) / (high - low)) * (_REACH / (_NODES - 1))
        shape = quantiles.movedim(-1, 0).shape
        return score.view(shape).movedim(0, -1).to(quantiles) * quantiles.sign()


def _read(table: Tensor, places: Tensor) -> Tensor:
    """Numbers of a table at some places, which lie in memory as the places do."""
    axes = sorted(range(places.dim()), key=places.stride, reverse=True)
    in_memory = places.permute(axes)
    found = table.index_select(0, in_memory.flatten()).view(in_memory.shape)
    return found.permute([axes.index(axis) for axis in range(places.dim())])


@lru_cache(maxsize=8)
def _quantiles(freedoms: tuple[float, ...]) -> Tensor:
    """Nodes of some degrees of freedom: every window of a prediction asks for the same."""
    from scipy import special

    below = special.ndtr(-torch.linspace(0.0, _REACH, _NODES, dtype=torch.float64).numpy())
    return -torch.from_numpy(special.stdtrit(np.array(freedoms)[:, None], below))


def student_t_scores(freedom: float, quantiles: Tensor) -> Tensor:
    """Normal scores of quantiles of Student's t from 0 on; float64."""
    from scipy import special

    above = torch.from_numpy(special.stdtr(freedom, -quantiles.double().numpy(force=True)))
    return -torch.special.ndtri(above.to(quantiles.device))


def chi_square_quantiles(freedom: float, scores: Tensor) -> Tensor:
    """Quantiles of chi-square over its degrees of freedom at some normal scores; float64."""
    from scipy import special

    above = torch.special.ndtr(-scores.double())
    return torch.from_numpy(special.chdtri(freedom, above.numpy(force=True))).to(above) / freedom


def middle_of_counts(counts: Tensor, mean: Tensor, size: Tensor) -> Tensor:
    """Probability of less than each negative binomial count and half that of the count itself.

    Args:
        counts: Whole numbers from 0 on.
        mean: Mean of each.
        size: :math:`r` of each, see `NegativeBinomialLikelihood`.
    """
    from scipy import special

    k, r, share = (x.numpy(force=True) for x in (counts, size, size / (size + mean)))
    up_to = special.betainc(r, k + 1.0, share)
    less = np.where(k > 0.0, special.betainc(r, np.maximum(k, 1.0), share), 0.0)
    return torch.from_numpy(0.5 * (less + up_to)).to(mean)

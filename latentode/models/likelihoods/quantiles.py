"""Quantiles of Student's t by normal scores, for which torch has no function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from scipy import special
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
        below = special.ndtr(-torch.linspace(0.0, _REACH, _NODES, dtype=torch.float64).numpy())
        freedom = df.detach().cpu().double().numpy()[:, None]
        return cls(-torch.from_numpy(special.stdtrit(freedom, below)).to(df.device))

    def at(self, scores: Tensor) -> Tensor:
        """Quantiles of some scores, the last axis `channel`; float64."""
        place = scores.double().abs() * ((_NODES - 1) / _REACH)
        node = place.long().clamp(max=_NODES - 2)
        of_channel = node + _NODES * torch.arange(len(self.nodes), device=node.device)
        low, high = (self.nodes.take(of_channel + step) for step in (0, 1))
        return scores.double().sign() * torch.lerp(low, high, place - node)

    def scores(self, quantiles: Tensor) -> Tensor:
        """Scores of some quantiles, the last axis `channel`; of the type of the quantiles."""
        size = quantiles.double().abs().movedim(-1, 0).flatten(1)
        node = torch.searchsorted(self.nodes, size.contiguous(), right=True) - 1
        node = node.clamp(0, _NODES - 2)
        low, high = (self.nodes.gather(1, node + step) for step in (0, 1))
        score = (node + (size - low) / (high - low)) * (_REACH / (_NODES - 1))
        shape = quantiles.movedim(-1, 0).shape
        return score.view(shape).movedim(0, -1).to(quantiles) * quantiles.sign()

"""Channels of two states."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from latentode.models.likelihoods.support import SupportLikelihood
from latentode.models.nn.bounds import Bounds

_SUREST = 12.0  # log-odds: what never happened in training costs 12 nats, not the whole fit


class BernoulliLikelihood(SupportLikelihood):
    r"""The upper of two states with log-odds :math:`12\tanh\big((\mu - m)/12\sigma\big)`, m midway.

    Args:
        lower: Lower state of each channel in scaled units, shape (channel,).
        upper: Upper state, likewise.
    """

    def __init__(self, lower: Tensor, upper: Tensor) -> None:
        super().__init__(len(lower), heavy=False)
        self.bounds = Bounds(lower, upper)

    def _log_odds(self, location: Tensor, scale: Tensor) -> Tensor:
        middle = 0.5 * (self.bounds.lower + self.bounds.upper)
        return _SUREST * torch.tanh((location - middle) / (_SUREST * scale))

    def log_mass(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `SupportLikelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        odds = self._log_odds(location, scale)
        return functional.logsigmoid(torch.where(self.bounds.at(values)[1], odds, -odds))

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        up = torch.special.ndtr(noise) > torch.sigmoid(-self._log_odds(location, scale))
        return torch.where(up, self.bounds.upper, self.bounds.lower).to(location.dtype)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        odds = self._log_odds(location, scale)
        up = torch.special.ndtri(1.0 - 0.5 * torch.sigmoid(odds))
        down = torch.special.ndtri(0.5 * torch.sigmoid(-odds))
        return torch.where(self.bounds.at(values)[1], up, down)

    def is_mass(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        low, high = self.bounds.at(values)
        return low | high

    def fits(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self.is_mass(values)

"""Readings with bounds, at which they pile up."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.models.likelihoods.support import SupportLikelihood
from latentode.models.nn.bounds import Bounds

_LEAST = -1e3  # below, the gradient of log_ndtr is wrong in float32


class CensoredLikelihood(SupportLikelihood):
    r"""A latent reading, of which all that lies beyond a bound is read as the bound.

    .. math:: P(x = a) = F\big((a - \mu)/\sigma\big), \quad P(x = b) = 1 - F\big((b -
        \mu)/\sigma\big), \quad p(x) = f\big((x - \mu)/\sigma\big) / \sigma \text{ between}

    with F of `SinhArcsinhLikelihood`. Rain, a stopped pump, a saturated sensor.

    Args:
        lower: Lower bound of each channel in scaled units, -inf without, shape (channel,) or one
            for each window, (batch, 1, channel).
        upper: Upper bound, +inf without, likewise.
        heavy: Whether tails are learned; False is the normal.

    Reference:
        Tobin (1958), Estimation of relationships for limited dependent variables, Econometrica 26.
    """

    def __init__(self, lower: Tensor, upper: Tensor, *, heavy: bool) -> None:
        super().__init__(lower.shape[-1], heavy=heavy)
        self.bounds = Bounds(lower, upper)

    def shifted(self, shift: Tensor) -> CensoredLikelihood:
        """See `SupportLikelihood`."""
        bounds = self.bounds
        moved = CensoredLikelihood(bounds.lower - shift, bounds.upper - shift, heavy=False)
        moved.free = self.free
        return moved

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; the log-probability of a reading at a bound.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        score, density = self.free.score_and_log_prob(values, location, scale)
        low, high = self.bounds.at(values)
        outside = torch.where(high, -score, score).clamp(min=_LEAST)
        return torch.where(low | high, torch.special.log_ndtr(outside), density)

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return self.observed(self.latent(noise, location, scale))

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        score = self.free.score(values, location, scale)
        low, high = self.bounds.at(values)
        outside = torch.where(high, -score, score)
        middle = torch.special.ndtri(0.5 * torch.special.ndtr(outside))
        return torch.where(low, middle, torch.where(high, -middle, score))

    def latent(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return self.free.transform(noise, location, scale)

    def observed(self, latent: Tensor) -> Tensor:
        """See `Likelihood`."""
        lower, upper = self.bounds.lower.to(latent), self.bounds.upper.to(latent)
        return torch.minimum(torch.maximum(latent, lower), upper)

    def is_mass(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        low, high = self.bounds.at(values)
        return low | high

    def fits(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self.bounds.holds(values)

"""Readings that cannot be any number: those of a support have probabilities of their own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latentode.models.likelihoods.base import Likelihood

_GAIN = 5.0  # one number a channel must move by units while weights move by hundredths
_LEAST_TAIL, _START = 0.2, 0.4  # at a fifth the 5 % quantile is that of the normal times 50


class SinhArcsinhLikelihood(Likelihood):
    r"""Readings with sinh-arcsinh noise of learned tails.

    .. math:: F(e) = \Phi(\sinh(\delta\, \mathrm{arsinh}\, e)), \quad e = (x - \mu)/\sigma,
        \quad \delta < 1

    Distribution, quantiles and density have closed forms, unlike those of Student's t, and tails
    are heavier than those of the normal, to which it tends for :math:`\delta \to 1`.

    Args:
        num_channels: Channels.
        heavy: Whether tails are learned; False is the normal.

    Reference:
        Jones, Pewsey (2009), Sinh-arcsinh distributions, Biometrika 96.
    """

    def __init__(self, num_channels: int, *, heavy: bool) -> None:
        super().__init__(num_channels)
        self.raw_tail = nn.Parameter(torch.zeros(num_channels)) if heavy else None

    def tail(self, raw: Tensor) -> Tensor:
        """The exponent of the tails, shape (channel,)."""
        return _LEAST_TAIL + (1.0 - _LEAST_TAIL) * torch.sigmoid(_START + _GAIN * raw)

    def score_and_log_prob(
        self, values: Tensor, location: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Normal score of each reading, whose :math:`\Phi` is the probability of less; density.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        error = (values - location) / scale
        if self.raw_tail is None:
            return error, -0.5 * (error * error + math.log(2 * math.pi)) - scale.log()
        tail = self.tail(self.raw_tail)
        score = torch.sinh(tail * torch.asinh(error))
        square = score * score
        stretch = tail.log() + 0.5 * (torch.log1p(square) - torch.log1p(error * error))
        return score, stretch - 0.5 * (square + math.log(2 * math.pi)) - scale.log()

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return self.score_and_log_prob(values, location, scale)[1]

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; by the quantile function.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        if self.raw_tail is not None:
            noise = torch.sinh(torch.asinh(noise) / self.tail(self.raw_tail).to(noise.dtype))
        return location + scale * noise.to(location.dtype)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return self.score_and_log_prob(values, location, scale)[0]


class SupportLikelihood(Likelihood):
    """Readings of a support, part of which have a probability instead of a density.

    A reading outside of it has the density that it would have without.

    Args:
        num_channels: Channels.
        heavy: As in `SinhArcsinhLikelihood`, which is what is left without the support.
    """

    def __init__(self, num_channels: int, *, heavy: bool) -> None:
        super().__init__(num_channels)
        self.free = SinhArcsinhLikelihood(num_channels, heavy=heavy)

    def log_mass(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Log-probability of each reading as if it had one; finite everywhere.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        raise NotImplementedError

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; the log-probability of a reading that has one.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        mass = self.log_mass(values, location, scale)
        density = self.free.log_prob(values, location, scale)
        return torch.where(self.is_mass(values), mass, density)

    def shifted(self, shift: Tensor) -> SupportLikelihood:
        """The same of readings that something was taken off, shape (batch, 1, channel)."""
        del shift  # that of states and counts is 0
        return self

    def given(self, values: Tensor, mask: Tensor, shift: Tensor) -> Likelihood:
        """Without the support of channels of which a window has a reading outside.

        Args:
            values: Known readings in scaled units less `shift`, shape (batch, time, channel).
            mask: True where there is one, likewise.
            shift: What was taken off every reading of a window, shape (batch, 1, channel).
        """
        moved = self.shifted(shift) if shift.any() else self
        unfit = (mask & ~moved.fits(values)).any(dim=1, keepdim=True)
        return Lifted(moved, self.free, unfit) if unfit.any() else moved


class Lifted(Likelihood):
    """A likelihood whose supports do not hold for some channels of some windows.

    Args:
        likelihood: With supports.
        free: Without.
        unfit: True where they do not hold, shape (batch, 1, channel).
    """

    def __init__(self, likelihood: Likelihood, free: Likelihood, unfit: Tensor) -> None:
        super().__init__(likelihood.num_channels)
        self.likelihood, self.free, self.unfit = likelihood, free, unfit

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        free = self.free.log_prob(values, location, scale)
        return torch.where(self.unfit, free, self.likelihood.log_prob(values, location, scale))

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        free = self.free.transform(noise, location, scale)
        return torch.where(self.unfit, free, self.likelihood.transform(noise, location, scale))

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        free = self.free.score(values, location, scale)
        return torch.where(self.unfit, free, self.likelihood.score(values, location, scale))

    def latent(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        free = self.free.transform(noise, location, scale)
        return torch.where(self.unfit, free, self.likelihood.latent(noise, location, scale))

    def observed(self, latent: Tensor) -> Tensor:
        """See `Likelihood`."""
        return torch.where(self.unfit, latent, self.likelihood.observed(latent))

    def is_mass(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self.likelihood.is_mass(values) & ~self.unfit

"""Channels of small counts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from latentode.models.likelihoods.quantiles import middle_of_counts
from latentode.models.likelihoods.support import SupportLikelihood

_LEAST_MEAN = 1e-6  # logarithms of a mean of 0 are infinite
_MOST_SIZE = 1e7  # as good as Poisson, and float64 keeps 8 digits of its gamma functions
_LARGE = 200.0  # mean above which a count is drawn as a rounded normal
_MOST_STEPS = 2_000  # of the sum that a count is drawn by: ten times the largest such mean
_WHOLE = 1e-3  # of a step: scaled and rounded to float32, a count is not quite whole


class NegativeBinomialLikelihood(SupportLikelihood):
    r"""Counts of mean m and variance :math:`m + s^2`.

    .. math:: p(k) = \frac{\Gamma(k + r)}{k!\,\Gamma(r)} \Big(\frac{r}{r + m}\Big)^r
        \Big(\frac{m}{r + m}\Big)^k, \qquad r = m^2 / s^2, \quad m = \log(1 + e^\lambda),

    with location :math:`\lambda` and scale s in counts: Poisson for :math:`s \to 0`.

    Args:
        zero: The count 0 of each channel in scaled units, shape (channel,).
        step: Distance of two counts, likewise.
    """

    zero: Tensor
    step: Tensor

    def __init__(self, zero: Tensor, step: Tensor) -> None:
        super().__init__(len(zero), heavy=False)
        self.register_buffer("zero", zero.double(), persistent=False)
        self.register_buffer("step", step.double(), persistent=False)

    def _counts(self, values: Tensor) -> Tensor:
        return (values.double() - self.zero.double()) / self.step.double()

    def _mean_and_size(self, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        mean = functional.softplus(self._counts(location)) + _LEAST_MEAN
        ratio = mean * self.step.double() / scale.double()
        return mean, (ratio * ratio).clamp(max=_MOST_SIZE)

    def log_mass(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `SupportLikelihood`; in float64, as the gamma functions cancel.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        mean, size = self._mean_and_size(location, scale)
        counts = self._counts(values).round().clamp(min=0.0)
        ways = torch.lgamma(counts + size) - torch.lgamma(size) - torch.lgamma(counts + 1.0)
        odds = counts * (mean.log() - (mean + size).log()) - size * torch.log1p(mean / size)
        return (ways + odds).to(location.dtype)

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; the least count whose distribution function reaches the number.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        mean, size = self._mean_and_size(location, scale)
        wanted = torch.special.ndtr(noise.double())
        drawn = torch.sqrt(mean + mean * mean / size) * noise.double() + mean
        counts = drawn.round().clamp(min=0.0)
        small = mean < _LARGE
        summed = self._by_summing(wanted[small], mean[small], size[small])
        counts = counts.masked_scatter(small, summed)
        return (self.zero.double() + self.step.double() * counts).to(location.dtype)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; of a large count that of a normal with its mean and variance.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        mean, size = self._mean_and_size(location, scale)
        counts = self._counts(values).round().clamp(min=0.0).expand_as(mean)
        normal = (counts - mean) / torch.sqrt(mean + mean * mean / size)
        small = (mean < _LARGE) & (counts < _MOST_STEPS)
        below = middle_of_counts(counts[small], mean[small], size[small])
        return normal.masked_scatter(small, torch.special.ndtri(below)).to(location.dtype)

    @staticmethod
    def _by_summing(wanted: Tensor, mean: Tensor, size: Tensor) -> Tensor:
        share = mean / (mean + size)
        mass = torch.exp(-size * torch.log1p(mean / size))
        total, counts = mass.clone(), torch.zeros_like(mean)
        for count in range(_MOST_STEPS):
            short = total < wanted
            if not short.any():
                break
            counts += short
            mass = mass * share * (count + size) / (count + 1)
            total += mass
        return counts

    def is_mass(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        counts = self._counts(values)
        return (counts > -_WHOLE) & ((counts - counts.round()).abs() < _WHOLE)

    def fits(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self.is_mass(values)

r"""What is read, given location and scale, as arrays: the likelihoods of readings, without torch.

Each class here is the one of its name in `latentode.models.likelihoods`, which says what the
formulas are and learns their numbers; here are densities and draws alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from latentode.data.dataset import Float64, Int64
from latentode.data.families import Families

Bools = NDArray[np.bool_]
_REACH, _NODES = 8.5, 1025  # of scores; no draw in 1e16 is farther out
_HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)  # of normal densities
_LEAST_SCORE = -1e3  # of a probability
_ROUNDING = 1e-6  # relative: a bound and a reading at it were scaled alike, in float32
_SUREST = 12.0  # log-odds
_LEAST_MEAN, _MOST_SIZE, _LARGE, _WHOLE = 1e-6, 1e7, 200.0, 1e-3  # of counts


class Readings(ABC):
    """Density of one reading given its location and scale; the last axis is of channels."""

    @abstractmethod
    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """Log-density in nats of each reading, in scaled units.

        Args:
            values: Readings, shapes that broadcast.
            location: Location of each.
            scale: Scale of each.
        """

    @abstractmethod
    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """What `observed` turns into draws: readings before bounds cut them.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """

    def observed(self, latent: Float64) -> Float64:
        """What is read of latent readings."""
        return latent

    def is_mass(self, values: Float64) -> Bools:
        """Whether `log_prob` of a reading is of a probability, not of a density."""
        return np.zeros(values.shape, bool)

    def fits(self, values: Float64) -> Bools:
        """Whether a reading is one that can be drawn."""
        return np.ones(values.shape, bool)

    def at(self, windows: Int64) -> Readings:
        """For some windows, (window, channel) in the place of (batch, 1, channel)."""
        del windows
        return self


@dataclass(frozen=True, eq=False)
class Gaussian(Readings):
    """See `GaussianLikelihood`."""

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        error = (values - location) / scale
        return -0.5 * error * error - _HALF_LOG_TWO_PI - np.log(scale)

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        return location + scale * noise


@dataclass(frozen=True, eq=False)
class StudentT(Readings):
    """See `StudentTLikelihood`.

    Attributes:
        freedom: Degrees of freedom, shape (channel,).
    """

    freedom: Float64

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        df, error = self.freedom, (values - location) / scale
        constant = (
            special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * np.pi)
        )
        density: Float64 = np.log1p(error * error / df)
        return constant - np.log(scale) - 0.5 * (df + 1) * density

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        nodes = _quantiles(tuple(self.freedom.tolist()))
        place = np.abs(noise) * ((_NODES - 1) / _REACH)
        node = np.minimum(place.astype(np.int64), _NODES - 2)
        of_channel = node + _NODES * np.arange(len(nodes))
        low, high = nodes.take(of_channel), nodes.take(of_channel + 1)
        return location + scale * np.copysign(low + (place - node) * (high - low), noise)


@lru_cache(maxsize=8)
def _quantiles(freedoms: tuple[float, ...]) -> Float64:
    below = special.ndtr(-np.linspace(0.0, _REACH, _NODES))
    nodes: Float64 = -special.stdtrit(np.array(freedoms)[:, None], below)
    return nodes


@dataclass(frozen=True, eq=False)
class SinhArcsinh(Readings):
    """See `SinhArcsinhLikelihood`.

    Attributes:
        tail: Exponent of the tails, shape (channel,); None is the normal.
    """

    tail: Float64 | None

    def score_and_log_prob(
        self, values: Float64, location: Float64, scale: Float64
    ) -> tuple[Float64, Float64]:
        """Normal score of each reading, and its log-density.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        error = (values - location) / scale
        if self.tail is None:
            return error, -0.5 * error * error - _HALF_LOG_TWO_PI - np.log(scale)
        score = np.sinh(self.tail * np.arcsinh(error))
        square = score * score
        stretch = np.log(self.tail) + 0.5 * (np.log1p(square) - np.log1p(error * error))
        return score, stretch - 0.5 * square - _HALF_LOG_TWO_PI - np.log(scale)

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        return self.score_and_log_prob(values, location, scale)[1]

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        if self.tail is not None:
            noise = np.sinh(np.arcsinh(noise) / self.tail)
        return location + scale * noise


@dataclass(frozen=True, eq=False)
class Supported(Readings):
    """Readings of a support.

    Attributes:
        free: What is left without the support.
        lower: Least value of each channel in scaled units, -inf without, shape (channel,) or
            (batch, 1, channel); the count 0 of counts.
        upper: Greatest, likewise; the count 1 of counts.
    """

    free: SinhArcsinh
    lower: Float64
    upper: Float64

    def at_bounds(self, values: Float64) -> tuple[Bools, Bools]:
        """Whether each value stands at the lower, and at the upper bound."""
        return _near(values, self.lower), _near(values, self.upper)

    def is_mass(self, values: Float64) -> Bools:
        """See `Readings`."""
        low, high = self.at_bounds(values)
        return low | high

    def shifted(self, shift: Float64) -> Supported:
        """The same of readings that something was taken off, shape (batch, 1, channel)."""
        del shift  # that of states and counts is 0
        return self

    def at(self, windows: Int64) -> Supported:
        """See `Readings`."""
        ends = (end if end.ndim == 1 else end[windows, 0] for end in (self.lower, self.upper))
        return type(self)(self.free, *ends)


def _slack(bound: Float64) -> Float64:
    slack: Float64 = np.where(np.isfinite(bound), _ROUNDING * (1.0 + np.abs(bound)), 0.0)
    return slack


def _near(values: Float64, bound: Float64) -> Bools:
    near: Bools = np.abs(values - bound) <= _slack(bound)
    return near


@dataclass(frozen=True, eq=False)
class Censored(Supported):
    """See `CensoredLikelihood`."""

    def shifted(self, shift: Float64) -> Censored:
        """See `Supported`."""
        return Censored(self.free, self.lower - shift, self.upper - shift)

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        score, density = self.free.score_and_log_prob(values, location, scale)
        low, high = self.at_bounds(values)
        outside = np.maximum(np.where(high, -score, score), _LEAST_SCORE)
        found: Float64 = np.where(low | high, special.log_ndtr(outside), density)
        return found

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        return self.free.latent(noise, location, scale)

    def observed(self, latent: Float64) -> Float64:
        """See `Readings`."""
        return np.minimum(np.maximum(latent, self.lower), self.upper)

    def fits(self, values: Float64) -> Bools:
        """See `Readings`."""
        above: Bools = values >= self.lower - _slack(self.lower)
        return above & (values <= self.upper + _slack(self.upper))


@dataclass(frozen=True, eq=False)
class Bernoulli(Supported):
    """See `BernoulliLikelihood`."""

    def _log_odds(self, location: Float64, scale: Float64) -> Float64:
        middle = 0.5 * (self.lower + self.upper)
        odds: Float64 = _SUREST * np.tanh((location - middle) / (_SUREST * scale))
        return odds

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        odds = self._log_odds(location, scale)
        mass = special.log_expit(np.where(self.at_bounds(values)[1], odds, -odds))
        density = self.free.log_prob(values, location, scale)
        found: Float64 = np.where(self.is_mass(values), mass, density)
        return found

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        up = special.ndtr(noise) > special.expit(-self._log_odds(location, scale))
        drawn: Float64 = np.where(up, self.upper, self.lower)
        return drawn

    def fits(self, values: Float64) -> Bools:
        """See `Readings`."""
        return self.is_mass(values)


@dataclass(frozen=True, eq=False)
class NegativeBinomial(Supported):
    """See `NegativeBinomialLikelihood`."""

    def _counts(self, values: Float64) -> Float64:
        return (values - self.lower) / (self.upper - self.lower)

    def _mean_and_size(self, location: Float64, scale: Float64) -> tuple[Float64, Float64]:
        mean = np.logaddexp(0.0, self._counts(location)) + _LEAST_MEAN
        ratio = mean * (self.upper - self.lower) / scale
        return mean, np.minimum(ratio * ratio, _MOST_SIZE)

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        mean, size = self._mean_and_size(location, scale)
        counts = np.maximum(np.rint(self._counts(values)), 0.0)
        ways = special.gammaln(counts + size) - special.gammaln(size) - special.gammaln(counts + 1)
        odds = counts * (np.log(mean) - np.log(mean + size)) - size * np.log1p(mean / size)
        density = self.free.log_prob(values, location, scale)
        found: Float64 = np.where(self.is_mass(values), ways + odds, density)
        return found

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        mean, size = self._mean_and_size(location, scale)
        counts = np.maximum(np.rint(mean + np.sqrt(mean + mean * mean / size) * noise), 0.0)
        small = mean < _LARGE
        counts[small] = _least_counts(special.ndtr(noise[small]), mean[small], size[small])
        return self.lower + (self.upper - self.lower) * counts

    def is_mass(self, values: Float64) -> Bools:
        """See `Readings`."""
        counts = self._counts(values)
        mass: Bools = (counts > -_WHOLE) & (np.abs(counts - np.rint(counts)) < _WHOLE)
        return mass

    def fits(self, values: Float64) -> Bools:
        """See `Readings`."""
        return self.is_mass(values)


def _least_counts(wanted: Float64, mean: Float64, size: Float64) -> Float64:
    """The least count whose distribution function reaches each probability."""
    share = mean / (mean + size)
    mass = np.exp(-size * np.log1p(mean / size))
    total, counts, count = mass.copy(), np.zeros_like(mean), 0
    while (short := total < wanted).any() and count < 2_000:  # ten times the largest such mean
        counts += short
        mass *= share * (count + size) / (count + 1)
        total += mass
        count += 1
    return counts


@dataclass(frozen=True, eq=False)
class Lifted(Readings):
    """Readings whose supports do not hold for some channels of some windows.

    Attributes:
        supported: With supports.
        unfit: True where they do not hold, shape (batch, 1, channel).
    """

    supported: Supported
    unfit: Bools

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        both = (part.log_prob(values, location, scale) for part in self._parts())
        return np.where(self.unfit, *both)

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        return np.where(self.unfit, *(p.latent(noise, location, scale) for p in self._parts()))

    def observed(self, latent: Float64) -> Float64:
        """See `Readings`."""
        return np.where(self.unfit, latent, self.supported.observed(latent))

    def is_mass(self, values: Float64) -> Bools:
        """See `Readings`."""
        return self.supported.is_mass(values) & ~self.unfit

    def at(self, windows: Int64) -> Lifted:
        """See `Readings`."""
        return Lifted(self.supported.at(windows), self.unfit[windows, 0])

    def _parts(self) -> tuple[Readings, Readings]:
        return self.supported.free, self.supported


@dataclass(frozen=True, eq=False)
class ByKind(Readings):
    """Some channels by one likelihood, others by others.

    Attributes:
        parts: Likelihoods.
        channels: Channels of each.
    """

    parts: tuple[Readings, ...]
    channels: tuple[NDArray[np.intp], ...]

    def _joined(self, name: str, *arrays: Float64) -> Any:
        found = [
            getattr(part, name)(*(array[..., of] for array in arrays))
            for part, of in zip(self.parts, self.channels, strict=True)
        ]
        order = np.argsort(np.concatenate(self.channels))
        return np.concatenate(found, axis=-1)[..., order]

    def log_prob(self, values: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            values: Readings.
            location: Location of each.
            scale: Scale of each.
        """
        density: Float64 = self._joined("log_prob", values, location, scale)
        return density

    def latent(self, noise: Float64, location: Float64, scale: Float64) -> Float64:
        """See `Readings`.

        Args:
            noise: Standard normal numbers.
            location: Location of each reading.
            scale: Scale of each.
        """
        drawn: Float64 = self._joined("latent", noise, location, scale)
        return drawn

    def observed(self, latent: Float64) -> Float64:
        """See `Readings`."""
        observed: Float64 = self._joined("observed", latent)
        return observed

    def is_mass(self, values: Float64) -> Bools:
        """See `Readings`."""
        mass: Bools = self._joined("is_mass", values)
        return mass

    def at(self, windows: Int64) -> ByKind:
        """See `Readings`."""
        return ByKind(tuple(part.at(windows) for part in self.parts), self.channels)

    def given(self, values: Float64, mask: Bools, shift: Float64) -> ByKind:
        """Without the supports of channels of which a window has a reading outside.

        Args:
            values: Known readings in scaled units less `shift`, shape (batch, time, channel).
            mask: True where there is one, likewise.
            shift: What was taken off every reading of a window, shape (batch, 1, channel).
        """
        parts: list[Readings] = []
        for part, of in zip(self.parts, self.channels, strict=True):
            if isinstance(part, Supported):
                moved = part.shifted(shift[..., of])
                unfit: Bools = np.any(
                    mask[..., of] & ~moved.fits(values[..., of]), axis=1, keepdims=True
                )
                part = Lifted(moved, unfit)
            parts.append(part)
        return ByKind(tuple(parts), self.channels)


def readings_of(families: Families, numbers: Mapping[str, Float64]) -> ByKind:
    """The likelihood of channels of some families.

    Args:
        families: Kinds and bounds of all channels, in scaled units.
        numbers: What was learned, for all channels: "freedom" of Student's t, nothing for normal
            readings; "tail" where there are bounds and tails.
    """
    kinds, supported = np.array(families.kinds), families.supported()
    freedom, tail = numbers.get("freedom"), numbers.get("tail")
    lower, upper = families.lower, families.upper
    normal = SinhArcsinh(None)
    parts: list[tuple[Bools, Any]] = [
        (~supported, lambda of: Gaussian() if freedom is None else StudentT(freedom[of])),
        (
            supported & (kinds == "continuous"),
            lambda of: Censored(
                normal if tail is None else SinhArcsinh(tail[of]), lower[of], upper[of]
            ),
        ),
        (kinds == "binary", lambda of: Bernoulli(normal, lower[of], upper[of])),
        (
            kinds == "count",
            lambda of: NegativeBinomial(normal, lower[of], (lower + families.step)[of]),
        ),
    ]
    chosen = [(make(of), of) for where, make in parts if len(of := np.flatnonzero(where))]
    return ByKind(tuple(part for part, _ in chosen), tuple(of for _, of in chosen))

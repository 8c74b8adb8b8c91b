"""How wide bands must be, by what the validation part shows: the last step of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.calibration import (
    FEWEST,
    NUM_LEADS,
    Bands,
    Calibration,
    centre_and_width,
    is_read,
    leads,
)
from latentode.models.likelihoods.base import Likelihood
from latentode.prediction.predictor import Predictor, SolvedWindows

_DRAWS, _NOISES = 64, 4  # draws of a posterior, and of the noise about each
_ROUNDING = 1e-12  # of a sum of weights
_ORIGINS, _TARGETS = 256, 12_000  # most of each: what a few seconds judge
_FEWEST_ORIGINS = 32  # of a log whose windows alone hold more targets
_SAME = 1e-5  # relative: two readings of single precision that are one value
QUANTILES = (0.05, 0.25, 0.75, 0.95)  # ends of a 90 % band about those of a 50 % band
LEVELS = (0.5, 0.9)
_ENDS, _OUTWARD = np.array([[1, 2], [0, 3]]), np.array([-1.0, 1.0])  # (level, side); of sides
_OFF = (0.05, 0.04)  # customary error of the share that bands of each level cover, before
_DRIFT = 0.03  # customary difference of that share between one part of a log and the next
_LEAST_QUANTILE = 0.05  # widths: a reading at the centre asks for no factor
_APART = 1e-3  # least distance of lead times that are told apart, relative
_MOST = 4.0  # greatest factor of a quantile, and one over it the least
_SLOPES = (0.1, 10.0)  # least and greatest
_DENSE = 0.8  # share of readings with a density, from which a channel is calibrated


@dataclass(frozen=True, eq=False)
class Errors:
    """Readings that were predicted, in widths of what was said of them, one entry a reading.

    Attributes:
        channel: Channel of each.
        between: Whether other readings surround it.
        log_lead: Logarithm of its lead time.
        stretch: Series, and number of the stretch as long as the horizon, in which it lies.
        error: Distance from the centre in widths.
        mass: Whether it has a probability, not a density.
        quantiles: The same of the quantiles `QUANTILES` of what was said, shape (reading, 4).
    """

    channel: Int64
    between: NDArray[np.bool_]
    log_lead: Float64
    stretch: NDArray[np.str_]
    error: Float64
    mass: NDArray[np.bool_]
    quantiles: Float64

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All of some."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def select(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of them."""
        return replace(self, **{name: array[chosen] for name, array in vars(self).items()})


def errors_of_windows(
    predictor: Predictor, part: SolvedWindows, generator: torch.Generator
) -> Errors:
    """Errors of the targets of some windows that were not calibrated.

    Args:
        predictor: What solved them.
        part: The windows.
        generator: Of noise.
    """
    batch, likelihood = part.batch, predictor.model.likelihood_given(part.batch)
    location, scale = part.solved.decoded.location.double(), part.solved.decoded.scale.double()
    centre, width = centre_and_width(location, scale)
    shape = (_NOISES, *location.shape)
    noise = torch.randn(shape, generator=generator, device=location.device).double()
    drawn = likelihood.latent(noise, location.expand(shape), scale.expand(shape)).flatten(0, 1)
    mass, values = likelihood.is_mass(batch.targets), batch.targets.double()
    chance = torch.special.ndtr(noise.flatten(0, 1))
    values = torch.where(mass, _latent(likelihood, drawn, values, chance), values)
    between, log_lead = leads(batch)
    asked = part.at_queries(batch.target_mask & is_read(batch))  # (query, channel)
    queries, channel = np.nonzero(asked)
    of_draws = part.at_queries((drawn - centre) / width)[:, asked]
    return Errors(
        channel=channel,
        between=part.at_queries(between)[asked],
        log_lead=part.at_queries(log_lead)[asked].astype(np.float64),
        stretch=_stretches(predictor, part)[queries],
        error=part.at_queries((values - centre) / width)[asked],
        mass=part.at_queries(mass)[asked],
        quantiles=np.quantile(of_draws, QUANTILES, axis=0, method="weibull").T,
    )


def _latent(likelihood: Likelihood, drawn: Tensor, values: Tensor, chance: Tensor) -> Tensor:
    """One of the latent readings, drawn at random, that are read as each value, else the value.

    So the probability transform of a value with a probability is uniform, see `metrics.pit`.

    Args:
        likelihood: Of the readings.
        drawn: Latent readings, shape (draw, batch, step, channel).
        values: Readings, shape (batch, step, channel).
        chance: Random numbers in (0, 1), shape of `drawn`.
    """
    same = (likelihood.observed(drawn) - values).abs() <= _SAME * (1.0 + values.abs())
    chosen = torch.where(same, chance, 0.0).argmax(dim=0, keepdim=True)
    return torch.where(same.any(dim=0), drawn.gather(0, chosen)[0], values)


def _stretches(predictor: Predictor, part: SolvedWindows) -> NDArray[np.str_]:
    """Series and number of the stretch as long as the horizon of each query."""
    schema, times = predictor.schema, part.batch.query_times[..., None]
    since = part.at_queries(times)[:, 0] * schema.time_scale.unit_ns
    number = (part.anchors[part.row] + since.astype(np.int64)) // schema.lengths.horizon_ns
    names = np.array(part.series)[part.row]
    return np.char.add(np.char.add(names, "\n"), number.astype(str))


@dataclass(frozen=True)
class Estimate:
    """A factor that brings a share of the readings within a band.

    Attributes:
        log_factor: Its logarithm.
        variance: Of the share that it would bring there in as many other stretches.
    """

    log_factor: float
    variance: float

    def trusted(self, off: float, drift: float) -> float:
        """As much of the logarithm as is more than chance, were shares customarily off by `off`."""
        return self.log_factor * off**2 / (off**2 + drift**2 + self.variance)

    def beyond(self, other: Estimate, off: float) -> float:
        """As much of the difference to another as is more than chance."""
        return Estimate(self.log_factor - other.log_factor, self.variance).trusted(off, 0.0)


_NONE = Estimate(0.0, math.inf)  # of readings that tell nothing


def _estimate(
    needed: Float64, weights: Float64, stretches: NDArray[np.str_], share: float
) -> Estimate:
    """The factor that a share of the readings needs at most.

    Readings of a stretch err together: those count as many as have, if they were independent, the
    variance of a share of one half that there is between stretches. Their number n sets the level
    of the finite sample, :math:`p (n + 1) / n`.

    Args:
        needed: Factor that each reading needs to be within the band, shape (reading,).
        weights: Weight of each.
        stretches: Stretch of each.
        share: Share p that is to be within.
    """
    present = weights > 0.0
    needed, weights, stretches = needed[present], weights[present], stretches[present]
    _, stretch = np.unique(stretches, return_inverse=True)
    count = len(np.unique(stretches))
    if count < 2:
        return _NONE
    weights = weights / weights.sum()
    # at the median, as few stretches hold no reading beyond a share near 1
    low = weights * ((needed <= _quantile(needed, weights, 0.5)) - 0.5)
    square = float(np.square(np.bincount(stretch.reshape(-1), low)).sum()) * count / (count - 1)
    variance = square * share * (1.0 - share) / 0.25
    # p (n + 1) / n with n = p (1 - p) / variance
    level = min(1.0, share + variance / (1.0 - share))
    factor = np.clip(_quantile(needed, weights, level), 1.0 / _MOST, _MOST)
    return Estimate(float(np.log(factor)), variance)


def _quantile(values: Float64, weights: Float64, share: float) -> float:
    """The least of some values that a share of the weights, whose sum is 1, is at or below."""
    order = np.argsort(values)
    reached = np.searchsorted(np.cumsum(weights[order]), share - _ROUNDING)
    return float(values[order[min(int(reached), len(order) - 1)]])


def fit_calibration(errors: Errors, num_channels: int) -> Calibration:
    """Slopes with which quantiles of what was said have the readings below them that they claim.

    Args:
        errors: Readings that were predicted.
        num_channels: Channels of the log.
    """
    calibration = Calibration(num_channels)
    counts = np.bincount(errors.channel, minlength=num_channels).clip(min=1)
    dense = np.bincount(errors.channel, ~errors.mass, minlength=num_channels) / counts >= _DENSE
    errors = errors.select(np.isfinite(errors.error) & dense[errors.channel])
    for kind, between in enumerate((False, True)):
        of_kind = errors.select(errors.between == between)
        found = len(np.unique(of_kind.stretch))
        calibration.stretches[kind] = found
        if found >= FEWEST:
            _fit_kind(calibration, kind, of_kind, _typical(errors, num_channels))
    # states and counts have no scale; to stretch what is mostly at a bound would change how often
    calibration.slopes[..., torch.from_numpy(~dense)] = 1.0
    return calibration


def _typical(errors: Errors, num_channels: int) -> Float64:
    """Median distance of the ends of bands from the centre, shape (level, side, channel)."""
    ends = np.abs(errors.quantiles)[:, _ENDS].clip(min=_LEAST_QUANTILE)  # (reading, level, side)
    of_all = np.median(ends, axis=0) if len(ends) else np.ones((2, 2))
    found = [errors.channel == channel for channel in range(num_channels)]
    return np.stack([np.median(ends[of], axis=0) if of.any() else of_all for of in found], axis=-1)


def _fit_kind(calibration: Calibration, kind: int, errors: Errors, typical: Float64) -> None:
    """Learn the slopes of one kind of predictions, and what they change.

    Args:
        calibration: Changed in place.
        kind: Number of the kind.
        errors: Of this kind.
        typical: See `_typical`.
    """
    calibration.knees.copy_(torch.from_numpy(typical[0]))
    calibration.log_leads[kind] = torch.from_numpy(_log_leads(errors))
    shares = calibration.shares(torch.from_numpy(errors.log_lead))[:, kind].numpy()
    log_factors = [
        _log_factors(errors, shares, typical.shape[-1], level) for level in range(len(LEVELS))
    ]
    inner, at_ends = np.exp(log_factors)  # (lead, side, channel) each
    # what takes the one typical quantile to its place, and from there on the other
    reach = np.maximum(typical[1] - typical[0], _LEAST_QUANTILE)
    outer = (at_ends * (typical[0] + reach) - inner * typical[0]) / reach
    slopes = np.stack([inner, outer], axis=2).clip(*_SLOPES)
    calibration.slopes[kind] = torch.from_numpy(slopes)
    calibration.covered[kind] = torch.tensor(_covered(calibration, kind, errors, shares))


def _log_leads(errors: Errors) -> Float64:
    """A short, a typical and a long lead time."""
    known = errors.log_lead[np.isfinite(errors.log_lead)]
    spread = np.quantile(known, [0.1, 0.5, 0.9]) if len(known) else np.zeros(NUM_LEADS)
    return spread + _APART * np.arange(NUM_LEADS)


def _log_factors(errors: Errors, shares: Float64, num_channels: int, level: int) -> Float64:
    """Logarithm of what the ends of a band are to be multiplied by, shape (lead, side, channel).

    The sum of what all readings say, what those of a lead time say beyond that, those of a channel,
    and those on one side of it: each as far as it is more than chance.

    Args:
        errors: Of one kind.
        shares: How much each reading says of each lead time, shape (reading, lead).
        num_channels: Channels.
        level: Number of the level.
    """
    probability, off = LEVELS[level], _OFF[level]
    ends = errors.quantiles[:, _ENDS[level]] * _OUTWARD
    needed = errors.error[:, None] * _OUTWARD / ends.clip(min=_LEAST_QUANTILE)
    either, (below, above) = needed.max(axis=1), needed.T
    weight = 1.0 / np.bincount(errors.channel)[errors.channel]  # every channel alike
    every = np.ones(len(weight), dtype=bool)

    def found(values: Float64, of: NDArray[np.bool_], weights: Float64) -> Estimate:
        return _estimate(values[of], weights[of], errors.stretch[of], probability)

    overall = found(either, every, weight)
    total = np.full((NUM_LEADS, 2, num_channels), overall.trusted(off, _DRIFT))
    for lead in range(NUM_LEADS):
        total[lead] += found(either, every, weight * shares[:, lead]).beyond(overall, off)
    for channel in np.unique(errors.channel):
        of = errors.channel == channel
        whole = found(either, of, weight)
        total[:, :, channel] += whole.beyond(overall, off)
        for side, values in enumerate((below, above)):
            one = _estimate(values[of], weight[of], errors.stretch[of], 0.5 + 0.5 * probability)
            total[:, side, channel] += one.beyond(whole, 0.5 * off)
    return total


def _covered(
    calibration: Calibration, kind: int, errors: Errors, shares: Float64
) -> tuple[float, float]:
    """Share of the readings within 90 % bands before and after, every channel alike.

    Args:
        calibration: With slopes.
        kind: Number of the kind.
        errors: Of this kind.
        shares: As in `_log_factors`.
    """
    log_slopes = calibration.slopes[kind].log().double().numpy()[..., errors.channel]
    slopes = np.exp(np.einsum("rl,lspr->spr", shares, log_slopes))[:, :, None, None]
    nothing = torch.zeros(1, 1, len(errors.channel), dtype=torch.float64)
    knees = calibration.knees.double()[:, errors.channel]
    bands = Bands(nothing, nothing + 1.0, torch.from_numpy(slopes), knees)
    ends = torch.from_numpy(errors.quantiles.T[_ENDS[1], None, None])  # (side, 1, 1, reading)
    weight = 1.0 / np.bincount(errors.channel)[errors.channel]

    def share(ends: Float64) -> float:
        return float(
            np.average((ends[0] <= errors.error) & (errors.error <= ends[1]), weights=weight)
        )

    return share(errors.quantiles.T[_ENDS[1]]), share(bands.moved(ends)[:, 0, 0].numpy())

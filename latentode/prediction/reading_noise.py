"""The noise of the readings of some windows, with what is common to times and channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.copula import COMPONENTS, LASTING, RANK, GaussianCopula, own_times
from latentode.models.likelihoods.quantiles import StudentTQuantiles, chi_square_quantiles
from latentode.models.nn.nearest import nearest_readings
from latentode.prediction.answers import SolvedWindows
from latentode.prediction.noise import UInt64, hashed, series_key
from latentode.prediction.path_noise import Float32, independent, ornstein_uhlenbeck

_REACH, _NODES = 8.0, 1025  # of a table of quantiles
_LEAST_WEIGHT = 1e-4  # of a component that is worth its paths


@dataclass(frozen=True, eq=False)
class ReadingNoise:
    """Standard normal noise of readings: a pure function of seed, series, readings, channel, time.

    Attributes:
        copula: What is common to times and channels.
        seed: Seed.
        num_draws: Draws.
        unit_ns: Nanoseconds of a unit of model time.
        gaps: From each query to the nearest readings before and after, +inf where there is none,
            model time, shape (2, batch, step, channel).
        readings: Times of these in nanoseconds, likewise.
    """

    copula: GaussianCopula
    seed: int
    num_draws: int
    unit_ns: int
    gaps: Tensor
    readings: Int64

    @classmethod
    def of(
        cls, copula: GaussianCopula, seed: int, num_draws: int, unit_ns: int, part: SolvedWindows
    ) -> ReadingNoise:
        """For the queries of some windows.

        Args:
            copula: What is common to times and channels.
            seed: Seed.
            num_draws: Draws.
            unit_ns: Nanoseconds of a unit of model time.
            part: The windows.
        """
        batch = part.batch
        index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
        rows = batch.times.expand(2, *batch.times.shape)
        read = rows.gather(2, index.flatten(2)).view_as(index) * unit_ns
        since = read.round().long().cpu().numpy() + part.anchors[:, None, None]
        return cls(copula, seed, num_draws, unit_ns, gaps.double().cpu(), since)

    def at(self, window: int, series: str, times: Int64) -> Float64:
        """Noise of the first queries of one window, shape (draw, step, channel).

        Args:
            window: Its number.
            series: Its series.
            times: Nanoseconds since the start of training, shape (step,).
        """
        gaps = self.gaps[:, window, : len(times)]
        between = torch.isfinite(gaps).all(dim=0).numpy()
        noise = np.zeros((self.num_draws, *between.shape))
        for kind, chosen in enumerate((~between, between)):
            steps = np.flatnonzero(chosen.any(axis=1))
            if len(steps):
                gap = self._gap_names(window)[steps]
                place = _Place(series_key(self.seed, series), times[steps], gaps[:, steps], gap)
                whole = np.zeros_like(noise)
                whole[:, steps] = self._of_kind(kind, place)
                noise = np.where(chosen, whole, noise)
        return noise

    def _gap_names(self, window: int) -> UInt64:
        """Which gap between readings each query is in, shape (step, channel)."""
        told, known = torch.isfinite(self.gaps[:, window]).numpy()
        before, after = self.readings[:, window]
        named: Int64 = np.where(told, before, np.where(known, after, 0))
        return named.view(np.uint64)

    def _of_kind(self, kind: int, place: _Place) -> Float64:
        """Noise of queries as if all were of one kind, shape (draw, step, channel)."""
        copula, every = self.copula, np.arange(place.gaps.shape[-1])
        weights, loadings = (
            part[kind].numpy(force=True) for part in (copula.weights, copula.loadings)
        )
        taus = own_times(copula.lengths[kind].cpu(), place.model_times(self.unit_ns), place.gaps)
        of_times = hashed(place.key, place.times.view(np.uint64))
        white = independent(of_times, self.num_draws, np.arange(RANK + len(every)))
        noise = np.sqrt(weights[0]) * _mixed(
            loadings[0], white[..., None, :RANK], white[..., RANK:]
        )
        for number, tau in enumerate(taus.numpy(), start=1):
            channels = np.flatnonzero(weights[number] >= _LEAST_WEIGHT)
            keys = np.broadcast_to(place.key + np.uint64(number), tau.shape)
            if number > LASTING:
                keys = hashed(keys, place.gap_names)
            if len(channels):
                paths = self._paths(keys[:, channels], tau[:, channels], channels)
                mixed = _mixed(loadings[number][channels], *paths)
                noise[..., channels] += np.sqrt(weights[number, channels]) * mixed
        tails, calm = float(copula.tails[kind]), float(copula.calm[kind])
        return noise if not tails else self._restless(noise, place, 1.0 / tails, calm)

    def _paths(self, keys: UInt64, taus: Float64, channels: Int64) -> tuple[Float32, Float32]:
        """Shared factors and what each channel has alone, read at the times of every channel.

        Args:
            keys: Names of the paths, shape (step, channel).
            taus: Own times, likewise.
            channels: Numbers of the channels, shape (channel,).

        Returns:
            Shapes (draw, step, channel, factor) and (draw, step, channel).
        """
        # channels that were read together share their times: these are read once
        names = hashed(keys, taus.view(np.uint64)).ravel()
        _, first, number = np.unique(names, return_index=True, return_inverse=True)
        at = keys.ravel()[first], taus.ravel()[first]
        shared = ornstein_uhlenbeck(*at, self.num_draws, np.arange(RANK))
        own_keys = hashed(keys, channels.view(np.uint64)).ravel()
        own = ornstein_uhlenbeck(own_keys, taus.ravel(), self.num_draws, np.arange(1))
        shape = (self.num_draws, *taus.shape)
        return shared[:, number.reshape(-1)].reshape(*shape, RANK), own.reshape(shape)

    def _restless(self, noise: Float64, place: _Place, freedom: float, length: float) -> Float64:
        """Noise that is large in some stretches and small in others, standard normal as before.

        Args:
            noise: Shape (draw, step, channel).
            place: Where and when.
            freedom: Degrees of freedom.
            length: Of the stretches, model time.
        """
        key = np.broadcast_to(place.key + np.uint64(COMPONENTS), place.times.shape)
        taus = place.model_times(self.unit_ns)[:, 0].numpy() / length
        fields = np.arange(noise.shape[-1])
        calm = ornstein_uhlenbeck(key, taus, self.num_draws, fields)
        student = torch.from_numpy(noise / np.interp(calm, *_calmness(freedom)))
        quantiles = StudentTQuantiles.of(torch.tensor([freedom]))
        scores: Float64 = quantiles.scores(student[..., None])[..., 0].numpy()
        return scores


@lru_cache(maxsize=8)
def _calmness(freedom: float) -> tuple[Float64, Float64]:
    """Normal scores, and one over how large errors are there."""
    nodes = np.linspace(-_REACH, _REACH, _NODES)
    return nodes, chi_square_quantiles(freedom, torch.from_numpy(nodes)).sqrt().numpy()


@dataclass(frozen=True, eq=False)
class _Place:
    """Where and when some queries of a window are.

    Attributes:
        key: Bits of seed and series, shape (1,).
        times: Nanoseconds since the start of training, shape (step,).
        gaps: To the nearest readings, model time, shape (2, step, channel).
        gap_names: Which gap each is in, shape (step, channel).
    """

    key: UInt64
    times: Int64
    gaps: Tensor
    gap_names: UInt64

    def model_times(self, unit_ns: int) -> Tensor:
        """Shape (step, 1)."""
        return torch.from_numpy(self.times / unit_ns)[:, None]


def _mixed(loadings: Float64, shared: Float64 | Float32, own: Float64 | Float32) -> Float64:
    """Noise of channels.

    Args:
        loadings: Of the shared factors, shape (channel, factor).
        shared: Shape (draw, step, channel, factor), or one channel for all.
        own: What each has alone, shape (draw, step, channel).
    """
    left = np.sqrt(np.maximum(1.0 - np.square(loadings).sum(axis=-1), 0.0))
    mixed: Float64 = (shared * loadings).sum(axis=-1) + left * own
    return mixed

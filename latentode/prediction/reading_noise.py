"""The noise of the readings of some windows, with what is common to times and channels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.copula import COMPONENTS, LASTING, RANK, GaussianCopula, own_times
from latentode.models.nn.nearest import nearest_readings
from latentode.prediction.answers import SolvedWindows
from latentode.prediction.noise import UInt64, hashed, independent, series_key
from latentode.prediction.path_noise import Float32, ornstein_uhlenbeck
from latentode.prediction.restless_noise import restless

_BLOCK = 1 << 17  # numbers that are drawn at once: a processor keeps them near
_LEAST_WEIGHT = 1e-4  # of a component that is worth its paths


@dataclass(frozen=True, eq=False)
class ReadingNoise:
    """Standard normal noise of readings: a pure function of seed, series, readings, channel, time.

    Attributes:
        copula: What is common to times and channels.
        num_draws: Draws.
        unit_ns: Nanoseconds of a unit of model time.
        keys: Bits of seed and series of each query, shape (query,).
        times: Nanoseconds since the start of training, shape (query,).
        gaps: From each query to the nearest readings before and after, +inf where there is none,
            model time, shape (2, query, channel).
        readings: Times of these in nanoseconds, likewise.
    """

    copula: GaussianCopula
    num_draws: int
    unit_ns: int
    keys: UInt64
    times: Int64
    gaps: Tensor
    readings: Int64

    @classmethod
    def of(
        cls,
        copula: GaussianCopula,
        seed: int,
        num_draws: int,
        unit_ns: int,
        part: SolvedWindows,
        times: Int64,
    ) -> ReadingNoise:
        """For the queries of some windows.

        Args:
            copula: What is common to times and channels.
            seed: Seed.
            num_draws: Draws.
            unit_ns: Nanoseconds of a unit of model time.
            part: The windows.
            times: Nanoseconds since the start of training of each query, shape (query,).
        """
        batch = part.batch
        index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
        rows = batch.times.expand(2, *batch.times.shape)
        read = rows.gather(2, index.flatten(2)).view_as(index) * unit_ns
        since = read.round().long().cpu().numpy() + part.anchors[:, None, None]
        keys = np.concatenate([series_key(seed, name) for name in part.series])
        where = part.row, part.column
        return cls(
            copula,
            num_draws,
            unit_ns,
            keys[part.row],
            times,
            gaps.double().cpu()[:, *where],
            since[:, *where],
        )

    def drawn(self) -> Float32:
        """Noise of every query, shape (query, channel, draw)."""
        count, channels = len(self.times), self.gaps.shape[-1]
        noise = np.empty((count, channels, self.num_draws), np.float32)
        size = max(1, _BLOCK // (channels * self.num_draws))
        for low in range(0, count, size):
            some = slice(low, low + size)
            noise[some] = self._part(np.arange(count)[some])._at_once()
        return noise

    def _part(self, queries: Int64) -> ReadingNoise:
        """Of some queries."""
        return replace(
            self,
            keys=self.keys[queries],
            times=self.times[queries],
            gaps=self.gaps[:, queries],
            readings=self.readings[:, queries],
        )

    def _at_once(self) -> Float64:
        """`drawn`, of all queries together."""
        between = torch.isfinite(self.gaps).all(dim=0).numpy()
        noise = np.zeros((*between.shape, self.num_draws))
        for kind, chosen in enumerate((~between, between)):
            queries = np.flatnonzero(chosen.any(axis=1))
            if len(queries):
                found = self._part(queries)._of_kind(kind)
                noise[queries] = np.where(chosen[queries, :, None], found, noise[queries])
        return noise

    def _gap_names(self) -> UInt64:
        """Which gap between readings each query is in, shape (query, channel)."""
        told, known = torch.isfinite(self.gaps).numpy()
        before, after = self.readings
        named: Int64 = np.where(told, before, np.where(known, after, 0))
        return named.view(np.uint64)

    def _model_times(self) -> Float64:
        """Shape (query,)."""
        times: Float64 = self.times / self.unit_ns
        return times

    def _of_kind(self, kind: int) -> Float64:
        """`drawn`, as if all queries were of one kind."""
        copula, every = self.copula, np.arange(self.gaps.shape[-1])
        weights, loadings = (
            part[kind].numpy(force=True) for part in (copula.weights, copula.loadings)
        )
        times = torch.from_numpy(self._model_times())[:, None]
        taus = own_times(copula.lengths[kind].cpu(), times, self.gaps)
        of_times = hashed(self.keys, self.times.view(np.uint64))
        white = independent(of_times, self.num_draws, np.arange(RANK + len(every)))
        noise = _mixed(loadings[0], white[:, None, :RANK], white[:, RANK:])
        noise *= np.sqrt(weights[0])[:, None]
        for number, tau in enumerate(taus.numpy(), start=1):
            channels = np.flatnonzero(weights[number] >= _LEAST_WEIGHT)
            keys = np.broadcast_to(self.keys[:, None] + np.uint64(number), tau.shape)
            if number > LASTING:
                keys = hashed(keys, self._gap_names())
            if len(channels):
                paths = self._paths(keys[:, channels], tau[:, channels], channels)
                mixed = _mixed(loadings[number][channels], *paths)
                mixed *= np.sqrt(weights[number, channels])[:, None]
                noise[:, channels] += mixed
        tails, calm = float(copula.tails[kind]), float(copula.calm[kind])
        if not tails:
            return noise
        key = self.keys + np.uint64(COMPONENTS)
        calmness = ornstein_uhlenbeck(key, self._model_times() / calm, self.num_draws, every)
        return restless(noise, calmness, 1.0 / tails)

    def _paths(self, keys: UInt64, taus: Float64, channels: Int64) -> tuple[Float32, Float32]:
        """Shared factors and what each channel has alone, read at the times of every channel.

        Args:
            keys: Names of the paths, shape (query, channel).
            taus: Own times, likewise.
            channels: Numbers of the channels, shape (channel,).

        Returns:
            Shapes (query, channel, factor, draw) and (query, channel, draw).
        """
        # channels that were read together share their times: these are read once
        names = hashed(keys, taus.view(np.uint64)).ravel()
        _, first, number = np.unique(names, return_index=True, return_inverse=True)
        at = keys.ravel()[first], taus.ravel()[first]
        shared = ornstein_uhlenbeck(*at, self.num_draws, np.arange(RANK))
        own_keys = hashed(keys, channels.view(np.uint64)).ravel()
        own = ornstein_uhlenbeck(own_keys, taus.ravel(), self.num_draws, np.arange(1))
        return shared[number.reshape(taus.shape)], own.reshape(*taus.shape, -1)


def _mixed(loadings: Float64, shared: Float64 | Float32, own: Float64 | Float32) -> Float64:
    """Noise of channels, shape (query, channel, draw).

    Args:
        loadings: Of the shared factors, shape (channel, factor).
        shared: Shape (query, channel, factor, draw), or one channel for all.
        own: What each has alone, shape (query, channel, draw).
    """
    left = np.sqrt(np.maximum(1.0 - np.square(loadings).sum(axis=-1), 0.0))
    mixed: Float64 = left[:, None] * own
    for factor in range(loadings.shape[-1]):
        mixed += loadings[:, factor, None] * shared[:, :, factor]
    return mixed

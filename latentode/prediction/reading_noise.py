"""The noise of the readings of some windows, with what is common to times and channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.models.copula_arrays import COMPONENTS, LASTING, CopulaArrays, own_times
from latentode.prediction.noise import UInt64, hashed
from latentode.prediction.normal_table import WIDTH, Float32, NormalSums
from latentode.prediction.path_noise import ornstein_uhlenbeck
from latentode.prediction.restless_noise import restless

_BLOCK = 1 << 11  # cells that are drawn at once: a processor keeps their numbers near
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

    copula: CopulaArrays
    num_draws: int
    unit_ns: int
    keys: UInt64
    times: Int64
    gaps: Float64
    readings: Int64

    def drawn(self, asked: NDArray[np.bool_] | None = None) -> Float32:
        """Noise of every query.

        Args:
            asked: Where it is wanted, shape (query, channel); None is everywhere.

        Returns:
            Shape (query, channel, draw), 0 where it is not wanted.
        """
        between = np.isfinite(self.gaps).all(axis=0)
        noise = np.zeros((*between.shape, self.num_draws), np.float32)
        of_cells = noise.reshape(-1, self.num_draws)
        for kind, chosen in enumerate((~between, between)):
            cells = np.flatnonzero(chosen if asked is None else chosen & asked)
            for low in range(0, len(cells), _BLOCK):
                some = cells[low : low + _BLOCK]
                for first in range(0, self.num_draws, WIDTH):
                    draws = slice(first, min(first + WIDTH, self.num_draws))
                    of_cells[some, draws] = self._of_kind(kind, some, draws)
        return noise

    def _gap_names(self, cells: Int64) -> UInt64:
        """Which gap between readings each of some cells is in."""
        told, known = np.isfinite(self.gaps.reshape(2, -1)[:, cells])
        before, after = self.readings.reshape(2, -1)[:, cells]
        named: Int64 = np.where(told, before, np.where(known, after, 0))
        return named.view(np.uint64)

    def _of_kind(self, kind: int, cells: Int64, draws: slice) -> Float32:
        """Noise of cells (query, channel) of one kind, shape (cell, draw)."""
        copula, count = self.copula, draws.stop - draws.start
        query, channel = np.divmod(cells, self.gaps.shape[-1])
        keys, times = self.keys[query], self.times[query]
        if draws.start:
            keys = hashed(keys, np.full(1, draws.start, np.uint64))
        weights, loadings = (
            part[kind][:, channel] for part in (copula.weights, copula.loadings)
        )  # (component, cell), (component, cell, factor)
        model_times = times / self.unit_ns
        gaps = self.gaps.reshape(2, -1)[:, cells]
        taus = own_times(copula.lengths[kind], model_times, gaps, np)
        of_time = hashed(keys, times.view(np.uint64))[:, None]
        parts = list(_mixed(of_time, np.ones(of_time.shape), weights[0], loadings[0], channel))
        # of what lasts all channels of a query have one time: it is read once for all
        fresh = np.diff(query, prepend=-1) > 0
        of_query = np.cumsum(fresh) - 1
        for number, tau in enumerate(taus, start=1):
            if weights[number].max() < _LEAST_WEIGHT:
                continue
            named = keys + np.uint64(number)
            if number > LASTING:
                path = ornstein_uhlenbeck(hashed(named, self._gap_names(cells)), tau)
            else:
                names, factors = ornstein_uhlenbeck(named[fresh], tau[fresh])
                path = names[of_query], factors[of_query]
            parts += _mixed(*path, weights[number], loadings[number], channel)
        noise = NormalSums.total(parts).drawn(count)
        tails, calm = float(copula.tails[kind]), float(copula.calm[kind])
        if not tails:
            return noise
        key = hashed(keys + np.uint64(COMPONENTS), channel.view(np.uint64))
        calmness = NormalSums.of(*ornstein_uhlenbeck(key, model_times / calm)).drawn(count)
        return restless(noise, calmness, 1.0 / tails)


def _mixed(
    names: UInt64, factors: Float64, weights: Float64, loadings: Float64, channel: Int64
) -> Iterator[NormalSums]:
    """What channels share of a component, and what each has alone.

    Args:
        names: Of the normal numbers whose sum is the component, shape (cell, term).
        factors: Of these, likewise.
        weights: Of the component, shape (cell,).
        loadings: Of the shared factors, shape (cell, factor).
        channel: Of each cell.
    """
    size = np.sqrt(weights)[:, None] * factors
    for factor in range(loadings.shape[-1]):
        yield NormalSums.of(names, size * loadings[:, [factor]], factor)
    left = np.sqrt(np.maximum(1.0 - np.square(loadings).sum(axis=-1), 0.0))
    own = hashed(channel.view(np.uint64)[:, None], names)
    yield NormalSums.of(own, size * left[:, None])

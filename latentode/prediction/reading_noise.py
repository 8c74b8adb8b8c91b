"""The noise of the readings of some windows, with what is common to times and channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.copula import COMPONENTS, LASTING, GaussianCopula, own_times
from latentode.models.nn.nearest import nearest_readings
from latentode.prediction.answers import SolvedWindows
from latentode.prediction.noise import UInt64, hashed, series_key
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
        between = torch.isfinite(self.gaps).all(dim=0).numpy()
        noise = np.empty((*between.shape, self.num_draws), np.float32)
        of_cells = noise.reshape(-1, self.num_draws)
        for kind, chosen in enumerate((~between, between)):
            cells = np.flatnonzero(chosen)
            for low in range(0, len(cells), _BLOCK):
                some = cells[low : low + _BLOCK]
                for first in range(0, self.num_draws, WIDTH):
                    draws = slice(first, min(first + WIDTH, self.num_draws))
                    of_cells[some, draws] = self._of_kind(kind, some, draws)
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

    def _gap_names(self, cells: Int64) -> UInt64:
        """Which gap between readings each of some cells is in."""
        told, known = torch.isfinite(self.gaps.flatten(1)[:, cells]).numpy()
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
            part[kind].numpy(force=True)[:, channel] for part in (copula.weights, copula.loadings)
        )  # (component, cell), (component, cell, factor)
        model_times = times / self.unit_ns
        taus = own_times(
            copula.lengths[kind].cpu(),
            torch.from_numpy(model_times),
            self.gaps.flatten(1)[:, cells],
        ).numpy()
        of_time = hashed(keys, times.view(np.uint64))[:, None]
        parts = list(_mixed(of_time, np.ones(of_time.shape), weights[0], loadings[0], channel))
        for number, tau in enumerate(taus, start=1):
            if weights[number].max() >= _LEAST_WEIGHT:
                named = keys + np.uint64(number)
                if number > LASTING:
                    named = hashed(named, self._gap_names(cells))
                path = ornstein_uhlenbeck(named, tau)
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
    own = hashed(names, channel.view(np.uint64)[:, None])
    yield NormalSums.of(own, size * left[:, None])

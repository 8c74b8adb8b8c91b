"""The noise of the readings of some windows, with what is common to times and channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.copula import COMPONENTS, LASTING, RANK, GaussianCopula, own_times
from latentode.models.nn.nearest import nearest_readings
from latentode.prediction.answers import SolvedWindows
from latentode.prediction.noise import UInt64, hashed, series_key
from latentode.prediction.path_noise import independent, ornstein_uhlenbeck

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
        steps = slice(len(times))
        gaps, key = self.gaps[:, window, steps], series_key(self.seed, series)
        model_times = torch.from_numpy(times / self.unit_ns)[:, None]
        taus = own_times(self.copula.lengths.cpu(), model_times, gaps).numpy()
        weights = self.copula.weights.cpu().numpy()
        every = np.arange(gaps.shape[-1])
        of_times = independent(hashed(key, times.view(np.uint64)), self.num_draws, _fields(every))
        noise = np.sqrt(weights[0]) * self._mixed(0, every, of_times)
        for number in range(1, COMPONENTS):
            keys = np.broadcast_to(key + np.uint64(number), gaps.shape[1:])
            if number > LASTING:
                keys = hashed(keys, self._gap_names(window, steps))
            for channels in _alike(taus[number - 1], keys, weights[number]):
                first = channels[0]
                paths = ornstein_uhlenbeck(
                    keys[:, first], taus[number - 1][:, first], self.num_draws, _fields(channels)
                )
                mixed = self._mixed(number, channels, paths)
                noise[..., channels] += np.sqrt(weights[number, channels]) * mixed
        return noise

    def _gap_names(self, window: int, steps: slice) -> UInt64:
        """Which gap between readings each query is in, shape (step, channel)."""
        told, known = torch.isfinite(self.gaps[:, window, steps]).numpy()
        before, after = self.readings[:, window, steps]
        named: Int64 = np.where(told, before, np.where(known, after, 0))
        return named.view(np.uint64)

    def _mixed(self, number: int, channels: Int64, fields: Float64) -> Float64:
        """Noise of some channels of a component, from shared factors and one of each channel."""
        loadings = self.copula.loadings[number].cpu().numpy()[channels]
        own = np.sqrt(np.maximum(1.0 - np.square(loadings).sum(axis=-1), 0.0))
        mixed: Float64 = fields[..., :RANK] @ loadings.T + own * fields[..., RANK:]
        return mixed


def _fields(channels: Int64) -> Int64:
    """Names of the shared factors and of those of some channels."""
    return np.concatenate([np.arange(RANK), RANK + channels])


def _alike(taus: Float64, keys: UInt64, weights: Float64) -> Iterator[Int64]:
    """Channels of weight whose paths are read at the same times.

    Args:
        taus: Their own times, shape (step, channel).
        keys: Their names of paths, likewise.
        weights: Shape (channel,).
    """
    groups: dict[bytes, list[int]] = {}
    for channel in np.flatnonzero(weights >= _LEAST_WEIGHT).tolist():
        seen = taus[:, channel].tobytes() + keys[:, channel].tobytes()
        groups.setdefault(seen, []).append(channel)
    yield from map(np.array, groups.values())

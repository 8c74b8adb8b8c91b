r"""Bands of naive forecasts: what their errors were in the training part.

A naive forecast is a number. With the quantiles of its errors around it, by channel and by how far
the nearest reading is, it is a distribution, and its CRPS can be compared with that of a model. The
CRPS of the bare number is its absolute error, for a normal error :math:`\sqrt2` times as large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from latentode.data.climatology import NUM_QUANTILES, equal_shares
from latentode.data.dataset import Float64, Int64

_MOST_BINS = 24  # of distances: each hour of a day of its own
_FEWEST = 100  # errors of a bin, so that the quantiles of 5 and 95 % are worth the name
_LEAST = 20  # errors of a channel that make a band at all
_NO_EDGE = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class ErrorBands:
    """Quantiles of errors by forecast, channel and distance to the nearest reading of the channel.

    The errors of all series count together. The distances of a channel are cut into bins of about
    equally many errors: at most 24, and one for each hundred errors.

    Attributes:
        edges: Largest distance of each bin but the last in nanoseconds, shape (channel, bin - 1).
        quantiles: Quantiles of equal shares of the errors by name of the forecast, in original
            units, shape (channel, bin, quantile); zeros where there is no band.
        counts: Errors of each channel; 0 of one with fewer than twenty, which has no band, shape
            (channel,).
    """

    edges: Int64
    quantiles: Mapping[str, Float64]
    counts: Int64

    @classmethod
    def fit(
        cls,
        errors: Mapping[str, Float64],
        channel: Int64,
        distances: Int64,
        num_channels: int,
    ) -> Self:
        """Learn the quantiles.

        Args:
            errors: Reading less forecast by name of the forecast, NaN where it has no answer of its
                own, shape (target,).
            channel: Channel of each reading, shape (target,).
            distances: Nanoseconds to the nearest reading that was known, shape (target,).
            num_channels: Number of channels.
        """
        edges = np.full((num_channels, _MOST_BINS - 1), _NO_EDGE)
        counts = np.bincount(channel, minlength=num_channels)
        shape = (num_channels, _MOST_BINS, NUM_QUANTILES)
        quantiles = {name: np.zeros(shape) for name in errors}
        order = np.lexsort((distances, channel))
        stops = np.cumsum(counts)
        for index in np.flatnonzero(counts >= _LEAST):
            members = order[stops[index] - counts[index] : stops[index]]
            cuts = _cuts(distances[members])
            edges[index, : len(cuts)] = distances[members][cuts - 1]
            for name, of_all in errors.items():
                quantiles[name][index, : len(cuts) + 1] = _of_bins(of_all[members], cuts)
        return cls(edges, quantiles, np.where(counts >= _LEAST, counts, 0))

    def around(self, name: str, answer: Float64, channel: Int64, distances: Int64) -> Float64:
        """Quantiles of some readings, from the least up, shape (quantile, target).

        Args:
            name: Of the forecast.
            answer: What it says, in original units, shape (target,).
            channel: Channel of each reading, shape (target,).
            distances: As in `fit`, shape (target,).
        """
        chosen = (self.edges[channel] < distances[:, None]).sum(axis=1)
        return answer + self.quantiles[name][channel, chosen].T


def _cuts(distances: Int64) -> Int64:
    """Where bins of about equally many ascending distances begin, equal ones in one bin."""
    size = len(distances)
    bins = int(np.clip(size // _FEWEST, 1, _MOST_BINS))
    ends = distances[np.arange(1, bins) * size // bins - 1]
    starts = np.searchsorted(distances, np.unique(ends), side="right")
    return starts[starts < size]


def _of_bins(errors: Float64, cuts: Int64) -> Float64:
    """Quantiles of each bin; those of all where a bin has too few, shape (bin, quantile)."""
    known = errors[~np.isnan(errors)]
    of_all = equal_shares(known) if len(known) else np.zeros(NUM_QUANTILES)
    parts = [part[~np.isnan(part)] for part in np.split(errors, cuts)]
    return np.stack([equal_shares(p) if 2 * len(p) >= _FEWEST else of_all for p in parts])

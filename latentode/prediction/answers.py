"""What a predictor answers, and the windows that it solved for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Float64, Int64
from latentode.models.solved import Solved

#: What is predicted: readings and their densities, densities alone, or what the state drives.
Wanted = Literal["readings", "densities", "latent", "rates", "classes"]


@dataclass(frozen=True)
class Predictions:
    """Predictions at flat queries; what was not wanted has no last axis.

    Attributes:
        draws: Predictive draws in original units, shape (draw, query, channel).
        latent: Latent states, shape (draw, query, latent).
        log_prob: Log of the mean density over latent paths, nats, of each given reading in original
            units, NaN where none was given, shape (query, channel).
        rates: Intensities in events per unit of model time, shape (draw, query, mark).
        classes: Probability of each class at each query, shape (query, class).
    """

    draws: Float64
    latent: Float64
    log_prob: Float64
    rates: Float64
    classes: Float64


@dataclass(frozen=True, eq=False)
class SolvedWindows:
    """Some of the windows that answer queries, solved once.

    Attributes:
        windows: Which ones, shape (batch,).
        series: Id of the series of each.
        batch: What the model has seen of them, and the queries, on its device.
        anchors: Time that is model time 0 of each, nanoseconds, shape (batch,).
        solved: Posterior draws of their latent states, and what is read of them.
        queries: The queries that they answer, shape (query,).
        row: Window of each in the batch, shape (query,).
        column: Number of each among those of its window, shape (query,).
    """

    windows: Int64
    series: list[str]
    batch: SeriesBatch
    anchors: Int64
    solved: Solved
    queries: Int64
    row: Int64
    column: Int64

    def at_queries(self, values: Tensor) -> Float64:
        """Values (..., batch, step, last) of the queries alone, shape (..., query, last)."""
        picked: Float64 = values.cpu().numpy()[..., self.row, self.column, :]
        return picked

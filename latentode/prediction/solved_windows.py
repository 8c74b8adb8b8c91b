"""Windows that were solved for a predictor."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Float64, Int64
from latentode.models.nn.nearest import nearest_readings
from latentode.models.solved import Solved


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

    def nearest(self, unit_ns: int) -> tuple[Float64, Int64]:
        """The nearest visible readings of each channel before and after the queries.

        Args:
            unit_ns: Nanoseconds of a unit of model time.

        Returns:
            Gaps to them in model time, +inf where there is none, and their times in nanoseconds,
            both of shape (2, query, channel).
        """
        batch = self.batch
        index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
        rows = batch.times.expand(2, *batch.times.shape)
        read = (rows.gather(2, index.flatten(2)).view_as(index) * unit_ns).round().long()
        at_queries = read.cpu().numpy()[:, self.row, self.column]
        return self.at_queries(gaps.double()), at_queries + self.anchors[self.row, None]

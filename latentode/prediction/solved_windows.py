"""Windows that were solved for a predictor."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Float64, Int64
from latentode.models.nn.nearest import nearest_readings
from latentode.models.solved import Solved
from latentode.prediction.window_groups import WindowGroup


@dataclass(frozen=True, eq=False)
class SolvedWindows(WindowGroup):
    """Some of the windows that answer queries, solved once.

    Attributes:
        batch: What the model has seen of them, and the queries, on its device.
        solved: Posterior draws of their latent states, and what is read of them.
    """

    batch: SeriesBatch
    solved: Solved

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

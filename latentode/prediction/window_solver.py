"""Windows of queries, solved in groups of about one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.window_arrays import Rows
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, ragged_arange
from latentode.data.schema import DataSchema
from latentode.data.windows import cut
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.answers import SolvedWindows
from latentode.prediction.latent_points import PATHS, latent_points
from latentode.prediction.noise import noise_of
from latentode.prediction.query_windows import QueryWindows

# elements of (path, window, row, channel) at a time, of which hidden layers have up to ten times as
# many, or of draws of readings
_MAX_ELEMENTS, _HIDDEN = 2_000_000, 10
_SEARCHED = 128  # draws that a search by gradients counts for, in memory


@dataclass(frozen=True, eq=False)
class WindowSolver:
    """Reads each window once and solves it once, from posterior draws of its latent state.

    Attributes:
        model: Fitted model.
        schema: Its data schema.
        seed: Seed of the posterior draws.
        num_draws: Draws of what the windows are asked for.
        max_rows: Newest rows of a window that the encoder reads.
    """

    model: LatentODEModel
    schema: DataSchema
    seed: int
    num_draws: int
    max_rows: int

    @torch.no_grad()
    def solved(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, *, few: bool
    ) -> Iterator[SolvedWindows]:
        """Solve windows of about one size at a time.

        Args:
            visible: Readings as the model sees them.
            asked: Windows, and queries of each.
            values: Readings at the queries in original units, NaN elsewhere, shape (query,
                channel).
            few: Whether few paths are enough, which all draws share; else each has its own.
        """
        self.model.eval()
        paths = self._num_paths() if few else self.num_draws
        for chunk in self._chunks(asked, visible, paths):
            queries = np.flatnonzero(np.isin(asked.window, chunk))
            row = np.searchsorted(chunk, asked.window[queries])
            windows = cut(visible, asked.series[chunk], asked.starts[chunk], asked.stops[chunk])
            stops, times = asked.stops[chunk], asked.times[queries]
            batch, anchors = self._batch(windows, stops, row, times, values[queries])
            batch = batch.to(next(self.model.parameters()).device)
            counts = np.bincount(row, minlength=len(chunk))
            column = ragged_arange(np.zeros_like(counts), counts)
            names = [visible.series_ids[i] for i in asked.series[chunk]]
            posterior = infer(self.model, batch, refine=True)
            noise = self._noise(names, paths)
            solved = self.model.solve(batch, noise, posterior=posterior)
            yield SolvedWindows(chunk, names, batch, anchors, solved, queries, row, column)

    def _num_paths(self) -> int:
        """Latent paths for all draws of readings.

        Where paths have noise of their own, a few of them are as random as few draws are.
        """
        return self.num_draws if self.model.latent_noise else min(self.num_draws, PATHS)

    def _noise(self, names: list[str], paths: int) -> Tensor:
        """Noise of the states of some series, shape (path, series, latent)."""
        if paths == self.num_draws:
            return noise_of(self.model, names, paths, self.seed)
        points = latent_points(self.seed, names, (paths, self.model.config.latent_dim))
        return torch.from_numpy(points).to(next(self.model.parameters()))

    def _chunks(
        self, asked: QueryWindows, visible: TimeSeriesDataset, paths: int
    ) -> Iterator[Int64]:
        """Windows in groups of similar length and bounded size."""
        queries = np.bincount(asked.window, minlength=len(asked.series))
        starts = cut(visible, asked.series, asked.starts, asked.stops).readings.series_starts
        width = max(len(self.schema.channels), self.model.config.hidden_dim // _HIDDEN)
        if self.model.latent_noise is not None:  # made for every coordinate at every time
            width = max(width, self.model.config.latent_dim)
        rows = np.minimum(np.diff(starts), self.max_rows) + self.model.config.knots
        # a search keeps what its gradient needs
        paths = max(paths, _SEARCHED) if self.model.config.refine else paths
        drawn = queries * len(self.schema.channels) * self.num_draws
        load = np.maximum((queries + rows) * width * paths, drawn)
        group: list[int] = []
        for window in np.argsort(load, kind="stable"):
            # the largest comes last, and padding makes all as large
            if group and (len(group) + 1) * load[window] > _MAX_ELEMENTS:
                yield np.array(sorted(group))
                group = []
            group.append(int(window))
        if group:
            yield np.array(sorted(group))

    def _batch(
        self, windows: TimeSeriesDataset, stops: Int64, row: Int64, times: Int64, values: Float64
    ) -> tuple[SeriesBatch, Int64]:
        """The batch of some windows with queries, and the anchors.

        Args:
            windows: What is visible of each.
            stops: Their ends, shape (window,).
            row: Window of each query, shape (query,).
            times: Time of each query.
            values: Readings there, shape (query, channel).
        """
        size, readings = len(windows), windows.readings
        counts = np.diff(readings.series_starts)
        last = readings.series_starts[1:] - 1
        first = np.maximum(readings.series_starts[:-1], last - self.max_rows + 1)
        anchors = stops.copy()  # where no row is visible
        end = last if self.model.config.anchor == "origin" else first
        anchors[counts > 0] = readings.times[end[counts > 0]]
        builder = self.schema.builder()
        rows = builder.rows(readings, anchors)
        newest = np.arange(readings.num_rows) >= first[rows.window]
        rows = Rows(rows.window[newest], rows.times[newest], rows.values[newest])
        asked_times = builder.time_scale.to_model(times, anchors[row])
        queries = Rows(row, asked_times, self.schema.scaler.transform(values)).pad(size)[:2]
        return SeriesBatch.of(builder.build(windows, anchors, rows, queries)), anchors

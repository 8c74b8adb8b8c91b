"""Windows of queries as padded arrays, in groups of about one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latentode.config import ModelConfig
from latentode.config.memory import check_memory
from latentode.data.batches.window_arrays import Rows, WindowArrays
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, ragged_arange
from latentode.data.schema import DataSchema
from latentode.data.windows import cut, rows_within
from latentode.prediction.query_windows import QueryWindows

# elements of (path, window, row, channel) at a time, of which hidden layers have up to ten times as
# many, or of draws of readings
_MAX_ELEMENTS, _HIDDEN = 2_000_000, 10
# model time (a window has four units of it) from what is visible to a query that costs so many
# steps of the solver that no other window is to share them
_FAR = 100.0
_PER_ELEMENT = 100  # bytes, as measured where every draw has a path of its own


@dataclass(frozen=True, eq=False)
class WindowGroup:
    """Some of the windows that answer queries.

    Attributes:
        windows: Which ones, shape (batch,).
        series: Id of the series of each.
        arrays: What the model sees of them, and the queries.
        anchors: Time that is model time 0 of each window, nanoseconds, shape (batch,).
        queries: The queries that they answer, shape (query,).
        row: Window of each in the group, shape (query,).
        column: Number of each among those of its window, shape (query,).
    """

    windows: Int64
    series: list[str]
    arrays: WindowArrays
    anchors: Int64
    queries: Int64
    row: Int64
    column: Int64


@dataclass(frozen=True, eq=False)
class WindowGroups:
    """Reads each window once.

    Attributes:
        schema: Data schema of the model.
        config: Its settings, resolved.
        num_draws: Draws of what the windows are asked for.
        max_rows: Newest rows of a window that the encoder reads.
    """

    schema: DataSchema
    config: ModelConfig
    num_draws: int
    max_rows: int

    def of(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, paths: int
    ) -> Iterator[WindowGroup]:
        """All windows, in groups.

        Args:
            visible: Readings as the model sees them.
            asked: Windows, and queries of each.
            values: Readings at the queries in original units, NaN elsewhere, shape (query,
                channel).
            paths: Latent paths of each window, in memory.
        """
        edges = np.searchsorted(asked.window, np.arange(len(asked.series) + 1))
        for chunk in self._chunks(asked, visible, paths):
            counts = np.diff(edges)[chunk]
            queries = ragged_arange(edges[chunk], counts)
            row = np.repeat(np.arange(len(chunk)), counts)
            windows = cut(visible, asked.series[chunk], asked.starts[chunk], asked.stops[chunk])
            stops, times = asked.stops[chunk], asked.times[queries]
            arrays, anchors = self._arrays(windows, stops, row, times, values[queries])
            column = ragged_arange(np.zeros_like(counts), counts)
            names = [visible.series_ids[i] for i in asked.series[chunk]]
            yield WindowGroup(chunk, names, arrays, anchors, queries, row, column)

    def _chunks(
        self, asked: QueryWindows, visible: TimeSeriesDataset, paths: int
    ) -> Iterator[Int64]:
        """Windows in groups of similar length and bounded size."""
        queries = np.bincount(asked.window, minlength=len(asked.series))
        _, seen = rows_within(visible, asked.series, asked.starts, asked.stops)
        width = max(len(self.schema.channels), self.config.hidden_dim // _HIDDEN)
        if self.config.dynamics_noise != "none":  # made for every coordinate at every time
            width = max(width, self.config.latent_dim)
        rows = np.minimum(seen, self.max_rows) + self.config.knots
        drawn = queries * len(self.schema.channels) * self.num_draws
        followed = (queries + rows) * width * paths
        check_memory(
            int(followed.max(initial=0)) * _PER_ELEMENT,
            f"a window of {int((queries + rows).max(initial=0)):,} times on {paths:,} paths",
        )
        load = np.maximum(followed, drawn)
        group: list[int] = []
        far = self._farthest(asked) > _FAR
        for window in np.lexsort((load, far)):
            # the largest comes last, and padding makes all as large
            if group and (far[window] or (len(group) + 1) * load[window] > _MAX_ELEMENTS):
                yield np.array(sorted(group))
                group = []
            group.append(int(window))
        if group:
            yield np.array(sorted(group))

    def _farthest(self, asked: QueryWindows) -> Float64:
        """Model time from the end of what is visible to the farthest query, shape (window,)."""
        begins = np.searchsorted(asked.window, np.arange(len(asked.series)))
        latest = np.maximum.reduceat(asked.times, begins)
        return self.schema.time_scale.to_model(latest, asked.stops)

    def _arrays(
        self, windows: TimeSeriesDataset, stops: Int64, row: Int64, times: Int64, values: Float64
    ) -> tuple[WindowArrays, Int64]:
        """Some windows with queries, and the anchors.

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
        end = last if self.config.anchor == "origin" else first
        anchors[counts > 0] = readings.times[end[counts > 0]]
        builder = self.schema.builder()
        rows = builder.rows(readings, anchors)
        newest = np.arange(readings.num_rows) >= first[rows.window]
        rows = Rows(rows.window[newest], rows.times[newest], rows.values[newest])
        asked_times = builder.time_scale.to_model(times, anchors[row])
        queries = Rows(row, asked_times, self.schema.scaler.transform(values)).pad(size)[:2]
        return builder.build(windows, anchors, rows, queries), anchors

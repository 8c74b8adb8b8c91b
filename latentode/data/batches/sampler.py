"""Training windows drawn at random, the same for a seed and a step on any number of ranks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.event_batch import EventBatch
from latentode.data.batches.window_arrays import ArrayBuilder, Rows
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, first_after
from latentode.data.events import EventStreams
from latentode.data.labels import Labels
from latentode.data.windows import WindowLengths, cut
from latentode.errors import DataError

# batches among which windows are sorted by length: little padding, and still mixed
_BUCKET_BATCHES = 8


class Sampler(Protocol):
    """What training takes its windows from; the same arguments give the same windows."""

    def eligible_rows(self) -> Int64:
        """Numbers that stand for windows, shape (row,)."""

    def epoch(self, rows: Int64, num_batches: int, batch_size: int, seed: tuple[int, ...]) -> Int64:
        """Rows of the batches of one epoch, shape (batch, window).

        Args:
            rows: Rows to draw from, as `eligible_rows` gives them.
            num_batches: Batches of the epoch.
            batch_size: Windows of a batch, over all processes.
            seed: Of the choice.
        """

    def batch(self, rows: Int64, seed: tuple[int, ...], *, first: int = 0) -> SeriesBatch:
        """Windows of some rows, with targets.

        Args:
            rows: Shape (window,).
            seed: Of what is drawn within each window.
            first: Place of the first row in the batch over all processes.
        """


@dataclass(frozen=True)
class WindowSampler:
    """Windows around random rows of a part of a log: readings to see, readings to predict.

    The anchor is a random row. Visible are the readings of the context up to the anchor, less a
    random share that is hidden; to be predicted are the hidden ones and the readings of the
    horizon. So one model learns to forecast and to interpolate. Of a small share of the windows of
    an epoch nothing is visible, and all readings from the anchor on are to be predicted, so that it
    learns what to say of a series before its first reading.

    Attributes:
        dataset: The log.
        starts: Exclusive start of the part of each series, shape (series,).
        stops: Inclusive end, shape (series,).
        lengths: Context and horizon.
        builder: Scales.
        anchor: "origin": model time 0 is the last visible row; "start": the first.
        max_rows: Newest visible rows that are kept of a window.
        max_queries: Most query rows of a window; a random choice is kept of more.
        events: Events of the series of the log. Those from the first visible row to the end of the
            horizon are scored, as far as they lie in the part and were observed.
        labels: Labels of the log: a window has that of its series, or those of times from its first
            visible row to the end of its horizon; None without labels.
        unread_share: Share of the windows of an epoch of which nothing is visible.
        from_first: Whether these begin where a series does, each series alike, not anywhere.
    """

    dataset: TimeSeriesDataset
    starts: Int64
    stops: Int64
    lengths: WindowLengths
    builder: ArrayBuilder
    anchor: str
    max_rows: int = 512
    max_queries: int = 256
    events: EventStreams | None = None
    labels: Labels | None = None
    unread_share: float = 0.0
    from_first: bool = False

    def eligible_rows(self) -> Int64:
        """Rows that can be an anchor: some reading of the part follows within the horizon.

        Raises:
            DataError: If there is none.
        """
        readings = self.dataset.readings
        series = readings.row_series()
        inside = (readings.times > self.starts[series]) & (readings.times <= self.stops[series])
        following = np.full(len(series), np.iinfo(np.int64).max)
        same = series[1:] == series[:-1]
        following[:-1][same] = readings.times[1:][same]
        ends = np.minimum(self.stops[series], readings.times + self.lengths.horizon_ns)
        alone = (np.diff(readings.series_starts) == 1)[series]
        rows = np.flatnonzero(inside & ((following <= ends) | alone))
        if len(rows) == 0:
            raise DataError(
                "training windows: expected a reading within the horizon after some other reading "
                "of the training part, found none. Give a longer --horizon or a log with more "
                "readings."
            )
        return rows

    def epoch(self, rows: Int64, num_batches: int, batch_size: int, seed: tuple[int, ...]) -> Int64:
        """Anchor rows of one epoch, windows of similar length together, shape (batch, window).

        A negative index of a row stands for the window that begins there with nothing visible.

        Args:
            rows: Rows to draw from, with replacement.
            num_batches: Batches of the epoch.
            batch_size: Windows of a batch, over all processes.
            seed: Of the choice and the order.
        """
        generator = np.random.default_rng(seed)
        chosen = generator.choice(rows, size=num_batches * batch_size)
        length = chosen - self._first_visible(chosen)
        if self.unread_share:
            unread = generator.random(len(chosen)) < self.unread_share
            length[unread] = 0
            chosen[unread] = self._unread(chosen[unread], rows, generator)
        batches = []
        for group in np.array_split(np.arange(num_batches), -(-num_batches // _BUCKET_BATCHES)):
            members = slice(group[0] * batch_size, (group[-1] + 1) * batch_size)
            order = np.argsort(length[members], kind="stable")
            batches.append(chosen[members][order].reshape(len(group), batch_size))
        return generator.permutation(np.concatenate(batches), axis=0)

    def batch(
        self, rows: Int64, seed: tuple[int, ...], *, first: int = 0, hidden: float | None = None
    ) -> SeriesBatch:
        """Build the windows of some anchor rows.

        Args:
            rows: Anchor rows, as `epoch` gives them, shape (batch,).
            seed: Seed of what is hidden; every window has its own stream, so that a window does not
                depend on the batch or rank that it falls into.
            first: Place of the first window in the whole batch over all ranks.
            hidden: Share of the context readings to hide; None draws one a window from U(0, 0.5).

        Returns:
            The batch.
        """
        readings, size = self.dataset.readings, len(rows)
        unread, rows = rows < 0, rows % readings.num_rows
        series, times = self._series_of(rows), readings.times[rows]
        starts = readings.times[np.where(unread, rows, self._first_visible(rows))] - 1
        stops = np.minimum(times + self.lengths.horizon_ns, self.stops[series])
        windows = cut(self.dataset, series, starts, stops)
        all_rows = self.builder.rows(windows.readings, times)
        shares, noise = _streams(
            windows.readings.series_starts, all_rows.values.shape[1], seed, first
        )
        shares = np.where(unread, 1.0, shares if hidden is None else hidden)
        visible, targets = _hide(all_rows, noise[:, :-1], shares)
        seen, wanted = _present(visible), _present(targets)
        asked = _thin(all_rows.window, wanted, self.max_queries, noise[:, -1])
        anchors = _anchors(all_rows, seen, size, self.anchor)
        shifted = all_rows.times - anchors[all_rows.window]
        queries, values, _ = Rows(all_rows.window[asked], shifted[asked], targets[asked]).pad(size)
        anchors_ns = times + np.round(anchors * self.builder.time_scale.unit_ns).astype(np.int64)
        shown = Rows(all_rows.window[seen], shifted[seen], visible[seen])
        low, unit = np.maximum(starts, self.starts[series]), self.builder.time_scale.unit_ns

        def within(streams: EventStreams) -> EventBatch:
            return EventBatch.cut(streams, series, low, stops, anchors_ns, unit)

        events = None if self.events is None else within(self.events)
        labels: Tensor | EventBatch | None = None
        if self.labels is not None:
            streams = self.labels.over_time()
            codes = self.labels.numbered
            labels = torch.from_numpy(codes[series]) if streams is None else within(streams)
        arrays = self.builder.build(windows, anchors_ns, shown, (queries, values))
        return SeriesBatch.of(arrays, events, labels)

    def _unread(self, chosen: Int64, rows: Int64, generator: np.random.Generator) -> Int64:
        """Negative indices of the rows at which windows with nothing visible begin.

        Args:
            chosen: Rows that were drawn, shape (window,).
            rows: Rows to draw from.
            generator: Of the choice of series.
        """
        readings = self.dataset.readings
        if self.from_first:
            firsts = readings.series_starts[np.unique(self._series_of(rows))]
            chosen = generator.choice(firsts, size=len(chosen))
        return chosen - readings.num_rows

    def _series_of(self, rows: Int64) -> Int64:
        return np.searchsorted(self.dataset.readings.series_starts, rows, side="right") - 1

    def _first_visible(self, rows: Int64) -> Int64:
        """First row of the context of each anchor row."""
        readings = self.dataset.readings
        oldest = readings.times[rows] - self.lengths.context_ns
        series = self._series_of(rows)
        first = first_after(readings.series_starts, readings.times, series, oldest)
        return np.maximum(first, rows - self.max_rows + 1)


def _present(values: Float64) -> NDArray[np.bool_]:
    """True for rows with a value in some channel."""
    return np.logical_or.reduce(np.isfinite(values), axis=1)


def _streams(
    row_starts: Int64, num_channels: int, seed: tuple[int, ...], first: int
) -> tuple[Float64, Float64]:
    """Noise of each window's own stream: a share (window,) and numbers (row, channel + 1)."""
    shares = np.zeros(len(row_starts) - 1)
    noise = np.zeros((row_starts[-1], num_channels + 1))
    for index, (low, high) in enumerate(pairwise(row_starts)):
        generator = np.random.default_rng((*seed, first + index))
        shares[index] = generator.uniform(0.0, 0.5)
        generator.random(out=noise[low:high])
    return shares, noise


def _hide(rows: Rows, noise: Float64, shares: Float64) -> tuple[Float64, Float64]:
    """Visible values and target values of each row, NaN elsewhere."""
    past = rows.times <= 0
    size = int(rows.window.max(initial=-1)) + 1
    hidden = noise < shares[rows.window][:, None]
    # the only row of a series is predicted from the prior
    alone = np.bincount(rows.window, minlength=size)[rows.window] == 1
    hidden = (hidden | alone[:, None]) & past[:, None]
    unseen = hidden | ~past[:, None]
    return np.where(unseen, np.nan, rows.values), np.where(unseen, rows.values, np.nan)


def _thin(window: Int64, wanted: NDArray[np.bool_], most: int, noise: Float64) -> Int64:
    """Keep at most `most` wanted rows of each window, at random."""
    index = np.flatnonzero(wanted)
    if np.bincount(window[index], minlength=1).max() <= most:
        return index
    index = index[np.lexsort((noise[index], window[index]))]
    counts = np.bincount(window[index])
    rank = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(index[rank < most])


def _anchors(rows: Rows, seen: NDArray[np.bool_], size: int, anchor: str) -> Float64:
    """Model time of the last (or first) visible row of each window, 0 where nothing is visible."""
    window, times = rows.window[seen], rows.times[seen]
    anchors = np.zeros(size)
    if anchor == "origin":
        anchors[window] = times  # the last assignment wins, and rows are in order of time
    else:
        anchors[window[::-1]] = times[::-1]
    return anchors

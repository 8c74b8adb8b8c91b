"""Ragged streams of marked events, with the windows in which they were observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentode.data.dataset import Clock, Float64, Int64, offsets, ragged_arange
from latentode.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class EventStreams:
    """Events of many series.

    Series ``i`` owns events ``starts[i]:starts[i + 1]``. A window is a fact of the data, not of the
    events: from the first event to the last it would be too short, and a rate of 1 would be
    estimated as far more on short streams. Events before the window of their mark are history:
    models may condition on them, and do not score them.

    Attributes:
        series_ids: Names of the series; a series may have no event.
        mark_names: Names of the marks.
        starts: First event of each series, shape (series + 1,), int64.
        times: Nanoseconds of the clock, not decreasing within a series, shape (event,), int64.
        marks: Mark of each event, by index, shape (event,), int64.
        windows: Start and end of observation of each mark, shape (series, mark, 2), int64.
        origins: From when each series counts its time, shape (series,), int64; a part of the
            windows keeps it.
        clock: What the times mean.
        resolution: Nanoseconds to which times were recorded, at least 1.
    """

    series_ids: tuple[str, ...]
    mark_names: tuple[str, ...]
    starts: Int64
    times: Int64
    marks: Int64
    windows: Int64
    origins: Int64
    clock: Clock
    resolution: int = 1

    @classmethod
    def build(
        cls,
        series: Int64,
        times: Int64,
        marks: Int64,
        *,
        series_ids: Sequence[str],
        mark_names: Sequence[str],
        windows: Int64,
        clock: Clock,
        resolution: int = 1,
    ) -> EventStreams:
        """Build from events in any order.

        Args:
            series: Series index of each event, shape (event,).
            times: Nanoseconds, shape (event,).
            marks: Mark of each event, by index, shape (event,).
            series_ids: Names of the series.
            mark_names: Names of the marks.
            windows: Shape (series, 2), or (series, mark, 2) where marks differ.
            clock: What the times mean.
            resolution: Nanoseconds to which times were recorded.

        Raises:
            DataError: If a window has no length, or an event lies outside the window of its mark.
            ShapeError: If `windows` has another shape.
        """
        windows = np.asarray(windows, dtype=np.int64)
        shape = (len(series_ids), len(mark_names), 2)
        if windows.ndim == 2:
            windows = np.broadcast_to(windows[:, None], shape)
        if windows.shape != shape:
            raise ShapeError(
                f"windows: expected shape {shape} or {(shape[0], 2)}, got {windows.shape}. "
                "Give a start and an end for each series."
            )
        order = np.lexsort((marks, times, series))
        series, times, marks = (np.asarray(a)[order] for a in (series, times, marks))
        streams = cls(
            tuple(series_ids), tuple(mark_names), offsets(np.bincount(series, minlength=shape[0])),
            times.astype(np.int64), marks.astype(np.int64), windows, windows[..., 0].min(1), clock,
            int(resolution),
        )  # fmt: skip
        streams._check(series.astype(np.int64))
        return streams

    def _check(self, series: Int64) -> None:
        empty = np.argwhere(self.windows[..., 1] <= self.windows[..., 0])
        if len(empty):
            i, k = empty[0]
            raise DataError(
                f"window of {self.mark_names[k]!r}: expected an end after its start, got "
                f"{self.windows[i, k].tolist()} ns in series {self.series_ids[i]!r}. Correct it."
            )
        low, high = self.windows[series, self.marks].T
        outside = np.flatnonzero((self.times < low) | (self.times > high))
        if len(outside):
            row = outside[0]
            raise DataError(
                f"event {self.mark_names[self.marks[row]]!r}: expected a time within "
                f"[{low[row]}, {high[row]}] ns, got {self.times[row]} in series "
                f"{self.series_ids[series[row]]!r}. Widen the window, or drop the event."
            )

    @property
    def num_series(self) -> int:
        """Number of series, empty ones included."""
        return len(self.series_ids)

    @property
    def num_marks(self) -> int:
        """Number of marks."""
        return len(self.mark_names)

    @property
    def series(self) -> Int64:
        """Series index of each event, shape (event,)."""
        return np.repeat(np.arange(self.num_series), np.diff(self.starts))

    @property
    def scored(self) -> np.ndarray:
        """True for events inside the window of their mark, False for history, shape (event,)."""
        low, high = self.windows[self.series, self.marks].T
        return (self.times >= low) & (self.times <= high)

    @property
    def num_scored(self) -> int:
        """Number of events that a likelihood scores."""
        return int(self.scored.sum())

    def counts(self) -> Int64:
        """Scored events by series and mark, shape (series, mark)."""
        table = np.zeros((self.num_series, self.num_marks), dtype=np.int64)
        scored = self.scored
        np.add.at(table, (self.series[scored], self.marks[scored]), 1)
        return table

    def exposure(self, unit_ns: float) -> Float64:
        """Length of the windows in a unit of time, shape (series, mark)."""
        return (self.windows[..., 1] - self.windows[..., 0]) / unit_ns

    def rates(self, unit_ns: float) -> Float64:
        """Events a unit of time by mark; half an event where there is none, shape (mark,)."""
        least = 1 / unit_ns  # a mark that was nowhere observed has a rate all the same
        return np.maximum(self.counts().sum(0), 0.5) / np.maximum(
            self.exposure(unit_ns).sum(0), least
        )

    def select(self, series: Sequence[int] | Int64) -> EventStreams:
        """Keep some series, in the order given."""
        index = np.asarray(series, dtype=np.int64)
        counts = np.diff(self.starts)[index]
        kept = ragged_arange(self.starts[index], counts)
        return replace(
            self,
            series_ids=tuple(self.series_ids[i] for i in index),
            starts=offsets(counts),
            times=self.times[kept],
            marks=self.marks[kept],
            windows=self.windows[index],
            origins=self.origins[index],
        )

    def select_events(self, keep: np.ndarray) -> EventStreams:
        """Keep some events, by a mask of shape (event,)."""
        counts = np.bincount(self.series[keep], minlength=self.num_series)
        return replace(self, starts=offsets(counts), times=self.times[keep], marks=self.marks[keep])

    def between(self, start: Int64 | int, end: Int64 | int) -> EventStreams:
        """Cut the windows to [start, end] (ns, a number or one a series); what was before stays.

        Events before `start` become history; events after `end` are dropped. An event at `end`
        belongs to this part, and is history of the next one.

        Raises:
            DataError: If nothing is left of a window.
        """
        low = np.broadcast_to(np.asarray(start, np.int64), (self.num_series,))
        high = np.broadcast_to(np.asarray(end, np.int64), (self.num_series,))
        windows = np.clip(self.windows, low[:, None, None], high[:, None, None])
        if (windows[..., 1] <= windows[..., 0]).any():
            i = int((windows[..., 1] <= windows[..., 0]).any(1).argmax())
            raise DataError(
                f"between: expected a part of the window {self.windows[i, 0].tolist()} ns, got "
                f"[{low[i]}, {high[i]}] in series {self.series_ids[i]!r}. Choose other times."
            )
        kept = self.select_events(self.times <= high[self.series])
        return replace(kept, windows=windows)

    def clipped(self, start: Int64, end: Int64) -> EventStreams:
        """Cut the windows to ``start < time <= end`` of each series, as parts of a log are.

        Unlike `between` it may leave nothing of a series or a mark: a window without a length.
        """
        edges = (start + 1)[:, None, None], np.maximum(start + 1, end)[:, None, None]
        cut = replace(self, windows=np.clip(self.windows, *edges))
        return cut.select_events(self.scored & cut.scored & (self.times <= end[self.series]))

    def spread_ties(self, random_state: int | np.random.Generator = 0) -> EventStreams:
        """Move tied events apart within the recorded resolution.

        A simple point process has no two events at one time; a tie says that times were rounded.
        Each tied event gets a uniform place in the cell [t, t + resolution) that it was recorded
        in; events without a tie stay. Where the resolution is a nanosecond, ties stay as they are.

        Returns:
            The same events in order; none leaves the window of its mark.
        """
        series = self.series
        same = (np.diff(self.times) == 0) & (np.diff(series) == 0)
        tied = np.zeros(len(self.times), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        rng = np.random.default_rng(random_state)
        moved = self.times.copy()
        moved[tied] += rng.integers(0, self.resolution, int(tied.sum()))
        moved = np.minimum(moved, np.maximum(self.windows[series, self.marks, 1], self.times))
        order = np.lexsort((self.marks, moved, series))
        return replace(self, times=moved[order], marks=self.marks[order])


@dataclass(frozen=True, eq=False)
class LogEvents:
    """Event streams of the series of a log, in their order.

    Attributes:
        streams: The events.
        mark_column: Column of marks in event files; None finds it.
        reports: True if the events are the report times of the log itself.
    """

    streams: EventStreams
    mark_column: str | None = None
    reports: bool = False

    def facts(self) -> dict[str, Any]:
        """All but the streams, JSON types."""
        return {"mark_column": self.mark_column, "reports": self.reports}

    def select(self, series: Sequence[int]) -> LogEvents:
        """Keep some series, in the order given."""
        return replace(self, streams=self.streams.select(series))

"""Ragged storage of time series: memory grows with the readings, never with a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentode.errors import DataError

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """What an int64 time of a log means.

    Attributes:
        kind: "calendar": nanoseconds since 1970-01-01T00:00 UTC (or of the naive wall clock,
            where the log names no zone); "elapsed": nanoseconds since the zero of the log's own
            clock.
        zone: IANA name, "UTC" or a fixed offset such as "+01:00"; None where the log is naive or
            elapsed.
        unit: Unit in which an elapsed clock was written ("s", "ms", "us", "ns", "min", "h", "d");
            "iso", an epoch unit, "mixed", "year" or serial days ("excel", "matlab", "julian",
            "mjd") for a calendar.
    """

    kind: Literal["calendar", "elapsed"]
    zone: str | None = None
    unit: str = "iso"


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings of many series in two levels of offsets.

    Series ``i`` owns rows ``series_starts[i]:series_starts[i + 1]``; row ``j`` (one time stamp)
    owns readings ``row_starts[j]:row_starts[j + 1]``. A channel that was not read has no entry.

    Attributes:
        channels: Channel names.
        series_starts: First row of each series, shape (series + 1,), int64.
        times: Time of each row in nanoseconds, int64, strictly increasing within a series, shape
            (row,).
        row_starts: First reading of each row, shape (row + 1,), int64.
        channel_index: Channel of each reading, increasing within a row, int32, shape (reading,).
        values: Value of each reading in original units, finite float64, shape (reading,).
    """

    channels: tuple[str, ...]
    series_starts: Int64
    times: Int64
    row_starts: Int64
    channel_index: NDArray[np.int32]
    values: Float64

    @classmethod
    def from_triplets(
        cls,
        series: Int64,
        times: Int64,
        channel: NDArray[np.integer],
        values: Float64,
        *,
        num_series: int,
        channels: Sequence[str],
    ) -> Readings:
        """Build from unsorted (series, time, channel, value) readings without duplicates.

        Args:
            series: Series index of each reading, shape (reading,).
            times: Time in nanoseconds, shape (reading,).
            channel: Channel index, shape (reading,).
            values: Value, shape (reading,).
            num_series: Number of series; a series may have no reading.
            channels: Channel names.

        Returns:
            The readings in order of series, time and channel, whatever the order they came in.
        """
        order = reading_order(series, times, channel)
        if order is not None:
            series, times = series[order], times[order]
            channel, values = channel[order], values[order]
        num_readings = len(values)
        new_row = np.ones(num_readings, dtype=bool)
        if num_readings:
            new_row[1:] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
        first = np.flatnonzero(new_row)
        rows_per_series = np.bincount(series[first], minlength=num_series)
        return cls(
            channels=tuple(channels),
            series_starts=offsets(rows_per_series),
            times=times[first].astype(np.int64),
            row_starts=np.append(first, num_readings).astype(np.int64),
            channel_index=channel.astype(np.int32, copy=False),
            values=values.astype(np.float64, copy=False),
        )

    @property
    def num_series(self) -> int:
        """Number of series, empty ones included."""
        return len(self.series_starts) - 1

    @property
    def num_rows(self) -> int:
        """Number of distinct (series, time) pairs."""
        return len(self.times)

    @property
    def num_readings(self) -> int:
        """Number of observed values."""
        return len(self.values)

    def rows_of(self, series: int) -> slice:
        """Rows of one series."""
        return slice(int(self.series_starts[series]), int(self.series_starts[series + 1]))

    def first_and_last(self) -> tuple[Int64, Int64]:
        """First and last time of each series, 0 and -1 for one without rows, shape (series,)."""
        filled = np.diff(self.series_starts) > 0
        first = np.zeros(self.num_series, dtype=np.int64)
        last = np.full(self.num_series, -1, dtype=np.int64)
        first[filled] = self.times[self.series_starts[:-1][filled]]
        last[filled] = self.times[self.series_starts[1:][filled] - 1]
        return first, last

    def gaps(self) -> Int64:
        """Nanoseconds from a row of a series to its next, shape (gap,)."""
        gaps = np.diff(self.times)
        inside = np.ones(len(gaps), dtype=bool)
        ends = self.series_starts[1:-1]
        inside[ends[(ends > 0) & (ends <= len(gaps))] - 1] = False
        return gaps[inside]

    def row_series(self) -> Int64:
        """Series index of each row, shape (row,)."""
        return np.repeat(np.arange(self.num_series), np.diff(self.series_starts))

    def reading_rows(self) -> Int64:
        """Row index of each reading, shape (reading,)."""
        return np.repeat(np.arange(self.num_rows), np.diff(self.row_starts))

    def dense(self, rows: slice | Int64) -> Float64:
        """Values of some rows as a grid, NaN where a channel was not read, (row, channel)."""
        index = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        grid = np.full((len(index), len(self.channels)), np.nan)
        starts, counts = self.row_starts[index], self.row_starts[index + 1] - self.row_starts[index]
        position = ragged_arange(starts, counts)
        grid[np.repeat(np.arange(len(index)), counts), self.channel_index[position]] = self.values[
            position
        ]
        return grid

    def select_readings(self, keep: NDArray[np.bool_]) -> Readings:
        """Keep some readings; a row without readings disappears, a series stays."""
        rows = self.reading_rows()[keep]
        return Readings.from_triplets(
            self.row_series()[rows],
            self.times[rows],
            self.channel_index[keep],
            self.values[keep],
            num_series=self.num_series,
            channels=self.channels,
        )

    def within(self, starts: Int64, stops: Int64) -> Readings:
        """Readings with ``start < time <= stop`` of each series.

        Args:
            starts: Exclusive start of each series, nanoseconds, shape (series,).
            stops: Inclusive end, likewise.
        """
        series = self.row_series()
        keep = (self.times > starts[series]) & (self.times <= stops[series])
        return self.select_readings(keep[self.reading_rows()])

    def select_series(self, series: Int64) -> Readings:
        """Keep some series, in the order given."""
        return self.runs(self.series_starts[series], np.diff(self.series_starts)[series])

    def runs(self, first: Int64, counts: Int64) -> Readings:
        """Make a series of each of some runs of rows, which may overlap.

        Args:
            first: First row of each run, shape (run,).
            counts: Number of its rows.
        """
        rows = ragged_arange(first, counts)
        per_row = np.diff(self.row_starts)[rows]
        position = ragged_arange(self.row_starts[rows], per_row)
        return replace(
            self,
            series_starts=offsets(counts),
            times=self.times[rows],
            row_starts=offsets(per_row),
            channel_index=self.channel_index[position],
            values=self.values[position],
        )

    def followed_by(self, later: Readings, old: Int64, new: Int64, num_series: int) -> Readings:
        """Readings with later ones, which from their first of a series on tell alone of it.

        Args:
            later: Of the same channels.
            old: Which series each of these is then, shape (series,).
            new: Which each of the later ones is, likewise.
            num_series: How many there are then.
        """
        begins = np.full(num_series, np.iinfo(np.int64).max)
        first, last = later.first_and_last()
        begins[new[last >= first]] = first[last >= first]
        rows, later_rows = self.reading_rows(), later.reading_rows()
        series, times = old[self.row_series()[rows]], self.times[rows]
        kept = times < begins[series]
        return Readings.from_triplets(
            np.concatenate([series[kept], new[later.row_series()[later_rows]]]),
            np.concatenate([times[kept], later.times[later_rows]]),
            np.concatenate([self.channel_index[kept], later.channel_index]),
            np.concatenate([self.values[kept], later.values]),
            num_series=num_series,
            channels=self.channels,
        )

    def with_added(self, added: Readings, old: Int64, new: Int64, num_series: int) -> Readings:
        """Readings with further ones, which take the place of those of the same moment and channel.

        Args:
            added: Of the same channels.
            old: Which series each of these is then, shape (series,).
            new: Which each of the added ones is, likewise.
            num_series: How many there are then.
        """
        rows, added_rows = self.reading_rows(), added.reading_rows()
        series = np.concatenate([old[self.row_series()[rows]], new[added.row_series()[added_rows]]])
        times = np.concatenate([self.times[rows], added.times[added_rows]])
        channel = np.concatenate([self.channel_index, added.channel_index])
        values = np.concatenate([self.values, added.values])
        order = np.lexsort((channel, times, series))  # stable: what was added stands last
        key = np.stack([series, times, channel])[:, order]
        last = np.ones(len(order), dtype=bool)
        last[:-1] = (key[:, 1:] != key[:, :-1]).any(axis=0)
        kept = order[last]
        return Readings.from_triplets(
            series[kept],
            times[kept],
            channel[kept],
            values[kept],
            num_series=num_series,
            channels=self.channels,
        )

    def select_channels(self, channels: Sequence[str]) -> Readings:
        """Reorder channels by name; unknown names become empty channels, others are dropped."""
        mapped = positions(self.channels, channels).astype(np.int32)[self.channel_index]
        renamed = replace(self, channels=tuple(channels), channel_index=mapped)
        return renamed.select_readings(mapped >= 0)


def reading_order(
    series: NDArray[np.integer], times: Int64, channel: NDArray[np.integer]
) -> Int64 | None:
    """Stable order of readings by series, time and channel; None where they are in it already.

    The same as ``np.lexsort((channel, times, series))``, but a key that is in order already costs
    one comparison: logs mostly are in order of time.

    Args:
        series: Series of each reading, shape (reading,).
        times: Nanoseconds, shape (reading,).
        channel: Channel of each reading, shape (reading,).
    """
    order: Int64 | None = None
    if (series[1:] < series[:-1]).any():
        order = np.argsort(_narrow(series), kind="stable")
        series, times = series[order], times[order]
    same = series[1:] == series[:-1]
    if (same & (times[1:] < times[:-1])).any():
        inner = np.argsort(times, kind="stable")
        inner = inner[np.argsort(_narrow(series[inner]), kind="stable")]
        order = inner if order is None else order[inner]
        series, times = series[inner], times[inner]
        same = series[1:] == series[:-1]
    channel = channel if order is None else channel[order]
    tied = same & (times[1:] == times[:-1])
    if (tied & (channel[1:] < channel[:-1])).any():
        row = np.concatenate([[0], np.cumsum(~tied)])
        inner = np.argsort(row * (int(channel.max()) + 1) + channel, kind="stable")
        order = inner if order is None else order[inner]
    return order


def _narrow(codes: NDArray[np.integer]) -> NDArray[np.integer]:
    # 16-bit keys are sorted by radix, in linear time
    return codes.astype(np.uint16) if len(codes) and int(codes.max()) < 1 << 16 else codes


def positions(names: Iterable[str | None], known: Sequence[str]) -> Int64:
    """Index of each name among known ones, -1 for others, shape (name,)."""
    index = {name: i for i, name in enumerate(known)}
    return np.array([-1 if name is None else index.get(name, -1) for name in names], np.int64)


def offsets(counts: NDArray[np.integer]) -> Int64:
    """Where each of some runs begins and the last one ends, by their lengths, shape (run + 1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def first_after(starts: Int64, times: Int64, series: Int64, moments: Int64) -> Int64:
    """First row of a series after a moment.

    Args:
        starts: First row of each series, and the end of the last one, shape (series + 1,).
        times: Time of each row, not decreasing within a series, shape (row,).
        series: Series of each question, shape (query,).
        moments: Moments, shape (query, ...).

    Returns:
        Rows among all, shape of `moments`.
    """
    # one search by halves for all questions: one a series would compare each with all of them
    low, high = (
        np.broadcast_to(edge.reshape(-1, *[1] * (moments.ndim - 1)), moments.shape)
        for edge in (starts[series], starts[series + 1])
    )
    for _ in range(int((high - low).max(initial=0)).bit_length()):
        middle = (low + high) // 2
        # a search that has ended may stand behind the last row
        passed = (low < high) & (times.take(middle, mode="clip") <= moments)
        low, high = np.where(passed, middle + 1, low), np.where(passed, high, middle)
    return low.astype(np.int64)


def ragged_arange(starts: Int64, counts: Int64) -> Int64:
    """Concatenate ``arange(start, start + count)`` over pairs, without a Python loop."""
    total = int(counts.sum())
    ends = np.cumsum(counts)
    return np.arange(total) + np.repeat(starts - (ends - counts), counts)


@dataclass(frozen=True, eq=False)
class TimeSeriesDataset:
    """A collection of irregularly sampled multivariate series, as read from a log.

    Attributes:
        series_ids: Id of each series, byte for byte as in the log.
        readings: Observed channels.
        clock: What a time means.
        inputs: Known inputs (set points, doses, ...), held constant from one entry to the next;
            None where there are none.
        static_columns: Names of the static covariates.
        static: Static covariates, NaN where unknown, shape (series, static).
        units: Unit of each channel where it is known.
    """

    series_ids: tuple[str, ...]
    readings: Readings
    clock: Clock
    inputs: Readings | None = None
    static_columns: tuple[str, ...] = ()
    static: Float64 | None = None
    units: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.series_ids) != self.readings.num_series:
            raise DataError(
                f"series_ids: expected {self.readings.num_series} ids, one a series, "
                f"got {len(self.series_ids)}."
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel names."""
        return self.readings.channels

    def __len__(self) -> int:
        return len(self.series_ids)

    def select_series(
        self, series: Sequence[int] | Int64, readings: Readings | None = None
    ) -> TimeSeriesDataset:
        """Keep some series, in the order given, with their readings unless there are others."""
        index = np.asarray(series, dtype=np.int64)
        return replace(
            self,
            series_ids=tuple(self.series_ids[i] for i in index),
            readings=self.readings.select_series(index) if readings is None else readings,
            inputs=None if self.inputs is None else self.inputs.select_series(index),
            static=None if self.static is None else self.static[index],
        )

    def with_readings(self, readings: Readings) -> TimeSeriesDataset:
        """The same series with other readings."""
        return replace(self, readings=readings)

    def followed_by(self, later: TimeSeriesDataset) -> TimeSeriesDataset:
        """The log with a later one of the same channels: its series, and new ones behind them.

        From its first reading of a series on, the later log tells alone of that series; likewise of
        known inputs. Static covariates are those of the later log, where it has the series.

        Args:
            later: The later log.
        """
        return self._joined(later, Readings.followed_by)

    def with_added(self, added: TimeSeriesDataset) -> TimeSeriesDataset:
        """The log with further readings of the same channels: of its series, and of new ones.

        A reading takes the place of one of the same series, moment and channel; likewise known
        inputs. Static covariates are those of the further log, where it has the series.

        Args:
            added: The further readings.
        """
        return self._joined(added, Readings.with_added)

    def _joined(
        self,
        later: TimeSeriesDataset,
        join: Callable[[Readings, Readings, Int64, Int64, int], Readings],
    ) -> TimeSeriesDataset:
        ids = tuple(dict.fromkeys([*self.series_ids, *later.series_ids]))
        old, new = (positions(each.series_ids, ids) for each in (self, later))
        inputs = static = None
        if self.inputs is not None and later.inputs is not None:
            inputs = join(self.inputs, later.inputs, old, new, len(ids))
        if self.static is not None and later.static is not None:
            static = np.full((len(ids), len(self.static_columns)), np.nan)
            static[old], static[new] = self.static, later.static
        readings = join(self.readings, later.readings, old, new, len(ids))
        return replace(self, series_ids=ids, readings=readings, inputs=inputs, static=static)

"""The first pass over parts: every part is checked, and its series and times are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import (
    Int64,
    Readings,
    TimeSeriesDataset,
    offsets,
    ragged_arange,
)
from latentode.data.reading.roles import natural_key
from latentode.scale.parts import Parts
from latentode.training.prepare import long_enough, too_short

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, eq=False)
class Census:
    """Series and times of a log in parts, in natural order of the ids, as a log in memory has them.

    Attributes:
        times: The log with all of its rows and none of their readings.
        kept: Series of each part that are long enough to learn from, by their place in it.
        ranks: Place of each of these among all series.
    """

    times: TimeSeriesDataset
    kept: tuple[Int64, ...]
    ranks: tuple[Int64, ...]

    @classmethod
    def of(cls, parts: Parts, min_obs: int) -> Census:
        """Read all parts, one after another.

        Args:
            parts: The parts.
            min_obs: Series with fewer readings are left out.

        Raises:
            DataError: If a part is absent or damaged, or no series has readings enough.
        """
        ids: list[str] = []
        kept, counts, static = [], [], []
        times = Gathered(parts.manifest.rows, np.int64)
        for part in parts:
            chosen = long_enough(part, min_obs)
            part = part.select_series(chosen)
            ids.extend(part.series_ids)
            kept.append(chosen)
            counts.append(np.diff(part.readings.series_starts))
            times.add(part.readings.times)
            if part.static is not None:
                static.append(part.static)
        if not ids:
            raise too_short(parts.manifest.series, min_obs)
        order = sorted(range(len(ids)), key=lambda index: natural_key(ids[index]))
        rank = np.empty(len(ids), dtype=np.int64)
        rank[order] = np.arange(len(ids))
        ranks = np.split(rank, np.cumsum([len(each) for each in kept])[:-1])
        rows = Order.of(ranks, counts, len(ids))
        names = tuple(ids[index] for index in order)
        log = _log_of_rows(parts, names, rows.starts, rows.merged(times.numbers))
        if static:
            log = replace(log, static=np.concatenate(static)[order])
        return cls(log, tuple(kept), tuple(ranks))

    def without_rows(self) -> Census:
        """The same with the first and the last row of each series alone, which tell its span."""
        readings = self.times.readings
        first, last = readings.first_and_last()
        rows = np.stack([first, last], axis=1)
        keep = np.stack([np.ones(len(first), dtype=bool), last > first], axis=1)
        starts = offsets(keep.sum(axis=1))
        ends = rows_alone(readings.channels, starts, rows[keep])
        return replace(self, times=self.times.with_readings(ends))


@dataclass(frozen=True, eq=False)
class Order:
    """Where numbers of the series of parts stand, once they are in order of all series.

    Attributes:
        starts: Where each series begins and the last one ends.
        ranks: Place of each series of each part among all.
        counts: How many numbers each has.
    """

    starts: Int64
    ranks: Sequence[Int64]
    counts: Sequence[Int64]

    @classmethod
    def of(cls, ranks: Sequence[Int64], counts: Sequence[Int64], num_series: int) -> Order:
        """The order of so many numbers of each series.

        Args:
            ranks: Place of each series of each part among all.
            counts: How many numbers each has.
            num_series: Number of all series.
        """
        of_each = np.zeros(num_series, dtype=np.int64)
        for rank, count in zip(ranks, counts, strict=True):
            of_each[rank] = count
        return cls(offsets(of_each), ranks, counts)

    def _places(self) -> Iterator[tuple[slice, Int64]]:
        """Which numbers belong to each part, and where they go."""
        end = 0
        for rank, count in zip(self.ranks, self.counts, strict=True):
            begin, end = end, end + int(count.sum())
            yield slice(begin, end), ragged_arange(self.starts[rank], count)

    def merged(self, numbers: NDArray[Number]) -> NDArray[Number]:
        """Numbers in that order.

        Args:
            numbers: Numbers of the parts, one part and one series after another.
        """
        merged = np.empty(self.starts[-1], dtype=numbers.dtype)
        for own, place in self._places():
            merged[place] = numbers[own]
        return merged

    def merged_at(self, numbers: NDArray[Number], wanted: Int64) -> NDArray[Number]:
        """Some of them.

        Args:
            numbers: As in `merged`.
            wanted: Which, increasing.
        """
        merged = np.empty(len(wanted), dtype=numbers.dtype)
        if not len(wanted):
            return merged
        for own, place in self._places():
            index = np.searchsorted(wanted, place)
            found = wanted.take(index, mode="clip") == place
            merged[index[found]] = numbers[own][found]
        return merged


class Gathered:
    """Numbers of series, one part after another, in one piece of memory, which goes back as one.

    Args:
        most: How many there can be.
        dtype: Of the numbers.
    """

    def __init__(self, most: int, dtype: type[np.generic]) -> None:
        self._numbers = np.empty(most, dtype=dtype)  # pages that are not written to cost nothing
        self._end = 0

    def add(self, numbers: NDArray) -> None:
        """Add those of the next part."""
        begin, self._end = self._end, self._end + len(numbers)
        self._numbers[begin : self._end] = numbers

    @property
    def numbers(self) -> NDArray:
        """All so far."""
        return self._numbers[: self._end]


def rows_alone(channels: tuple[str, ...], starts: Int64, times: Int64) -> Readings:
    """Rows without any reading.

    Args:
        channels: Names of channels.
        starts: First row of each series, and the end of the last one.
        times: Time of each row.
    """
    return Readings(
        channels=channels,
        series_starts=starts,
        times=times,
        row_starts=np.broadcast_to(np.int64(0), (len(times) + 1,)),
        channel_index=np.zeros(0, dtype=np.int32),
        values=np.zeros(0),
    )


def _log_of_rows(
    parts: Parts, ids: tuple[str, ...], starts: Int64, times: Int64
) -> TimeSeriesDataset:
    """A data set with the rows of parts, and names of all else."""
    inputs = tuple(each.name for each in parts.manifest.inputs)
    none = np.zeros(len(ids) + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return TimeSeriesDataset(
        series_ids=ids,
        readings=rows_alone(parts.channels, starts, times),
        clock=parts.manifest.clock_of,
        inputs=rows_alone(inputs, *none) if inputs else None,
        static_columns=tuple(name for name, _ in parts.manifest.static_columns),
        units=parts.manifest.units,
    )

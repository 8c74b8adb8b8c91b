"""The first pass over parts: every part is checked, and its series and times are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        kept, counts, times, static = [], [], [], []
        for part in parts:
            chosen = long_enough(part, min_obs)
            part = part.select_series(chosen)
            ids.extend(part.series_ids)
            kept.append(chosen)
            counts.append(np.diff(part.readings.series_starts))
            times.append(part.readings.times)
            if part.static is not None:
                static.append(part.static)
        if not ids:
            raise too_short(parts.manifest.series, min_obs)
        order = sorted(range(len(ids)), key=lambda index: natural_key(ids[index]))
        rank = np.empty(len(ids), dtype=np.int64)
        rank[order] = np.arange(len(ids))
        ranks = np.split(rank, np.cumsum([len(each) for each in kept])[:-1])
        starts, all_times = in_order(ranks, counts, times, len(ids))
        log = _log_of_rows(parts, tuple(ids[index] for index in order), starts, all_times)
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


def in_order(
    ranks: Sequence[Int64], counts: Sequence[Int64], values: Sequence[NDArray], num_series: int
) -> tuple[Int64, NDArray]:
    """Numbers of the series of parts, in order of all series.

    Args:
        ranks: Place of each series of each part among all.
        counts: How many numbers each has.
        values: The numbers of each part, one series after another.
        num_series: Number of all series.

    Returns:
        Where each series begins and the last one ends, and the numbers.
    """
    of_each = np.zeros(num_series, dtype=np.int64)
    for rank, count in zip(ranks, counts, strict=True):
        of_each[rank] = count
    starts = offsets(of_each)
    merged = np.empty(starts[-1], dtype=values[0].dtype)
    for rank, count, each in zip(ranks, counts, values, strict=True):
        merged[ragged_arange(starts[rank], count)] = each
    return starts, merged


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

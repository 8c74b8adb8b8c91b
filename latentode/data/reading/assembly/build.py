"""From the rows that count to readings in order, one a (series, time, channel)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Float64, Int64, Readings, positions
from latentode.data.reading.assembly.arrange import arrange_runs
from latentode.data.reading.assembly.collect import Cells, Collected
from latentode.data.reading.assembly.merge import Triplets, clip_outliers, merge_duplicates
from latentode.data.reading.assembly.wide import arrange_columns
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import natural_key
from latentode.data.reading.tally import Tally
from latentode.errors import ResourceError


@dataclass
class Builder:
    """Makes readings of some channels of a log.

    Attributes:
        table: The log.
        config: Policies.
        got: What was read.
        tally: Counts what is merged and clipped.
        clock: What the times mean.
        times: Time of each row in nanoseconds.
        keep: Rows that count.
        series_ids: Ids of the data set.
        rank: Index of each series code among them, -1 where it is left out.
        merges: Whether one reading a (series, time, channel) is left; else all are.
        columns: Values of each channel in the rows of the readings that were built last, NaN where
            there is none; None where they were not made of columns.
    """

    table: Table
    config: DataConfig
    got: Collected
    tally: Tally
    clock: Clock
    times: Int64
    keep: NDArray[np.bool_]
    series_ids: tuple[str, ...]
    rank: Int64
    merges: bool = True
    columns: list[Float64] | None = None

    def readings(self, channels: list[str]) -> Readings:
        """Build the readings of some channels.

        Args:
            channels: Names, in the order of the result.

        Returns:
            Their readings, repeats merged and outliers clipped by the policies.

        Raises:
            DataError: If a reading is repeated and the policy refuses that.
            ResourceError: If there are more channels than ``max_channels``.
        """
        if len(channels) > self.config.max_channels:
            raise ResourceError(
                f"{self.table.name}: expected at most {self.config.max_channels} channels, got "
                f"{len(channels)}. Raise --max-channels, or choose some with --channels."
            )
        series = ranked(self.got.series, self.rank)
        self.columns = None
        if self.config.clip_outliers is None and self.got.columns is not None:
            arranged = self._of_columns(self.got.columns, series, channels)
            if arranged is not None:
                return arranged
        cells = self._cells(channels)
        if self.config.clip_outliers is None and self.got.columns is None:
            arranged = self._arranged(cells, series, channels)
            if arranged is not None:
                return arranged
        return self._sorted(cells, series, channels)

    def _of_columns(
        self, all_columns: list[Float64], series: NDArray[np.int32], channels: list[str]
    ) -> Readings | None:
        """Readings of a wide log, whose columns are moved to them one by one: see `wide`."""
        assert len(self.got.numeric) == len(all_columns), "readings are counted before they move"
        slots = positions(channels, self.got.slots).tolist()
        columns = [all_columns[slot] for slot in slots]
        for slot in slots:
            all_columns[slot] = np.zeros(0)
        arranged = arrange_columns(
            columns,
            self.keep,
            series,
            self.times,
            num_series=len(self.series_ids),
            channels=channels,
        )
        if arranged is not None:
            self.columns = columns
            return arranged
        for slot, column in zip(slots, columns, strict=True):
            all_columns[slot] = column
        return None

    def _cells(self, channels: list[str]) -> Cells:
        """Readings of the channels in rows that count, with channel codes for slots."""
        got = self.got.cells
        target = positions(self.got.slots, channels).astype(np.int32)
        in_place = (target == np.arange(len(target))).all()
        codes = got.slots if in_place else target[got.slots]
        if self.keep.all() and (target >= 0).all():
            return Cells(got.counts, codes, got.values)
        rows = got.rows()
        wanted = self.keep[rows] & (codes >= 0)
        counts = np.bincount(rows[wanted], minlength=len(got.counts))
        return Cells(counts, codes[wanted], got.values[wanted])

    def _arranged(
        self, cells: Cells, series: NDArray[np.int32], channels: list[str]
    ) -> Readings | None:
        """The fast way, where it is open: see `arrange_runs`."""
        times, counts = self.times, cells.counts
        if not counts.all():
            present = np.flatnonzero(counts)
            series, times, counts = series[present], times[present], counts[present]
        single = len(counts) == len(cells.slots)
        return arrange_runs(
            series,
            times,
            None if single else counts.astype(np.int64),
            cells.slots,
            cells.values,
            num_series=len(self.series_ids),
            channels=channels,
        )

    def _sorted(self, cells: Cells, series: NDArray[np.int32], channels: list[str]) -> Readings:
        rows = cells.rows().astype(np.int32)
        triplets = Triplets(
            self.series_ids,
            channels,
            series[rows],
            self.times[rows],
            cells.slots,
            cells.values,
            rows,
        )
        triplets = triplets.in_order()
        if self.merges:
            triplets = merge_duplicates(
                triplets, self.config.duplicates, tally=self.tally, clock=self.clock, got=self.got
            )
        if self.config.clip_outliers is not None:
            triplets = clip_outliers(triplets, self.config.clip_outliers, self.tally)
        return Readings.from_triplets(
            triplets.series.astype(np.int64),
            triplets.times,
            triplets.channel,
            triplets.values,
            num_series=len(self.series_ids),
            channels=channels,
        )


def series_rank(
    got: Collected, keep: NDArray[np.bool_], *, natural: bool = True
) -> tuple[tuple[str, ...], Int64]:
    """Ids in natural order, whatever the order of the rows, and the index of each code among them.

    An id that stands only in rows that were dropped has index -1.

    Args:
        got: The rows.
        keep: Which of them count.
        natural: Whether the order is asked for; else ids stay as they come.
    """
    series = got.series if keep.all() else got.series[keep]
    codes = np.flatnonzero(np.bincount(series, minlength=len(got.series_ids))).tolist()
    if natural:
        codes.sort(key=lambda code: natural_key(got.series_ids[code]))
    rank = np.full(len(got.series_ids), -1, dtype=np.int64)
    rank[codes] = np.arange(len(codes))
    return tuple(got.series_ids[code] for code in codes), rank


def ranked(codes: NDArray[np.int32], rank: Int64) -> NDArray[np.int32]:
    """Index of the series of each row from its code."""
    if (rank == np.arange(len(rank))).all():
        return codes
    return rank.astype(np.int32)[codes]

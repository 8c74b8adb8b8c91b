"""What the reader understood of a log, and every cell and row that it left out or changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.config.durations import format_duration
from latentode.data.dataset import Clock, TimeSeriesDataset

#: Reason of a count -> how the plan words it.
REASONS = {
    "ragged_rows": "rows with a wrong number of fields dropped",
    "rows_without_time": "rows without a time dropped",
    "rows_with_bad_time": "rows with an unreadable time dropped",
    "rows_without_id": "rows without a series id dropped",
    "rows_without_channel": "rows without a channel name dropped",
    "rows_without_mark": "rows without a mark dropped",
    "rows_with_bad_cells": "rows dropped for a bad cell",
    "bad_cells": "bad cells",
    "cells_of_text_columns": "text cells left out",
    "readings_of_other_channels": "readings of channels that were not asked for left out",
    "missing_cells": "empty cells",
    "duplicates_identical": "repeated readings with equal values merged",
    "duplicates_merged": "repeated readings with different values merged",
    "values_clipped": "outliers clipped",
}


@dataclass(frozen=True)
class DataReport:
    """Counts and decisions of one reading of a log.

    Attributes:
        source: File or "DataFrame".
        layout: "wide", "long", "influx" or "homeassistant".
        columns: Column(s) that were read as "time", "id", "channel", "value", "channels", "static",
            "future"; None or empty where there is none.
        clock: What times mean.
        first: Earliest time in nanoseconds of the clock.
        last: Latest time.
        median_step: Median gap between successive times of a series, nanoseconds; None without.
        series_ids: Ids, in the order of the data set.
        channels: Channel names.
        num_rows: Distinct (series, time) pairs.
        num_readings: Observed values.
        missing: Share of (row, channel) pairs without a reading.
        rows_read: Data rows in the source.
        counts: Reason -> number of rows or cells.
        per_series: Reason -> series id -> number.
        per_channel: Reason -> channel -> number.
        notes: Decisions in words.
    """

    source: str
    layout: str
    columns: Mapping[str, Any]
    clock: Clock
    first: int
    last: int
    median_step: int | None
    series_ids: tuple[str, ...]
    channels: tuple[str, ...]
    num_rows: int
    num_readings: int
    missing: float
    rows_read: int
    counts: Mapping[str, int]
    per_series: Mapping[str, Mapping[str, int]]
    per_channel: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types."""
        columns = {
            role: list(names) if isinstance(names, tuple) else names
            for role, names in self.columns.items()
        }
        return {
            "source": self.source,
            "layout": self.layout,
            "columns": columns,
            "clock": asdict(self.clock),
            "first": self._instant(self.first),
            "last": self._instant(self.last),
            "median_step_seconds": None if self.median_step is None else self.median_step / 1e9,
            "num_series": len(self.series_ids),
            "series_ids": list(self.series_ids),
            "channels": list(self.channels),
            "num_rows": self.num_rows,
            "num_readings": self.num_readings,
            "missing_share": self.missing,
            "rows_read": self.rows_read,
            "counts": dict(self.counts),
            "per_series": {reason: dict(table) for reason, table in self.per_series.items()},
            "per_channel": {reason: dict(table) for reason, table in self.per_channel.items()},
            "notes": list(self.notes),
        }

    def pinned(self, config: DataConfig) -> DataConfig:
        """Settings under which another log is read as this one was, however short it is.

        Args:
            config: The settings that this log was read with; what they name is kept.

        Returns:
            They, with layout, columns, channels and unit of time as they were detected. Separator,
            encoding and zone are left as they are: a file shows them itself, and files differ.
        """
        roles = ("time", "id", "channel", "value", "channels")
        columns = {role: self.columns[role] for role in roles}
        unit = self.clock.unit if config.time.unit == "auto" else config.time.unit
        return config.model_copy(
            update={
                "layout": self.layout if config.layout == "auto" else config.layout,
                "columns": config.columns.model_copy(update=columns),
                "time": config.time.model_copy(update={"unit": unit}),
            }
        )

    def plan(self) -> list[str]:
        """What was understood, in short lines for a person."""
        lines = [
            f"read {self.source}: {self.rows_read:,} rows, {self.layout} layout",
            f"columns: {self._columns_line()}",
            f"time: {self._clock_line()}",
            f"series: {len(self.series_ids):,}; channels: {len(self.channels)}; "
            f"readings: {self.num_readings:,} at {self.num_rows:,} times; "
            f"{100 * self.missing:.1f}% missing",
        ]
        # an empty cell of a log is the rule, not a loss: its share stands in the line above
        told = [
            reason for reason in REASONS if self.counts.get(reason) and reason != "missing_cells"
        ]
        lines += [f"{self.counts[reason]:,} {REASONS[reason]}" for reason in told]
        return lines + [f"note: {note}" for note in self.notes]

    def _columns_line(self) -> str:
        return "; ".join(
            f"{role} {_shorten(names if isinstance(names, tuple) else (names,))}"
            for role, names in self.columns.items()
            if names
        )

    def _clock_line(self) -> str:
        zone = self.clock.zone or ("naive wall clock" if self.clock.kind == "calendar" else "")
        words = [self.clock.kind, f"unit {self.clock.unit}"] + ([f"zone {zone}"] if zone else [])
        words.append(f"{self._instant(self.first)} to {self._instant(self.last)}")
        if self.median_step is not None:
            words.append(f"median step {format_duration(self.median_step)}")
        return ", ".join(words)

    def _instant(self, time: int) -> str:
        if self.clock.kind == "elapsed":
            return format_duration(time) if time > 0 else f"{time / 1e9:g}s"
        text = str(np.datetime64(time, "ns").astype("M8[ms]"))
        return text + ("Z" if self.clock.zone else "")


def _shorten(names: Sequence[str], most: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass
class Tally:
    """Counts that grow while a log is read.

    Attributes:
        rows_read: Data rows seen.
        counts: Reason -> number.
        per_series: Reason -> series id -> number.
        per_channel: Reason -> channel -> number.
        notes: Decisions in words.
    """

    rows_read: int = 0
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    per_series: dict[str, dict[str, int]] = field(default_factory=dict)
    per_channel: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, reason: str, number: int) -> None:
        """Add to the total of a reason."""
        if number:
            self.counts[reason] += int(number)

    def add_by(
        self,
        reason: str,
        axis: dict[str, dict[str, int]],
        names: Sequence[str],
        index: NDArray[np.integer],
    ) -> None:
        """Add to a table by series or channel one for each entry of `index` into `names`.

        Args:
            reason: What is counted.
            axis: The tables, by reason.
            names: Ids of the series or names of the channels.
            index: Which of them, shape (counted,).
        """
        if not len(index):
            return
        numbers = np.bincount(index, minlength=len(names))
        table = axis.setdefault(reason, {})
        for position in np.flatnonzero(numbers):
            name = names[int(position)]
            table[name] = table.get(name, 0) + int(numbers[position])


def make_report(
    tally: Tally,
    dataset: TimeSeriesDataset,
    *,
    source: str,
    layout: str,
    columns: Mapping[str, Any],
) -> DataReport:
    """Close a tally: add what can be said of the readings themselves.

    Args:
        tally: What was counted.
        dataset: What was read, one reading at least.
        source: Name of the log.
        layout: See `DataReport`.
        columns: See `DataReport`.
    """
    readings = dataset.readings
    times, steps = readings.times, readings.gaps()
    cells = readings.num_rows * len(readings.channels)
    return DataReport(
        source=source,
        layout=layout,
        columns=columns,
        clock=dataset.clock,
        first=int(times.min()),
        last=int(times.max()),
        median_step=int(np.median(steps)) if len(steps) else None,
        series_ids=dataset.series_ids,
        channels=readings.channels,
        num_rows=readings.num_rows,
        num_readings=readings.num_readings,
        missing=1 - readings.num_readings / cells,
        rows_read=tally.rows_read,
        counts={reason: tally.counts[reason] for reason in REASONS if tally.counts.get(reason)},
        per_series=tally.per_series,
        per_channel=tally.per_channel,
        notes=tuple(tally.notes),
    )

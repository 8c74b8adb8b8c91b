"""What was detected in a log, and every cell and row that it left out or changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from latentode.config import DataConfig
from latentode.config.durations import format_duration
from latentode.data.dataset import Clock, Int64, TimeSeriesDataset
from latentode.data.reading.doubts import Decision, Doubts, Question
from latentode.data.reading.second_look.log_rows import instant, short_instant
from latentode.data.reading.second_look.look import Look
from latentode.data.reading.second_look.look_lines import look_lines
from latentode.data.reading.tally import REASONS, Tally

#: What questions are about that have to be settled before a log is used at all, be it for training
#: or for a forecast.
OF_EVERY_LOG = ("time",)
#: Settings of time that hold for one log, and for no later one.
OF_ONE_LOG = ("start", "end", "year")

_ALIKE = 0.1  # shares of the rows that are told as one
_NEAR = 0.02  # how near a share is to the fraction that it is called
_ALL_BUT = 0.995  # shares above have more digits, lest they read as all
_FRACTIONS = {"half": 0.5, "a third": 1 / 3, "two thirds": 2 / 3, "a quarter": 0.25, "a tenth": 0.1}


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
        left_out: Column that is no channel and has no other role -> why.
        merge_cause: Why several values stand at one time, as far as it can be told.
        decisions: What was decided, with evidence and the option that overrules it.
        questions: What has to be settled before training.
        look: What the numbers look like.
        units: Unit of each channel where it is known.
        dayfirst: Whether the day stands before the month in dates that leave it open; None where
            none do.
        decimal: Decimal mark of the file.
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
    left_out: Mapping[str, str]
    merge_cause: str
    decisions: tuple[Decision, ...]
    questions: tuple[Question, ...]
    look: Look
    units: Mapping[str, str]
    dayfirst: bool | None
    decimal: str

    @property
    def merged_share(self) -> float:
        """Share of the readings in the source that were merged, their values being different."""
        counts = self.counts
        merged = counts.get("duplicates_merged", 0)
        other = counts.get("duplicates_identical", 0)
        return merged / (self.num_readings + merged + other)

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
            "first": instant(self.first, self.clock),
            "last": instant(self.last, self.clock),
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
            "left_out": [{"column": c, "reason": reason} for c, reason in self.left_out.items()],
            "merged": {
                "readings": self.counts.get("duplicates_merged", 0),
                "share": self.merged_share,
                "cause": self.merge_cause,
            },
            "decisions": [asdict(decision) for decision in self.decisions],
            "questions": [question.message for question in self.questions],
            "notes": [str(decision) for decision in self.decisions],
            **self.look.to_dict(self.units),
        }

    def settle(
        self, blocked: Literal["reading", "training"], *, about: Collection[str] | None = None
    ) -> None:
        """Refuse to go on while questions about the log are open.

        Args:
            blocked: What waits for the answer: "training".
            about: Which questions count, by what they are about; None for all.

        Raises:
            DataError: With all of them in one message.
        """
        questions = [each for each in self.questions if about is None or each.about in about]
        Doubts(questions=questions).settle(self.source, blocked)

    def pinned(self, config: DataConfig) -> DataConfig:
        """Settings under which another log is read as this one was, however short it is.

        Args:
            config: The settings that this log was read with; what they name is kept.

        Returns:
            They, with layout, columns, channels, unit of time, order of day and month and decimal
            comma as they were detected. Separator, encoding and zone are left as they are: a file
            shows them itself, and files differ. Bounds of time, and the year of its first row, are
            those of this log alone.
        """
        roles = ("time", "id", "channel", "value", "channels")
        columns = {role: self.columns[role] for role in roles}
        time, cells = config.time, config.cells
        unit = self.clock.unit if time.unit == "auto" else time.unit
        dayfirst = self.dayfirst if time.dayfirst is None else time.dayfirst
        comma = cells.decimal is None and self.decimal == ","
        return config.model_copy(
            update={
                "layout": self.layout if config.layout == "auto" else config.layout,
                "columns": config.columns.model_copy(update=columns),
                "time": time.model_copy(
                    update={"unit": unit, "dayfirst": dayfirst} | dict.fromkeys(OF_ONE_LOG)
                ),
                "cells": cells.model_copy(update={"decimal": ","}) if comma else cells,
            }
        )

    def plan(self) -> list[str]:
        """What was detected in the log, in short lines for a person."""
        return [
            f"read {self.source}: {self.rows_read:,} rows, {self.layout} layout",
            f"columns: {self._columns_line()}",
            f"time: {self._clock_line()}",
            f"series: {len(self.series_ids):,}; channels: {len(self.channels)}; "
            f"readings: {self.num_readings:,} at {self.num_rows:,} times; {self._share_line()}",
            *self.count_lines(),
            *look_lines(self.look, dict(self.units)),
            *self.left_out_lines(),
            *(f"note: {decision}" for decision in self.decisions),
        ]

    def left_out_lines(self) -> list[str]:
        """Lines of columns that are no channel, but for those that a decision speaks of."""
        decided = [f"{decision.choice} {decision.evidence}" for decision in self.decisions]
        return [
            f"column {name} ignored: {reason}"
            for name, reason in self.left_out.items()
            if not any(repr(name) in choice for choice in decided)
        ]

    def count_lines(self) -> list[str]:
        """Lines of what was left out or changed, but for what a decision says.

        An empty cell is the rule in a log, not a loss.
        """
        lines = []
        unsaid = {"missing_cells", "cells_of_text_columns"}
        if any(decision.about == "repeats" for decision in self.decisions):
            unsaid.add("duplicates_merged")
        for reason, words in REASONS.items():
            number = self.counts.get(reason)
            if not number or reason in unsaid:
                continue
            line = f"{number:,} {words}"
            if reason == "duplicates_merged":
                cause = f": {self.merge_cause}" if self.merge_cause else ""
                line += f", {100 * self.merged_share:.2g}% of all{cause}"
            lines.append(line)
        return lines

    def _columns_line(self) -> str:
        return "; ".join(
            f"{role} {_shorten(names if isinstance(names, tuple) else (names,))}"
            for role, names in self.columns.items()
            if names
        )

    def _clock_line(self) -> str:
        clock = self.clock
        is_dates = clock.kind == "calendar" and clock.unit == "iso"
        words: list[str] = ["dates"] if is_dates else [clock.kind]
        if clock.unit != "iso":
            words.append(f"unit {clock.unit}")
        if clock.kind == "calendar":
            words.append(f"zone {clock.zone}" if clock.zone else "local time, no time zone given")
        words.append(f"{short_instant(self.first, clock)} to {short_instant(self.last, clock)}")
        if self.median_step is not None:
            words.append(f"median step {format_duration(self.median_step)}")
        return ", ".join(words)

    def _share_line(self) -> str:
        """In how many of the rows a channel has a value: channels have times of their own."""
        shares = sorted(each.share for each in self.look.channels if each.count)
        if not shares:
            return "no channel has a value"
        low, high = shares[0], shares[-1]
        if low == 1:
            return "every row has a value of each channel"
        if high - low > _ALIKE:
            return f"a channel has a value in {_percent(low)} to {_percent(high)} of the rows"
        return f"each channel has a value in about {_in_words((low + high) / 2)} of the rows"


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < _ALL_BUT else f"{100 * share:.4g}%"


def _in_words(share: float) -> str:
    """Write a share as a fraction that people say, where one is near."""
    near = [name for name, value in _FRACTIONS.items() if abs(share - value) < _NEAR]
    return near[0] if near else _percent(share)


def _shorten(names: Sequence[str], most: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def make_report(
    tally: Tally,
    dataset: TimeSeriesDataset,
    *,
    source: str,
    layout: str,
    columns: Mapping[str, Any],
    look: Look,
    stamps: Int64,
    dayfirst: bool | None = None,
    decimal: str = ".",
) -> DataReport:
    """Close a tally: add what can be said of the readings themselves.

    Args:
        tally: What was counted.
        dataset: What was read.
        source: Name of the log.
        layout: See `DataReport`.
        columns: See `DataReport`.
        look: From `second_look`.
        stamps: Times of the rows that count, one at least: the span of a log without a reading.
        dayfirst: See `DataReport`.
        decimal: See `DataReport`.
    """
    readings = dataset.readings
    times = readings.times if readings.num_rows else stamps
    cells = readings.num_rows * len(readings.channels)
    return DataReport(
        source=source,
        layout=layout,
        columns=columns,
        clock=dataset.clock,
        first=int(times.min()),
        last=int(times.max()),
        median_step=look.median_step,
        series_ids=dataset.series_ids,
        channels=readings.channels,
        num_rows=readings.num_rows,
        num_readings=readings.num_readings,
        missing=1 - readings.num_readings / max(1, cells),
        rows_read=tally.rows_read,
        counts={reason: tally.counts[reason] for reason in REASONS if tally.counts.get(reason)},
        per_series=tally.per_series,
        per_channel=tally.per_channel,
        left_out=tally.left_out,
        merge_cause=tally.merge_cause,
        decisions=tuple(tally.doubts.decisions),
        questions=tuple(
            question for question in tally.doubts.questions if question.blocks == "training"
        ),
        look=look,
        units=dict(dataset.units),
        dayfirst=dayfirst,
        decimal=decimal,
    )

"""Logs that are longer than memory: read block by block, all as the first block is understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.reading.assembly.files import FileSpans
from latentode.data.reading.assembly.static import build_static
from latentode.data.reading.block_checks import Agreement
from latentode.data.reading.doubts import Decision, Doubts
from latentode.data.reading.formats.open_table import (
    LogFile,
    Source,
    log_files,
    log_weight,
    open_blocks,
    open_tables,
)
from latentode.data.reading.formats.table import NoRowsError, Table, missing_texts
from latentode.data.reading.log import system_memory
from latentode.data.reading.opened_log import CountedRows, OpenedLog
from latentode.data.reading.report import DataReport
from latentode.data.reading.roles import natural_key
from latentode.data.reading.understand import Understanding
from latentode.errors import DataError, ResourceError

#: Bytes of a block, about: of text, or of cells of 16 bytes; reading takes some ten times as much.
BLOCK_BYTES = 64 << 20
_MOST_NOTES = 20  # of a person who reads them
#: Called with the bytes that are read, and with all.
Progress = Callable[[int, int], None]


class Static(NamedTuple):
    """Static covariates of all series.

    Attributes:
        columns: Their names.
        of: Series id -> its row of `values`.
        values: Shape (series, static); None without covariates.
    """

    columns: tuple[str, ...]
    of: dict[str, int]
    values: Float64 | None


class LogBlocks:
    """A log in blocks of rows, which are data sets of their own.

    The first block tells what the columns, times and cells mean; a block that would be read
    otherwise, raises a question or depends on rows of another block is refused. Files below the
    size of a block are read several at once. Readings of one series, time and channel are left as
    they are, for the caller to merge: some may stand in other blocks.

    Args:
        source: The log, as `read_log` takes it.
        config: How it is read.
        size: Bytes of a block, about.

    Attributes:
        files: The files.
        report: What was detected in the first block, once it is read.
        counts: What was left out, by reason, of the blocks that are read.
        rows_read: Their data rows.
        notes: What was decided of later blocks alone, and can be overruled; at most twenty.
        config: How it is read; once the first block is, all are read as that.
        source_name: How messages call the log.
    """

    def __init__(self, source: Source, config: DataConfig, size: int = BLOCK_BYTES) -> None:
        self.files = log_files(source)
        self.report: DataReport | None = None
        self.counts: Counter[str] = Counter()
        self.rows_read = 0
        self.notes: list[str] = []
        self._decided: set[Decision] = set()
        self.config, self._size = config, size
        self._weights = [log_weight(file, config) for file in self.files]
        self._agreement = Agreement(config)
        self._known: Understanding | None = None
        self._names: dict[str, str] = {}
        self._spans = FileSpans()
        self._channels: dict[str, int] = {}
        self._slots: set[str] = set()
        self._static: dict[str, set[tuple[str, str]]] = {}
        self._decimal, self._is_long = ".", False
        self.source_name = str(self.files[0])

    @property
    def fit(self) -> bool:
        """Whether the log is one block, which `read_log` reads."""
        return sum(self._weights) <= self._size

    def read(self, on_progress: Progress | None = None) -> Iterator[TimeSeriesDataset]:
        """Read the blocks, once.

        Args:
            on_progress: Is told after each how far it is.

        Yields:
            Readings, planned inputs and series of each block.

        Raises:
            DataError: As `read_log` does, and where blocks do not agree.
            ResourceError: If there are more channels than ``max_channels``.
        """
        done, total = 0, sum(self._weights)
        for tables, weight in self._stretches():
            try:
                dataset = self._dataset(tables)
            except NoRowsError:
                if self.report is None and done + weight >= total:
                    raise
                dataset = None
            del tables
            done = min(total, done + weight)
            if dataset is not None:
                yield dataset
                del dataset
            if on_progress is not None:
                on_progress(done, total)
        self._check_names()

    def _stretches(self) -> Iterator[tuple[Iterator[Table], int]]:
        """Tables of each block, with its bytes: of several small files, or some rows of one."""
        group: list[LogFile] = []
        held = 0
        for file, weight in zip(self.files, self._weights, strict=True):
            if group and held + weight > self._size:
                yield open_tables(group, self.config), held
                group, held = [], 0
            if weight > self._size:
                for table in open_blocks(file, self.config, self._size):
                    yield _one(table), table.weight
                    del table
            else:
                group.append(file)
                held += weight
        if group:
            yield open_tables(group, self.config), held

    @system_memory()
    def _dataset(self, tables: Iterator[Table]) -> TimeSeriesDataset:
        log = OpenedLog.collected(
            self._agreement.looked_at(tables),
            self.config,
            known=self._known,
            whole=False,
            files=self._names,
        )
        if self._known is None:
            self._begin(log)
        rows = log.rows()
        if self._by_files:
            self._spans.add(log.got, rows.times, rows.keep)
        channels = log.channels(rows)
        dataset, columns = log.dataset(rows, channels, allow_unread=True)
        self._agreement.check(log, rows, dict(dataset.units))
        self._keep(log, rows, channels)
        report = log.report(rows, dataset, columns, channels) if len(channels) else None
        if report is not None:
            self._judge(report)
        return dataset

    def _judge(self, report: DataReport) -> None:
        """Ask what has to be asked of a block; the first tells how all are read."""
        settle(report)
        self._agreement.check_codes(report)
        guesses = [each for each in report.decisions if each.option and each not in self._decided]
        self._decided |= {*guesses}
        if self.report is None:
            self.report = report
            self._pin(report)
        else:
            self.notes += [str(each) for each in guesses][: _MOST_NOTES - len(self.notes)]

    def _begin(self, log: OpenedLog) -> None:
        """Refuse what only the whole log tells."""
        roles, config = log.roles, self.config
        self._known, self._agreement.roles = log.understanding, roles
        self.source_name, self._decimal = log.table.name, log.table.decimal
        if log.understanding.carries:
            raise DataError(
                f"{self.source_name}: dates stand in the first row of each day alone, and the log "
                "is too long to be read at once. Write the date into every row."
            )
        if config.clip_outliers is not None:
            raise DataError(
                f"--clip-outliers: expected a log that is read at once, got {self.source_name}, "
                "which is longer. Leave it out."
            )

    def _keep(self, log: OpenedLog, rows: CountedRows, channels: list[str]) -> None:
        got = log.got
        self._is_long = got.row_slot is not None
        self._slots |= {*got.slots, *log.table.columns}
        filled = dict(zip(got.slots, got.numeric.tolist(), strict=True))
        for name in channels:
            self._channels[name] = self._channels.get(name, 0) + filled.get(name, 0)
        for name, pairs in got.static.items():
            seen = self._static.setdefault(name, set())
            seen |= {
                (got.series_ids[code], text)
                for code, text in pairs
                if code >= 0 and rows.rank[code] >= 0
            }
        self.counts.update(log.tally.counts)
        self.rows_read += log.tally.rows_read

    def _pin(self, report: DataReport) -> None:
        """Read all blocks as the first."""
        pinned, time = report.pinned(self.config), self.config.time
        bounds = {"start": time.start, "end": time.end, "year": time.year}
        self._agreement.config = pinned.model_copy(
            update={"time": pinned.time.model_copy(update=bounds)}
        )
        self.config = self._agreement.config.model_copy(update={"columns": self.config.columns})

    @property
    def _by_files(self) -> bool:
        return self._known is not None and self._known.roles.id is None and len(self.files) > 1

    def one_series(self) -> tuple[str, ...]:
        """Series of the blocks that are one, in their order: files of which each follows another.

        None where they are the series of the log.

        Raises:
            DataError: If that cannot be told.
        """
        if not self._by_files:
            return ()
        names, number = self._spans.as_one(self.source_name), f"{len(self.files):,} files"
        if names:
            self.notes.append(f"{number} are one series (each begins where another ends)")
        else:
            self.notes.append(
                f"{number} are a series each, named by their files (their times overlap, and the "
                "readings of the first differ)"
            )
        return names

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of all blocks that were read, as `read_log` orders them."""
        named = self.config.columns.channels
        if named is not None:
            return named
        filled = [name for name, count in self._channels.items() if count]
        names = filled or [*self._channels]
        return tuple(sorted(names, key=natural_key) if self._is_long else names)

    @property
    def units(self) -> tuple[tuple[str, str], ...]:
        """Units of channels, where they are known."""
        known = self._agreement.units
        return tuple((name, known[name]) for name in self.channels if name in known)

    @property
    def pinned(self) -> DataConfig:
        """Settings under which another log is read as this one was."""
        assert self.report is not None
        pinned = self.report.pinned(self.config)
        columns = pinned.columns.model_copy(update={"channels": self.channels})
        return pinned.model_copy(update={"columns": columns})

    def static(self) -> Static:
        """Static covariates of all series of the blocks that were read.

        Raises:
            DataError: If a covariate changes within a series.
        """
        names = dict.fromkeys(id_ for pairs in self._static.values() for id_, _ in pairs)
        ids = tuple(sorted(names, key=natural_key))
        of = {name: index for index, name in enumerate(ids)}
        columns, values = build_static(
            {
                name: {(of[id_], text) for id_, text in pairs}
                for name, pairs in self._static.items()
            },
            np.arange(len(ids)),
            ids,
            set(missing_texts(self.config)),
            self.source_name,
            self._decimal,
        )
        return Static(columns, of, values)

    def _check_names(self) -> None:
        """Refuse names that no block has, and more channels than are allowed."""
        columns, named = self.config.columns, self.config.cells.na_by_channel
        for names, option in (
            (columns.channels or (), "--channels"),
            (columns.future, "--future-columns"),
            (named, "--na"),
        ):
            absent = next((name for name in names if name not in self._slots), None)
            if absent is not None:
                there = ", ".join([*self._channels][:12])
                raise DataError(
                    f"{self.source_name}: no channel {absent!r} in the log. There are: {there}. "
                    f"Correct {option}."
                )
        if len(self._channels) > self.config.max_channels:
            raise ResourceError(
                f"{self.source_name}: expected at most {self.config.max_channels} channels, got "
                f"{len(self._channels)}. Raise --max-channels, or choose some with --channels."
            )


def _one(table: Table) -> Iterator[Table]:
    yield table


def settle(report: DataReport) -> None:
    """Ask what has to be known before training; a block may be short.

    Args:
        report: Of the block.

    Raises:
        DataError: With all questions.
    """
    asked = [each for each in report.questions if each.about != "length"]
    Doubts(questions=asked).settle(report.source, "training")

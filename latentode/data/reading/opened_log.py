"""A log whose files are read, on its way from rows to readings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.reading.assembly.build import Builder, ranked, series_rank
from latentode.data.reading.assembly.collect import Collected, Collector
from latentode.data.reading.assembly.files import series_of_files
from latentode.data.reading.assembly.static import build_static
from latentode.data.reading.cell_pairs import in_pairs
from latentode.data.reading.cell_policy import CellPolicy
from latentode.data.reading.formats.table import Table, missing_texts
from latentode.data.reading.report import DataReport, make_report
from latentode.data.reading.roles import Roles, natural_key
from latentode.data.reading.row_policy import RowPolicy
from latentode.data.reading.second_look.log_rows import LogRows
from latentode.data.reading.second_look.look import Look, codes_of, second_look
from latentode.data.reading.second_look.questions import ask_about_codes
from latentode.data.reading.tally import Tally
from latentode.data.reading.understand import Understanding, understand
from latentode.errors import DataError


def _without_absent_columns(config: DataConfig, names: Sequence[str]) -> DataConfig:
    """Leave out channels that a wide log does not have; those of a long log are not known yet."""
    there = tuple(name for name in config.columns.channels or () if name in names)
    if not there or config.layout in ("long", "homeassistant"):
        return config
    columns = config.columns.model_copy(update={"channels": there})
    return config.model_copy(update={"columns": columns})


class CountedRows(NamedTuple):
    """Rows of a log that count.

    Attributes:
        times: Time of each row in nanoseconds, of the others too.
        keep: Whether each row counts.
        clock: What the times mean.
        text: Slots that are text and no channel.
        series_ids: Ids of the data set.
        rank: Index of each series code among them, -1 where it is left out.
        dayfirst: Order of day and month that was told or settled; None where dates show none.
    """

    times: Int64
    keep: NDArray[np.bool_]
    clock: Clock
    text: Collection[int]
    series_ids: tuple[str, ...]
    rank: Int64
    dayfirst: bool | None


@dataclass(frozen=True)
class OpenedLog:
    """A log whose files are read, on its way from rows to readings; each step decides and counts.

    Attributes:
        table: Its first table.
        roles: Meaning of the columns.
        config: How it is read.
        got: Cells of all its tables.
        tally: Takes what is decided, asked and left out.
        understanding: How its tables are read.
        whole: Whether these are all rows of the log: of some, readings that repeat are left for
            others to merge, and files are a series each.
    """

    table: Table
    roles: Roles
    config: DataConfig
    got: Collected
    tally: Tally
    understanding: Understanding
    whole: bool = True

    @classmethod
    def collected(
        cls,
        tables: Iterator[Table],
        config: DataConfig,
        *,
        allow_missing: bool = False,
        known: Understanding | None = None,
        whole: bool = True,
        files: dict[str, str] | None = None,
    ) -> Self:
        """Read all tables of a log, one after another.

        Args:
            tables: Its files, or some of its rows.
            config: How they are read.
            allow_missing: Whether columns that are named may be absent.
            known: How the tables are read, if rows above tell it.
            whole: Whether these are all rows of the log.
            files: Series -> file of other rows, which grows, where files are a series each.
        """
        pairs = config.columns.pairs
        paired = (in_pairs(table, pairs) for table in tables)
        table = next(paired)
        if allow_missing:
            config = _without_absent_columns(config, table.columns)
        if known is None:
            table, understanding = understand(table, config)
        else:
            table, understanding = known.applied(table), known
        roles = understanding.roles
        collector = Collector(roles, config, {} if files is None else files)
        collector.add(table)
        for other in paired:
            collector.add(understanding.applied(other))
            table.doubts.merge(other.doubts)
        tally = Tally(doubts=table.doubts, left_out=dict(roles.left_out))
        return cls(table, roles, config, collector.collected(), tally, understanding, whole)

    def rows(self) -> CountedRows:
        """Decide which rows and cells count, and on one clock for all times.

        Raises:
            DataError: If rows are refused, or none is left.
        """
        policy = RowPolicy(self.table, self.roles, self.config, self.got, self.tally)
        times, keep, clock = policy.rows()
        if self.roles.id is None and self.whole:
            series_of_files(self.got, times, keep, self.tally.doubts)
        text = CellPolicy(policy).cells(keep)
        self.got.release()
        series_ids, rank = series_rank(self.got, keep, natural=self.whole)
        if not series_ids:
            self._settle()
            raise DataError(f"no data rows in {self.table.name}: all rows were dropped.")
        return CountedRows(times, keep, clock, text, series_ids, rank, policy.dayfirst)

    def readable(self, rows: CountedRows) -> list[str]:
        """Names of all that may be channels, in their order.

        Args:
            rows: The rows.
        """
        readable = [
            name
            for code, name in enumerate(self.got.slots)
            if code not in rows.text and name not in self.roles.future
        ]
        if self.got.row_slot is not None:
            readable.sort(key=natural_key)
        return readable

    def channels(self, rows: CountedRows, allow_missing: bool = False) -> list[str]:
        """Names of the channels of the data set; counts the readings of all others.

        Args:
            rows: The rows.
            allow_missing: Whether some that are named may be absent.

        Raises:
            DataError: If none is left, or one that is named is absent; other rows may hold it where
                these are not all.
        """
        slots = self.got.slots
        readable = self.readable(rows)
        if not self.whole:
            named = self.config.columns.channels
            if named is not None:
                self._count_others(named)
            return readable if named is None else [*named]
        if not allow_missing:
            told = [n for n in self.config.cells.na_by_channel if n not in self.table.columns]
            self._refuse_absent(told, readable, "--na")
        if self.config.columns.channels is None:
            if not readable:
                raise self._without_channels()
            return self._without_empty(readable)
        chosen = list(self.config.columns.channels)
        if allow_missing and set(chosen) & set(slots):
            chosen = [name for name in chosen if name in slots]
        self._refuse_absent(chosen, readable)
        self._count_others(chosen)
        return chosen

    def _without_empty(self, names: list[str]) -> list[str]:
        """Channels but for those without a reading, unless none has one."""
        filled = {
            name for name, count in zip(self.got.slots, self.got.numeric, strict=True) if count
        }
        empty = [name for name in names if name not in filled] if filled & {*names} else []
        for name in empty:
            self.tally.left_out[name] = "it is empty"
            self.tally.doubts.decide("columns", f"{name!r} left out", "it holds no reading")
        return [name for name in names if name not in empty]

    def dataset(
        self, rows: CountedRows, channels: list[str], allow_unread: bool
    ) -> tuple[TimeSeriesDataset, list[Float64] | None]:
        """Build readings, planned inputs and static covariates of the rows that count.

        Args:
            rows: The rows.
            channels: Names of the channels.
            allow_unread: Whether there need be no reading.

        Returns:
            The data set, and its readings side by side where they were in columns.

        Raises:
            DataError: If a question is open, a name is absent, or there is no reading.
        """
        table, got, tally = self.table, self.got, self.tally
        build = Builder(
            table, self.config, got, tally, rows.clock, rows.times, rows.keep, rows.series_ids,
            rows.rank, merges=self.whole or self.config.duplicates == "error",
        )  # fmt: skip
        if self.whole:
            self._refuse_absent(self.roles.future)
        readings = build.readings(channels)
        columns = build.columns
        known = build.readings(list(self.roles.future)) if self.roles.future else None
        tally.add("missing_cells", got.missing_cells)
        got.forget_readings()
        self._settle(rows, readings)
        if not (readings.num_readings or allow_unread):
            raise DataError(f"no data rows in {table.name}: no channel has a reading.")
        tally.add("readings_of_bad_quality", got.poor)
        static_columns, static = build_static(
            got.static,
            rows.rank,
            rows.series_ids,
            set(missing_texts(self.config)),
            table.name,
            table.decimal,
        )
        dataset = TimeSeriesDataset(
            series_ids=rows.series_ids,
            readings=readings,
            clock=rows.clock,
            inputs=known,
            static_columns=static_columns,
            static=static,
            units=tuple((each, table.units[each]) for each in channels if each in table.units),
        )
        return dataset, columns

    def report(
        self,
        rows: CountedRows,
        dataset: TimeSeriesDataset,
        columns: list[Float64] | None,
        channels: Sequence[str],
    ) -> DataReport:
        """What was detected and left out.

        Args:
            rows: The rows.
            dataset: What was made of them.
            columns: Its readings side by side, as `dataset` gives them.
            channels: Names of the channels.
        """
        return make_report(
            self.tally,
            dataset,
            source=self.table.name,
            layout=self.roles.layout,
            columns=self.roles.to_columns(tuple(channels)),
            look=self.look(rows, dataset, columns),
            stamps=rows.times[rows.keep],
            dayfirst=rows.dayfirst,
            decimal=self.table.decimal,
        )

    def look(
        self, rows: CountedRows, dataset: TimeSeriesDataset, columns: list[Float64] | None
    ) -> Look:
        """Look at what was read once more, for what no single cell shows.

        Args:
            rows: The rows.
            dataset: What was made of them.
            columns: Its readings side by side, as `dataset` gives them.
        """
        return second_look(
            dataset.readings,
            dataset.series_ids,
            dataset.clock,
            rows=self._in_order(rows),
            cells=self.config.cells,
            time=self.config.time,
            doubts=self.tally.doubts,
            columns=columns,
        )

    def _in_order(self, rows: CountedRows) -> LogRows:
        got, kept = self.got, slice(None) if rows.keep.all() else np.flatnonzero(rows.keep)
        return LogRows(
            rows.times[kept],
            ranked(got.series[kept], rows.rank),
            lambda row: int(got.lines[row if isinstance(kept, slice) else kept[row]]),
            self.table.line_word,
            None if got.row_slot is None else got.row_slot[kept],
        )

    def _settle(self, rows: CountedRows | None = None, readings: Readings | None = None) -> None:
        """Refuse to go on while questions are open; codes for "missing" are asked with them."""
        doubts = self.tally.doubts
        if not any(each.blocks == "reading" for each in doubts.questions):
            return
        if rows is not None and readings is not None and readings.num_readings:
            codes, cells = codes_of(readings), self.config.cells
            in_order, proposed = self._in_order(rows), self.tally.proposed_na
            ask_about_codes(codes, readings, in_order, cells, doubts, proposed)
        doubts.settle(self.table.name, "reading", "training")

    def _without_channels(self) -> DataError:
        if any(reason == "it is empty" for reason in self.roles.left_out.values()):
            return DataError(f"no data rows in {self.table.name}: no column holds a number.")
        return DataError(
            f"{self.table.name}: no column of numbers is left as a channel "
            f"(columns: {', '.join(self.table.columns[:12])}). Name them with --channels."
        )

    def _refuse_absent(
        self,
        names: Sequence[str],
        present: Sequence[str] = (),
        option: str = "--channels or --future-columns",
    ) -> None:
        absent = next((name for name in names if name not in self.got.slots), None)
        if absent is not None:
            there = f" There are: {', '.join(present[:12])}." if present else ""
            raise DataError(
                f"{self.table.name}: no channel {absent!r} in the log.{there} Correct {option}."
            )

    def _count_others(self, chosen: Collection[str]) -> None:
        """Count readings of channels that were not chosen."""
        slots, numeric = self.got.slots, self.got.numeric
        other = np.array([name not in chosen and name not in self.roles.future for name in slots])
        reason = "readings_of_other_channels"
        for slot in np.flatnonzero(other & (numeric > 0)):
            self.tally.add(reason, int(numeric[slot]))
            table = self.tally.per_channel.setdefault(reason, {})
            table[slots[slot]] = int(numeric[slot])

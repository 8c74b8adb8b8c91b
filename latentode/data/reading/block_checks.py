"""What the first rows of a long log say of all others, and where later rows do not agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import DataConfig
from latentode.data.calendar import utc_offsets
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.bad_cells import list_option, na_option
from latentode.data.reading.cells.zones import occur_twice
from latentode.data.reading.doubts import Decision, Doubts
from latentode.data.reading.formats.table import RenamedTable, Table, as_text, is_text
from latentode.data.reading.opened_log import CountedRows, OpenedLog
from latentode.data.reading.report import DataReport
from latentode.data.reading.roles import Roles, plain_code
from latentode.data.reading.understand import understand
from latentode.errors import DataError

_MOST_TEXTS = 64  # distinct cells of a column of words or codes; ids and channels have more
_QUARTER = 15 * 60 * 10**9  # every zone sets its clocks by quarters of an hour
# what the words of a decision on the times begin with that holds for all rows
_OF_ALL_TIMES = ("dates of ", "digits of ", "times of ")

Texts = frozenset[str] | None


def texts_of(table: Table) -> dict[str, Texts]:
    """Distinct cells of each column of few words or whole numbers; None of others.

    Args:
        table: Rows of a log. Columns in which nothing stands have none.
    """
    return {name: _texts(table.column(name)) for name in table.columns}


def _texts(cells: pa.ChunkedArray) -> Texts:
    kind = cells.type
    if cells.null_count == len(cells):
        return frozenset()
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return None
    distinct = pc.unique(cells)
    if len(distinct) > _MOST_TEXTS:
        return None
    texts = as_text(pa.chunked_array([distinct])).cast(pa.string()).to_pylist()
    return frozenset(text.strip() for text in texts) - {""}


class Meaning(NamedTuple):
    """What the first rows say of all: later ones have to agree.

    Attributes:
        clock: What times mean.
        dayfirst: Whether the day stands before the month.
        decisions: What was decided.
    """

    clock: Clock
    dayfirst: bool | None
    decisions: tuple[Decision, ...]


@dataclass
class Agreement:
    """Looks at rows after rows for what would be read otherwise if all were seen at once.

    Attributes:
        config: How the log is read; once first rows were read, as they were.
        texts: Distinct cells of the columns of the first rows.
        roles: What they mean.
        meaning: What holds for all rows.
    """

    config: DataConfig
    texts: dict[str, Texts] = field(default_factory=dict)
    roles: Roles | None = None
    meaning: Meaning | None = None
    _numeric: set[str] = field(default_factory=set)
    _wordy: set[str] = field(default_factory=set)
    _units: dict[str, str] = field(default_factory=dict)
    _hours: dict[tuple[str, int], int] = field(default_factory=dict)
    _codes: dict[tuple[str, float], int] = field(default_factory=dict)
    _blocks: int = 0

    @property
    def units(self) -> Mapping[str, str]:
        """Units of the channels of all rows."""
        return self._units

    def looked_at(self, tables: Iterator[Table]) -> Iterator[Table]:
        """Tables on their way to the reader; of the first rows it is noted what stands in them.

        Args:
            tables: As they are opened.

        Raises:
            DataError: If a column holds what the first rows do not let expect.
        """
        for table in tables:
            if self.roles is None:
                for name, texts in texts_of(table).items():
                    former = self.texts.get(name, frozenset())
                    both = None if texts is None or former is None else former | texts
                    self.texts[name] = both
            else:
                self._check_cells(table, self.roles)
            yield table
            del table  # not to be held beside the next one

    def _check_cells(self, table: Table, roles: Roles) -> None:
        left_out = {} if roles.chosen else roles.left_out
        empty = [name for name, reason in left_out.items() if reason == "it is empty"]
        marks = {each.column for each in roles.quality} if self._detects_quality else set()
        found = texts_of(table)
        for name, texts in found.items():
            former = self.texts.get(name)
            where = f"{table.name}: from {table.at(0)} on"
            if name in empty and texts != frozenset():
                raise DataError(
                    f"{where} cells stand in column {name!r}, which is empty in all rows above. "
                    f"Name the channels: --channels {_listed((*roles.values, name))}, or those "
                    "without it."
                )
            new = (texts or frozenset()) - (former or frozenset())
            if name in marks and former is not None and (texts is None or new):
                raise DataError(
                    f"{where} column {name!r}, which says how good values are, holds "
                    f"{_shown(new)}, which no row above has. Name the words or codes that count, "
                    f"such as --quality {','.join(sorted(map(plain_code, former)))}, or keep all "
                    "values with --quality all."
                )
        if roles.id is None and roles.layout in ("wide", "long"):
            self._check_one_series(table, roles, found)

    @property
    def _detects_quality(self) -> bool:
        return self.config.cells.quality == "good"

    def _check_one_series(self, table: Table, roles: Roles, found: Mapping[str, Texts]) -> None:
        """Look for a column that tells series apart in these rows, and for one that may."""
        where = f"{table.name}: from {table.at(0)} on"
        advice = 'Pass --id-column "{0}" if it tells the series apart; if not, leave it out.'
        used = {*roles.time_parts, roles.channel, roles.value, *roles.future, *roles.static}
        for name in (each for each in table.columns if each not in used):
            former, texts = self.texts.get(name), found[name]
            if not former or len(former) > 1 or not is_text(table.column(name).type):
                continue
            if texts is None or texts - former:
                raise DataError(
                    f"{where} column {name!r} holds {_shown((texts or frozenset()) - former)}, and "
                    f"{_shown(former)} in all rows above. {advice.format(name)}"
                )
        copy = RenamedTable(table, dict(zip(table.columns, table.columns, strict=True)))
        copy.doubts = Doubts()
        identity = understand(copy, self.config)[1].roles.id
        if identity is not None:
            raise DataError(
                f"{where} column {identity!r} tells series apart, and in the rows above it does "
                f"not. {advice.format(identity)}"
            )

    def check(self, log: OpenedLog, rows: CountedRows, units: Mapping[str, str]) -> None:
        """Compare what was understood of some rows with what was understood of those above.

        Args:
            log: The rows.
            rows: Which of them count.
            units: Units of their channels.

        Raises:
            DataError: If they would not be read so beside those above.
        """
        where = f"{log.table.name}: from {log.got.at(0)} on"
        self._check_times(log, rows, where)
        self._check_channels(log, rows, where)
        for name, unit in units.items():
            if self._units.setdefault(name, unit) != unit:
                raise DataError(
                    f"{where} channel {name!r} is in {unit!r}, and in {self._units[name]!r} above. "
                    "Write all of its readings in one unit."
                )
        self._check_hours(log, rows, where)
        self._blocks += 1

    def check_codes(self, report: DataReport) -> None:
        """Ask about a number that stands far from all others in several blocks, alone in each.

        Args:
            report: Of some rows.

        Raises:
            DataError: If there is one, and no ``na`` tells of it.
        """
        cells = self.config.cells
        for code in report.look.codes:
            if code.sure or cells.tells_na(code.channel):
                continue
            key = (code.channel, code.value)
            self._codes[key] = self._codes.get(key, 0) + 1
            if self._codes[key] > 1:
                told, name = cells.na or (), code.channel
                raise DataError(
                    f"{report.source}: a number that looks like a code for missing values: channel "
                    f"{name!r}: {code}, and as far from those of other rows. Pass "
                    f"{na_option([*told, f'{name}={code.text}'])} if that means missing, or "
                    f"{na_option([*told, f'{name}='])} if every value counts."
                )

    def _check_times(self, log: OpenedLog, rows: CountedRows, where: str) -> None:
        decisions = log.tally.doubts.decisions
        if any("tell no year" in each.choice or " counted from " in each.choice
               for each in decisions if each.about == "time"):  # fmt: skip
            raise DataError(
                f"{where} times depend on all rows of the log, which is too long to be read at "
                "once. Write whole dates, each with its year."
            )
        if self.meaning is None:
            self.meaning = Meaning(rows.clock, rows.dayfirst, tuple(decisions))
            return
        clock, dayfirst, known = self.meaning
        if rows.clock != clock:
            raise DataError(
                f"{where} times are {_clock(rows.clock)}, and {_clock(clock)} above. Write all "
                "times in one form, or read these rows as a log of their own."
            )
        choices = {each.choice for each in known}
        new = [each for each in decisions if _is_of_all(each) and each.choice not in choices]
        if new or rows.dayfirst not in (None, dayfirst):
            said = str(new[0]) if new else "dates leave the order of day and month open"
            raise DataError(
                f"{where} {said}, and no row above does so. Say how times are written with "
                "--time-format, or write all in one form."
            )

    def _check_channels(self, log: OpenedLog, rows: CountedRows, where: str) -> None:
        """Refuse channels of numbers in some rows and of words in others."""
        slots = log.got.slots
        self._wordy |= {slots[code] for code in rows.text}
        self._numeric |= {slots[code] for code in np.flatnonzero(log.got.numeric)}
        both = sorted(self._wordy & self._numeric)
        if both:
            raise DataError(
                f"{where} or above channel {both[0]!r} holds text alone, and numbers elsewhere. "
                "Say what its words mean with --states WORD=NUMBER or --na WORD, or leave the "
                "channel out with --channels."
            )
        if self._blocks:
            self._check_marks(log, where)

    def _check_marks(self, log: OpenedLog, where: str) -> None:
        """Thousands and decimals are told by all cells of a column."""
        if self.config.cells.decimal is not None or self.meaning is None:
            return
        known = {_marked(each) for each in self.meaning.decisions} - {None}
        for each in log.tally.doubts.decisions:
            if _marked(each) not in (None, *known):
                raise DataError(
                    f"{where} numbers have marks that no row above has: {each.choice} "
                    f"({each.evidence}). Name the decimal mark: --decimal . or --decimal ,"
                )

    def _check_hours(self, log: OpenedLog, rows: CountedRows, where: str) -> None:
        """Which of two equal hours a row means, the rows of its series around it tell together."""
        zone = rows.clock.zone
        if rows.clock.kind != "calendar" or zone in (None, "UTC") or zone[:1] in "+-":
            return
        kept = np.flatnonzero(rows.keep)
        quarters = rows.times[kept] // _QUARTER
        distinct, place = np.unique(quarters, return_inverse=True)
        twice = occur_twice(_wall(distinct * _QUARTER, rows.clock), str(zone))[place]
        days = quarters[twice] // 96
        pairs = np.unique(np.stack([log.got.series[kept[twice]].astype(np.int64), days]), axis=1)
        for code, day in pairs.T.tolist():
            key = (log.got.series_ids[code], day)
            if self._hours.setdefault(key, self._blocks) != self._blocks:
                raise DataError(
                    f"{where} rows of series {key[0]!r} stand in the hour of "
                    f"{np.datetime64(day, 'D')} that occurs twice in {zone}, as others far above: "
                    "their order does not tell which is meant. Write times with their offsets."
                )


def _wall(times: Int64, clock: Clock) -> Int64:
    return times + utc_offsets(times, clock)


def _is_of_all(decision: Decision) -> bool:
    return decision.about == "time" and decision.choice.startswith(_OF_ALL_TIMES)


def _marked(decision: Decision) -> str | None:
    """The column whose thousands or decimals a decision is about."""
    about_marks = "decimal mark" in decision.choice or "thousands" in decision.choice
    if decision.about == "cells" and (about_marks or "--decimal" in decision.option):
        return decision.choice.partition(":")[0]
    return None


def _clock(clock: Clock) -> str:
    zone = "" if clock.kind == "elapsed" else f", zone {clock.zone or 'not given'}"
    return f"{'dates' if clock.unit == 'iso' else clock.kind + ' ' + clock.unit}{zone}"


def _listed(names: Sequence[str]) -> str:
    return list_option("", names).strip()


def _shown(texts: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(map(repr, sorted(texts)[:4])) or "other cells"

"""The contract of a format, and a log that is opened: columns of text and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.database_url import DatabaseUrl
from latentode.data.reading.formats.frames import Frame
from latentode.data.reading.formats.text_blocks import binary_kind, read_blocks
from latentode.data.reading.roles import Roles
from latentode.errors import DataError

#: Spellings of a missing value. Ids and channel names have none: "NA" is an id.
EVERY = slice(None)  # row
MISSING_TEXTS = (
    *("", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>"),
    *("null", "NULL", "Null", "None", "none", "NONE", "NaT"),
)


def missing_texts(config: DataConfig) -> tuple[str, ...]:
    """Spellings of a missing value, those of the settings included."""
    return (*MISSING_TEXTS, *(config.cells.na or ()))


class NoRowsError(DataError, kind="data", exit_code=3):
    """A log without a row, which counts only if it is the whole log."""


class Table:
    """A log that is opened: one column of one type each, all of the same number of rows.

    A column is of text (``string`` or ``dictionary`` of strings), of numbers (integers, floats,
    booleans), or of times as the source has them (``timestamp``, ``date``, ``time``, ``duration``);
    ``null`` where it is empty throughout. What no value is stands as a null in columns of numbers
    and times, and as it is written in columns of text.

    Args:
        columns: Name -> cells, in the order of the source.
        path: File; None for a data frame.

    Attributes:
        name: How messages call it.
        stem: Id of the series where the log names none.
        line_word: "line" or "row": what `lines` counts.
        columns: Column names, distinct; a column without a name has one that tells its place.
        decimal: Decimal mark of numbers in text.
        units: Column -> unit, where the source tells it.
        doubts: What was decided when it was opened.
        ragged: (line, number of fields) of each row that was left out for a wrong number of fields.
        notes: Lines above the names of the columns, as they stand.
        weight: Bytes of the log that it stands for, where it is a part of one; see `Format.weight`.
    """

    weight: int = 0
    line_word: str = "row"
    decimal: str = "."

    def __init__(self, columns: Mapping[str, pa.ChunkedArray], path: Path | None = None) -> None:
        self.name = "DataFrame" if path is None else str(path)
        self.stem = ("" if path is None else path.name.split(".")[0]) or "series"
        self.units: dict[str, str] = {}
        self.doubts = Doubts()
        self.ragged: list[tuple[int, int]] = []
        self.notes: tuple[str, ...] = ()
        self._columns: dict[str, Any] = dict(columns)
        self._released: int | None = None
        if not self.num_rows:
            raise NoRowsError(
                f"no data rows in {self.name}. Give a log with a header and readings."
            )

    def named_as(self, source: Table) -> None:
        """Be what messages call another table, of which this one is made; lines are one's own."""
        for fact in ("name", "stem", "line_word", "decimal", "units", "doubts", "ragged", "notes"):
            setattr(self, fact, getattr(source, fact))

    def release(self, keep: Sequence[str] = ()) -> None:
        """Forget the cells of all columns but some; names, number of rows and lines stay.

        Args:
            keep: Columns whose cells may still be asked for.
        """
        self._released = self.num_rows
        kept = {name: self._columns[name] for name in keep if name in self._columns}
        self._columns = dict.fromkeys(self._columns) | kept

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(self._columns)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        if self._released is not None:
            return self._released
        return len(next(iter(self._columns.values()), ()))

    @property
    def num_fields(self) -> int:
        """Fields that each row of the source should have."""
        return len(self._columns)

    def add(self, name: str, cells: pa.ChunkedArray) -> None:
        """Add a column."""
        self._columns[name] = cells

    def part(self, name: str, parts: Mapping[str, pa.ChunkedArray]) -> None:
        """Put some columns in the place of one.

        Args:
            name: The column.
            parts: What stands there instead, by new names.
        """
        place = list(self._columns).index(name)
        items = list(self._columns.items())
        self._columns = dict([*items[:place], *parts.items(), *items[place + 1 :]])

    def column(self, name: str) -> pa.ChunkedArray:
        """Cells of a column, typed as described above."""
        return self._columns[name]

    def text(self, name: str, rows: slice = EVERY) -> pa.ChunkedArray:
        """Cells of a column as strings, byte for byte as the source has them; "" where missing.

        The type is ``string`` or ``dictionary`` of strings. Numbers of a typed source are written
        as a CSV file would hold them: whole ones without a decimal point.

        Args:
            name: The column.
            rows: Which of its rows; writing all only to look at one takes long.
        """
        return as_text(self._columns[name][rows])

    @cached_property
    def lines(self) -> Int64:
        """Line (of a file of text, from 1) or row (from 0) of each row, shape (row,)."""
        return np.arange(self.num_rows)

    def at(self, row: int) -> str:
        """Where a row stands, for a message: "line 17"."""
        return f"{self.line_word} {self.lines[row]}"


class RenamedTable(Table):
    """A table under other names.

    Args:
        table: The table.
        names: New name -> its name in the table.
    """

    def __init__(self, table: Table, names: Mapping[str, str]) -> None:
        super().__init__({name: table.column(old) for name, old in names.items()})
        self.named_as(table)
        self._table, self._names = table, dict(names)

    def text(self, name: str, rows: slice = EVERY) -> pa.ChunkedArray:
        """Cells as the source has them; arguments as in `Table.text`."""
        old = self._names.get(name)
        return super().text(name, rows) if old is None else self._table.text(old, rows)

    @cached_property
    def lines(self) -> Int64:
        """Line or row of each row in the source."""
        return self._table.lines


def is_text(kind: pa.DataType) -> bool:
    """True for a column type of strings, coded or not."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write a column as strings, as a CSV file would hold them; missing cells are empty.

    Whole numbers have no decimal point, so that the id 7 is "7" in a frame as in a file, also
    where a missing cell turned the column into floats.
    """
    if is_text(column.type):
        if not column.null_count:
            return column
        return pc.fill_null(column.cast(pa.string()), "")
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    texts = [_cell_text(item) for item in coded.dictionary.to_pylist()]
    codes = coded.indices.fill_null(len(texts))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, [*texts, ""])])


def _cell_text(item: object) -> str:
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    return item.isoformat() if hasattr(item, "isoformat") else str(item)


@dataclass(frozen=True)
class LogSource:
    """A log before it is opened: what a format may look at to tell whether it can open it.

    Attributes:
        log: File, data frame, or address of a database.
        config: How it is read.
        start: First bytes of the file, as they are stored; none of a data frame.
    """

    log: Path | Frame | DatabaseUrl
    config: DataConfig
    start: bytes = b""

    @property
    def path(self) -> Path:
        """The file."""
        assert isinstance(self.log, Path), "a format of files opens no data frame"
        return self.log

    @property
    def may_be_text(self) -> bool:
        """True for a file, unless it begins like a picture, an archive or another binary file."""
        return isinstance(self.log, Path) and binary_kind(self.start) is None

    @cached_property
    def text(self) -> str:
        """First 4,096 bytes of the text, unpacked and decoded; empty where it is not text."""
        if not self.may_be_text:
            return ""
        try:
            block = next(read_blocks(self.path, self.config.cells.encoding, Doubts()), b"")
        except DataError:
            return ""  # the format that opens it reads it again, and says what is wrong
        return block[:4096].decode(errors="ignore")


class Format(ABC):
    """What a log is written in; of all formats, asked by rank, the first that can opens it.

    Attributes:
        name: What messages call it.
        rank: Place in the order of asking; CSV, which takes any text, comes last with 90.
        layout: Word of the setting ``layout`` that stands for it, if there is one; a setting of
            another word rules the format out.
        source_settings: Settings of ``data.source`` that it follows.
    """

    name: ClassVar[str]
    rank: ClassVar[int] = 50
    layout: ClassVar[str | None] = None
    source_settings: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def can_open(self, source: LogSource) -> bool:
        """Whether the log is written in this format, by its first bytes and never by its name."""

    @abstractmethod
    def open(self, source: LogSource) -> Table:
        """Open a log for which `can_open` is true.

        Raises:
            DataError: If it is damaged, or has no rows; with the file and the line.
        """

    def blocks(self, source: LogSource, size: int) -> Iterator[Table]:  # noqa: ARG002
        """Open a log some rows after others, so that it is never whole in memory.

        A format that does not do so opens the whole.

        Args:
            source: A log for which `can_open` is true.
            size: Bytes at once, about.

        Yields:
            Tables with the same columns, rows and lines counted on from one to the next.

        Raises:
            DataError: As `open` does.
        """
        yield self.open(source)

    def weight(self, source: LogSource) -> int:
        """Bytes of a log, by which it is told whether it is opened in blocks."""
        return source.path.stat().st_size if isinstance(source.log, Path) else 0

    def roles(self, table: Table, config: DataConfig) -> Roles | None:  # noqa: ARG002
        """Meaning of the columns, if they are those of this format; None otherwise.

        What the settings say of planned inputs, static covariates and chosen channels is added.

        A log is asked about whatever opened it, as exports are copied into data frames and Parquet
        files; but only where the setting ``layout`` is "auto" or the word of this format.

        Raises:
            DataError: If they are, and a column is missing or ambiguous; with the option.
        """
        return None


def check_distinct(names: Sequence[str], source: str) -> None:
    """Refuse a column name that stands twice.

    Raises:
        DataError: Naming it.
    """
    if len(set(names)) < len(names):
        double = next(name for name in names if list(names).count(name) > 1)
        raise DataError(
            f"{source}: expected distinct column names, got {double!r} {list(names).count(double)} "
            "times. Rename one of them."
        )

"""The contract of a format, and a log that is opened: rows, a chunk at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.formats.text_blocks import binary_kind, read_blocks
from latentode.data.reading.roles import Roles
from latentode.errors import DataError

ROWS_PER_CHUNK = 500_000
HEAD_ROWS = 1_000

#: Spellings of a missing value. Ids and channel names have none: "NA" is an id.
MISSING_TEXTS = (
    *("", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>"),
    *("null", "NULL", "Null", "None", "none", "NONE", "NaT"),
)


@dataclass(frozen=True)
class ReadPlan:
    """Which columns are needed, and as what.

    Attributes:
        text: Columns that are kept byte for byte (ids, channel names, static covariates).
        time: Time column.
        stamps: True where times are written as dates, False where they are numbers.
        numbers: Columns of values.
        missing: Spellings of a missing value in `numbers`.
        decimal: Decimal mark.
    """

    text: tuple[str, ...]
    time: str
    stamps: bool
    numbers: tuple[str, ...]
    missing: tuple[str, ...] = MISSING_TEXTS
    decimal: str = "."


class Chunk(ABC):
    """Some consecutive rows.

    Attributes:
        lines: Line (of a file, from 1) or row (of a frame, from 0) of each row.
    """

    lines: Int64

    @abstractmethod
    def text(self, name: str) -> pd.Series:
        """A column as strings, byte for byte; a missing cell is empty."""

    @abstractmethod
    def column(self, name: str) -> pd.Series:
        """A column with the type in which it came or was parsed."""

    def fixed_width(self, name: str) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """Bytes of a column, shape (row, width); None unless all its cells have one width."""
        return None


class Table(ABC):
    """A log that is opened, its rows not read yet.

    Attributes:
        name: How messages call it.
        stem: Id of the series where the log names none.
        line_word: "line" or "row": what the numbers of `Chunk.lines` count.
        columns: Column names, distinct; a column without a name is left out.
        head: First rows, as `Chunk.column` gives them.
        decimal: Decimal mark that was configured or found.
        notes: Decisions in words; complete only after the chunks are read.
        ragged: (line, number of fields) of each row that was left out for a wrong number of fields.
    """

    line_word: str = "line"
    decimal: str = "."
    columns: tuple[str, ...]
    head: pd.DataFrame

    def __init__(self, path: Path | None = None) -> None:
        self.name = "DataFrame" if path is None else str(path)
        self.stem = ("" if path is None else path.name.split(".")[0]) or "series"
        self.notes: list[str] = []
        self.ragged: list[tuple[int, int]] = []

    @property
    def num_fields(self) -> int:
        """Fields that each row should have."""
        return len(self.columns)

    def at(self, line: int) -> str:
        """Where a row stands, for a message."""
        return f"{self.line_word} {line}"

    @abstractmethod
    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:
        """Makers of chunks in the order of the log; each may be called on a thread of its own."""


@dataclass(frozen=True)
class LogSource:
    """A log before it is opened: what a format may look at to tell whether it can open it.

    Attributes:
        log: File, or data frame.
        config: How it is read.
        start: First bytes of the file, as they are stored; none of a data frame.
    """

    log: Path | pd.DataFrame
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
            block = next(read_blocks(self.path, self.config.cells.encoding, []), b"")
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
    """

    name: ClassVar[str]
    rank: ClassVar[int] = 50
    layout: ClassVar[str | None] = None

    @abstractmethod
    def can_open(self, source: LogSource) -> bool:
        """Whether the log is written in this format, by its first bytes and never by its name."""

    @abstractmethod
    def open(self, source: LogSource) -> Table:
        """Open a log for which `can_open` is true; the rows are read when they are asked for.

        Raises:
            DataError: If it is damaged, or has no rows; with the file and the line.
        """

    def roles(self, table: Table, config: DataConfig) -> Roles | None:  # noqa: ARG002
        """Meaning of the columns, if they are those of this format; None otherwise.

        What the settings say of known inputs, static covariates and chosen channels is added to it.

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


def factorize(texts: pd.Series) -> tuple[NDArray[np.int64], Sequence[str]]:
    """Codes of a column of strings, and the string of each code."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        return texts.cat.codes.to_numpy().astype(np.int64), texts.cat.categories.tolist()
    codes, uniques = pd.factorize(texts)
    return codes, list(uniques)

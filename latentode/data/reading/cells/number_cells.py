"""A column of values that is read, and its cells that are not plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.bad_cells import BadText
from latentode.data.reading.cells.number_forms import NumberForms
from latentode.data.reading.doubts import Decision, Doubts, Question

#: Numbers beyond these no sensor writes: what float32 cannot hold, and what is not 0 but nearly so.
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float64).tiny)
_BLOCK = 1 << 15  # numbers that stay in the cache of a processor


@dataclass(frozen=True)
class Numbers:
    """A column of values.

    Attributes:
        values: Numbers, NaN where missing or bad, shape (row,).
        bad: Rows that hold something that is not a number, shape (bad,).
        texts: Spellings of bad cells, by first row; the 200 most frequent of each channel.
        text_only: Channels no cell of which is a number; the column, where it is one channel.
        units: Channel (or the column) -> what stands at its numbers.
        decisions: How cells were understood.
        questions: What only the user can tell.
    """

    values: Float64
    bad: Int64
    texts: tuple[BadText, ...] = ()
    text_only: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    questions: tuple[Question, ...] = ()


def leave_out(
    values: Float64, numbers: Sequence[float], rows: NDArray[np.bool_] | bool = True
) -> None:
    """Make some numbers missing, in place.

    Args:
        values: Numbers, shape (row,).
        numbers: Those that are missing.
        rows: In which rows, shape (row,); all or none.
    """
    for number in numbers:
        values[(values == number) & rows] = np.nan


def is_no_size(values: Float64) -> NDArray[np.bool_]:
    """True for numbers that no sensor writes."""
    outside = np.empty(len(values), dtype=bool)
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        size = np.abs(values[block])
        np.greater(size, LARGEST, out=outside[block])
        # two comparisons are saved where nothing is tiny
        if np.nanmin(size, initial=1.0) < SMALLEST:
            outside[block] |= (size > 0) & (size < SMALLEST)
    return outside


@dataclass(frozen=True)
class Grouping:
    """Channels of the rows of a column; rows without one are a channel of their own.

    Attributes:
        column: Name of the column.
        codes: Code of each row, -1 without one; None for one channel.
        names: Name of each code.
    """

    column: str
    codes: NDArray[np.integer] | None
    names: tuple[str, ...]

    @property
    def number(self) -> int:
        """Number of channels."""
        return 1 if self.codes is None else len(self.names) + 1

    def of(self, rows: Int64) -> Int64:
        """Channel of some rows."""
        if self.codes is None:
            return np.zeros(len(rows), dtype=np.int64)
        codes = self.codes[rows].astype(np.int64)
        return np.where(codes < 0, len(self.names), codes)

    def rows_of(self, channel: str) -> NDArray[np.bool_] | bool:
        """Which rows are of a channel; all or none where they are of one."""
        if self.codes is None:
            return channel == self.column
        return self.codes == self.names.index(channel) if channel in self.names else False

    def name(self, group: int) -> str:
        """Name of a channel."""
        return self.names[group] if group < len(self.names) else self.column

    def subject(self, group: int) -> str:
        """A channel in words."""
        channel = f", channel {self.names[group]!r}" if group < len(self.names) else ""
        return f"column {self.column!r}{channel}"


@dataclass(frozen=True)
class PlainCounts:
    """How many cells of a group are plain numbers, by what they are.

    Attributes:
        number: All.
        zero: 0.
        binary: 0 or 1.
        hundreds: Whole numbers of three digits.
        large: 1,000 and more.
    """

    number: int
    zero: int
    binary: int
    hundreds: int
    large: int


@dataclass(frozen=True)
class Rules:
    """What the user said of cells, as they are read.

    Attributes:
        decimal: Decimal mark of the table.
        said: Decimal mark that the user named, if so.
        states: Number of each word, in small letters.
        censored: What bounds are.
        na: Numbers that stand for a missing value.
        na_texts: Channel -> texts that do; "" for all channels.
        at: Words for where a row stands.
    """

    decimal: str
    said: str | None
    states: dict[str, float]
    censored: str | None
    na: tuple[float, ...]
    na_texts: dict[str, tuple[str, ...]]
    at: Callable[[int], str]


@dataclass(frozen=True)
class GroupCells:
    """Cells of a group: distinct texts that are neither plain numbers nor missing, and the others.

    Attributes:
        channel: Name of the channel.
        name: "column 'x'", or "column 'value', channel 't'".
        texts: Distinct texts, shape (text,).
        forms: They as numbers of other forms.
        counts: Cells that have each.
        rows: First row of each.
        plain: The other cells.
        rules: What the user said.
        doubts: Gathers what is decided.
    """

    channel: str
    name: str
    texts: pa.Array
    forms: NumberForms
    counts: Int64
    rows: Int64
    plain: PlainCounts
    rules: Rules
    doubts: Doubts

    def example(self, texts: NDArray[np.bool_]) -> str:
        """One of some texts, and where it stands."""
        index = int(np.flatnonzero(texts)[0])
        return f"{self.texts[index].as_py()!r} at {self.rules.at(int(self.rows[index]))}"

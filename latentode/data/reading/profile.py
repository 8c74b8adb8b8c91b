"""What the cells of each column look like, in a sample of the rows. Names are not asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from latentode.config.data import CellsConfig
from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.numbers import sample_numbers
from latentode.data.reading.cells.time_forms import TimeForm, may_be_times
from latentode.data.reading.formats.table import MISSING_TEXTS, Table, as_text, is_text

# a longer log is looked at in blocks of successive rows: order and steps show within a block
_BLOCK_ROWS, _MOST_BLOCKS = 2_000, 10
_MOST = 0.5  # share of the cells
_MIX = np.uint64(0x9E3779B97F4A7C15)  # spreads keys that are multiples of one step over all bits
_WIDE = 64  # bits
_DIGIT = re.compile(r"\d")
_CODED = re.compile(r"0\d")  # a number is not written so, a code is
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_HOLDS_FRACTION = re.compile(r"^\D{0,3}\d+[.,]\d+")


class Sample:
    """Some rows of a table, looked at column by column.

    Args:
        table: The table.
        missing: Spellings of a missing value.
        rows: The rows; None takes evenly spaced blocks of successive rows.
        verbatim: Columns of names, in which no spelling means missing: "NA" is an id.
    """

    def __init__(
        self,
        table: Table,
        missing: Collection[str] = MISSING_TEXTS,
        rows: Int64 | None = None,
        verbatim: Collection[str] = (),
    ) -> None:
        self.table, self.missing = table, frozenset(missing)
        self.verbatim = frozenset(verbatim)
        self.rows = _blocks(table.num_rows) if rows is None else rows
        self._columns: dict[str, SampledColumn] = {}

    def __getitem__(self, name: str) -> SampledColumn:
        if name not in self._columns:
            self._columns[name] = SampledColumn(self, name)
        return self._columns[name]

    def whole_times(self, names: Sequence[str]) -> Sample:
        """A sample in which a time stands with all the rows that have it, however far apart.

        Args:
            names: The columns of the time.
        """
        if len(self.rows) == self.table.num_rows:
            return self
        hashes = np.zeros(self.table.num_rows, dtype=np.uint64)
        for name in names:
            keys = _keys(self.table.column(name))
            if (keys[1:] > keys[:-1]).all():
                return self  # no time repeats
            hashes ^= keys.view(np.uint64) * _MIX >> np.uint64(32)
        share = self.table.num_rows // len(self.rows) + 1
        rows = np.flatnonzero(hashes % np.uint64(share) == 0)
        return Sample(self.table, self.missing, rows, self.verbatim)

    def take(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The rows of the sample in a column of its table."""
        if len(self.rows) == len(column):
            return column
        ends = np.flatnonzero(np.diff(self.rows) != 1) + 1
        if len(ends) >= _MOST_BLOCKS:
            return column.take(pa.array(self.rows))
        starts = [0, *ends.tolist()]
        lengths = np.diff([*starts, len(self.rows)])
        blocks = [
            column.slice(int(self.rows[start]), int(length)).chunks
            for start, length in zip(starts, lengths, strict=True)
        ]
        return pa.chunked_array([chunk for block in blocks for chunk in block], column.type)


class SampledColumn:
    """The rows of a sample in one column.

    Attributes:
        name: The column.
        cells: Its cells in the rows of the sample, typed.
    """

    def __init__(self, sample: Sample, name: str) -> None:
        self.name, self._sample = name, sample
        cells = sample.table.column(name)
        if name in sample.verbatim and pa.types.is_null(cells.type):
            cells = sample.table.text(name)  # names that are spelled like a missing value
        self.cells = sample.take(cells)
        if pa.types.is_dictionary(self.cells.type) and not is_text(self.cells.type):
            self.cells = self.cells.cast(self.cells.type.value_type)

    @property
    def is_text(self) -> bool:
        """True where cells are text."""
        return is_text(self.cells.type)

    @cached_property
    def texts(self) -> pd.Series:
        """Cells as text, "" where missing; of typed cells as they may be written."""
        texts = as_text(self.cells).cast(pa.string()).to_pandas().fillna("").str.strip()
        if self.name in self._sample.verbatim:
            return texts
        return texts.where(~texts.isin(self._sample.missing), "")

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """True where a cell is not missing, shape (row,)."""
        if self.is_text:
            return (self.texts != "").to_numpy()
        valid = self.cells.is_valid().to_numpy()
        return valid & ~np.isnan(self.numbers) if self._is_float else valid

    @property
    def _is_float(self) -> bool:
        return bool(pa.types.is_floating(self.cells.type))

    @cached_property
    def distinct(self) -> list[str]:
        """Distinct texts that are not missing, the most frequent first."""
        if self.is_text:
            counts = self.texts[self.texts != ""].value_counts()
            return [str(text) for text in counts.index]
        codes = self.codes[self.codes >= 0]
        first = np.unique(codes, return_index=True)[1]
        order = first[np.argsort(-np.bincount(codes), kind="stable")]
        rows = pa.array(np.flatnonzero(self.filled)[order])
        texts = as_text(self.cells.take(rows)).cast(pa.string()).to_pylist()
        return [text for text in texts if text not in self._sample.missing]

    @cached_property
    def num_distinct(self) -> int:
        """How many they are, of numbers without writing them as text."""
        return len(self.distinct) if self.is_text else int(self.codes.max(initial=-1)) + 1

    @cached_property
    def numbers(self) -> Float64:
        """Cells as numbers, NaN where they are none, shape (row,)."""
        kind = self.cells.type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            cells = self.cells.cast(pa.float64(), safe=False)
            return cells.to_numpy(zero_copy_only=False)
        if pa.types.is_decimal(kind):
            return self.cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if not self.is_text or not any(map(_DIGIT.search, self.distinct)):
            return np.full(len(self.cells), np.nan)
        sample = self._sample
        return sample_numbers(
            self.cells, CellsConfig(), missing=sample.missing, decimal=sample.table.decimal
        )

    @cached_property
    def form(self) -> TimeForm | None:
        """What the cells may be as times."""
        return may_be_times(self.cells, self._sample.table.decimal)

    @cached_property
    def holds_dates(self) -> bool:
        """True where most cells spell dates, with or without a time of day."""
        form = self.form
        return form is not None and form.kind in ("stamps", "dates") and form.share > _MOST

    @property
    def holds_clocks(self) -> bool:
        """True where most cells are hours, minutes and seconds without a date."""
        return self.form is not None and self.form.kind == "clocks"

    @property
    def tells_time_of_day(self) -> bool:
        """True where they are so in most rows, and no numbers."""
        return self.holds_clocks and not self.is_number

    @cached_property
    def empty(self) -> bool:
        """True where no cell holds anything."""
        return not self.filled.any()

    @property
    def blank(self) -> bool:
        """True where no cell has a letter: ids may be spelled as missing values are, "NA"."""
        if not self.empty or not self.is_text:
            return self.empty
        return bool((self.cells.cast(pa.string()).to_pandas().fillna("") == "").all())

    @cached_property
    def is_number(self) -> bool:
        """True where most cells that hold something are numbers."""
        numbers = int((~np.isnan(self.numbers)).sum())
        return numbers > 0 and 2 * numbers > int(self.filled.sum())

    @property
    def holds_words(self) -> bool:
        """True where some cells are written as no number is: "pump", "007"."""
        table = self._sample.table
        exact = self.distinct
        if not self.is_text:
            if not pa.types.is_integer(self.cells.type) or type(table).text is Table.text:
                return False
            # whole numbers of a file of text: as they stand there
            texts = table.text(self.name).take(pa.array(self._sample.rows))
            exact = texts.cast(pa.string()).unique().to_pylist()
        return any(
            not _NUMBER.fullmatch(text) or _CODED.match(text) is not None
            for text in exact
            if text not in self._sample.missing or self.name in self._sample.verbatim
        )

    @property
    def _some_numbers(self) -> bool:
        return not bool(np.isnan(self.numbers).all())

    @cached_property
    def holds_fractions(self) -> bool:
        """True where cells are numbers with fractions, alone or beside words."""
        numbers = self.numbers[~np.isnan(self.numbers)]
        if len(numbers):
            return bool((numbers != np.floor(numbers)).any())
        return any(_HOLDS_FRACTION.match(text) for text in self.distinct[:50])

    @property
    def is_words(self) -> bool:
        """True where cells are text, and none is a number or a time."""
        told = self.empty or self.form is not None or self._some_numbers
        return self.is_text and not told

    @cached_property
    def codes(self) -> Int64:
        """Code of each cell, equal for equal cells, -1 where missing, shape (row,)."""
        if self.is_text:
            codes, _ = pd.factorize(self.texts.where(self.texts != "", None))
            return codes.astype(np.int64)
        kind = self.cells.type
        cells = self.cells
        if pa.types.is_temporal(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
            cells = cells.combine_chunks().dictionary_encode()
            cells = cells.indices if isinstance(cells, pa.Array) else cells
        if isinstance(cells, pa.ChunkedArray) and pa.types.is_dictionary(cells.type):
            cells = cells.unify_dictionaries().combine_chunks().indices
        if pa.types.is_null(kind):
            return np.full(len(cells), -1)
        codes, _ = pd.factorize(cells.fill_null(0).to_numpy(zero_copy_only=False)[self.filled])
        result = np.full(len(self.filled), -1)
        result[self.filled] = codes
        return result

    @cached_property
    def steps(self) -> Float64:
        """Differences of successive numbers within a block of rows, shape (step,)."""
        inside = np.diff(self._sample.rows) == 1
        steps = np.diff(self.numbers)[inside]
        return steps[~np.isnan(steps)]


def _blocks(num_rows: int) -> Int64:
    """Rows of evenly spaced blocks of successive rows, the first and the last among them."""
    if num_rows <= _BLOCK_ROWS * _MOST_BLOCKS:
        return np.arange(num_rows)
    starts = np.linspace(0, num_rows - _BLOCK_ROWS, _MOST_BLOCKS).astype(np.int64)
    return (starts[:, None] + np.arange(_BLOCK_ROWS)).ravel()


def _keys(column: pa.ChunkedArray) -> Int64:
    """A whole number for each cell, equal for equal cells, in the order of typed times."""
    kind = column.type
    if is_text(kind):
        coded = column.dictionary_encode().unify_dictionaries()
        column = pa.chunked_array([chunk.indices for chunk in coded.chunks])
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64()).fill_null(0.0).to_numpy().view(np.int64).copy()
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.int32() if kind.bit_width < _WIDE else pa.int64())
    return column.cast(pa.int64(), safe=False).fill_null(0).to_numpy()


def row_repeats(codes: Sequence[Int64]) -> float:
    """Share of the rows whose codes, taken together, stand in another row as well.

    Args:
        codes: Codes of one column each, equal for equal cells, shape (row,) each.
    """
    frame = pd.DataFrame(dict(enumerate(codes)))
    return float(frame.duplicated(keep=False).mean()) if len(frame) else 0.0

"""Columns of a file of separated values, as pyarrow parses them and as they stand."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from latentode.data.reading.formats.csv_dialect import Dialect
from latentode.data.reading.formats.csv_source import CsvSource
from latentode.data.reading.formats.table import MISSING_TEXTS, is_text
from latentode.data.reading.formats.text_blocks import LONGEST_RECORD
from latentode.errors import DataError

_BLOCK_BYTES = 1 << 20  # stays in the cache of a processor; 4 MiB are as fast or slower
_MOST_CODED = 4_096  # distinct texts of a block; beyond it codes cost more than they save
_FEW_CELLS = 1_000  # by which it is guessed whether a column of text would be one of numbers
_EXACT_WHOLE = 2.0**53  # beyond it a float skips whole numbers
_LONG_WHOLE = r"^\s*[+-]?\d{16,}\s*$"
_CODED = pa.dictionary(pa.int32(), pa.string())


class _LongRecordError(DataError, kind="data", exit_code=3):
    """A record is longer than a block of the parser."""


@contextmanager
def _without_complaints() -> Iterator[None]:
    """Keep from stderr what pyarrow cannot pass on: that a ragged row is not UTF-8.

    It gives up then, and the file is read in another encoding or refused.
    """
    hook = sys.unraisablehook

    def others(error: sys.UnraisableHookArgs) -> None:
        if not isinstance(error.exc_value, UnicodeDecodeError):
            hook(error)

    sys.unraisablehook = others
    try:
        yield
    finally:
        sys.unraisablehook = hook


@dataclass(frozen=True)
class RaggedRow:
    """A row of a wrong number of fields.

    Attributes:
        record: Its place among the rows, with the ragged ones, from 0.
        fields: How many it has.
        text: As it stands.
    """

    record: int
    fields: int
    text: str


class CsvParser:
    """Parses columns of a file.

    Args:
        source: Bytes of the file.
        dialect: How it is written.
        missing: Texts that stand for a missing value, beside the usual ones.

    Attributes:
        ragged: Rows that were left out, of the last time that all columns were parsed.
        unlike_head: Whether rows below the head of the file do not fit its columns.
    """

    def __init__(self, source: CsvSource, dialect: Dialect, missing: Sequence[str]) -> None:
        self._source, self._dialect = source, dialect
        self._missing = ["", *missing]
        self.ragged: list[RaggedRow] = []
        self.unlike_head = False
        self._block_bytes = _BLOCK_BYTES

    def columns(self) -> dict[str, pa.ChunkedArray]:
        """All columns, each typed by all of its cells.

        Raises:
            DataError: If the file is not text, or not in one encoding.
        """
        columns = self._typed_like_head() or self._parsed_or_none()
        if columns is None or any(map(_is_broken, columns.values())):
            self._source.decode()
            columns = self._parse()
        if self._repeats_header(columns):
            columns = self._without_repeats(columns)
        ragged = self.ragged
        again = [name for name, column in columns.items() if self._lacks_only_missing(column)]
        if again:  # the usual spellings slow all columns down, so they are tried where needed
            columns |= self._parse(again, missing=[*self._missing, *MISSING_TEXTS])
        columns = {name: self._as_written(name, column) for name, column in columns.items()}
        self.ragged = ragged
        return columns

    def _typed_like_head(self) -> dict[str, pa.ChunkedArray] | None:
        """All columns with the types of the first rows; None where another cell does not fit.

        While types are inferred, the parser holds the text of the whole file.
        """
        head = self._source.take_head()
        if head is None:
            return None
        try:
            kinds = self._read(io.BytesIO(head)).schema
            typed = dict(zip(kinds.names, kinds.types, strict=True))
            with self._source.open() as file:
                columns = _columns_of(self._read(file, kinds=typed))
        except pa.ArrowInvalid:
            self.unlike_head = True
            return None
        self.unlike_head = bool(self.ragged)
        return columns

    @cached_property
    def _skipped_bytes(self) -> int:
        return self._source.bytes_above()

    def text(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Cells of a column as they stand.

        Args:
            name: The column.
            column: As it was parsed, to tell whether codes are worth while.
        """
        ragged = self.ragged
        few = len(column[: 16 * _MOST_CODED].unique()) <= _MOST_CODED
        result = self._parse([name], kinds={name: _CODED if few else pa.string()})[name]
        self.ragged = ragged
        return result

    def first_texts(self, name: str, number: int) -> pa.ChunkedArray:
        """First cells of a column as they stand, without a look at all that follow.

        Args:
            name: The column.
            number: How many, at least, where there are so many.
        """
        ragged, batches, count = self.ragged, [], 0
        with self._damage_told(), _without_complaints(), self._source.open(to_end=False) as file:
            for batch in self._opened(csv.open_csv, file, [name], kinds={name: pa.string()}):
                batches.append(batch)
                count += batch.num_rows
                if count >= number:
                    break
        self.ragged = ragged
        return pa.Table.from_batches(batches).column(0)

    def _parsed_or_none(self) -> dict[str, pa.ChunkedArray] | None:
        """All columns; None where the parser gives up, as at a ragged row that is not UTF-8."""
        try:
            return self._parse()
        except DataError:
            return None

    def _parse(
        self,
        names: Sequence[str] | None = None,
        *,
        missing: Sequence[str] | None = None,
        kinds: dict[str, pa.DataType] | None = None,
    ) -> dict[str, pa.ChunkedArray]:
        try:
            with self._damage_told(), self._source.open() as file:
                return _columns_of(self._read(file, names, missing=missing, kinds=kinds))
        except _LongRecordError:
            self._block_bytes = LONGEST_RECORD
            return self._parse(names, missing=missing, kinds=kinds)

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except pa.ArrowInvalid as error:
            if "straddling" in str(error) and self._block_bytes < LONGEST_RECORD:
                raise _LongRecordError(str(error)) from None
            raise DataError(
                f"{self._source.path}: not CSV ({error}). Look for a quote that never closes, or a "
                "line that is too long."
            ) from None

    def _read(self, file: io.IOBase, names: Sequence[str] | None = None, **how: Any) -> pa.Table:
        with _without_complaints():
            return self._opened(csv.read_csv, file, names, **how)

    def _opened(
        self,
        reader: Callable[..., Any],
        file: io.IOBase,
        names: Sequence[str] | None,
        *,
        missing: Sequence[str] | None = None,
        kinds: dict[str, pa.DataType] | None = None,
    ) -> Any:
        dialect, skipped = self._dialect, self._dialect.first_line - 1
        self.ragged = ragged = []

        def leave_out(row: Any) -> str:
            ragged.append(RaggedRow(row.number - skipped - 1, row.actual_columns, row.text))
            return "skip"

        read = csv.ReadOptions(
            use_threads=False,  # rows are numbered only then
            # it skips lines of its first block only
            block_size=self._block_bytes + self._skipped_bytes,
            skip_rows=skipped,
            column_names=dialect.columns,
        )
        parse = csv.ParseOptions(
            delimiter=dialect.sep,
            newlines_in_values=True,
            invalid_row_handler=leave_out,
        )
        convert = csv.ConvertOptions(
            include_columns=names,
            column_types=kinds,
            null_values=missing or self._missing,
            strings_can_be_null=False,
            decimal_point=dialect.decimal,
            auto_dict_encode=True,
            auto_dict_max_cardinality=_MOST_CODED,
        )
        return reader(file, read, parse, convert)

    def _repeats_header(self, columns: dict[str, pa.ChunkedArray]) -> bool:
        """Whether a row is like the header: then all columns with a name are text."""
        pairs = zip(columns.values(), self._dialect.header, strict=False)
        named = [(column, cell) for column, cell in pairs if cell.strip()]
        if not named or not all(is_text(column.type) for column, _ in named):
            return False
        named.sort(key=lambda pair: not pa.types.is_dictionary(pair[0].type))  # the fast ones first
        return all(pc.any(pc.equal(_values(column), cell)).as_py() for column, cell in named)

    def _without_repeats(self, columns: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
        before = len(next(iter(columns.values()))) + len(self.ragged)
        self._source.repeats = True
        columns = self._parse()
        number = before - len(next(iter(columns.values()))) - len(self.ragged)
        self._dialect.doubts.decide(
            "header",
            f"lines between the rows that repeat the header left out: {number}",
            "they are the same as the header and the lines around it",
        )
        return columns

    def _lacks_only_missing(self, column: pa.ChunkedArray) -> bool:
        """Whether a column of text would not be one without the spellings of a missing value."""
        if not is_text(column.type):
            return False
        cells = _values(column[: 100 * _FEW_CELLS]).unique().to_pylist()
        values = [cell for cell in cells if cell.strip() not in MISSING_TEXTS][:_FEW_CELLS]
        if not values:
            return True
        if is_text(self._kind_of(values)):
            return False
        missing = pc.is_in(_values(column), pa.array(MISSING_TEXTS))
        return bool(pc.any(missing).as_py())

    def _kind_of(self, values: Sequence[str]) -> pa.DataType:
        """Type of the column that holds some texts."""
        file = io.BytesIO()
        csv.write_csv(pa.table({"x": values}), file)
        convert = csv.ConvertOptions(decimal_point=self._dialect.decimal)
        parse = csv.ParseOptions(newlines_in_values=True)
        read = csv.ReadOptions(block_size=file.tell())
        file.seek(0)
        return csv.read_csv(file, read, parse, convert)["x"].type

    def _as_written(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """A column, as text where its type would not keep all that stands in the file."""
        if pa.types.is_time(column.type) or self._holds_hexes(name, column):
            return self.text(name, column)
        if not pa.types.is_floating(column.type):
            return column
        largest = _largest(column)
        if not largest < _EXACT_WHOLE and self._holds_long_whole(name, column):
            return self.text(name, column)
        return pc.if_else(pc.is_nan(column), None, column) if isnan(largest) else column

    def _holds_hexes(self, name: str, column: pa.ChunkedArray) -> bool:
        """Whether cells such as 0x1F were taken for whole numbers."""
        if not pa.types.is_integer(column.type) or not self._source.may_hold_hexes:
            return False
        texts = _values(self.text(name, column))
        return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[xX]")).as_py())

    def _holds_long_whole(self, name: str, column: pa.ChunkedArray) -> bool:
        """Whether whole numbers stand there that a float may not hold."""
        texts = _values(self.text(name, column))
        return bool(pc.any(pc.match_substring_regex(texts, _LONG_WHOLE)).as_py())


def _columns_of(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    table = table.unify_dictionaries()
    return dict(zip(table.column_names, table.columns, strict=True))


def _largest(column: pa.ChunkedArray) -> float:
    """Largest size of a column of doubles, NaN where one is NaN.

    What stands behind missing cells counts too, which may cost time, but hides nothing.
    """
    sizes = [0.0]
    for chunk in column.chunks:
        behind = [None, chunk.buffers()[1]]
        values = pa.Array.from_buffers(chunk.type, len(chunk), behind, offset=chunk.offset)
        if len(values):
            array = values.to_numpy()
            sizes += [array.max(), -array.min()]
    return float(np.max(sizes))


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of a column: the distinct ones, where it is coded."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([chunk.dictionary for chunk in column.chunks[:1]], pa.string())


def _is_broken(column: pa.ChunkedArray) -> bool:
    """Whether a column holds bytes that are not UTF-8, or a NUL."""
    if pa.types.is_dictionary(column.type):
        parts = [chunk.dictionary for chunk in column.chunks[:1]]
    else:
        parts = column.chunks
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_binary(kind):
        return True
    if not pa.types.is_string(kind):
        return False
    # far faster than a search in every cell
    suspects = (part for part in parts if b"\0" in _buffer(part))
    return any(pc.any(pc.match_substring(part, "\0")).as_py() for part in suspects)


def _buffer(texts: pa.Array) -> bytes:
    buffer = texts.buffers()[2]
    return b"" if buffer is None else buffer.to_pybytes()

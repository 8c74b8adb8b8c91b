"""Files of separated values: the whole file in one table, typed by all of its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa

from latentode.config import CellsConfig
from latentode.data.dataset import Int64
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_columns import ragged_message
from latentode.data.reading.formats.csv_dialect import Dialect, find_dialect
from latentode.data.reading.formats.csv_lines import parsed_lines, record_lines
from latentode.data.reading.formats.csv_parser import CsvParser, RaggedRow
from latentode.data.reading.formats.csv_source import HEAD_BYTES, CsvSource
from latentode.data.reading.formats.table import (
    EVERY,
    Format,
    LogSource,
    NoRowsError,
    Table,
    is_text,
)
from latentode.data.reading.formats.text_blocks import BLOCK_BYTES, read_blocks
from latentode.errors import DataError

# "(12 rows)" of psql, "12 rows in set (0.00 sec)" of mysql, "12 rows selected.", and their rules
_COUNT = re.compile(r"\(?(\d+) (?:rows?|Zeilen?|lignes?|filas?)\b")
_FRAME = re.compile(rf"{_COUNT.pattern}[^\d]*(?:\([\d.]+ sec\))?\)?|\+[-+=]+\+?|Time: [\d.,]+ ms.*")
_FIRST_ROWS = 1_000  # cells that are shown mostly are among them
_PACKED = 8  # times as long as a packed file its text is, at most mostly
_MOST_SEARCHED = 64 << 20  # bytes of a file that is looked through for another table


class CsvFormat(Format):
    """Separated values: asked last, as it takes every file that may be text."""

    name = "CSV"
    rank = 90

    def can_open(self, source: LogSource) -> bool:
        """Whether it is a file, and not one of the usual binary ones."""
        return source.may_be_text

    def open(self, source: LogSource) -> Table:
        """Find out how it is written, and parse it."""
        return CsvTable(source.path, source.config.cells)

    def weight(self, source: LogSource) -> int:
        """Bytes of the text; packed, it is about so many times as long."""
        packed = source.start.startswith(b"\x1f\x8b")
        return super().weight(source) * (_PACKED if packed else 1)

    def blocks(self, source: LogSource, size: int) -> Iterator[Table]:
        """Parse some lines after others, all under the header of the first."""
        return csv_blocks(source, size)


FORMAT = CsvFormat()


@dataclass(frozen=True)
class Stretch:
    """Lines of a file that are read alone.

    Attributes:
        text: The lines, whole records in UTF-8.
        above: How many lines of the file stand above them.
        dialect: How they are written, where that is known by the lines above; None for the first.
        columns: Columns that the first lines have.
    """

    text: bytes
    above: int = 0
    dialect: Dialect | None = None
    columns: tuple[str, ...] = ()


def csv_blocks(source: LogSource, size: int) -> Iterator[Table]:
    """Parse a file of separated values some lines after others.

    Args:
        source: The file.
        size: Bytes of text at once, about.

    Yields:
        Tables of the lines, each under the header of the file.

    Raises:
        DataError: If the file is damaged, or something stands where the first rows have nothing.
    """
    path, cells, doubts = source.path, source.config.cells, Doubts()
    above = 0
    dialect: Dialect | None = None
    columns: tuple[str, ...] = ()
    for text in _gathered(read_blocks(path, cells.encoding, doubts, min(size, BLOCK_BYTES)), size):
        try:
            table = CsvTable(path, cells, Stretch(text, above, dialect, columns))
        except NoRowsError:
            if dialect is None:
                raise
            above += text.count(b"\n")
            continue
        above += table.num_lines
        table.doubts.merge(doubts)
        table.weight = len(text)
        dialect, columns = table.dialect_below, table.columns
        yield table
        del table, text  # not to be held beside the next ones
        if dialect.last_line is not None:
            return  # another table begins there


def _gathered(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    pieces: list[bytes] = []
    for block in blocks:
        pieces.append(block)
        if sum(map(len, pieces)) >= size:
            whole = b"".join(pieces)
            pieces.clear()
            yield whole
    if pieces:
        yield b"".join(pieces)


class CsvTable(Table):
    """A file of separated values.

    A column is of numbers, booleans, dates or time stamps if all of its cells are, and of text
    otherwise; `text` has the cells of each column as they stand.

    Args:
        path: File.
        cells: How its cells are written.
        stretch: Lines that are read alone; None for the whole file.

    Attributes:
        path: File.
        sep: Separator.
    """

    line_word = "line"

    def __init__(self, path: Path, cells: CellsConfig, stretch: Stretch | None = None) -> None:
        doubts = Doubts()
        text = None if stretch is None else stretch.text
        dialect = None if stretch is None else stretch.dialect
        self._above = 0 if stretch is None else stretch.above
        texts = iter([text]) if text is not None else read_blocks(path, cells.encoding, doubts)
        start = _start(texts, cells)
        columns = self._parsed(path, cells, start, doubts, text, dialect)
        size = path.stat().st_size if text is None else len(text)
        if dialect is None and self._parser.unlike_head and size < _MOST_SEARCHED:
            whole = text or b"".join(read_blocks(path, cells.encoding, doubts))
            # another table may begin below
            columns = self._parsed(path, cells, whole, doubts, text)
        if stretch is not None and dialect is not None:
            columns = self._alike(columns, stretch.columns)
        else:
            columns = self._without_empty(columns)
        dialect = self._dialect
        self._num_records = len(next(iter(columns.values()))) + len(self._parser.ragged)
        if self._num_records == len(self._parser.ragged):
            self._refuse(str(path))
        self._refuse_open_quote(columns, str(path))
        super().__init__(columns, path)
        self.path, self.sep, self.decimal = path, dialect.sep, dialect.decimal
        self.units = {name: unit for name, unit in dialect.units.items() if name in self._columns}
        self.doubts, self.notes = dialect.doubts, dialect.notes
        self.doubts.decisions[:0] = doubts.decisions
        self.ragged = self._ragged_rows()
        self._texts: dict[str, pa.ChunkedArray] = {}

    def _parsed(
        self,
        path: Path,
        cells: CellsConfig,
        start: bytes,
        doubts: Doubts,
        text: bytes | None,
        dialect: Dialect | None = None,
    ) -> dict[str, pa.ChunkedArray]:
        """Columns of the file, understood by its beginning unless it is known how it is written."""
        self._dialect = dialect or find_dialect(start.decode(), cells, str(path))
        self._source = CsvSource(path, cells.encoding, self._dialect, start, doubts, text)
        self._parser = CsvParser(self._source, self._dialect, cells.na or ())
        return self._parser.columns()

    @property
    def dialect_below(self) -> Dialect:
        """How the lines are written that stand below those that were read."""
        return replace(self._dialect, first_line=1, cut=0, doubts=Doubts())

    @property
    def num_lines(self) -> int:
        """Lines that were read."""
        return self._source.count_lines()

    @property
    def num_fields(self) -> int:
        """Fields that each row should have, those of columns that are left out among them."""
        return len(self._dialect.columns)

    def text(self, name: str, rows: slice = EVERY) -> pa.ChunkedArray:
        """Cells of a column as they stand in the file; arguments as in `Table.text`."""
        column = self._columns[name]
        if is_text(column.type):
            return column[rows]
        if name not in self._texts and rows.stop is not None and rows.stop <= _FIRST_ROWS:
            return self._parser.first_texts(name, rows.stop)[rows]
        if name not in self._texts:
            self._texts[name] = self._parser.text(name, column)
        return self._texts[name][rows]

    def release(self, keep: Sequence[str] = ()) -> None:
        """Forget the cells of all columns but some, as in `Table`.

        Args:
            keep: Columns whose cells may still be asked for.
        """
        super().release(keep)
        self._texts = {name: texts for name, texts in self._texts.items() if name in keep}

    @cached_property
    def lines(self) -> Int64:
        """Line in which each row begins, shape (row,)."""
        left_out = [row.record for row in self._parser.ragged]
        return np.delete(self._record_lines, left_out) if left_out else self._record_lines

    @cached_property
    def _record_lines(self) -> Int64:
        """The same with the ragged rows."""
        first = self._dialect.first_line
        if self._source.count_lines() - first + 1 == self._num_records:
            # a record in every line
            return np.arange(first, first + self._num_records) + self._above
        lines = record_lines(self._source.blocks(), first)
        if len(lines) != self._num_records:
            lines = parsed_lines(self._source.blocks(), self._dialect.sep, first)
        assert len(lines) == self._num_records, "every record has a line"
        return lines + self._above

    def _ragged_rows(self) -> list[tuple[int, int]]:
        """Rows of a wrong number of fields; a line of blanks is none."""
        rows = [row for row in self._parser.ragged if row.text.strip()]
        comments = [row for row in rows if row.text.startswith("#")]
        if comments:
            first = self._record_lines[comments[0].record]
            self.doubts.decide(
                "header",
                f"comments between the rows left out: {len(comments)}, the first in line {first}",
                "they begin with '#' and have another number of fields",
            )
        rows = self._without_frame([row for row in rows if not row.text.startswith("#")])
        return [(int(self._record_lines[row.record]), row.fields) for row in rows]

    def _without_frame(self, rows: Sequence[RaggedRow]) -> list[RaggedRow]:
        """Rows but for the frame and the count that the shell of a database writes."""
        frame = [row for row in rows if _FRAME.fullmatch(row.text.strip())]
        counts = [match for row in frame if (match := _COUNT.match(row.text.strip()))]
        if counts:
            number = self._num_records - len(self._parser.ragged)
            told = sum(int(match[1]) for match in counts)
            self.doubts.decide(
                "rows",
                f"{counts[-1].string!r} below the rows left out",
                "the shell of a database counts them so"
                if told == number
                else f"although {number:,} rows are there",
                confidence="certain" if told == number else "guess",
            )
        return [row for row in rows if row not in frame]

    def _refuse(self, name: str) -> NoReturn:
        """Say why there are no rows."""
        self.doubts = self._dialect.doubts
        rows = self._ragged_rows()
        if rows:
            line, fields = rows[0]
            raise DataError(ragged_message(name, line, self.num_fields, fields, "all"))
        raise NoRowsError(f"no data rows in {name}. Give a log with a header and readings.")

    def _refuse_open_quote(self, columns: Mapping[str, pa.ChunkedArray], name: str) -> None:
        """A quote that never closes takes all lines below it into its cell."""
        last = [column[-1].as_py() for column in columns.values() if is_text(column.type)]
        if any("\n" in cell for cell in last) and self._source.count_quotes() % 2:
            line = self._record_lines[-1]
            raise DataError(
                f"{name}: line {line} is not CSV (a quote that opens there never closes). "
                "Close it, or remove it."
            )

    def _alike(
        self, columns: Mapping[str, pa.ChunkedArray], names: Sequence[str]
    ) -> dict[str, pa.ChunkedArray]:
        """The columns that the first lines have; nothing may stand in others."""
        for name, column in columns.items():
            if name not in names and not _is_null(column):
                raise DataError(
                    f"{self._source.path}: from line {self._above + 1} on cells stand in place "
                    f"{list(columns).index(name) + 1}, which has no name and is empty in all rows "
                    "above. Give the column a name in the header, or remove these cells."
                )
        return {name: columns[name] for name in names}

    def _without_empty(self, columns: Mapping[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
        """All but the columns without a name in which nothing stands."""
        unnamed = self._dialect.unnamed
        empty = [name for name in columns if name in unnamed and _is_null(columns[name])]
        if self._dialect.untold & set(empty):
            self._dialect.doubts.decide(
                "header",
                "the separator at the end of the rows is left out",
                "nothing follows it, and the header has none",
            )
        for name in columns:
            if name in unnamed and name not in empty:
                self._dialect.doubts.decide(
                    "header",
                    f"the column in place {list(columns).index(name) + 1} is called {name!r}",
                    "it has no name",
                )
        return {name: column for name, column in columns.items() if name not in empty}


def _is_null(column: pa.ChunkedArray) -> bool:
    return pa.types.is_null(column.type)


def _start(blocks: Iterator[bytes], cells: CellsConfig) -> bytes:
    """First lines of the text, the header that was named among them; empty if there are none."""
    block = next(blocks, b"")
    if len(block) <= HEAD_BYTES:
        return block
    start = block[: block.rfind(b"\n", 0, HEAD_BYTES) + 1] or block
    if (cells.header_row or 0) + cells.skip_rows < start.count(b"\n"):
        return start
    return b"".join([block, *blocks])

"""CSV logs: dialect, header, ragged rows, and blocks of rows parsed by pandas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from latentode.config import CellsConfig
from latentode.data.reading.formats.csv_chunk import CsvChunk, record_layout
from latentode.data.reading.formats.data_frame import FrameChunk
from latentode.data.reading.formats.table import (
    HEAD_ROWS,
    Chunk,
    Format,
    LogSource,
    ReadPlan,
    Table,
    check_distinct,
)
from latentode.data.reading.formats.text_blocks import read_blocks
from latentode.errors import DataError

_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}
_HEAD_BYTES = 1 << 20  # holds a header and first rows, by which a file is understood
_NEWLINE = 10  # as a byte
_COMMA_NUMBER = re.compile(r"^\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*$")
_NUMBER = re.compile(r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")
_DATE = re.compile(r"^\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?\s*$")


class CsvFormat(Format):
    """Separated values with a header: asked last, as it takes every file that may be text."""

    name = "CSV"
    rank = 90

    def can_open(self, source: LogSource) -> bool:
        """Whether it is a file, and not one of the usual binary ones."""
        return source.may_be_text

    def open(self, source: LogSource) -> Table:
        """Find separator, header and decimal mark."""
        return CsvTable(source.path, source.config.cells)


FORMAT = CsvFormat()


class CsvTable(Table):
    """A CSV file.

    Attributes:
        path: File.
        cells: How its cells are written.
        sep: Separator.
    """

    def __init__(self, path: Path, cells: CellsConfig) -> None:
        super().__init__(path)
        self.path, self.cells = path, cells
        text = self._start()
        preamble, sample = _split_preamble(text)
        self._first_line = preamble + 1
        self.sep = _separator(self.cells.sep, sample, self.name)
        end = _header_end(sample)
        self._body = len(text[: len(text) - len(sample) + end].encode())
        self._body_line = self._first_line + sample.count("\n", 0, end)
        records = csv.reader(io.StringIO(sample, newline=""), delimiter=self.sep)
        try:
            header = [name.strip() for name in next(records, [])]
            rows = [row for row in islice(records, HEAD_ROWS) if "".join(row).strip()]
        except csv.Error as error:
            raise DataError(f"{self.name}: line {records.line_num} is not CSV ({error}).") from None
        self._check_header(header, rows)
        self._fields = header
        self.columns = tuple(name for name in header if name)
        if len(self.columns) < len(header):
            self.notes.append(
                f"{len(header) - len(self.columns)} column(s) without a name left out"
            )
        regular = [row for row in rows if len(row) == len(header)]
        if not regular:
            raise DataError(
                ragged_message(self.name, self._body_line, len(header), len(rows[0]), "all")
            )
        frame = pd.DataFrame(regular, columns=header, dtype=object)
        self.head = frame[list(self.columns)]
        self.decimal = self._find_decimal()

    def _start(self) -> str:
        """Enough of the file for its header and first rows."""
        start: list[bytes] = []
        # the blocks are read again, and make their notes then
        for block in read_blocks(self.path, self.cells.encoding, notes=[]):
            start.append(block)
            if sum(map(len, start)) >= _HEAD_BYTES:
                break
        return b"".join(start).decode()

    def _check_header(self, header: list[str], rows: list[list[str]]) -> None:
        if not rows:
            raise DataError(f"no data rows in {self.name}. Give a log with a header and readings.")
        if all(_NUMBER.match(name) or _DATE.match(name) for name in header if name):
            raise DataError(
                f"{self.name}: expected column names in line {self._first_line}, got {header[:5]}. "
                "Add a header row."
            )
        check_distinct([name for name in header if name], self.name)

    def _find_decimal(self) -> str:
        """Take a decimal comma where every fraction has one, and commas do not separate cells."""
        if self.cells.decimal == "," or self.sep == ",":
            return self.cells.decimal
        cells = [cell for name in self.columns for cell in self.head[name]]
        commas = [cell for cell in cells if _COMMA_NUMBER.match(cell)]
        points = any("." in cell for cell in cells if _NUMBER.match(cell))
        # "1,234" alone may be a thousand
        if not commas or points or all(re.search(r"\d,\d{3}\s*$", cell) for cell in commas):
            return "."
        self.notes.append("decimal comma, as every fraction is written with one")
        return ","

    def chunks(self, plan: ReadPlan) -> Iterator[Callable[[], Chunk]]:
        """Blocks of the file: parsed by pandas, or a record at a time where rows are ragged."""
        line, position = self._body_line, 0
        exact_text: set[str] = set()
        for block in read_blocks(self.path, self.cells.encoding, self.notes):
            data = block[max(self._body - position, 0) :]
            position += len(block)
            if data and not data.isspace():
                yield partial(self._chunk, data, line, plan, exact_text)
            line += int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))

    def _chunk(self, data: bytes, line: int, plan: ReadPlan, exact_text: set[str]) -> Chunk:
        layout = record_layout(data, ord(self.sep), len(self._fields))
        if layout is None:
            return self._slow_chunk(data, line)
        marks, lines = layout
        return CsvChunk(data, self.sep, self._fields, plan, marks, lines + line, exact_text)

    def _slow_chunk(self, data: bytes, line: int) -> FrameChunk:
        """Rows of a block with ragged rows, blank lines or odd quotes, a record at a time."""
        reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=self.sep)
        rows: list[list[str]] = []
        lines: list[int] = []
        start = line
        try:
            for row in reader:
                if len(row) == len(self._fields):
                    rows.append(row)
                    lines.append(start)
                elif "".join(row).strip():
                    self.ragged.append((start, len(row)))
                start = line + reader.line_num
        except csv.Error as error:
            raise DataError(f"{self.name}: line {start} is not CSV ({error}).") from None
        frame = pd.DataFrame(rows, columns=self._fields, dtype=object)
        return FrameChunk(frame[list(self.columns)], np.array(lines, dtype=np.int64))

    @property
    def num_fields(self) -> int:
        """Fields that each row should have, those of columns without a name among them."""
        return len(self._fields)


def _split_preamble(text: str) -> tuple[int, str]:
    """Number of blank and comment lines before the header, and the text from the header on."""
    position = lines = 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        line = text[position:end].strip()
        if line and not line.startswith("#"):
            break
        position, lines = end, lines + 1
    return lines, text[position:]


def _header_end(text: str) -> int:
    """Length of the header record, which may hold quoted line breaks."""
    end = text.find("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.find("\n", end) + 1
    return end or len(text)


def _separator(configured: str | None, sample: str, name: str) -> str:
    if configured is not None:
        sep = _SEPARATORS.get(configured, configured)
        if len(sep) != 1 or sep in '"\n\r' or not sep.isascii():
            raise DataError(f"--sep: expected one character or 'tab', got {configured!r}.")
        return sep
    lines = sample.splitlines()[:50]
    if not lines:
        raise DataError(f"no data rows in {name}. Give a log with a header and readings.")
    best, best_key = ",", (False, 1)
    for sep in (",", ";", "\t", "|"):
        counts = [len(row) for row in csv.reader(lines, delimiter=sep) if row]
        key = (len(counts) > 1 and counts[0] > 1 and len(set(counts)) == 1, counts[0])
        if key > best_key:
            best, best_key = sep, key
    return best


def ragged_message(source: str, line: int, expected: int, fields: int, number: int | str) -> str:
    """Say that rows have a wrong number of fields.

    Args:
        source: Name of the log.
        line: Line of the first of them.
        expected: Fields of the header.
        fields: Fields of that line.
        number: How many such rows there are.
    """
    return (
        f"{source}: line {line}: expected {expected} fields as in the header, got {fields} "
        f"({number} such rows). Repair the file, or drop up to --max-bad of the rows with "
        "--on-bad-row drop."
    )

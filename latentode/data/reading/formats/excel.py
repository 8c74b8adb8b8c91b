"""Logs in spreadsheets: .xlsx, .xlsm, .xlsb, .xls and .ods, told by their contents."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import CellsConfig
from latentode.data.dataset import Int64
from latentode.data.reading.formats.csv_dialect import Dialect, find_dialect
from latentode.data.reading.formats.sheet_cells import cell_text, column_of, plain_cell
from latentode.data.reading.formats.table import Format, LogSource, Table, is_text
from latentode.data.reading.roles import check_present
from latentode.errors import DataError
from latentode.files.packages import optional_package

_MEMBERS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
_OLD = b"\xd0\xcf\x11\xe0"
Row = Sequence[object]
Range = tuple[tuple[int, int], tuple[int, int]]  # first and last row and column

_HEAD_ROWS = 5_000  # by which a sheet is understood, as many as of a CSV file
_DATE_TEXT = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}\b.*")
_CLOCK_TEXT = r"^\s*(\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,3}:\d\d)"


class ExcelFormat(Format):
    """A sheet of a spreadsheet, by python-calamine: an optional package."""

    name = "a spreadsheet (.xlsx, .xls, .ods)"
    rank = 10
    source_settings = frozenset({"table"})

    def can_open(self, source: LogSource) -> bool:
        """Whether it is an old spreadsheet, or an archive with the parts of a new one."""
        if source.start.startswith(_OLD):
            return True
        if not source.start.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(source.path) as archive:
                return not _MEMBERS.isdisjoint(archive.namelist())
        except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError):
            return b"xl/" in source.start or b"opendocument.spreadsheet" in source.start

    def open(self, source: LogSource) -> Table:
        """Read the sheet that holds the log, or the one that is named."""
        sheet, others = _choose(_sheets(source), source)
        table = SheetTable(sheet, source.path)
        if others:
            table.doubts.ask(
                "table",
                f"Sheets {', '.join(map(repr, [sheet.name, *others]))} may all be the log. Name "
                f"one: --table {quote(sheet.name)}.",
            )
        return table


FORMAT = ExcelFormat()


@dataclass(frozen=True)
class Sheet:
    """A sheet and what stands where in it.

    Attributes:
        name: Name.
        rows: Cells, of one width.
        dialect: Its header, found as in a CSV file; None where no rows of one kind are.
    """

    name: str
    rows: Sequence[Row]
    dialect: Dialect | None

    @cached_property
    def body_rows(self) -> list[int]:
        """Places of the rows below the header, from 0, without rows that are empty."""
        assert self.dialect is not None, "only a sheet with a header is read"
        start, end = self.dialect.first_line - 1, self.dialect.last_line
        rows = enumerate(self.rows[start:end], start)
        return [place for place, row in rows if any(cell != "" for cell in row)]

    @cached_property
    def cells(self) -> dict[str, list[object]]:
        """Cells of each column that has a name or a value."""
        assert self.dialect is not None, "only a sheet with a header is read"
        body = [self.rows[row] for row in self.body_rows]
        columns = {
            name: [row[place] for row in body] for place, name in enumerate(self.dialect.columns)
        }
        unnamed = self.dialect.unnamed if self.dialect.header_line else set(columns)
        return {
            name: cells
            for name, cells in columns.items()
            if name not in unnamed or any(cell != "" for cell in cells)
        }

    @cached_property
    def columns(self) -> dict[str, pa.ChunkedArray]:
        """Typed columns."""
        return {name: column_of(cells) for name, cells in self.cells.items()}

    @property
    def has_values(self) -> bool:
        """Whether it is more than a page of text."""
        return self.dialect is not None and any(
            not is_text(column.type) or _may_be_clock(column) for column in self.columns.values()
        )


class SheetTable(Table):
    """A sheet of a spreadsheet; `lines` are its rows as the spreadsheet numbers them.

    Args:
        sheet: A sheet with a header.
        path: File.
    """

    def __init__(self, sheet: Sheet, path: Path) -> None:
        dialect = sheet.dialect
        assert dialect is not None, "only a sheet with a header is read"
        super().__init__(sheet.columns, path)
        self.sheet, self.decimal = sheet, dialect.decimal
        self.units = {name: unit for name, unit in dialect.units.items() if name in sheet.columns}
        self.doubts, self.notes = dialect.doubts, dialect.notes
        self.doubts.decide("table", f"sheet {sheet.name!r} is read")
        for name, cells in sheet.cells.items():
            self._ask_about_dates(name, cells)

    @cached_property
    def lines(self) -> Int64:
        """Row of the sheet of each row, from 1."""
        return np.array(self.sheet.body_rows) + 1

    def _ask_about_dates(self, name: str, cells: Sequence[object]) -> None:
        """Ask about dates of which a spreadsheet understood some only: it may have swapped those.

        A spreadsheet of English settings takes 03/04/2024 for March 4 and leaves 13/04/2024 text.
        """
        texts = [cell for cell in cells if isinstance(cell, str) and _DATE_TEXT.match(cell)]
        dates = [cell for cell in cells if isinstance(cell, date)]
        if texts and dates:
            self.doubts.ask(
                "time",
                f"Column {name!r} has {len(dates)} dates and {len(texts)} texts such as "
                f"{texts[0]!r}: the spreadsheet understood some dates only, and may have taken "
                "their day for the month. Import the original file again with that column as text.",
            )


def _sheets(source: LogSource) -> list[Sheet]:
    path = source.path
    calamine = optional_package("python_calamine", "excel", path)
    try:
        book = calamine.CalamineWorkbook.from_path(path)
        names = [
            each.name
            for each in book.sheets_metadata
            if each.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        return [_sheet(name, book.get_sheet_by_name(name), source) for name in names]
    except (calamine.CalamineError, OSError) as error:
        raise DataError(
            f"{path}: the spreadsheet is damaged, protected by a password, or another kind of "
            f"document ({error}). Save it without a password, or export the sheet as CSV."
        ) from None


def _sheet(name: str, sheet: Any, source: LogSource) -> Sheet:
    rows = [[plain_cell(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    merged = sheet.merged_cell_ranges or []  # none is told of OpenDocument
    return understood(name, rows, merged, source.config.cells, source.path)


def understood(
    name: str, rows: Sequence[Row], merged: Sequence[Range], cells: CellsConfig, path: Path
) -> Sheet:
    """Find the header of a sheet as it is found in a CSV file.

    Args:
        name: Name of the sheet.
        rows: Its cells, of one width.
        merged: First and last row and column of each group of merged cells.
        cells: Settings that name the header.
        path: File.
    """
    cells = cells.model_copy(update={"sep": ","})
    try:
        dialect = find_dialect(_head_text(rows, merged), cells, f"{path}, sheet {name!r}")
    except DataError:
        return Sheet(name, rows, None)
    return Sheet(name, rows, dialect)


def _head_text(rows: Sequence[Row], merged: Sequence[Range]) -> str:
    """First rows as a CSV file would hold them, one line each, names of merged cells repeated."""
    head = [list(row) for row in rows[:_HEAD_ROWS]]
    for (top, left), (_, right) in merged:
        if top < len(head) and 0 < right - left < len(head[top]) - 1:
            head[top][left : right + 1] = [head[top][left]] * (right - left + 1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in head:
        cells = [" ".join(cell_text(cell).split()) for cell in row]
        writer.writerow(cells if any(cells) else [])
    return text.getvalue()


def _choose(sheets: Sequence[Sheet], source: LogSource) -> tuple[Sheet, list[str]]:
    """The sheet that is named, else the one that looks like a log; and others that may be."""
    wanted = source.config.source.table
    names = [sheet.name for sheet in sheets]
    if wanted is not None:
        check_present(wanted, names, str(source.path), "Name a sheet with --table.")
    with_values = [sheet for sheet in sheets if sheet.has_values and wanted in (None, sheet.name)]
    if not with_values:
        raise DataError(
            f"{source.path}: expected a sheet with rows of numbers or dates, got none among "
            f"{', '.join(map(repr, names))}. Export the log as CSV."
        )
    candidates = [sheet for sheet in with_values if _has_clock(sheet)] or with_values
    return candidates[0], [sheet.name for sheet in candidates[1:]]


def _has_clock(sheet: Sheet) -> bool:
    """Whether a column may be the time of a log: dates, texts like them, or numbers that rise."""
    columns = sheet.columns.values()
    return len(columns) > 1 and any(map(_may_be_clock, columns))


def _may_be_clock(column: pa.ChunkedArray) -> bool:
    if pa.types.is_temporal(column.type):
        return True
    if is_text(column.type):
        return 2 * (pc.sum(pc.match_substring_regex(column, _CLOCK_TEXT)).as_py() or 0) > len(
            column
        )
    if not pa.types.is_floating(column.type) or column.null_count:
        return False
    steps = np.diff(column.to_numpy())
    return len(steps) > 1 and bool((steps > 0).all())

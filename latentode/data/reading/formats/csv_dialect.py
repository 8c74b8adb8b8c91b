"""How a file of separated values is written: separator, header, units, first row, decimal mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from latentode.config import CellsConfig
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_columns import fit_names
from latentode.data.reading.formats.csv_header import (
    Body,
    Header,
    find_header,
    header_in_line,
)
from latentode.data.reading.formats.csv_records import (
    BLANKS,
    Record,
    split_lines,
    split_records,
    usual_width,
)
from latentode.data.reading.formats.csv_tables import say_tables, tables_below
from latentode.data.reading.formats.table import NoRowsError
from latentode.data.reading.formats.wrapped_lines import are_wrapped, unwrapped
from latentode.errors import DataError

_NEARLY_ALL = 0.9  # share of the lines that hold a separator
_SEPARATORS = {
    **{"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"},
    **{"space": BLANKS, "blank": BLANKS, "blanks": BLANKS},
}
_FEW, _MANY = 200, 5_000  # lines by which a file is understood; many where much stands above
_SEP_LINE = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"\s*[+-]?(?P<whole>\d+),(?P<part>\d+)(?:[eE][+-]?\d+)?\s*")
_POINT_NUMBER = re.compile(r"\s*[+-]?(?P<whole>\d*)\.(?P<part>\d+)(?:[eE][+-]?\d+)?\s*")


@dataclass
class Dialect:
    """How a file is written.

    Attributes:
        sep: Separator; `BLANKS` for runs of blanks.
        columns: Name of each field, distinct; those of fields without a name tell their place.
        unnamed: The names of fields that have none.
        untold: Those of them for which the header has no place.
        units: Column -> unit.
        header: Cells of the header as they stand; none where there is no header.
        header_line: Line of the header; 0 where there is none.
        first_line: Line of the first row.
        decimal: Decimal mark.
        spaced: Whether blanks stand between a separator and a quote.
        cut: Fields that the first row has beyond the others, and which are left out.
        wrapped: Whether lines stand in quotes as a whole.
        last_line: Last line of the table; None where it goes on to the end of the file.
        above: Lines above the first row, as they stand, which a joined file repeats.
        notes: Lines above the header, as they stand.
        doubts: What was decided, and what was not.
    """

    sep: str
    columns: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    units: dict[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    header_line: int = 1
    first_line: int = 2
    decimal: str = "."
    spaced: bool = False
    cut: int = 0
    wrapped: bool = False
    last_line: int | None = None
    above: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: Doubts = field(default_factory=Doubts)


def find_dialect(text: str, cells: CellsConfig, source: str) -> Dialect:
    """Find out how a file is written, by its beginning.

    Args:
        text: First lines of the file.
        cells: What is known of it.
        source: Name of the log.

    Returns:
        The dialect, with all that was decided and asked.

    Raises:
        DataError: If no row of readings is there, or all have another number of fields than the
            header; with the line.
    """
    lines = split_lines(text)
    wrapped = are_wrapped(lines[:_MANY])
    if wrapped:
        lines = split_lines(unwrapped(text.encode()).decode())
    skipped = cells.skip_rows
    told = None
    start = next((i for i in range(skipped, len(lines)) if lines[i].strip()), len(lines))
    if start < len(lines) and (match := _SEP_LINE.fullmatch(lines[start])):
        told, skipped = match[1], start + 1
    skipped = max(skipped, (cells.header_row or 0) - 1)
    sep = _configured(cells.sep) or told or _separator(lines[skipped:], source)
    number = len(lines)
    others = list(tables_below(lines, sep, skipped, source))
    end = others[0][0] if others else None
    lines = lines[:end]
    for count in (_FEW, _MANY, len(lines)):
        doubts = Doubts()
        records = split_records(lines[skipped : skipped + count], sep, source, skipped + 1)
        body = Body(records, usual_width(records)) if any(map(_filled, records)) else None
        header = body and _header(records, cells.header_row, body, sep, doubts)
        if body and header and header.end < _FEW // 2 and any(map(body.has, records)):
            break
    if not body or not header:
        raise _no_header(cells.header_row, number, source)
    rows = [each for each in records[header.end :] if _is_row(each, body.width)]
    if not rows:
        raise NoRowsError(f"no data rows in {source}. Give a log with a header and readings.")
    say_tables([each for _, each in others], header.line, cells.header_row is not None, doubts)
    if wrapped:
        doubts.decide(
            "header",
            "the quotes around whole lines are taken off",
            "all lines with separators stand in quotes, as one column of a spreadsheet",
        )
    dialect = Dialect(sep, header_line=header.line, first_line=rows[0].line, doubts=doubts)
    dialect.wrapped, dialect.last_line = wrapped, end
    dialect.columns, dialect.unnamed, dialect.units, dialect.cut = fit_names(
        header, rows, body.width, sep, source, doubts
    )
    if header.line:
        dialect.untold = dialect.unnamed & set(dialect.columns[len(header.names) :])
        dialect.spaced = _is_spaced(lines[header.line - 1 : header.line + _FEW], sep)
        dialect.header = next(each.fields for each in records if each.line == header.line)
    dialect.notes = tuple(lines[skipped : (header.line or dialect.first_line) - 1])
    dialect.above = _above(lines, skipped, dialect, source)
    dialect.decimal = _decimal(cells.decimal, body.records, doubts)
    return dialect


def _is_spaced(lines: Sequence[str], sep: str) -> bool:
    """Whether blanks follow the separators of the header, and quotes follow such blanks."""
    blanks = re.compile(re.escape(sep) + ' +"')
    return sep + " " in lines[0] and any(blanks.search(line) for line in lines)


def _is_row(record: Record, width: int) -> bool:
    """True for a record with cells; a comment has them only by chance, an id may begin with '#'."""
    return _filled(record) and not (record.is_comment and len(record.fields) != width)


def _filled(record: Record) -> bool:
    return not record.is_blank


def _header(
    records: Sequence[Record], line: int | None, body: Body, sep: str, doubts: Doubts
) -> Header | None:
    if line is None:
        return find_header(records, body, sep, doubts)
    return header_in_line(records, line, body, sep, doubts)


def _no_header(line: int | None, number: int, source: str) -> DataError:
    if line is None:
        return NoRowsError(f"no data rows in {source}. Give a log with a header and readings.")
    return DataError(
        f"--header-row: expected a line of {source} up to {number} that holds a record and is not "
        f"skipped, got {line}. Count the lines from 1."
    )


def _configured(sep: str | None) -> str | None:
    if sep is None:
        return None
    sep = _SEPARATORS.get(sep, sep)
    if len(sep) != 1 or sep in '"\n\r' or not sep.isascii():
        raise DataError(f"--sep: expected one character, 'tab' or 'space', got {sep!r}.")
    return sep


def _separator(lines: Sequence[str], source: str) -> str:
    """The separator that parts most lines alike, into cells without another separator in them."""
    if len(lines) > _FEW:
        lines = [*lines[: _FEW // 2], *lines[-_FEW // 2 :]]
    best, best_score = ",", (0.0, 0.0)
    for sep in (",", ";", "\t", "|"):
        if score := _score(lines, sep, source):
            best, best_score = (sep, score) if score > best_score else (best, best_score)
    # two tables may be parted by tabs into rows of two lengths, and by blanks too
    filled = [line for line in lines if line.strip()]
    commas = {line.count(",") for line in filled}
    if filled and best not in filled[0] and len(commas) == 1 and commas != {0}:
        return ","  # "time,pressure" above "06:00,120;80": the names know no other
    everywhere = best != "," and sum(best in line for line in filled) > _NEARLY_ALL * len(filled)
    if best_score[0] > 0.5 or everywhere or not _parted_by_blanks(lines, source):
        return best
    return BLANKS


def _score(lines: Sequence[str], sep: str, source: str) -> tuple[float, float] | None:
    """Share of the lines that the separator parts alike, and share of clean cells in them."""
    if not any(sep in line for line in lines):
        return None
    try:
        records = [each for each in split_records(lines, sep, source) if _filled(each)]
    except DataError:
        return None
    width = usual_width(records) if records else 1
    if width == 1:
        return None
    readings = (i for i, each in enumerate(records) if _reads(each, width))
    records = records[next(readings, len(records) // 2) :]
    cells = [each.fields for each in records if len(each.fields) == width]
    unclean = re.compile("[" + "".join({";", "\t", "|"} - {sep}) + "]|^[^,]*,[^,]*,")
    clean = [not unclean.search(cell) for row in cells for cell in row]
    share = len(cells) / len(records)
    return round(share * sum(clean) / max(len(clean), 1), 1), float(width)


def _reads(record: Record, width: int) -> bool:
    return len(record.fields) == width and record.has_readings


def _parted_by_blanks(lines: Sequence[str], source: str) -> bool:
    try:
        records = [each for each in split_records(lines, BLANKS, source) if _filled(each)]
    except DataError:
        return False
    width = usual_width(records) if records else 1
    body = Body(records, width)
    if width == 1 or (width == 2 and body.dates == [0, 1]):
        return False  # the blank in a stamp
    fitting = sum(len(each.fields) == width for each in records[len(records) // 2 :])
    return bool(body.dates or body.numbers) and fitting > 0.5 * len(records[len(records) // 2 :])


def _decimal(configured: str | None, records: Iterable[Record], doubts: Doubts) -> str:
    """Take a decimal comma where every fraction has one, and no comma can part thousands."""
    if configured is not None:
        return configured
    cells = [cell for record in records for cell in record.fields]
    commas = [match for cell in cells if (match := _COMMA_NUMBER.fullmatch(cell))]
    points = [match for cell in cells if (match := _POINT_NUMBER.fullmatch(cell))]
    # "1.234" beside "18,3" may be a thousand: such a column is asked about
    if not all(_may_be_thousand(match["whole"], match["part"]) for match in points) or all(
        _may_be_thousand(match["whole"], match["part"]) for match in commas
    ):
        return "."
    doubts.decide(
        "decimal", "decimal comma", "every fraction is written with one", option="--decimal ."
    )
    return ","


def _may_be_thousand(whole: str, part: str) -> bool:
    return len(part) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")


def _above(lines: Sequence[str], skipped: int, dialect: Dialect, source: str) -> tuple[str, ...]:
    """Lines above the first row; without a header they may be like readings."""
    first = split_records(lines[:skipped], dialect.sep, source)
    above = [each.raw for each in first if not each.has_readings]  # of another table
    above += lines[skipped : dialect.first_line - 1]
    return tuple(dict.fromkeys(line.strip("\r\n") for line in above if line.strip()))

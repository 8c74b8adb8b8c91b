"""Where the header of a text of separated values stands, and what the rows around it are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile, zip_longest

from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_names import count_on, is_title, joined, under_groups
from latentode.data.reading.formats.csv_records import BLANKS, Kind, Record, split_records
from latentode.data.reading.formats.csv_units import (
    is_format,
    is_process,
    is_ruler,
    is_unit,
    is_unit_row,
    is_width_row,
)

# rows with a bad time or a wrong number of fields between a header and the first good row
_MOST_ODD = 3
_FEWEST_TIMES, _MOST_LABELS = 3, 4  # of a header of times, and columns before them
_MOST_JOINED = 3  # rows that one header may have
_LOGGERNET = ("TOA5", "TOACI1", "TOB1", "TOB3")  # first cell of the info line above the header


@dataclass
class Body:
    """What stands in the columns of the many records below a header.

    Args:
        records: All records of a text.
        width: Number of fields of the many.

    Attributes:
        records: Those of the many, but for the first half, which may hold other things.
    """

    records: Sequence[Record]
    width: int
    dates: list[int] = field(init=False)
    numbers: list[int] = field(init=False)

    def __post_init__(self) -> None:
        fitting = [each for each in self.records if len(each.fields) == self.width]
        filled = [each for each in fitting if not each.is_blank]
        self.records = filled[len(filled) // 2 :]
        self.dates = [i for i in range(self.width) if self._holds(i, "date")]
        self.numbers = [i for i in range(self.width) if self._holds(i, "number")]

    def _holds(self, column: int, kind: Kind) -> bool:
        kinds = [each.kinds[column] for each in self.records if each.kinds[column] != "missing"]
        return bool(kinds) and kinds.count(kind) >= 0.5 * len(kinds)

    def has(self, record: Record) -> bool:
        """Whether a record is one of the many: a date in a column of dates, or else numbers."""
        if len(record.fields) != self.width or record.is_blank:
            return False
        kinds = [record.kinds[column] for column in self.numbers]
        if self.dates:
            dates = [record.kinds[column] for column in self.dates]
            # "Start,05.03.2024,," of a spreadsheet is a setting of the logger
            return "date" in dates and ("word" not in dates + kinds or "number" in kinds)
        numbers = kinds.count("number")
        return numbers > 0 and numbers >= 0.5 * (len(kinds) - kinds.count("missing"))


@dataclass
class Header:
    """The header of a text.

    Attributes:
        names: Its cells; empty where there is no header.
        line: Line of it; 0 where there is none.
        end: Place of the first record below it and below the units.
        units: Unit of each column that has one, by place.
        record: The row of names as it stands, if there is one.
    """

    names: tuple[str, ...]
    line: int
    end: int
    units: dict[int, str] = field(default_factory=dict)
    record: Record | None = None


def find_header(records: Sequence[Record], body: Body, sep: str, doubts: Doubts) -> Header | None:
    """Find the header above the first of the many records.

    Args:
        records: Records of the text.
        body: What the many hold.
        sep: Separator.
        doubts: Takes what was decided.

    Returns:
        The header; None if no row can stand below it.
    """
    turned = _times_along(records, body)
    if turned is not None:
        return turned
    first = next((i for i, each in enumerate(records) if body.has(each)), None)
    if first is None:  # nothing but words: the first of the many names the columns
        fitting = [i for i, each in enumerate(records) if len(each.fields) == body.width]
        first = fitting[0] + 1
        if first == len(records):
            return None
    run, odd = _rows_above(records, first, body.width, sep)
    if not run and _names_above_units(records[first : first + 2], body):
        return _named(list(records[first : first + 2]), body.width, first + 2, doubts)
    if not run:
        return _without_names(records, first, odd, body, doubts)
    if odd and _tells_apart(records[odd[-1]], run[-1], body):
        run.append(records[odd[-1]])
    lines = [each.line for each in run]
    places = [i for i, each in enumerate(records) if each.line in lines]
    header = _named(run, body.width, places[-1] + 1, doubts)
    _say_what_is_above(records[: places[0]], header.line, doubts)
    if records[places[0]].is_comment and run[0].raw != records[places[0]].raw:
        doubts.decide("header", f"header taken from the comment in line {header.line}")
    return header


def _times_along(records: Sequence[Record], body: Body) -> Header | None:
    """A row of words, then times, above rows of words and numbers: a log that is transposed."""
    if body.dates:
        return None
    filled = [(i, each) for i, each in enumerate(records) if not each.is_blank]
    for (place, record), (_, below) in pairwise(filled):
        dates = [column for column, kind in enumerate(record.kinds) if kind == "date"]
        if len(dates) < _FEWEST_TIMES or len(record.fields) != body.width:
            continue
        labels = record.kinds[: dates[0]]
        along = dates == list(range(dates[0], body.width)) and 0 < len(labels) <= _MOST_LABELS
        numbers = [below.kinds[column] in ("number", "missing") for column in dates]
        if along and not {"number", "date"} & set(labels) and all(numbers):
            return Header(record.fields, record.line, place + 1, record=record)
    return None


def header_in_line(
    records: Sequence[Record], line: int, body: Body, sep: str, doubts: Doubts
) -> Header | None:
    """Take the header from a line that was named, 0 for none.

    Args:
        records: Records of the text.
        line: The line.
        body: What the many records hold.
        sep: Separator.
        doubts: Takes what was decided.

    Returns:
        The header; None if the text has no such line.
    """
    if line == 0:
        fitting = (i for i, each in enumerate(records) if len(each.fields) == body.width)
        return Header((), 0, next(fitting, 0))
    index = next((i for i, each in enumerate(records) if each.line == line), None)
    if index is None:
        return None
    named = uncommented(records[index], sep)
    below = [uncommented(each, sep) for each in records[index + 1 :]]
    rows = list(takewhile(lambda each: each.is_blank or _may_be_units(each), below))
    if not any(body.has(each) for each in below):
        rows = []
    header = Header(named.fields, line, index + 1 + len(rows), record=named)
    _keep_units(header, [each for each in rows if not each.is_blank], doubts)
    return header


def names_something(record: Record) -> bool:
    """Whether a record may be a header: words, and neither a number nor a date."""
    return "word" in record.kinds and not {"number", "date"} & set(record.kinds)


def _may_be_units(record: Record) -> bool:
    return names_something(record) and is_unit_row(record.fields)


def uncommented(record: Record, sep: str) -> Record:
    """A record without the mark of a comment before it; '#' may also be the name of a column."""
    text = record.raw.lstrip()
    bare = text.lstrip("#%!/")
    if not record.is_comment or (sep != BLANKS and bare.lstrip(" ").startswith(sep)):
        return record
    # blanks in place of the mark leave every word where it stands
    raw = " " * (len(record.raw) - len(bare)) + bare
    parts = split_records([raw if sep == BLANKS else bare.lstrip()], sep, "", record.line)
    return Record(record.line, parts[0].fields if parts else (), raw)


def _rows_above(
    records: Sequence[Record], first: int, width: int, sep: str
) -> tuple[list[Record], list[int]]:
    """Rows of names right above a record, and places of odd rows between, the nearest first."""
    run: list[Record] = []
    odd: list[int] = []
    for index in reversed(range(first)):
        record = uncommented(records[index], sep)
        if record.is_blank or (
            not run and records[index].is_comment and len(record.fields) < width
        ):
            if run:
                break
            continue
        if is_ruler(record.fields) or (
            names_something(record) and _may_name(record, run, width, sep)
        ):
            run.insert(0, record)
        elif run or len(odd) == _MOST_ODD:
            break
        elif len(record.fields) == width or record.has_readings:
            odd.append(index)
        else:
            break
    if not run:
        run = _names_far_above(records[:first], width)
        odd = [] if run else odd
    lines = {each.line for each in records if each.is_comment}
    commented = [each.line in lines for each in run]
    if not all(commented):
        run = [each for each, comment in zip(run, commented, strict=True) if not comment]
    elif len(run) > 1 and not is_unit_row(run[-1].fields):
        run = run[-1:]
    return run, odd


def _names_above_units(records: Sequence[Record], body: Body) -> bool:
    """Whether a row of which some names are numbers stands above one of units: "x-axis,1,2"."""
    if len(records) < 2 or body.dates or not _may_be_units(records[1]):
        return False
    return any(records[0].kinds[column] == "word" for column in body.numbers)


def _names_far_above(records: Sequence[Record], width: int) -> list[Record]:
    """The first row, if it names every field and those below it are as long: some lack the time."""
    filled = [each for each in records if not each.is_blank]
    top = next(iter(filled), None)
    if top is None or width <= _MOST_ODD or len({*top.fields} - {""}) != width:
        return []
    alike = all(len(each.fields) == width and not names_something(each) for each in filled[1:])
    return [top] if alike and set(top.kinds) == {"word"} else []


def _tells_apart(row: Record, names: Record, body: Body) -> bool:
    """Whether the numbers of a row without a date, such as depths, tell equal names apart."""
    if len(row.fields) != len(names.fields) or len(set(names.fields)) == len(names.fields):
        return False
    undated = body.dates and all(row.kinds[column] == "missing" for column in body.dates)
    pairs = set(zip(names.fields, row.fields, strict=True))
    return bool(undated) and len(pairs) == len(row.fields)


def _may_name(record: Record, run: Sequence[Record], width: int, sep: str) -> bool:
    fields = len(record.fields)
    if not run:  # right above the readings: one that does not fit is said to be ragged
        return fields == width or (min(fields, width) > 1)
    if sep == BLANKS and is_unit_row(run[0].fields):
        return width <= fields <= width + 2
    return fields in (width, len(run[0].fields))


def _without_names(
    records: Sequence[Record], first: int, odd: Sequence[int], body: Body, doubts: Doubts
) -> Header:
    odd = list(takewhile(lambda index: len(records[index].fields) == body.width, odd))
    top = odd[-1] if odd else first
    record = records[top]
    words = [record.kinds[column] == "word" for column in body.dates]
    named = bool(odd and words and all(words)) or count_on(record, body.numbers)
    if named and len(set(record.fields)) == len(record.fields):
        return Header(record.fields, record.line, top + 1, record=record)  # time,1,2,3
    _say_what_is_above(records[:top], 0, doubts)
    doubts.decide(
        "header",
        f"no header: the columns are called column_1 to column_{body.width}",
        f"line {record.line} holds numbers or dates like the lines below it",
        confidence="guess",
        option=f"--header-row {record.line}",
    )
    return Header((), 0, top)


def _named(run: list[Record], width: int, end: int, doubts: Doubts) -> Header:
    """Header of a run of rows of names, titles and units."""
    rows = [each for each in run if each.fields[0] not in _LOGGERNET] or run
    rows = [each for each in rows if not is_ruler(each.fields)] or rows
    below: list[Record] = []
    while len(rows) > 1 and is_unit_row(rows[-1].fields):
        below.insert(0, rows.pop())
    while len(rows) > 1 and is_title(rows[0].fields, rows[-1].fields):
        rows.pop(0)
    if width == 2 or len(rows) > _MOST_JOINED:
        rows = rows[-1:]  # names and their values, line by line, stand above it
    names = rows[-1].fields
    if len(rows) > 1:
        cells = [each.fields for each in rows]
        names = under_groups(cells, tuple(map(joined, zip_longest(*cells, fillvalue=""))))
        doubts.decide(
            "header",
            f"names joined from lines {rows[0].line} to {rows[-1].line}, such as {names[-1]!r}",
            "none of these lines holds a reading",
            confidence="likely",
            option=f"--header-row {rows[-1].line}",
        )
    header = Header(names, rows[-1].line, end, record=rows[-1])
    _keep_units(header, below, doubts)
    return header


def _keep_units(header: Header, rows: Sequence[Record], doubts: Doubts) -> None:
    for row in rows:
        for place, cell in enumerate(() if is_width_row(row.fields) else row.fields):
            text = cell.strip().strip("[](){}").strip()
            told = is_unit(cell) or not (is_format(cell) or is_process(cell))
            if told and text.strip("-"):
                header.units.setdefault(place, text)
    if rows:
        lines = (
            f"line {rows[0].line} holds"
            if len(rows) == 1
            else (f"lines {rows[0].line} to {rows[-1].line} hold")
        )
        shown = ", ".join(dict.fromkeys(header.units.values())) or "no readings"
        doubts.decide(
            "units",
            f"{lines} units: {shown}"[:120],
            "no cell is a number or a date",
            confidence="likely",
            option=f"--header-row {rows[0].line}",
        )


def _say_what_is_above(records: Sequence[Record], line: int, doubts: Doubts) -> None:
    told = [each for each in records if not (each.is_blank or each.is_comment)]
    if told:
        shown = told[0].raw.strip()[:40]
        doubts.decide(
            "header",
            f"header taken from line {line}" if line else f"line {told[0].line} left out",
            f"line {told[0].line} ({shown}) stands above and holds no readings",
            confidence="likely",
            option=f"--header-row {told[0].line}",
        )

"""Names of the fields of a file of separated values: as many as its rows have, and distinct."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_header import Header
from latentode.data.reading.formats.csv_records import BLANKS, Record
from latentode.errors import DataError

# the last column of LabVIEW and others, which only rows with a remark have
_REMARKS = frozenset(
    ("comment", "comments", "remark", "remarks", "note", "notes", "kommentar", "bemerkung")
)
_FEW_HELD = 0.1  # share of rows with something behind a separator at the end
_SAID = 3  # columns of one name that are said one by one

Names = tuple[tuple[str, ...], frozenset[str], dict[str, str], int]


def fit_names(
    header: Header, rows: Sequence[Record], width: int, sep: str, source: str, doubts: Doubts
) -> Names:
    """Give each field of the rows a name.

    Args:
        header: Names and units as they stand.
        rows: First rows of the body.
        width: Fields of most rows.
        sep: Separator.
        source: Name of the log.
        doubts: Takes what was decided.

    Returns:
        Names; which of them tell the place of a field without a name; column -> unit; and by how
        many fields the first row is longer than the others, for a cell that stands only there.

    Raises:
        DataError: If the rows do not have as many fields as the header.
    """
    cells = [name.strip().removeprefix("\ufeff") for name in header.names]
    if not header.line:
        cells = [f"column_{place}" for place in range(1, width + 1)]
    cut = 0
    if len(cells) > width:
        cells, cut = _fewer(header, cells, rows, width, sep, doubts)
    elif len(cells) < width:
        cells = _more(cells, rows, width, sep, doubts)
    if len(cells) != width:
        line = next((each.line for each in rows if len(each.fields) == width), rows[0].line)
        raise DataError(ragged_message(source, line, len(cells), width, "all"))
    names, unnamed = _distinct(cells, doubts)
    units = {names[place]: unit for place, unit in header.units.items() if place < width}
    return names, unnamed, units, cut


def _fewer(
    header: Header,
    cells: list[str],
    rows: Sequence[Record],
    width: int,
    sep: str,
    doubts: Doubts,
) -> tuple[list[str], int]:
    """Names of rows that are shorter than the header, and the fields to cut from the first row."""
    if not any(cells[width:]):
        return cells[:width], 0  # a separator at the end of the header
    if sep == BLANKS and header.record is not None:
        aligned = _aligned(header.record.raw, rows, width)
        if aligned:
            empty = [name for name in cells if name not in aligned]
            doubts.decide(
                "header",
                f"column {', '.join(map(repr, empty))} left out",
                "no cell stands below its name",
                confidence="likely",
            )
            return aligned, 0
        return cells, 0
    long = [each for each in rows if len(each.fields) == len(cells)]
    if long == rows[:1]:
        doubts.decide(
            "header",
            f"column {', '.join(map(repr, cells[width:]))} left out",
            f"only the first row has it, with {', '.join(map(repr, rows[0].fields[width:]))}",
            confidence="likely",
        )
        return cells[:width], len(cells) - width
    if len(cells) == width + 1 and not long and cells[-1].lower() in _REMARKS:
        doubts.decide(
            "header",
            f"column {cells[-1]!r} left out",
            "no row has a field below it",
            confidence="likely",
        )
        return cells[:width], 0
    return cells, 0


def _aligned(names: str, rows: Sequence[Record], width: int) -> list[str]:
    """Names that stand above the cells of columns of fixed width; none where that is unclear."""
    tokens = list(re.finditer(r"\S+", names.expandtabs().rstrip()))
    result: list[list[str]] = []
    for row in [each for each in rows if len(each.fields) == width][:20]:
        chosen = []
        for cell in re.finditer(r"\S+", row.raw.expandtabs()):
            over = [t[0] for t in tokens if t.start() < cell.end() and cell.start() < t.end()]
            chosen += over[:1] if len(over) == 1 else [""]
        result.append(chosen)
    first = result[0]
    unique = len(set(first)) == width and "" not in first
    return first if unique and all(each == first for each in result) else []


def _more(
    cells: list[str], rows: Sequence[Record], width: int, sep: str, doubts: Doubts
) -> list[str]:
    """Names of rows that are longer than the header."""
    full = [each.fields for each in rows if len(each.fields) == width]
    extra = [bool("".join(row[len(cells) :]).strip()) for row in full]
    if sum(extra) < _FEW_HELD * len(extra):
        return cells + [""] * (width - len(cells))  # a separator at the end of every row
    if width - len(cells) != 1:
        return cells
    kinds = [each.kinds[:2] for each in rows if len(each.fields) == width]
    if sep == BLANKS and set(kinds) == {("date", "date")}:
        doubts.decide(
            "header",
            f"{cells[0]!r} names two columns, called {cells[0]!r} and 'time of day'",
            "a date and a time of day, parted by blanks as the columns are",
            confidence="likely",
        )
        return [cells[0], "time of day", *cells[1:]]
    if [row[0] for row in full] == [str(i + 1) for i in range(len(full))] and len(full) > 1:
        return ["", *cells]  # numbers of the rows, which R writes without a name
    return cells


def _distinct(cells: Sequence[str], doubts: Doubts) -> tuple[tuple[str, ...], frozenset[str]]:
    """Distinct names, and those of fields without one."""
    names: list[str] = []
    unnamed = set()
    counts, taken = Counter(cells), set[str]()
    numbers: dict[str, int] = {}  # the last that was given to a name, so that none is tried twice
    renamed = defaultdict[str, list[str]](list)
    for place, cell in enumerate(cells):
        base = name = cell or f"Unnamed: {place}"
        while name in taken or (name != cell and name in counts):
            numbers[base] = numbers.get(base, 1) + 1
            name = f"{base}.{numbers[base]}"
        if not cell:
            unnamed.add(name)
        elif name != cell:
            renamed[cell].append(f"that in place {place + 1} is called {name!r}")
        names.append(name)
        taken.add(name)
    for cell, said in renamed.items():
        more = f" and {len(said) - _SAID:,} more" if len(said) > _SAID else ""
        doubts.decide(
            "header",
            f"column {cell!r} stands {counts[cell]} times: {', '.join(said[:_SAID])}{more}",
            "names have to be distinct",
        )
    return tuple(names), frozenset(unnamed)


def ragged_message(
    source: str,
    line: int,
    expected: int,
    fields: int,
    number: int | str,
    options: str = "--on-bad-row drop",
) -> str:
    """Say that rows have a wrong number of fields.

    Args:
        source: Name of the log.
        line: Line of the first of them.
        expected: Fields of the header.
        fields: Fields of that line.
        number: How many such rows there are; "all" for all of them.
        options: What drops them.
    """
    start = (
        f"{source}: line {line}: expected {expected} fields as in the header, got {fields} "
        f"({number} such rows). "
    )
    if number == "all":
        return start + (
            "Give every row as many fields as the header has, or name the line of the header with "
            "--header-row (--header-row 0 where there is none)."
        )
    return start + f"Repair the file, or drop these rows with {options}."

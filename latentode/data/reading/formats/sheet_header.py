"""Where the table of a spreadsheet begins: names, units, and what stands above."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[object]

_VALUE_TEXT = re.compile(  # a number, a date or a time of day, with a short unit or a zone
    r"[<>]?\s*[-+]?[.,]?\d[\d.,:/\s'+TZ-]*([ap]\.?m\.?|\S{0,3})"
    r"|\d{1,2}[-. /][^\W\d]{3,9}\.?[-. /]\d+.*",
    re.I,
)
_UNIT = re.compile(
    r"[\[(].*[\])]|[%°µμΩ‰].*|[^\W\d_]{1,3}[²³]?|[^\W\d_]+\s?[/·*^].*|deg\s?\w+", re.I
)
_LONG_UNITS = {"mbar", "mmhg", "bool", "celsius", "fahrenheit", "kelvin", "text", "date", "time"}
_MOST_ROWS_ABOVE = 200  # a table that begins later is not looked for


@dataclass(frozen=True)
class SheetHeader:
    """What the first rows of a sheet are.

    Attributes:
        names: Names of the columns; those without one are called by their place.
        columns: Places of these columns in the sheet, from 0.
        row: Place of the row of names, from 0; None where there is none.
        body: Place of the first row of values.
        units: Name -> unit, from a row of units.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    row: int | None
    body: int
    units: dict[str, str]

    def said(self) -> str:
        """Where names and units stand, in words."""
        if self.row is None:
            return "no row of names: columns are called by their place"
        units = f", units in row {self.row + 2}" if self.units else ""
        return f"names in row {self.row + 1}{units}"


def find_header(rows: Sequence[Row]) -> SheetHeader | None:
    """Find the header by the cells below it.

    A row of values has numbers, dates or texts like them where most rows have them, and no other
    text there. The row of names is the lowest one above it that is not a row of units. Names that
    repeat are told apart by the row above them, where one name may stand for several columns.

    Args:
        rows: Cells as `sheet_cells.plain_cell` gives them, "" where there is none; of one width.

    Returns:
        The header; None where no row has values.
    """
    body = _first_body_row(rows)
    if body is None:
        return None
    width = len(rows[0])
    used = [any(row[place] != "" for row in rows[body:]) for place in range(width)]
    row, unit_row = _name_rows([list(map(_name, above)) for above in rows[:body]], sum(used))
    cells = [""] * width if row is None else list(map(_name, rows[row]))
    columns = tuple(place for place in range(width) if used[place] or cells[place])
    names = [cells[place] for place in columns]
    if row and len(set(names)) < len(names):
        names = _grouped([_name(rows[row - 1][place]) for place in columns], names)
    distinct = _distinct(names, columns)
    units = {}
    if unit_row is not None:
        texts = [_name(rows[unit_row][place]).strip("[]()") for place in columns]
        units = {name: unit for name, unit in zip(distinct, texts, strict=True) if unit}
    return SheetHeader(distinct, columns, row, body, units)


def _name_rows(above: Sequence[Sequence[str]], num_used: int) -> tuple[int | None, int | None]:
    """Places of the row of names and of the row of units among the rows above the values."""

    def names_most(row: int) -> bool:
        return row >= 0 and 2 * sum(cell != "" for cell in above[row]) > num_used - 1

    lowest = max((row for row, cells in enumerate(above) if any(cells)), default=-1)
    if names_most(lowest - 1) and _are_units(above[lowest]):
        return lowest - 1, lowest
    return (lowest if names_most(lowest) else None), None


def _is_value(cell: object) -> bool:
    return cell != "" and (not isinstance(cell, str) or _VALUE_TEXT.fullmatch(cell) is not None)


def _first_body_row(rows: Sequence[Row]) -> int | None:
    """The first of three rows of values, or of as many as follow."""
    width = len(rows[0]) if rows else 0
    lower = rows[len(rows) // 2 :]
    filled = [sum(row[place] != "" for row in lower) for place in range(width)]
    values = [sum(_is_value(row[place]) for row in lower) for place in range(width)]
    of_values = [place for place in range(width) if 2 * values[place] > filled[place]]
    if not of_values:
        return None
    anchor = max(of_values, key=values.__getitem__)  # the first of the fullest: often the time

    def has_values(row: Row) -> bool:
        alone = len(of_values) > 1 and sum(row[place] != "" for place in of_values) == 1
        is_setting = alone and any(_is_name(cell) for cell in row)  # such as "interval", 10
        return _is_value(row[anchor]) and not is_setting

    head = [index for index, row in enumerate(rows[:_MOST_ROWS_ABOVE]) if any(c != "" for c in row)]
    good = {index: has_values(rows[index]) for index in head}
    starts = (head[i] for i in range(len(head)) if all(good[j] for j in head[i : i + 3]))
    return next(starts, None)


def _is_name(cell: object) -> bool:
    return isinstance(cell, str) and cell != "" and not _is_value(cell)


def _name(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _are_units(cells: Sequence[str]) -> bool:
    units = [cell for cell in cells if cell and cell != "-"]
    return bool(units) and all(
        _UNIT.fullmatch(unit) or unit.casefold() in _LONG_UNITS for unit in units
    )


def _grouped(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """Put names of merged cells, which stand in the first cell only, before the names below."""
    joined, group = [], ""
    for above, name in zip(groups, names, strict=True):
        group = above or group
        joined.append(f"{group} {name}".strip())
    return joined if len(set(joined)) > len(set(names)) else list(names)


def _distinct(names: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
    """Call columns without a name, or with one that stands twice, by their place."""
    count = Counter(names)
    return tuple(
        name if name and count[name] == 1 else f"{name or 'column'} {_letters(place)}"
        for name, place in zip(names, columns, strict=True)
    )


def _letters(place: int) -> str:
    """0 -> A, 26 -> AA: what a spreadsheet calls a column."""
    first, last = divmod(place, 26)
    return (_letters(first - 1) if first else "") + chr(ord("A") + last)

"""What rows of names look like above the readings of a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest

from latentode.data.reading.formats.csv_records import Record

_FEWEST_COUNTED = 5  # numbers in a header that count on


def count_on(record: Record, numeric: Sequence[int]) -> bool:
    """Whether words above numbers stand before numbers that count on: ``date,1,2,3``.

    Args:
        record: The row.
        numeric: Columns that hold numbers below it.
    """
    cells = [text for text, kind in zip(record.fields, record.kinds, strict=True) if kind != "word"]
    worded = [record.kinds[column] == "word" for column in numeric]
    if not any(worded) or len(cells) < _FEWEST_COUNTED or not all(map(str.isdecimal, cells)):
        return False
    return all(int(after) - int(before) == 1 for before, after in pairwise(cells))


def is_title(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row is a title, or a name and its value, that a spreadsheet filled up."""
    filled = [bool(cell.strip()) for cell in cells]
    named = sum(bool(name.strip()) for name in names)
    if sum(filled) > 1 and not names[0].strip():
        return False  # "Time;Boiler;;" above ";temp;flow": the first has no other name
    return sum(filled) <= (1 if len(cells) < 4 else 2) < named and all(filled[: sum(filled)])


def joined(cells: Sequence[str]) -> str:
    """Cells of a column of several header rows, each text once."""
    return " ".join(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))


def under_groups(rows: Sequence[Sequence[str]], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names below those of groups, each of which stands above its first column: "P1;;P2;".

    Args:
        rows: Rows of names, those of the groups above.
        names: The cells of each column joined, which are kept where no group makes them clearer.
    """
    *above, last = [[cell.strip() for cell in row] for row in rows]
    below = [any(cells) for cells in zip_longest(*rows[1:], fillvalue="")]
    groups = [_carried(row, last, below) for row in above]
    columns = zip_longest(*groups, last, fillvalue="")
    grouped = tuple(joined(cells) for cells in columns)
    return grouped if len(set(grouped)) == len(grouped) else names


def _carried(row: Sequence[str], names: Sequence[str], below: Sequence[bool]) -> list[str]:
    """Cells of a row of groups, each repeated over the names up to the next."""
    carried, group = [], ""
    for cell, name, something in zip_longest(row, names, below, fillvalue=""):
        if cell:
            group = cell if something else ""  # "time" above nothing is a name of its own
        carried.append(cell or (group if name else ""))
    return carried

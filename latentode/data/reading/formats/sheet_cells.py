"""Cells of a spreadsheet, each of a type of its own, as columns of one type each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

#: Elapsed time of more than a day as OpenDocument writes it; python-calamine hands it on as text.
_ELAPSED = re.compile(r"PT(\d+)H(\d+)M(\d+(?:\.\d+)?)S")
_NUMBERS, _STAMPS = {int, float}, {datetime, date}
_CLOCK, _ELAPSED_TIME = {time}, {time, timedelta, datetime, date}
#: What a clock shows that is in truth time elapsed: Excel counts its hours from this day.
_DAY_ZERO = datetime(1899, 12, 31)


def plain_cell(cell: object) -> object:
    """A cell as python-calamine gives it, its text without blanks around, elapsed time as such."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    elapsed = _ELAPSED.fullmatch(text)
    if not elapsed:
        return text
    hours, minutes, seconds = elapsed.groups()
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def column_of(cells: Sequence[object]) -> pa.ChunkedArray:
    """One typed column; text, as a CSV file would hold it, where cells of several kinds are mixed.

    Args:
        cells: As `plain_cell` gives them; "" where there is none.

    Returns:
        Numbers, booleans, ``timestamp[us]``, ``time64[us]``, ``duration[us]``, text, or ``null``.
    """
    kinds = {type(cell) for cell in cells if cell != ""}
    filled: list[Any] = [None if cell == "" else cell for cell in cells]
    if not kinds:
        return pa.chunked_array([pa.nulls(len(cells))])
    if kinds <= _NUMBERS:
        return pa.chunked_array([pa.array(map(_float, filled), pa.float64())])
    if kinds == {bool}:
        return pa.chunked_array([pa.array(filled, pa.bool_())])
    if kinds == _CLOCK:
        return pa.chunked_array([pa.array(filled, pa.time64("us"))])
    if kinds <= _ELAPSED_TIME and kinds & {time, timedelta} and _only_first_years(cells):
        return pa.chunked_array([pa.array(map(_elapsed, filled), pa.duration("us"))])
    if kinds <= _STAMPS:
        return pa.chunked_array([pa.array(map(_stamp, filled), pa.timestamp("us"))])
    return pa.chunked_array([pa.array(map(cell_text, cells), pa.string())])


def cell_text(cell: object) -> str:
    """A cell as a CSV file would hold it."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, timedelta):
        seconds, rest = divmod(abs(cell), timedelta(seconds=1))
        text = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        fraction = f".{rest.microseconds:06}".rstrip("0") if rest else ""
        return ("-" if cell < timedelta(0) else "") + text + fraction
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def _float(cell: float | None) -> float | None:
    return None if cell is None else float(cell)


def _stamp(cell: date | None) -> datetime | None:
    """Midnight comes as a day without a time, also where the cell shows one."""
    if cell is None or isinstance(cell, datetime):
        return cell
    return datetime(cell.year, cell.month, cell.day)


def _elapsed(cell: time | timedelta | date | None) -> timedelta | None:
    if cell is None or isinstance(cell, timedelta):
        return cell
    if isinstance(cell, time):
        return datetime.combine(date.min, cell) - datetime.min
    stamp = _stamp(cell)
    assert stamp is not None
    return stamp - _DAY_ZERO


def _only_first_years(cells: Sequence[object]) -> bool:
    """Whether dates are those under which a clock shows elapsed time of more than a day."""
    return all(cell.year <= _DAY_ZERO.year + 1 for cell in cells if isinstance(cell, date))

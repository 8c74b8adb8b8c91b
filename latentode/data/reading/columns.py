"""Columns by name and content: which may be the time, a series id, or text."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from latentode.data.reading.cells.numbers import to_numbers
from latentode.data.reading.cells.time_column import unit_in_name
from latentode.data.reading.cells.time_stamps import BAD, parse_stamps
from latentode.data.reading.formats.data_frame import as_text
from latentode.data.reading.formats.table import MISSING_TEXTS, Table
from latentode.data.reading.roles import COUNTERS, ID_NAMES, TIME_NAMES, by_telling_name
from latentode.errors import DataError

_TIME_WORD = (
    r"(t|time|timestamp|ts|elapsed|age|clock|sec|second|min|minute|hr|hour|day|milli|micro|nano)"
)
_TIME_OF_DAY = re.compile(r"\d{1,2}[:.]\d\d([:.]\d\d(\.\d+)?)?\s*([AaPp][Mm])?")


def find_time(table: Table, exclude: Collection[str] = (), *, by_name: bool = False) -> str:
    """Find the time column.

    Args:
        table: The log.
        exclude: Columns that are known to be something else.
        by_name: True if its form is configured, so that cells of an unusual form may be times.

    Returns:
        Its name.

    Raises:
        DataError: If none or several columns may be the time, or the date and the time of day stand
            in two columns.
    """
    names = [name for name in table.columns if name not in exclude]
    likely = by_telling_name(names, TIME_NAMES)
    if not by_name:
        _refuse_time_of_day(table, likely)
        likely = [name for name in likely if _may_be_time(table.head[name])]
    if not likely:
        likely = [name for name in names if unit_in_name(name) and _may_be_time(table.head[name])]
        likely = [name for name in likely if re.match(_TIME_WORD, name.lower())]
    # a name like "t" or "index" does not outweigh a column of dates
    weak = not likely or likely[0].lower() in TIME_NAMES[-1]
    if len(likely) != 1 or (weak and not holds_dates(table.head[likely[0]]) and not by_name):
        among = likely if len(likely) > 1 else names
        dated = [name for name in among if holds_dates(table.head[name])]
        likely = dated or likely
    if len(likely) == 1:
        return likely[0]
    what = (
        f"columns {', '.join(map(repr, likely))} may all be" if likely else "no column looks like"
    )
    shown = ", ".join(table.columns[:12])
    raise DataError(
        f"{table.name}: {what} the time (columns: {shown}). Name it with --time-column."
    )


def _refuse_time_of_day(table: Table, names: Sequence[str]) -> None:
    for name in names:
        texts = _texts(table.head[name])
        if texts and all(_TIME_OF_DAY.fullmatch(text) and ":" in text for text in texts):
            raise DataError(
                f"{table.name}: column {name!r} holds a time of day without a date ({texts[0]}). "
                "Join date and time in one column, or name another with --time-column."
            )


def _counts_rows(column: pd.Series) -> bool:
    """True for 0, 1, 2, ...: a column that numbers the rows, whatever it is called."""
    numbers = to_numbers(column, MISSING_TEXTS).values
    return len(numbers) > 2 and bool((np.diff(numbers) == 1).all())


def _texts(column: pd.Series) -> list[str]:
    distinct = pd.unique(as_text(column)).tolist()
    return [text.strip() for text in distinct if text.strip() not in MISSING_TEXTS]


def holds_dates(column: pd.Series) -> bool:
    """True if most of the cells of a column are dates."""
    if column.dtype.kind == "M":
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    texts = _texts(column)[:200]
    if not texts or all(text.replace(".", "", 1).isdigit() for text in texts):
        return False
    status = parse_stamps(texts).status
    # half of them: damaged cells are told with their lines when the column is read
    return bool(2 * (status == BAD).sum() < len(texts))


def _may_be_time(column: pd.Series) -> bool:
    return not holds_text_only(column) or holds_dates(column)


def holds_text_only(column: pd.Series) -> bool:
    """True if a column has cells, and none of them is a number."""
    return bool(_texts(column)) and bool(np.isnan(to_numbers(column, MISSING_TEXTS).values).all())


def row_counters(table: Table, names: Sequence[str]) -> list[str]:
    """Columns of some that are called as a counter and number the rows."""
    return [name for name in names if name.lower() in COUNTERS and _counts_rows(table.head[name])]


def find_id(table: Table, rest: Sequence[str]) -> str | None:
    """Find the column of series ids by its name.

    Raises:
        DataError: If several columns have a name of the same rank.
    """
    named = by_telling_name(rest, ID_NAMES)
    if len(named) > 1:
        raise DataError(
            f"{table.name}: columns {', '.join(map(repr, named))} may all be the series. "
            "Name it with --id-column."
        )
    return named[0] if named else None


def hidden_id(table: Table, keys: list[str], free: Sequence[str]) -> str | None:
    """Find a text column without which the rows would repeat one another's times.

    Args:
        table: The log.
        keys: Columns that tell rows apart already.
        free: Columns of which it may be one.

    Raises:
        DataError: If several columns may be it.
    """
    head = table.head
    # a few repeated times are a fault of the logger, not several series
    if not head.duplicated(keys, keep=False).mean() > 0.5:
        return None
    texts = [name for name in free if holds_text_only(head[name]) and not holds_dates(head[name])]
    telling = [name for name in texts if not head.duplicated([*keys, name]).any()]
    if len(telling) > 1:
        raise DataError(
            f"{table.name}: times repeat, and columns {', '.join(map(repr, telling))} may all be "
            "the series. Name it with --id-column."
        )
    return telling[0] if telling else None

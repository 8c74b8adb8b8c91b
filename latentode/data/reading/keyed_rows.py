"""Rows of a table that are found by an id and a time."""

from __future__ import annotations

from collections.abc import Sequence

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64
from latentode.data.reading.formats.open_table import Table
from latentode.errors import DataError

ID_WORDS = ("id", "series", "series_id", "node", "device", "sensor", "sensor_id", "pump", "user")


_RESOLUTIONS = (
    *(NS_PER_UNIT[unit] for unit in ("d", "h", "min")),
    *(10**k for k in range(9, 0, -1)),
)


def resolution_of(times: Int64) -> int:
    """Nanoseconds to which times were recorded: the coarsest unit that all of them keep."""
    for unit in _RESOLUTIONS:
        if len(times) and not (times % unit).any():
            return unit
    return 1


def find_column(table: Table, wanted: str | None, words: Sequence[str], option: str) -> str | None:
    """Find a column.

    Args:
        table: The table.
        wanted: Its name, where it was given.
        words: What it is usually called, in lower case, likeliest first.
        option: Where it is named, for messages.

    Returns:
        The wanted one, else the first that is called by a usual word, else None.

    Raises:
        DataError: If the wanted one is absent.
    """
    if wanted is not None:
        if wanted not in table.columns:
            raise DataError(
                f"{table.name}: expected a column {wanted!r}, got {', '.join(table.columns[:12])}. "
                f"Correct {option}."
            )
        return wanted
    return next((name for word in words for name in table.columns if name.lower() == word), None)

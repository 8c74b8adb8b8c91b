"""Clocks that the name of a column of numbers tells: ``seconds since 2010-01-01 00:00:00``."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.cells.time_stamps import OK, OUT_OF_RANGE
from latentode.data.reading.formats.cf_time import CfClock, read_clock, to_nanoseconds
from latentode.errors import DataError

_SINCE = re.compile(
    r"\b([a-z]+ since \d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)",
    re.I,
)


def clock_in_name(name: str) -> CfClock | None:
    """The clock that the name of a column tells, as netCDF files write it; None without one.

    Args:
        name: Such as ``time [days since 1900-01-01]``.
    """
    match = _SINCE.search(re.sub(r"[_\s]+", " ", name))
    if match is None:
        return None
    try:
        return read_clock(match[1], "", name)
    except DataError:  # a unit of another kind, or a date that does not exist
        return None


def told_times(
    numbers: NDArray[np.number], status: NDArray[np.uint8], clock: CfClock, name: str
) -> tuple[Int64, NDArray[np.uint8]]:
    """Nanoseconds since 1970 of numbers on a clock that a name tells.

    Args:
        numbers: int64 or float64, shape (row,).
        status: Which of them count.
        clock: The clock.
        name: Column, for messages.

    Returns:
        Times, and the status of each row.
    """
    status = status.copy()
    reach = (2**63 - 1) // clock.unit_ns - abs(clock.reference_ns) // clock.unit_ns - 2
    status[(status == OK) & (np.abs(numbers) > reach)] = OUT_OF_RANGE
    return to_nanoseconds(numbers, status == OK, clock, name)[0], status

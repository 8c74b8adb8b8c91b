"""The numbers of a time column, with what is known about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.data.reading.cells.time_stamps import OK
from latentode.data.reading.doubts import Doubts


@dataclass(frozen=True)
class NumberColumn:
    """Numbers of a time column, with what is known about it.

    Attributes:
        numbers: int64 or float64, shape (row,).
        status: Which rows hold a number.
        name: Column.
        time: What was told.
        doubts: Where decisions and questions go.
        where: Says where a row stands.
    """

    numbers: NDArray[Any]
    status: NDArray[np.uint8]
    name: str
    time: TimeConfig
    doubts: Doubts
    where: Callable[[int], str]

    @property
    def good(self) -> NDArray[Any]:
        """Numbers that count."""
        return self.numbers[self.rows]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Which rows hold a number."""
        return self.status == OK

    @property
    def zone(self) -> str:
        """Zone of an epoch."""
        return self.time.tz or "UTC"


def span(numbers: NDArray[Any]) -> str:
    """Range of some numbers, for a message."""
    low, high = shown(numbers.min()), shown(numbers.max())
    return low if low == high else f"{low} to {high}"


def shown(number: Any) -> str:
    """A number, for a message."""
    return f"{number:.15g}"

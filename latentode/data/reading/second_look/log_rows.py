"""Rows of a log in the order of the file, and moments as a person writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import format_duration
from latentode.data.dataset import Clock, Int64


@dataclass(frozen=True, eq=False)
class LogRows:
    """Rows of a log that count, in the order of the file.

    Attributes:
        times: Time of each row in nanoseconds, shape (row,).
        series: Index of the series of each row, shape (row,).
        line: Row -> its line or row in the source.
        word: "line" or "row": what `line` counts.
        channel: Long log: code of the channel of each row, so that a log that lists one channel
            after another is not taken for a clock that goes back; None for a wide one.
    """

    times: Int64
    series: NDArray[np.integer]
    line: Callable[[int], int]
    word: str = "line"
    channel: NDArray[np.integer] | None = None

    @cached_property
    def rise(self) -> bool:
        """Whether no time is before that of the row before."""
        return bool((self.times[1:] >= self.times[:-1]).all())

    def at(self, row: int) -> str:
        """Where a row stands: "line 17"."""
        return f"{self.word} {self.line(row)}"

    def span(self, first: int, last: int) -> str:
        """Where some rows stand: "lines 17 to 23"."""
        if first == last:
            return self.at(first)
        return f"{self.word}s {self.line(first)} to {self.line(last)}"

    def row_of(self, series: int, time: int) -> int | None:
        """First row of a series at a moment; None where there is none."""
        if self.rise:
            first, end = (self.times.searchsorted(time, side=side) for side in ("left", "right"))
            rows = np.arange(first, end)
        else:
            rows = np.flatnonzero(self.times == time)
        rows = rows[self.series[rows] == series]
        return int(rows[0]) if len(rows) else None


def instant(time: int, clock: Clock) -> str:
    """Write a time of a log: a date to the millisecond, or a duration on an elapsed clock."""
    if clock.kind == "elapsed":
        return format_duration(time) if time > 0 else f"{time / 1e9:g}s"
    text = str(np.datetime64(time, "ns").astype("M8[ms]"))
    return text + ("Z" if clock.zone else "")


def short_instant(time: int, clock: Clock) -> str:
    """Write a time of a log for a person: no fractions of a second, no seconds where they are 0."""
    if clock.kind == "elapsed":
        return instant(time, clock)
    text = str(np.datetime64(time, "ns").astype("M8[s]"))
    return text.removesuffix(":00") + ("Z" if clock.zone else "")


def long_duration(nanoseconds: float) -> str:
    """Write a duration in words that fit it: "4.1 days", "24.2 years", "20min"."""
    days = nanoseconds / 86_400e9
    if days >= 730:
        return f"{days / 365.25:.1f} years"
    return f"{days:.1f} days" if days >= 2 else format_duration(nanoseconds)

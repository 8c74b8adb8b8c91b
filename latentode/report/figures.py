"""Numbers and times as the records of a report have them: short, finite, JSON types."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock
from latentode.data.reading.second_look.log_rows import short_instant

#: Fewer readings, or paths, say nothing of shares of them: such lines are left out, and counted.
FEWEST_READINGS, FEWEST_PATHS = 30, 20
_DIGITS = 5  # of a value: more than a picture shows, and half the bytes


def short(values: Iterable[float]) -> list[float | None]:
    """Values with five digits; None for what is not finite.

    Args:
        values: Numbers.

    Example:
        >>> from latentode.report.figures import short
        >>> short([1 / 3, float("nan"), 123456789.0])
        [0.33333, None, 123460000.0]
    """
    return [float(f"{v:.{_DIGITS}g}") if math.isfinite(v) else None for v in map(float, values)]


def thinned(count: int, most: int) -> NDArray[np.int64]:
    """Indices of at most so many of a row of things, evenly, the first and the last among them.

    Args:
        count: How many there are.
        most: How many are kept, at least 1.
    """
    kept = np.linspace(0, max(count - 1, 0), min(count, most))
    return np.unique(np.round(kept).astype(np.int64))


@dataclass(frozen=True)
class TimeAxis:
    """Times of a log on the axis of a chart, and in words.

    Attributes:
        clock: What they mean.
    """

    clock: Clock

    def numbers(self, times: Sequence[int] | NDArray[np.int64]) -> list[float]:
        """Seconds since 1970, or in the unit of an elapsed clock.

        Args:
            times: Nanoseconds.
        """
        stamps = np.asarray(times, dtype=np.int64)
        if self.clock.kind == "calendar":
            return np.round(stamps / 1e9, 3).tolist()
        return (stamps / NS_PER_UNIT[self.clock.unit]).tolist()

    def spec(self) -> dict[str, Any]:
        """The axis as ``charts.js`` takes it; local time is shown as it was written."""
        if self.clock.kind == "calendar":
            return {"kind": "time", "zone": self.clock.zone or "Etc/UTC"}
        return {"kind": "number", "label": f"time ({self.clock.unit})"}

    def text(self, time: int) -> str:
        """In words.

        Args:
            time: Nanoseconds.
        """
        return short_instant(int(time), self.clock)

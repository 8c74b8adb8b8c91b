"""Stretches of lead time by which forecasts are scored apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from latentode.config.durations import NS_PER_UNIT, format_duration
from latentode.data.dataset import Int64
from latentode.data.windows import customary

_MOST = 5  # stretches: more would be a table that nobody reads


@dataclass(frozen=True, eq=False)
class LeadBins:
    """Stretches of lead time, each twice as long as all before it or about so.

    Attributes:
        ends: Last lead time of each in nanoseconds, ascending, shape (bin,).
    """

    ends: Int64

    @classmethod
    def until(cls, horizon_ns: int) -> Self:
        """Stretches up to a horizon that end at customary lengths, such as 1 h, 3 h, 6 h, 12 h.

        Args:
            horizon_ns: The horizon in nanoseconds.
        """
        ends = [horizon_ns]
        while len(ends) < _MOST and ends[-1] > 1:
            ends.append(customary(ends[-1] // 2))
        return cls(np.array(ends[::-1], dtype=np.int64))

    @property
    def labels(self) -> list[str]:
        """What each is called: "up to 1h", "1h to 3h", ..."""
        ends = [_written(end) for end in self.ends.tolist()]
        return [f"up to {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends))]

    def of(self, leads: Int64) -> Int64:
        """Stretch of each lead time; what is later counts to the last, shape (target,)."""
        return np.minimum(np.searchsorted(self.ends, leads), len(self.ends) - 1)


def _written(nanoseconds: int) -> str:
    """As "1h", not "60min"."""
    for unit in reversed(NS_PER_UNIT):
        if nanoseconds % NS_PER_UNIT[unit] == 0:
            return f"{nanoseconds // NS_PER_UNIT[unit]}{unit}"
    return format_duration(nanoseconds)

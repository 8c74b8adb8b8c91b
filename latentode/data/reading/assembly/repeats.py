"""Why readings repeat: stamps that are too coarse, the hour that occurs twice, mixed series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.cells.zones import repeated_hour

_COARSE = {NS_PER_UNIT["d"]: "days", NS_PER_UNIT["h"]: "hours", NS_PER_UNIT["min"]: "minutes"}
_COARSE[10**9] = "seconds"


@dataclass(frozen=True)
class Cause:
    """Why readings repeat.

    Attributes:
        words: The likely cause, a clause.
        cure: What to do, a sentence without its full stop.
        option: What to type instead of averaging them.
    """

    words: str
    cure: str
    option: str


def likely_cause(times: Int64, repeated: Int64, clock: Clock) -> Cause:
    """Tell why readings repeat from where they do.

    Args:
        times: Times of all readings, nanoseconds, in order, shape (reading,).
        repeated: Times of those that repeat another, shape (repeat,).
        clock: What the times mean.
    """
    average = "Average them with --duplicates mean, or keep one with --duplicates last"
    if clock.kind == "calendar" and clock.zone is None:
        hour = repeated_hour(repeated)
        if hour is not None:
            words, _, cure = hour.partition(". ")
            return Cause(words, cure.rstrip("."), cure[cure.index("--") :].rstrip("."))
    unit = resolution_of(times)
    most = int(np.unique(times, return_counts=True)[1].max())
    if unit in _COARSE and 2 * len(repeated) > len(times) * (most - 1) / most:
        words = _COARSE[unit]
        return Cause(
            f"stamps have whole {words}, and up to {most} readings fall on one",
            f"{average}, or write stamps finer than {words}",
            "--duplicates last",
        )
    return Cause(
        "several series may be mixed, or rows were written twice",
        f"Name the column that tells them apart with --id-column. {average} if they are one",
        "--id-column NAME",
    )

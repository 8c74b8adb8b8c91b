"""Why readings repeat: stamps that are too coarse, the hour that occurs twice, mixed series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Float64, Int64
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.cells.zones import repeated_hour

_COARSE = {NS_PER_UNIT["d"]: "days", NS_PER_UNIT["h"]: "hours", NS_PER_UNIT["min"]: "minutes"}
_COARSE[10**9] = "seconds"
_ENOUGH = 10  # times
_FARTHER = 3.0  # times as far


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


def likely_cause(times: Int64, values: Float64, repeated: Int64, clock: Clock) -> Cause:
    """Tell why readings repeat from where they do.

    Args:
        times: Times of the readings of one channel, nanoseconds, in order, shape (reading,).
        values: Their values.
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
    moments, counts = np.unique(times, return_counts=True)
    most = int(counts.max())
    if 2 * len(repeated) <= len(times) * (most - 1) / most:
        return Cause(
            "several series may be mixed, or rows were written twice",
            f"Name the column that tells them apart with --id-column. {average} if they are one",
            "--id-column NAME",
        )
    # moments that are farther apart than stamps could be are not what the stamps are too coarse for
    coarse = unit in _COARSE and len(moments) > 1 and np.median(np.diff(moments)) <= unit
    if coarse and not _run_beside(values, counts, most):
        words = _COARSE[unit]
        return Cause(
            f"stamps have whole {words}, and up to {most} readings fall on one",
            f"{average}, or write stamps finer than {words}",
            "--duplicates last",
        )
    return Cause(
        f"nearly every time has up to {most} readings, as where {most} series are mixed",
        "Name the column that tells them apart with --id-column, or give each series its own "
        f"file. {average} if they are one",
        "--id-column NAME",
    )


def _run_beside(values: Float64, counts: Int64, most: int) -> bool:
    """True where readings of one time are farther apart than those of one place among them."""
    full = np.repeat(counts == most, counts)
    together = values[full].reshape(-1, most)
    if len(together) < _ENOUGH:
        return False
    within = np.median(np.abs(np.diff(together, axis=1)))
    return bool(within > _FARTHER * np.median(np.abs(np.diff(together, axis=0))))

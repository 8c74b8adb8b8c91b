"""Why readings repeat: stamps that are too coarse, the hour that occurs twice, mixed series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT, format_duration
from latentode.data.dataset import Clock, Float64, Int64
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.cells.zones import repeated_hour

_COARSE = {NS_PER_UNIT["d"]: "days", NS_PER_UNIT["h"]: "hours", NS_PER_UNIT["min"]: "minutes"}
_COARSE[10**9] = "seconds"
_APART = "Give each series a file of its own, or write which it is into a column"
_ENOUGH = 10  # times
_FARTHER = 3.0  # times as far
_FEW_FALLS, _RISES = 3, 100  # a clock is set back a few times, or once in so many readings


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


def likely_cause(
    times: Int64,
    values: Float64,
    rows: NDArray[np.int32],
    repeats: NDArray[np.bool_],
    *,
    clock: Clock,
    at: Callable[[int], str],
) -> Cause:
    """Tell why readings repeat from where they do.

    Args:
        times: Times of the readings of one channel of a series, nanoseconds, in order, shape
            (reading,).
        values: Their values.
        rows: Row of the log of each.
        repeats: Which of them repeat another.
        clock: What the times mean.
        at: Says where a row stands.
    """
    repeated = times[repeats]
    average = "Average them with --duplicates mean, or keep one with --duplicates last"
    if clock.kind == "calendar" and clock.zone is None:
        hour = repeated_hour(repeated)
        if hour is not None:
            words, _, cure = hour.partition(". ")
            return Cause(words, cure.rstrip("."), cure[cure.index("--") :].rstrip("."))
    found = _unset_clock(times, repeated, clock) or _set_back(times, rows, at)
    if found is not None:
        return found
    unit = resolution_of(times)
    moments, counts = np.unique(times, return_counts=True)
    most = int(counts.max())
    if 2 * len(repeated) <= len(times) * (most - 1) / most:
        return Cause(
            "several series may be mixed, or rows were written twice",
            f"{_APART}. {average} if they are one",
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
        f"{_APART}. {average} if they are one",
        "--id-column NAME",
    )


def _unset_clock(times: Int64, repeated: Int64, clock: Clock) -> Cause | None:
    """Times that repeat long before all others: the first ones of a clock that was not set."""
    others = np.setdiff1d(times, repeated)
    if clock.kind != "calendar" or not len(others) or others[0] <= repeated.max():
        return None
    span = max(int(others[-1] - others[0]), NS_PER_UNIT["d"])
    if others[0] - repeated.max() <= _FARTHER * span:
        return None
    first, start = (
        np.datetime64(int(each), "ns").astype("M8[D]") for each in (times[0], others[0])
    )
    option = f"--start {start}" + ("T00:00:00Z" if clock.zone else "")
    return Cause(
        f"they stand at {first}, far before all others, as where a clock was not set",
        f"Leave them out with {option}",
        option,
    )


def _set_back(times: Int64, rows: NDArray[np.int32], at: Callable[[int], str]) -> Cause | None:
    """Times that fall back a few times in the file, and repeat across these places alone."""
    order = np.argsort(rows, kind="stable")
    steps = np.diff(times[order])
    if (steps < 0).mean() > 1 / 2:  # newest first
        order = order[::-1]
        steps = np.diff(times[order])
    falls = np.flatnonzero(steps < 0)
    if not 0 < len(falls) <= max(_FEW_FALLS, len(steps) // _RISES) or (steps == 0).any():
        return None
    first = int(falls[0])
    often = "once" if len(falls) == 1 else f"{len(falls)} times"
    return Cause(
        f"the times fall back {often}, first by {format_duration(int(-steps[first]))} "
        f"({at(int(rows[order[first + 1]]))})",
        "Correct them if a clock was set back there; if another series begins there, give it a "
        "file of its own; or keep what stands last in the file with --duplicates last",
        "--duplicates last",
    )


def _run_beside(values: Float64, counts: Int64, most: int) -> bool:
    """True where readings of one time are farther apart than those of one place among them."""
    full = np.repeat(counts == most, counts)
    together = values[full].reshape(-1, most)
    if len(together) < _ENOUGH:
        return False
    within = np.median(np.abs(np.diff(together, axis=1)))
    return bool(within > _FARTHER * np.median(np.abs(np.diff(together, axis=0))))

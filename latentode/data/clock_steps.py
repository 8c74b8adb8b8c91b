"""Full steps of the clock: the times at which several series, and other tables, have rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from latentode.config.durations import NS_PER_UNIT
from latentode.data.calendar import MONDAY_NS, utc_offsets
from latentode.data.dataset import Clock, Int64


def clock_steps(begin: int, end: int, spacing: int, clock: Clock) -> Int64:
    """Moments after `begin`, up to `end`, at which the clock shows a multiple of a step.

    On a calendar these are local times, counted from a Monday at midnight: 01:00, 02:00, ... for an
    hour, midnight for a day, Monday for a week. They are the same for all series, and do not depend
    on where a series begins or ends. Where the clocks change, steps of an hour or less go on as
    time does: an hour that occurs twice has steps twice, one that is skipped has none. Longer steps
    keep their local times: the first of two, and what follows where there is none. Without dates
    they are multiples of the step.

    Args:
        begin: Nanoseconds of the clock.
        end: Likewise, not before `begin`.
        spacing: From step to step.
        clock: What the times mean.
    """
    if clock.kind != "calendar":
        return _multiples(begin, end, spacing)
    offsets = utc_offsets(np.array([begin, end]), clock)
    low, high = begin + int(offsets.min()), end + int(offsets.max())
    steps = MONDAY_NS + _multiples(low - MONDAY_NS, high - MONDAY_NS, spacing)
    if clock.zone is not None:
        steps = _stored(steps, clock.zone, in_time=spacing <= NS_PER_UNIT["h"])
    return steps[(steps > begin) & (steps <= end)]


def _multiples(begin: int, end: int, spacing: int) -> Int64:
    return np.arange(begin // spacing + 1, end // spacing + 1, dtype=np.int64) * spacing


def _stored(local: Int64, zone: str, *, in_time: bool) -> Int64:
    """Local times as they are stored, in order; `in_time` as in `clock_steps`, of short steps."""
    wall = pd.DatetimeIndex(local.view("datetime64[ns]"))
    absent: Literal["NaT", "shift_forward"] = "NaT" if in_time else "shift_forward"
    stamps = [
        wall.tz_localize(zone, ambiguous=np.full(len(wall), first), nonexistent=absent)
        for first in ((True, False) if in_time else (True,))
    ]
    found = np.concatenate([each[each.notna()].as_unit("ns").asi8 for each in stamps])
    return np.unique(found).astype(np.int64)

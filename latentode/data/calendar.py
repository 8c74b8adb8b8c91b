"""Hour of day and day of week of a time stamp, as phases."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Float64, Int64

DAY_NS = NS_PER_UNIT["d"]
WEEK_NS = 7 * DAY_NS
_QUARTER_NS = 15 * NS_PER_UNIT["min"]  # every zone changes its offset on a quarter of an hour
MONDAY_NS = 4 * DAY_NS  # 1970-01-05 was a Monday


def time_zone(name: str) -> tzinfo:
    """The zone that a clock names: an IANA name, or a fixed offset such as ``+01:00``.

    Raises:
        ValueError: If there is no such zone.
    """
    if name[:1] in ("+", "-") and len(name) == 6:
        minutes = int(name[1:3]) * 60 + int(name[4:6])
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes), name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"no zone {name!r}") from None


@lru_cache(maxsize=65_536)
def _offset_ns(zone: str, quarter: int) -> int:
    from datetime import UTC, datetime

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
    offset = moment.astimezone(time_zone(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * NS_PER_UNIT["s"]


def utc_offsets(times: Int64, clock: Clock) -> Int64:
    """Offset of local time from the stored time at each time stamp, in nanoseconds."""
    if clock.zone in (None, "UTC"):
        return np.zeros_like(times)
    quarters, inverse = np.unique(times // _QUARTER_NS, return_inverse=True)
    offsets = np.array([_offset_ns(str(clock.zone), int(q)) for q in quarters], dtype=np.int64)
    return offsets[inverse].reshape(times.shape)


def phases(times: Int64, clock: Clock, periods_ns: Int64) -> Float64:
    """Phase of local time in each period, in radians, 0 at midnight (of a Monday, for a week).

    Args:
        times: Nanoseconds, shape (batch,).
        clock: Clock of the times.
        periods_ns: Periods in nanoseconds, shape (period,).

    Returns:
        Phases in [0, 2 pi), shape (batch, period).
    """
    local = times + utc_offsets(times, clock) - MONDAY_NS
    return 2 * np.pi * (local[:, None] % periods_ns) / periods_ns

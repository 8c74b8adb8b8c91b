"""Days, months and other stretches of time that a prediction is taken together over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from latentode.config.durations import NS_PER_UNIT, parse_duration
from latentode.data.dataset import Clock, Int64
from latentode.errors import ConfigError

HORIZON = "horizon"
#: As pandas calls them; they begin at local midnight, weeks on Mondays.
_CALENDAR = {"day": "D", "week": "W", "month": "M"}
#: On a clock without dates, and an hour on any.
_LENGTHS = {"hour": "1h", "day": "1d", "week": "7d"}


def clock_of(dataset: xr.Dataset) -> Clock:
    """The clock of the times of a prediction."""
    stated = dataset["time"].attrs
    if "timezone" not in stated:
        return Clock("elapsed", unit=stated["units"])
    return Clock("calendar", None if stated["timezone"] == "naive" else stated["timezone"])


def stamps_of(dataset: xr.Dataset) -> Int64:
    """Times of a prediction in nanoseconds of its clock, without those that only pad."""
    times = dataset["time"].values
    real = times[~pd.isna(times)]
    if real.dtype.kind == "M":
        return real.astype("datetime64[ns]").astype(np.int64)
    unit = NS_PER_UNIT[dataset["time"].attrs["units"]]
    return np.rint(real * unit).astype(np.int64)


def periods(times: Int64, series: Int64, by: str | None, clock: Clock) -> tuple[Int64, Int64]:
    """Start and end of the period that each time lies in; the end lies in the next one.

    Days, weeks and months are those of local time, so that a day on which the clocks change has 23
    or 25 hours. A duration is always as long, and is counted from the local midnight before the
    first of all times; on a clock without dates from its zero.

    Args:
        times: Nanoseconds of the clock, shape (query,).
        series: Series of each time, shape (query,).
        by: "hour", "day", "week", "month" or a duration such as "6h"; "horizon" for all times of a
            series, whose end is the last one; None for every time by itself.
        clock: What the times mean.

    Raises:
        ConfigError: If it is none of these, or a month on a clock without dates.
    """
    if by is None:
        return times, times
    if by == HORIZON:
        return _extremes(times, series)
    if by in _CALENDAR and clock.kind == "calendar":
        return _of_calendar(times, _CALENDAR[by], clock.zone)
    length = _length(by, clock)
    zero = 0
    if clock.kind == "calendar" and len(times):
        zero = int(_of_calendar(times[times.argmin()][None], "D", clock.zone)[0][0])
    starts = zero + (times - zero) // length * length
    return starts, starts + length


def _extremes(times: Int64, series: Int64) -> tuple[Int64, Int64]:
    """First and last time of the series of each time."""
    by_series = pd.Series(times).groupby(series)
    return by_series.transform("min").to_numpy(), by_series.transform("max").to_numpy()


def _length(by: str, clock: Clock) -> int:
    if by == "month":
        raise ConfigError(
            "by: expected a duration on a clock without dates, got 'month'. Write by 30d."
        )
    try:
        unit = clock.unit if clock.kind == "elapsed" else None
        return parse_duration(_LENGTHS.get(by, by), unit)
    except ConfigError:
        known = ", ".join(("hour", *_CALENDAR, HORIZON))
        raise ConfigError(
            f"by: expected {known} or a duration such as 6h, got {by!r}. Write by day."
        ) from None


def _of_calendar(times: Int64, code: str, zone: str | None) -> tuple[Int64, Int64]:
    moments = pd.DatetimeIndex(times.view("datetime64[ns]"))
    if zone is not None:
        moments = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    within = moments.to_period(code)
    return _stored(within.start_time, zone), _stored((within + 1).start_time, zone)


def _stored(midnights: pd.DatetimeIndex, zone: str | None) -> Int64:
    """Local midnights as they are stored: the first of two; where there is none, what follows."""
    if zone is not None:
        first = np.ones(len(midnights), dtype=bool)
        midnights = midnights.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return np.asarray(midnights.as_unit("ns").asi8, dtype=np.int64)

"""The times that count: rows before `start` or after `end` of the settings are left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT, parse_duration
from latentode.data.dataset import Clock, Int64
from latentode.errors import ConfigError

#: A bound that leaves nothing out: far times are not asked about then.
ANY = "any"


def outside(times: Int64, clock: Clock, time: TimeConfig) -> NDArray[np.bool_]:
    """Tell which rows lie before `time.start` or after `time.end`; both ends count.

    Args:
        times: Times in nanoseconds of the clock, shape (row,).
        clock: What they mean.
        time: Bounds as dates (of the log's zone, where they name none), or on an elapsed clock as
            numbers of its unit or durations such as "2h"; None and "any" bound nothing.

    Returns:
        True for each row that is left out, shape (row,).

    Raises:
        ConfigError: If a bound cannot be read, or the end is before the start.
    """
    out = np.zeros(len(times), dtype=bool)
    start, end = (_bound(name, getattr(time, name), clock) for name in ("start", "end"))
    if start is not None and end is not None and end < start:
        raise ConfigError(
            f"data.time.end: expected a time after {time.start!r}, got {time.end!r}. Exchange "
            "--start and --end."
        )
    if start is not None:
        out |= times < start
    if end is not None:
        out |= times > end
    return out


def _bound(name: str, text: str | None, clock: Clock) -> int | None:
    if text is None or text == ANY:
        return None
    return _elapsed(name, text, clock) if clock.kind == "elapsed" else _date(name, text, clock)


def _elapsed(name: str, text: str, clock: Clock) -> int:
    try:
        return round(float(text) * NS_PER_UNIT[clock.unit])
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except ConfigError:
        raise ConfigError(
            f"data.time.{name}: expected a number of {clock.unit} or a duration such as '2h', as "
            f"the log counts elapsed time, got {text!r}. Correct --{name}."
        ) from None


def _date(name: str, text: str, clock: Clock) -> int:
    try:
        moment = pd.Timestamp(text) if text.strip()[:4].isdigit() else None
    except ValueError:
        moment = None
    if moment is None:
        raise ConfigError(
            f"data.time.{name}: expected a date such as 2024-03-04 or 2024-03-04T06:00, got "
            f"{text!r}. Correct --{name}."
        )
    if moment.tz is not None and clock.zone is None:
        raise ConfigError(
            f"data.time.{name}: expected a local time, as the log names no time zone, got "
            f"{text!r}. Leave the offset out, or pass --tz."
        )
    if moment.tz is None and clock.zone is not None:
        moment = moment.tz_localize(clock.zone, ambiguous=False, nonexistent="shift_forward")
    try:
        return int(moment.as_unit("ns").value)
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        raise ConfigError(
            f"data.time.{name}: expected a year from 1678 to 2261, got {text!r}. Correct --{name}."
        ) from None

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
    start, end = (
        moment(text, clock, name=f"data.time.{name}", option=f"--{name}")
        for name, text in (("start", time.start), ("end", time.end))
    )
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


def moment(text: str | None, clock: Clock, *, name: str, option: str) -> int | None:
    """Nanoseconds of a time that was told on a clock; None for no time and for `ANY`.

    Args:
        text: Date or elapsed time, see `outside`.
        clock: The clock.
        name: What it is told for.
        option: Option that tells it.

    Raises:
        ConfigError: If it cannot be read.
    """
    if text is None or text == ANY:
        return None
    read = _elapsed if clock.kind == "elapsed" else _date
    return read(name, text, clock, option)


def _elapsed(name: str, text: str, clock: Clock, option: str) -> int:
    try:
        return round(float(text) * NS_PER_UNIT[clock.unit])
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except ConfigError:
        raise ConfigError(
            f"{name}: expected a number of {clock.unit} or a duration such as '2h', as "
            f"the log counts elapsed time, got {text!r}. Correct {option}."
        ) from None


def _date(name: str, text: str, clock: Clock, option: str) -> int:
    try:
        moment = pd.Timestamp(text) if text.strip()[:4].isdigit() else None
    except ValueError:
        moment = None
    if moment is None:
        raise ConfigError(
            f"{name}: expected a date such as 2024-03-04 or 2024-03-04T06:00, got "
            f"{text!r}. Correct {option}."
        )
    if moment.tz is not None and clock.zone is None:
        raise ConfigError(
            f"{name}: expected a local time, as the log names no time zone, got "
            f"{text!r}. Leave the offset out, or pass --tz."
        )
    if moment.tz is None and clock.zone is not None:
        moment = moment.tz_localize(clock.zone, ambiguous=False, nonexistent="shift_forward")
    try:
        return int(moment.as_unit("ns").value)
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        raise ConfigError(
            f"{name}: expected a year from 1678 to 2261, got {text!r}. Correct {option}."
        ) from None

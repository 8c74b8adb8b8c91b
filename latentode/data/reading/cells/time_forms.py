"""What form the cells of a column could have as times, for finding the time column by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.data.dataset import Int64
from latentode.data.reading.cells.clock_texts import HALF_DAY_FORM
from latentode.data.reading.cells.date_digits import spelled_dates
from latentode.data.reading.cells.date_texts import NO_YEAR
from latentode.data.reading.cells.time_column import RawTimes, read_times
from latentode.data.reading.cells.time_scales import (
    EPOCH_UNITS,
    epoch_classes,
    may_be_years,
    serial_units,
)
from latentode.data.reading.cells.time_stamps import BAD, DAY, NO_TIME, OK
from latentode.data.reading.formats.table import as_text, is_text

_SAMPLE = 2_000  # cells that tell the form of a column
_FEW = 0.05  # share of steps against all others
_SERIAL_BY_FORM = ("matlab", "julian")  # others reach into the range of ordinary readings


@dataclass(frozen=True)
class TimeForm:
    """What cells could be, as times.

    Attributes:
        kind: "stamps": dates with a time of day; "dates": without one; "clocks": times of day or
            elapsed times, hh:mm:ss; "epoch"; "serial": serial days; "years".
        share: Share of the cells that have this form, of those that are not empty.
        unit: Unit of an epoch or of serial days: "ms", "matlab".
        digits: True where the digits of numbers spell the dates.
        repeats: True where a cell occurs more than once: a date beside a time of day in another
            column, or several series.
    """

    kind: Literal["stamps", "dates", "clocks", "epoch", "serial", "years"]
    share: float
    unit: str | None = None
    digits: bool = False
    repeats: bool = False


def may_be_times(column: pa.ChunkedArray, decimal: str = ".") -> TimeForm | None:
    """Tell what form a column could have as times, from its first 2,000 cells.

    Args:
        column: Cells, typed as in a `Table`.
        decimal: Decimal mark of numbers in text.

    Returns:
        None where less than half of the cells could be times by their form alone, as for elapsed
        times in seconds, which only their steps and their name tell.
    """
    column = column.slice(0, _SAMPLE)
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type) or not len(column):
        return None
    if is_text(column.type) and not _holds_digits(column):
        return None
    raw = read_times(column, lambda rows: as_text(column[rows]), TimeConfig(), decimal)
    filled = raw.status != NO_TIME
    if not filled.any():
        return None
    if raw.clocks is not None and raw.clocks.surely_elapsed and is_text(column.type):
        return None  # "12 min" is as well a reading
    if raw.numbers is not None:
        return _number_form(raw.numbers, raw.status, filled)
    kind, times, good = _text_form(column, raw, filled)
    share = float(good.sum() / filled.sum())
    return TimeForm(kind, share, repeats=_repeats(times[good])) if share >= 0.5 else None


def _text_form(
    column: pa.ChunkedArray, raw: RawTimes, filled: NDArray[np.bool_]
) -> tuple[Literal["stamps", "dates", "clocks"], Int64, NDArray[np.bool_]]:
    if raw.clocks is not None:
        return "clocks", raw.clocks.times, raw.status == OK
    assert raw.stamps is not None, "neither numbers nor times of day"
    stamps = raw.stamps
    if is_text(column.type) and (raw.status[filled] == BAD).mean() > 0.5:
        halves = pc.match_substring_regex(column.cast(pa.string()), HALF_DAY_FORM)
        halves = np.asarray(halves.fill_null(False))
        return "clocks", np.arange(len(filled)), halves
    good = filled & (raw.status != BAD)
    # an open date has its time of day in times, any other its day too
    day = stamps.settled()
    times = day.times
    if day.status[good].any():
        other = stamps.settled("mdy")
        times = np.where(day.status == OK, times, other.times)
    whole_days = bool((stamps.times[good] % DAY == 0).all()) and not stamps.aware.any()
    if whole_days and any(NO_YEAR in date.numbers for date in stamps.dates):
        both = (day, stamps.settled("mdy"))  # "12/8" is a reading, unless days run on so
        good &= any(_runs_on(each.times[good & (each.status == OK)]) for each in both)
    return "dates" if whole_days else "stamps", times, good


def _runs_on(days: Int64) -> bool:
    """Whether days without a year run in one direction, but for New Year and restarts."""
    steps = np.sign(np.diff(days))
    rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
    return max(rises, falls) > 0 and min(rises, falls) <= _FEW * max(rises, falls)


def _holds_digits(column: pa.ChunkedArray) -> bool:
    texts = (text or "" for text in column.unique().to_pylist())
    return any(character.isdigit() for text in texts for character in text)


def _number_form(
    numbers: NDArray[np.number], status: NDArray[np.uint8], filled: NDArray[np.bool_]
) -> TimeForm | None:
    good = numbers[status == OK]
    share = float((status == OK).sum() / filled.sum())
    if share < 0.5:
        return None
    repeats = _repeats(good)
    spelled = spelled_dates(numbers, status)
    if spelled is not None:
        hours = any(letter in spelled.digits for letter in "Hh")
        return TimeForm("stamps" if hours else "dates", share, digits=True, repeats=repeats)
    classes = epoch_classes(good)
    if (classes >= 0).mean() > 0.9:
        unit = EPOCH_UNITS[int(np.bincount(classes[classes >= 0]).argmax())]
        return TimeForm("epoch", share, unit=unit, repeats=repeats)
    serial = [unit for unit in serial_units(good) if unit in _SERIAL_BY_FORM]
    if serial:
        return TimeForm("serial", share, unit=serial[0], repeats=repeats)
    if may_be_years(good) and bool((np.floor(good) == good).all()):
        return TimeForm("years", share, repeats=repeats)
    return None


def _repeats(values: NDArray[np.generic]) -> bool:
    return len(np.unique(values)) < len(values)

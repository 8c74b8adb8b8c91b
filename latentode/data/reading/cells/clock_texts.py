"""Cells of hours, minutes and seconds without a date: elapsed time, or a time of day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.time_scales import scale_numbers
from latentode.data.reading.cells.time_stamps import BAD, DAY, NO_TIME, OK
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.table import MISSING_TEXTS

#: hh:mm, hh:mm:ss, 6h30, d.hh:mm:ss, "1 day, 02:03:04", "0 days 00:00:30.5", each also negative.
CLOCK_FORM = (
    r"^(?P<sign>-)?(?:(?P<days>\d+)(?:\.|\s*[dD](?:ays?)?,?\s*|\s+))?(?P<first>\d+)"
    r"(?::|\s?[hH]\s?)(?P<second>\d{1,2})(?:(?::|\s?m(?:in)?\s?)(?P<third>\d{1,2}))?"
    r"(?P<fraction>[.,]\d+)?(?:\s?m(?:in)?|\s?s)?$"
)
#: The same with AM or PM, or a and p alone: always a time of day.
HALF_DAY_FORM = r"^\d{1,2}(?::\d\d){1,2}\s*[AaPp](?:\.?\s?[Mm]\.?)?$"
# how a unit is written behind the number of a span
_UNIT_WORDS = {
    "ns": "ns nanosec nanoseconds",
    "us": "us µs microsec microseconds",
    "ms": "ms msec millisec milliseconds",
    "s": "s sec secs second seconds Sek",
    "min": "min mins minute minutes Min",
    "h": "h hr hrs hour hours Std",
    "d": "d day days Tage",
}
_UNIT_OF = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}
#: A number and a unit of time: always elapsed.
SPAN_FORM = rf"^(?P<number>[+-]?\d+(?:[.,]\d+)?)\s*(?P<unit>{'|'.join(_UNIT_OF)})$"
_NAMES = ("sign", "days", "first", "second", "third", "fraction")
_SECOND = NS_PER_UNIT["s"]
# an elapsed time starts at 0, or a few steps later
_FEW_STEPS, _NEAR_ZERO = 5, 60 * _SECOND
_NEAR_MIDNIGHT = 3600 * _SECOND  # or two steps, whichever is more


@dataclass(frozen=True)
class ClockTexts:
    """Times without a date, shape (row,).

    Attributes:
        times: Nanoseconds; 0 where `status` is not OK.
        status: OK, NO_TIME or BAD.
        surely_elapsed: True where they can be no times of day: by their type.
        two_parts: True where all have two numbers, which may be hours and minutes, or minutes and
            seconds.
    """

    times: Int64
    status: NDArray[np.uint8]
    surely_elapsed: bool = False
    two_parts: bool = False


def parse_clock_texts(texts: pa.Array, form: str | None = None) -> ClockTexts:
    """Read cells such as ``27:15:00``.

    Args:
        texts: Strings, shape (row,).
        form: ``%M:%S`` where two numbers are minutes and seconds.

    Returns:
        The times; hours and minutes where there are two numbers without a fraction.
    """
    texts = pc.utf8_trim_whitespace(pc.fill_null(texts.cast(pa.string()), ""))
    missing = np.asarray(pc.is_in(texts, pa.array(MISSING_TEXTS)))
    matched = pc.extract_regex(texts, CLOCK_FORM)
    part = {name: pc.fill_null(pc.struct_field(matched, name), "") for name in _NAMES}
    good = np.asarray(pc.is_valid(matched))
    days, first, second, third = (_whole(part[name]) for name in _NAMES[1:5])
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(part["fraction"], 10, "0"), 1, 10)
    fraction = digits.cast(pa.int64()).to_numpy(zero_copy_only=False)
    has_three = np.asarray(pc.not_equal(part["third"], ""))
    has_fraction = np.asarray(pc.not_equal(part["fraction"], ""))
    minutes = has_fraction | (form is not None and form.startswith("%M"))
    hours = has_three | ~minutes
    seconds = np.where(hours, first * 3600 + second * 60 + third, first * 60 + second)
    good &= (second < 60) & (third < 60) & ((days == 0) | (first < 24))
    good &= seconds + days * 86_400 < 2**63 // 10**9 - 1
    status = np.where(missing, NO_TIME, np.where(good, OK, BAD)).astype(np.uint8)
    times = days * DAY + seconds * _SECOND + fraction
    times = np.where(np.asarray(pc.equal(part["sign"], "-")), -times, times)
    two = bool((~has_three & ~has_fraction)[good].all()) and form is None
    return ClockTexts(np.where(status == OK, times, 0), status, two_parts=two)


def parse_spans(texts: pa.Array) -> ClockTexts:
    """Read cells such as ``0.5 sec`` and ``12 min``.

    Args:
        texts: Strings, shape (row,).
    """
    texts = pc.utf8_trim_whitespace(pc.fill_null(texts.cast(pa.string()), ""))
    missing = np.asarray(pc.is_in(texts, pa.array(MISSING_TEXTS)))
    matched = pc.extract_regex(texts, SPAN_FORM)
    number = pc.replace_substring(pc.struct_field(matched, "number"), ",", ".")
    values = number.cast(pa.float64()).to_numpy(zero_copy_only=False)
    words = pc.fill_null(pc.struct_field(matched, "unit"), "s").dictionary_encode()
    codes = words.indices.to_numpy(zero_copy_only=False)
    times, good = np.zeros(len(values), dtype=np.int64), ~np.isnan(values)
    for code, word in enumerate(words.dictionary.to_pylist()):
        rows = np.flatnonzero(good & (codes == code))
        times[rows], outside = scale_numbers(values[rows], _UNIT_OF[word])
        good[rows[outside]] = False
    status = np.where(missing, NO_TIME, np.where(good, OK, BAD)).astype(np.uint8)
    return ClockTexts(np.where(status == OK, times, 0), status, surely_elapsed=True)


def _whole(digits: pa.Array) -> Int64:
    short = pc.if_else(pc.less(pc.utf8_length(digits), 10), digits, "999999999")
    filled = pc.if_else(pc.equal(short, ""), "0", short)
    return filled.cast(pa.int64()).to_numpy(zero_copy_only=False)


def clock_of(
    cells: ClockTexts,
    name: str,
    time: TimeConfig,
    doubts: Doubts,
    text: Callable[[int], str],
) -> Clock:
    """Decide whether times without a date are elapsed time, or ask.

    Args:
        cells: Times of the whole log.
        name: Column.
        time: What was told.
        doubts: Where the decision or the question goes.
        text: Cell of a row.

    Returns:
        An elapsed clock.
    """
    good = np.flatnonzero(cells.status == OK)
    times = cells.times[good]
    told = time.unit if time.unit in ("s", "ms", "us", "ns", "min", "h", "d") else None
    clock = Clock("elapsed", None, told or "s")
    if not len(times) or cells.surely_elapsed:
        return clock
    cell = text(int(good[0]))
    if _wraps(times):
        ask_date(doubts, name, f"{cell!r} is a time of day, and it starts again each day")
    elif not (told or time.format or _rises_from_zero(times)):
        cure = " If each series counts its own elapsed time, pass --time-unit s."
        ask_date(doubts, name, f"{cell!r} is a time of day without a date", cure)
    elif cells.two_parts and not told:
        doubts.ask(
            "time",
            f"time column {name!r}: {cell!r} may be hours and minutes, or minutes and seconds. "
            "Pass --time-format %H:%M or --time-format %M:%S.",
        )
    elif not told:
        beyond = bool(times.max() >= DAY)
        doubts.decide(
            "time",
            f"{name!r} read as elapsed time",
            "it goes beyond 24 hours" if beyond else f"it starts at {cell} and never starts again",
            confidence="certain" if beyond else "likely",
        )
    return clock


def ask_date(doubts: Doubts, name: str, what: str, cure: str = "") -> None:
    """Ask for the date of times of day.

    Args:
        doubts: Where the question goes.
        name: Column.
        what: What was seen in it.
        cure: What else may be done, with a blank in front.
    """
    doubts.ask(
        "time",
        f"time column {name!r}: {what}. Name the column of the date too, as --time-column "
        f"DATE,{name}, or write both in one column.{cure}",
    )


def _usual_step(times: Int64) -> int:
    steps = np.diff(np.unique(times[:10_000]))
    return int(np.median(steps)) if len(steps) else 0


def _rises_from_zero(times: Int64) -> bool:
    """True where elapsed times start at 0 or close to it and never fall, or go beyond a day."""
    if times.max() >= DAY or times.min() < 0:
        return True
    near = max(_NEAR_ZERO, _FEW_STEPS * _usual_step(times))
    return bool(times[0] <= near and (np.diff(times) >= 0).all())


def _wraps(times: Int64) -> bool:
    """True if times of day fall from near midnight to just after it, read from either end."""
    if times.max() >= DAY or times.min() < 0 or len(times) < 2:
        return False
    near = max(_NEAR_MIDNIGHT, 2 * _usual_step(times))
    steps = np.diff(times)
    if (steps < 0).sum() > (steps > 0).sum():
        times, steps = times[::-1], -steps[::-1]
    return bool(((times[:-1] >= DAY - near) & (times[1:] < near) & (steps < 0)).any())

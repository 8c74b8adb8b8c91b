"""The time column of a log: from what stands in it to int64 nanoseconds of one clock.

Times are dates (in any form that has one meaning), numbers (an epoch, elapsed time, serial days,
digits that spell dates) or hours, minutes and seconds without a date. All files of a log are read
first; form, order of day and month, unit and zone are then decided from all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.data.dataset import Clock
from latentode.data.reading.cells.clock_texts import (
    CLOCK_FORM,
    SPAN_FORM,
    ClockTexts,
    parse_clock_texts,
    parse_spans,
)
from latentode.data.reading.cells.time_format import (
    CLOCK_DIGITS,
    ELAPSED_FORMATS,
    check_format,
    parse_by_format,
)
from latentode.data.reading.cells.time_scales import SERIAL_DAYS
from latentode.data.reading.cells.time_stamps import (
    BAD,
    NO_TIME,
    OK,
    OUT_OF_RANGE,
    Stamps,
    parse_stamps,
    plain_stamps,
)
from latentode.data.reading.formats.table import MISSING_TEXTS, as_text, is_text

_EXACT_FLOAT = 2**53  # float64 holds every whole number up to here
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d{1,18}$|^[1-8]\d{18}$"
_SAMPLE = 1_000  # cells that tell the form of a column
_CALENDAR_UNITS = (*SERIAL_DAYS, "year", "mixed")


@dataclass(frozen=True)
class RawTimes:
    """Times of one file before the clock is known: one of `stamps`, `numbers` and `clocks`.

    Attributes:
        stamps: Dates.
        numbers: Numbers as written, int64 or float64.
        clocks: Hours, minutes and seconds without a date.
        status: OK, NO_TIME, BAD, ... of each row, as in `latentode.data.reading.cells.time_stamps`.
        text: Cell of a row.
        zone: Zone that the type of the column carries.
    """

    status: NDArray[np.uint8]
    text: Callable[[int], str]
    stamps: Stamps | None = None
    numbers: NDArray[Any] | None = None
    clocks: ClockTexts | None = None
    zone: str | None = None


def read_times(
    column: pa.ChunkedArray,
    text: Callable[[slice], pa.ChunkedArray],
    time: TimeConfig,
    decimal: str = ".",
) -> RawTimes:
    """Read the time column of a file.

    Args:
        column: Cells, typed as in a `Table`.
        text: Gives some of the cells as they are written; called only where the types do not tell
            all.
        time: How times are written.
        decimal: Decimal mark of numbers.

    Returns:
        The times, before form and clock are decided.

    Raises:
        ConfigError: If the format in the settings cannot be read.
    """
    kind = column.type
    if pa.types.is_dictionary(kind) and not is_text(kind):
        column = column.cast(kind.value_type)
        kind = column.type

    def cell(row: int) -> str:
        return str(as_text(text(slice(row, row + 1)))[0].as_py())

    if time.format is not None:
        formed = _by_format(column, text, time.format, cell)
        if formed is not None:
            return formed
    if is_text(kind):
        return _read_texts(column, decimal, cell)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _read_timestamps(column, cell)
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return _read_durations(column, cell)
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        status = np.where(np.asarray(column.is_null()), np.uint8(NO_TIME), np.uint8(BAD))
        return RawTimes(
            status, cell, stamps=plain_stamps(np.zeros(len(status), np.int64), False, status)
        )
    return _read_typed_numbers(column, text, decimal, cell)


def _whole_array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _by_format(
    column: pa.ChunkedArray,
    text: Callable[[slice], pa.ChunkedArray],
    form: str,
    cell: Callable[[int], str],
) -> RawTimes | None:
    """Times of a format; None where the source has typed times, which no format describes."""
    check_format(form)
    cells = _whole_array(text(slice(None)).cast(pa.string()))
    if form == CLOCK_DIGITS:
        padded = pc.utf8_lpad(pc.utf8_trim_whitespace(cells), 6, "0")
        cells = pc.replace_substring_regex(padded, r"^(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3")
        form = "%H:%M:%S"
    if form in ELAPSED_FORMATS:
        clocks = parse_clock_texts(cells, form)
        return RawTimes(clocks.status, cell, clocks=clocks)
    numbers = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    stamps = parse_by_format(cells, form, from_numbers=numbers)
    if pa.types.is_timestamp(column.type) and not (stamps.status == OK).any():
        return None
    return RawTimes(stamps.status, cell, stamps=stamps)


def _read_texts(column: pa.ChunkedArray, decimal: str, cell: Callable[[int], str]) -> RawTimes:
    sample = pc.utf8_trim_whitespace(_whole_array(column.slice(0, _SAMPLE).cast(pa.string())))
    sample = sample.filter(pc.invert(pc.is_in(sample, pa.array(MISSING_TEXTS)))).drop_null()
    if not len(sample):  # the first cells are empty: look farther
        sample = _whole_array(column.cast(pa.string()))
        sample = sample.filter(pc.invert(pc.is_in(sample, pa.array(MISSING_TEXTS)))).drop_null()
    plain = pc.replace_substring(sample, ",", ".") if decimal == "," else sample
    if _most(plain, _NUMBER):
        numbers, status = _parse_numbers(_whole_array(column.cast(pa.string())), decimal)
        return RawTimes(status, cell, numbers=numbers)
    if _most(sample, CLOCK_FORM):
        clocks = parse_clock_texts(_whole_array(column.cast(pa.string())))
        return RawTimes(clocks.status, cell, clocks=clocks)
    if _most(sample, SPAN_FORM):
        clocks = parse_spans(_whole_array(column.cast(pa.string())))
        return RawTimes(clocks.status, cell, clocks=clocks)
    stamps = parse_stamps(column)
    return RawTimes(stamps.status, cell, stamps=stamps)


def _most(texts: pa.Array, pattern: str) -> bool:
    if not len(texts):
        return False
    return bool(2 * pc.sum(pc.match_substring_regex(texts, pattern)).as_py() > len(texts))


def _parse_numbers(texts: pa.Array, decimal: str) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    texts = pc.utf8_trim_whitespace(pc.fill_null(texts, ""))
    missing = np.asarray(pc.is_in(texts, pa.array(MISSING_TEXTS)))
    if decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    good = pc.match_substring_regex(texts, _NUMBER)
    status = np.where(missing, NO_TIME, np.where(np.asarray(good), OK, BAD)).astype(np.uint8)
    texts = pc.if_else(good, texts, "0")
    whole = pc.all(pc.match_substring_regex(texts, _WHOLE)).as_py()
    texts = pc.replace_substring_regex(texts, r"^\+", "")
    numbers = texts.cast(pa.int64() if whole else pa.float64()).to_numpy(zero_copy_only=False)
    return numbers, status


def _read_typed_numbers(
    column: pa.ChunkedArray,
    text: Callable[[slice], pa.ChunkedArray],
    decimal: str,
    cell: Callable[[int], str],
) -> RawTimes:
    missing = np.asarray(column.is_null())
    if pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type):
        numbers = column.cast(pa.int64()).fill_null(0).to_numpy()
        return RawTimes(np.where(missing, NO_TIME, OK).astype(np.uint8), cell, numbers=numbers)
    values = column.cast(pa.float64(), safe=False).to_numpy()
    missing = missing | np.isnan(values)
    largest = np.nanmax(np.abs(values), initial=0.0)
    if largest > _EXACT_FLOAT or pa.types.is_decimal(column.type):
        # whole nanoseconds beyond 2**53 are still exact in the text
        numbers, status = _parse_numbers(_whole_array(text(slice(None)).cast(pa.string())), decimal)
        return RawTimes(status, cell, numbers=numbers)
    status = np.where(missing, NO_TIME, np.where(np.isinf(values), BAD, OK)).astype(np.uint8)
    return RawTimes(status, cell, numbers=np.where(status == OK, values, 0.0))


def _read_timestamps(column: pa.ChunkedArray, cell: Callable[[int], str]) -> RawTimes:
    kind = column.type
    zone = getattr(kind, "tz", None)
    unit = getattr(kind, "unit", "s")
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
        unit = "s"
    ticks = column.cast(pa.int64())
    status = np.zeros(len(ticks), dtype=np.uint8)
    if ticks.null_count:
        status[np.asarray(ticks.is_null())] = NO_TIME
        ticks = ticks.fill_null(0)
    ticks = ticks.to_numpy()
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    limit = (2**63 - 1) // factor
    if len(ticks) and (ticks.max() > limit or ticks.min() < -limit):
        outside = (ticks > limit) | (ticks < -limit)
        status[outside] = OUT_OF_RANGE
        ticks = np.where(outside, 0, ticks)
    times = ticks if factor == 1 else ticks * factor
    return RawTimes(status, cell, stamps=plain_stamps(times, zone is not None, status), zone=zone)


def _read_durations(column: pa.ChunkedArray, cell: Callable[[int], str]) -> RawTimes:
    missing = np.asarray(column.is_null())
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
    whole = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
    ticks = column.cast(whole).cast(pa.int64()).fill_null(0).to_numpy()
    outside = np.abs(ticks) > (2**63 - 1) // factor
    status = np.where(missing, NO_TIME, np.where(outside, OUT_OF_RANGE, OK)).astype(np.uint8)
    times = np.where(status == OK, ticks, 0) * factor
    clocks = ClockTexts(times, status, surely_elapsed=pa.types.is_duration(column.type))
    return RawTimes(status, cell, clocks=clocks)


def time_on_clock(clock: Clock, time: TimeConfig) -> TimeConfig:
    """Settings for times beside a log: numbers in its unit, times without an offset in its zone."""
    unit = time.unit
    if unit in ("auto", "iso") and (clock.kind == "elapsed" or clock.unit in _CALENDAR_UNITS):
        unit = clock.unit  # type: ignore[assignment]
    return time.model_copy(update={"unit": unit, "tz": clock.zone})

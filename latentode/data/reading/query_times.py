"""Times at which predictions are wanted, on the clock of the log they are for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig, TimeConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.reading.cells.time_column import RawTimes, are_stamps, merge_times, read_times
from latentode.data.reading.cells.time_stamps import AMBIGUOUS, OK
from latentode.data.reading.cells.zones import localize
from latentode.data.reading.columns import find_id, find_time
from latentode.data.reading.formats.data_frame import as_text
from latentode.data.reading.formats.table import ReadPlan, Table, factorize
from latentode.errors import DataError


def read_queries(
    table: Table, *, series_ids: Sequence[str], clock: Clock, config: DataConfig
) -> tuple[Int64, Int64]:
    """Read (series index, nanoseconds) of each row, in the order of the rows.

    Args:
        table: Rows with times, and ids unless there is one series.
        series_ids: Known ids.
        clock: Clock on which times are read.
        config: How the log was read.

    Returns:
        Two int64 arrays of shape (query,).

    Raises:
        DataError: If an id is unknown, or a cell holds no time of this clock; with the line.
    """
    time, identity = _columns(table, series_ids, config)
    settings = _settings(clock, config.time)
    # a log of epochs may be asked for at dates
    stamps = are_stamps(table.head[time], config.time.model_copy(update={"unit": "auto"}))
    plan = ReadPlan((identity,) if identity else (), time, stamps, (), decimal=table.decimal)
    raw: list[RawTimes] = []
    series: list[Int64] = []
    lines: list[Int64] = []
    for make in table.chunks(plan):
        chunk = make()
        raw.append(read_times(chunk, time, stamps=stamps, time=settings, decimal=table.decimal))
        lines.append(chunk.lines)
        if identity is None:
            series.append(np.zeros(len(chunk.lines), dtype=np.int64))
        else:
            codes, names = factorize(chunk.text(identity))
            known = _match(table, names, series_ids, chunk.lines, codes)
            series.append(known[codes])
    _refuse_ragged(table)
    index, places = np.concatenate(series), np.concatenate(lines)
    return index, _times(table, raw, time, index, places, clock, settings)


def _columns(table: Table, series_ids: Sequence[str], config: DataConfig) -> tuple[str, str | None]:
    """Names of the time column and of the id column."""
    names, columns = table.columns, config.columns
    identity = columns.id if columns.id in names else None
    free = [name for name in names if name != identity]
    if columns.time in free and columns.time is not None:
        time = columns.time
    else:
        time = free[0] if len(free) == 1 else find_time(table, exclude=set(names) - set(free))
    others = [name for name in free if name != time]
    if identity is None:
        held = [name for name in others if _holds_ids(table, name, series_ids)]
        identity = held[0] if len(held) == 1 else find_id(table, held or others)
    if identity is None and len(series_ids) > 1:
        raise DataError(
            f"{table.name}: expected a column of series ids, as there are {len(series_ids)} "
            f"series, got columns {', '.join(names[:12])}. Name it with --id-column."
        )
    return time, identity


def _holds_ids(table: Table, name: str, series_ids: Sequence[str]) -> bool:
    return set(as_text(table.head[name]).tolist()) <= set(series_ids)


def _settings(clock: Clock, time: TimeConfig) -> TimeConfig:
    """Numbers of an elapsed clock are in its unit; a naive time of a zoned log is in its zone."""
    unit = time.unit
    if unit in ("auto", "iso") and (clock.kind == "elapsed" or clock.unit == "excel"):
        unit = clock.unit  # type: ignore[assignment]
    return time.model_copy(update={"unit": unit, "tz": clock.zone})


def _match(
    table: Table,
    names: Sequence[str],
    series_ids: Sequence[str],
    lines: Int64,
    codes: NDArray[np.integer],
) -> Int64:
    index = {name: position for position, name in enumerate(series_ids)}
    known = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    unknown = np.flatnonzero(known[codes] < 0)
    if len(unknown):
        name = names[int(codes[unknown[0]])]
        near = difflib.get_close_matches(name, series_ids, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(series_ids[:8]) + (", ..." if len(series_ids) > 8 else "")
        raise DataError(
            f"{table.name}: {table.place} {lines[unknown[0]]}: no series {name!r} in the log. "
            f"{hint}There are: {shown}."
        )
    return known


def _refuse_ragged(table: Table) -> None:
    if table.ragged:
        line, fields = min(table.ragged)
        raise DataError(
            f"{table.name}: line {line}: got {fields} fields, unlike the header. Repair it."
        )


def _times(
    table: Table,
    raw: list[RawTimes],
    time: str,
    series: Int64,
    lines: Int64,
    clock: Clock,
    settings: TimeConfig,
) -> Int64:
    """Nanoseconds of all queries on the clock of the log."""
    if clock.kind == "elapsed" and raw[0].stamps is not None:
        raise DataError(
            f"{table.name}: column {time!r} holds dates, but the log counts elapsed {clock.unit}. "
            f"Give times as numbers of {clock.unit}."
        )
    known = None if clock.kind == "calendar" else replace(clock, unit=settings.unit)
    times, status, naive, found = merge_times(raw, time, settings, known)
    _refuse_unreadable(table, status, lines, time)
    if found.kind != clock.kind:
        raise DataError(
            f"{table.name}: column {time!r} holds elapsed times, but the log is on a calendar. "
            "Give times as in the log."
        )
    if clock.kind == "calendar" and clock.zone is None and not naive.all():
        raise DataError(
            f"{table.name}: {table.place} {lines[~naive][0]}: the time has an offset from UTC, but "
            "the log has none. Write naive times, or train with --tz."
        )
    rows = np.flatnonzero(naive)
    if clock.zone is not None and len(rows):
        times[rows] = localize(
            times[rows],
            clock.zone,
            series=series[rows],
            slots=None,
            lines=lines[rows],
            place=table.place,
            source=table.name,
        )
    return times


def _refuse_unreadable(table: Table, status: NDArray[np.uint8], lines: Int64, time: str) -> None:
    wrong = np.flatnonzero(status != OK)
    if len(wrong):
        unclear = status[wrong[0]] == AMBIGUOUS
        advice = "Pass --dayfirst or --no-dayfirst." if unclear else "Correct it."
        raise DataError(
            f"{table.name}: {table.place} {lines[wrong[0]]}: column {time!r} holds no time of 1678 "
            f"to 2261 that can be read. {advice}"
        )

"""Plans: what planned inputs will be, beside a log."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Float64, Int64
from latentode.data.reading.keyed_rows import KeyedRows, Source, open_rows, read_rows
from latentode.data.reading.query_times import refuse_unknown
from latentode.errors import DataError


@dataclass(frozen=True)
class Plan:
    """Values of planned inputs, each held until the next one of its series and column.

    Attributes:
        series: Series of each row, shape (row,).
        times: Nanoseconds, after or before the last reading of the series, shape (row,).
        columns: Known inputs that it has.
        values: NaN where a row says nothing of a column, shape (row, column).
        for_all: Whether it names no series, and holds for each of several.
    """

    series: Int64
    times: Int64
    columns: tuple[str, ...]
    values: Float64
    for_all: bool


def read_plan(
    source: Source,
    *,
    series_ids: Sequence[str],
    inputs: Sequence[str],
    clock: Clock,
    config: DataConfig,
) -> Plan:
    """Read a plan: a row for each time at which a planned input changes.

    Args:
        source: File or data frame: a column of times, one of ids, and some of the planned inputs by
            name. Without ids it holds for every series. An empty cell says nothing of its column.
        series_ids: Ids of the log.
        inputs: Known inputs of the model.
        clock: Clock of the log, on which times are read.
        config: How the log was read; its names of columns count where the plan has them.

    Raises:
        DataError: If the model has no planned inputs, a column is none of them, an id is unknown, a
            time is told twice, or a cell holds no number or no time; with the line.
    """
    if not inputs:
        raise DataError(
            "plan: expected a model with planned inputs, got one without. Train with "
            "--future-columns, or leave the plan out."
        )
    table = open_rows(source, config)
    columns = tuple(name for name in table.columns if name in inputs)
    if not columns:
        raise _without_inputs(table.name, table.columns, inputs)
    rows = read_rows(
        table, config, clock=clock, series_ids=series_ids, numbers=columns, ids_needed=False
    )
    _refuse_others(rows, inputs, config)
    index, times, values, where = rows.index(series_ids), rows.times, rows.numbers, rows.lines
    refuse_unknown(rows, index, series_ids)
    for_all = rows.roles.id is None and len(series_ids) > 1
    if rows.roles.id is None:
        index = np.repeat(np.arange(len(series_ids)), len(times))
        times, where = np.tile(times, len(series_ids)), np.tile(where, len(series_ids))
        values = np.tile(values, (len(series_ids), 1))
    _refuse_repeats(rows, index, times, where, series_ids)
    return Plan(index, times, columns, values, for_all)


def _without_inputs(name: str, got: Sequence[str], inputs: Sequence[str]) -> DataError:
    return DataError(
        f"{name}: expected a column of a planned input ({', '.join(inputs)}), got "
        f"{', '.join(got[:12])}. Name the columns as in the log."
    )


def _refuse_others(rows: KeyedRows, inputs: Sequence[str], config: DataConfig) -> None:
    """Refuse columns that are no planned input: one may be mistyped, or tell series apart."""
    roles = rows.roles
    used = {*roles.time_parts, roles.id, *roles.values, *roles.left_out}
    others = [name for name in rows.table.columns if name not in used]
    other = next((name for name in others if not name.startswith("Unnamed: ")), None)
    if other is None:
        return
    near = difflib.get_close_matches(other, inputs, n=1, cutoff=0.75)
    advice = f"Did you mean {near[0]!r}?" if near else "Leave it out."
    if roles.id is None and not near:
        advice = (
            f"Call it {config.columns.id or 'id'!r} if it holds ids of series, or leave it out."
        )
    raise DataError(
        f"{rows.table.name}: expected times, ids and planned inputs ({', '.join(inputs)}), got "
        f"column {other!r}. {advice}"
    )


def _refuse_repeats(
    rows: KeyedRows, series: Int64, times: Int64, lines: Int64, series_ids: Sequence[str]
) -> None:
    repeated = pd.DataFrame({"series": series, "time": times}).duplicated()
    if repeated.any():
        second = int(np.flatnonzero(repeated)[0])
        same = (series == series[second]) & (times == times[second])
        both = ", ".join(str(line) for line in lines[same][:2])
        raise DataError(
            f"{rows.table.name}: expected each time of a series once, got one twice in "
            f"{rows.table.line_word}s {both} (series {series_ids[series[second]]!r}). Keep one row."
        )

"""What the tables of a log mean; those where each value has a time of its own are stacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import DataConfig
from latentode.data.reading.column_roles import detect_roles
from latentode.data.reading.formats.table import MISSING_TEXTS, Table
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import Roles, check_present

_MOST = 0.5  # share of rows
_TWO = 2  # clocks, at least, in a log of pairs


@dataclass(frozen=True)
class Understanding:
    """How the tables of a log are read.

    Attributes:
        roles: Meaning of the columns.
        reshape: Turns a table of the source into one that has these columns.
    """

    roles: Roles
    reshape: Callable[[Table], Table]

    def applied(self, table: Table) -> Table:
        """Another table of the same log, its columns as those of the first.

        Raises:
            DataError: If it lacks the time, the id, the channel or the value.
        """
        table = self.reshape(table)
        roles = self.roles
        needed = (*roles.time_parts, roles.id, roles.channel, roles.value)
        for name in needed:
            if name is not None:
                check_present(name, table.columns, table.name, "All files need the same columns.")
        for name in (*roles.values, *roles.static, *(each.column for each in roles.quality)):
            if name not in table.columns:
                table.add(name, pa.chunked_array([pa.nulls(table.num_rows)]))
                table.doubts.decide("files", f"{table.name}: no column {name!r}: no readings of it")
        return table


def understand(table: Table, config: DataConfig) -> tuple[Table, Understanding]:
    """Find out what a table means.

    Args:
        table: The first table of a log.
        config: What is known of it.

    Returns:
        The table, reshaped where that is needed, and how others like it are read.

    Raises:
        DataError: If its columns cannot be understood.
    """
    pairs = _clock_pairs(table, config)
    if not pairs:
        return table, Understanding(detect_roles(table, config), lambda other: other)
    shown = "; ".join(f"{', '.join(values)} at {time!r}" for time, values in pairs.items())
    stacked = _stacked(table, pairs)
    stacked.doubts.decide(
        "layout",
        f"each value at its own time: {shown}",
        f"{len(pairs)} columns of different times, each followed by its values",
        confidence="likely",
        option="--time-column NAME for one clock of all",
    )
    roles = Roles("long", ("time",), channel="channel", value="value")
    return stacked, Understanding(roles, lambda other: _stacked(other, pairs))


def _clock_pairs(table: Table, config: DataConfig) -> dict[str, list[str]]:
    """Time -> its values, where columns of times and of values alternate; empty otherwise."""
    columns = config.columns
    told = (columns.time, columns.id, columns.channel, columns.value, columns.channels)
    if any(name is not None for name in told) or config.layout not in ("auto", "long"):
        return {}
    sample = Sample(table, (*MISSING_TEXTS, *(config.cells.na or ())))
    names = [name for name in table.columns if not sample[name].empty]
    kinds = {name: getattr(sample[name].form, "kind", "") for name in names}
    clocks = [name for name, kind in kinds.items() if kind == "stamps"]
    if len(clocks) < _TWO or names[0] != clocks[0]:
        return {}
    pairs: dict[str, list[str]] = {}
    for name in names:
        if name in clocks:
            pairs[name] = []
        elif sample[name].is_number:
            pairs[list(pairs)[-1]].append(name)
        else:
            return {}
    alternate = all(pairs.values())
    return pairs if alternate and _are_different(sample, clocks) else {}


def _are_different(sample: Sample, clocks: Sequence[str]) -> bool:
    """True where no two clocks show one time in most rows, or keep one distance."""
    texts = [sample[name].texts for name in clocks]
    return all((first != second).mean() > _MOST for first, second in pairwise(texts))


def _stacked(table: Table, pairs: dict[str, list[str]]) -> Table:
    """One row per reading, with columns "time", "channel" and "value"."""
    names = [(time, value) for time, values in pairs.items() for value in values]
    times = [table.column(time) for time, _ in names]
    values = [table.column(value) for _, value in names]
    if len({column.type for column in times}) > 1:
        times = [table.text(time).cast(pa.string()) for time, _ in names]
    if len({column.type for column in values}) > 1:
        values = [table.text(value).cast(pa.string()) for _, value in names]
    codes = np.repeat(np.arange(len(names), dtype=np.int32), table.num_rows)
    channel = pa.DictionaryArray.from_arrays(codes, pa.array([value for _, value in names]))
    columns = {
        "time": pa.chunked_array([chunk for column in times for chunk in column.chunks]),
        "channel": pa.chunked_array([channel]),
        "value": pa.chunked_array([chunk for column in values for chunk in column.chunks]),
    }
    stacked = Table(columns)
    # a pair without a time is the end of a shorter column, and no bad row
    filled = pc.not_equal(stacked.text("time").cast(pa.string()), "")
    stacked = Table({name: column.filter(filled) for name, column in columns.items()})
    for shared in ("name", "stem", "line_word", "decimal", "units", "doubts", "ragged"):
        setattr(stacked, shared, getattr(table, shared))
    stacked.lines = np.tile(table.lines, len(names))[filled.to_numpy()]
    return stacked

"""What the tables of a log mean; those where each value has a time of its own are stacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.reading.column_roles import detect_roles
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles, check_present
from latentode.data.reading.stacking import (
    CHANNEL,
    VALUE,
    clock_pairs,
    several_values,
    stack_pairs,
    stack_values,
)


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
    pairs = clock_pairs(table, config)
    if pairs:
        shown = "; ".join(f"{', '.join(values)} at {time!r}" for time, values in pairs.items())
        stacked = stack_pairs(table, pairs)
        stacked.doubts.decide(
            "layout",
            f"each value at its own time: {shown}",
            f"{len(pairs)} columns of different times, each followed by its values",
            confidence="likely",
            option="--time-column NAME for one clock of all",
        )
        roles = Roles("long", (next(iter(pairs)),), channel=CHANNEL, value=VALUE)
        return stacked, Understanding(roles, lambda other: stack_pairs(other, pairs))
    several = several_values(table, config)
    if several is not None:
        names, values = several
        stacked = stack_values(table, names, values)
        stacked.doubts.decide(
            "layout",
            f"long: {', '.join(values)} of each name in {names!r} are channels",
            f"{len(values)} columns of values beside a column of names",
            confidence="likely",
            option="--layout wide",
        )
        settings = _stacked_settings(config)
        roles = detect_roles(stacked, settings)
        return stacked, Understanding(roles, lambda other: stack_values(other, names, values))
    return table, Understanding(detect_roles(table, config), lambda other: other)


def _stacked_settings(config: DataConfig) -> DataConfig:
    columns = config.columns.model_copy(update={"channel": CHANNEL, "value": VALUE})
    return config.model_copy(update={"columns": columns, "layout": "long"})

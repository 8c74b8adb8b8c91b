"""What the tables of a log mean; those where each value has a time of its own are stacked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.reading.carried_dates import carried, find_carried
from latentode.data.reading.column_roles import detect_roles, sample_of
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.table import RenamedTable, Table
from latentode.data.reading.hours_across import Across, across_settings, find_across, unroll_days
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import Roles, check_present, time_parts
from latentode.data.reading.stacking import (
    CHANNEL,
    VALUE,
    clock_pairs,
    join_columns,
    several_values,
    stack_pairs,
    stack_values,
)
from latentode.data.reading.transposed import (
    is_transposed,
    labels_before_times,
    turned,
    turned_settings,
)
from latentode.errors import DataError, ResourceError

_OTHER_COLUMNS = 50  # that a log may have beside its channels


@dataclass(frozen=True)
class Understanding:
    """How the tables of a log are read.

    Attributes:
        roles: Meaning of the columns.
        reshape: Turns a table of the source into one that has these columns.
        columns: Columns of the source.
        carries: Whether rows leave cells to those above them.
    """

    roles: Roles
    reshape: Callable[[Table], Table]
    columns: tuple[str, ...]
    carries: bool = False

    def applied(self, table: Table) -> Table:
        """Another table of the same log, its columns as those of the first.

        Raises:
            DataError: If it lacks the time, the id, the channel, the value, or all values.
        """
        nameless = all(re.fullmatch(r"column_\d+", name) for name in table.columns)
        if nameless and len(table.columns) == len(self.columns) and table.columns != self.columns:
            table = self._headed(table)
        table = self._called_alike(table)
        roles = self.roles
        self._say_more(table)
        table = self.reshape(table)
        needed = (*roles.time_parts, roles.id, roles.channel, roles.value)
        for name in needed:
            if name is not None:
                check_present(name, table.columns, table.name, "All files need the same columns.")
        for name in (*roles.values, *roles.static, *(each.column for each in roles.quality)):
            if name not in table.columns:
                table.add(name, pa.chunked_array([pa.nulls(table.num_rows)]))
                table.doubts.decide("files", f"{table.name}: no column {name!r}: no readings of it")
        return table

    def _headed(self, table: Table) -> Table:
        """A table without a header, under that of the first."""
        table.doubts = Doubts()  # what it said of names by their places does not hold
        table.doubts.decide(
            "files",
            f"{table.name} has no header: that of the first file holds",
            f"it has {len(self.columns)} columns as well",
        )
        return RenamedTable(table, dict(zip(self.columns, table.columns, strict=True)))

    def _called_alike(self, table: Table) -> Table:
        """A table with the names of the first, where they differ in capitals and blanks only."""
        there = {" ".join(name.lower().split()): name for name in table.columns}
        names = {
            name: there[plain]
            for name in self.columns
            if name not in table.columns and (plain := " ".join(name.lower().split())) in there
        }
        if not names:
            return table
        changed = {old: new for new, old in names.items()}
        shown = ", ".join(f"{old!r} as {new!r}" for old, new in list(changed.items())[:6])
        table.doubts.decide("files", f"{table.name}: {shown}", "the names differ in capitals only")
        return RenamedTable(table, {changed.get(name, name): name for name in table.columns})

    def _say_more(self, table: Table) -> None:
        """Name columns that the first file does not have; refuse a file without its values."""
        more = [name for name in table.columns if name not in self.columns]
        # where a log is turned or stacked, its values stand under other names
        values = [
            name
            for name in self.roles.values
            if name not in self.roles.future and name in self.columns
        ]
        if values and not set(values) & set(table.columns):
            raise DataError(
                f"{table.name}: expected the channels of the first file ({', '.join(values[:6])}), "
                f"got {', '.join(more[:6]) or 'none'}. Join files of different channels by their "
                "times into one, or read those of each channel apart."
            )
        if more:
            table.doubts.decide(
                "files",
                f"{table.name}: column(s) {', '.join(map(repr, more[:6]))} left out",
                "the first file does not have them; give this file first to read them",
            )


def understand(table: Table, config: DataConfig) -> tuple[Table, Understanding]:
    """Find out what a table means, once the cells that it leaves to those above them are filled.

    Args:
        table: The first table of a log.
        config: What is known of it.

    Returns:
        The table, filled and reshaped where that is needed, and how others like it are read.

    Raises:
        DataError: If its columns cannot be understood.
        ResourceError: If it has more columns than ``max_channels`` allows.
    """
    labels = labels_before_times(table.columns, config)
    if labels is None:
        _refuse_many(table, config.max_channels)
    dates = find_carried(table, config)
    if dates is None:
        return _understood(table, config, labels)
    table, found = _understood(carried(table, dates), config, labels)
    return table, replace(
        found, reshape=lambda other: found.reshape(carried(other, dates)), carries=True
    )


def _understood(
    table: Table, config: DataConfig, labels: int | None
) -> tuple[Table, Understanding]:
    ids = config.columns.id
    if ids is not None and len(parts := time_parts(ids, table.columns)) > 1:
        joined = join_columns(table, ids, parts)
        return joined, Understanding(
            detect_roles(joined, config, sample_of(joined, config)),
            lambda other: join_columns(other, ids, parts),
            table.columns,
        )
    sample = sample_of(table, config)
    if labels is not None and is_transposed(sample, labels):
        return _transposed(table, config, sample, labels)
    across = find_across(sample, config)
    if across is not None:
        return _hours_across(table, config, across)
    pairs = clock_pairs(sample, config)
    if pairs:
        shown = "; ".join(f"{', '.join(values)} at {time!r}" for time, values in pairs.items())
        stacked = stack_pairs(table, pairs)
        stacked.doubts.decide(
            "layout",
            f"each value at its own time: {shown}",
            f"{len(pairs)} columns of different times, each beside its values",
            confidence="likely",
            option="--time-column NAME for one clock of all",
        )
        roles = Roles("long", (next(iter(pairs)),), channel=CHANNEL, value=VALUE)
        return stacked, Understanding(roles, lambda other: stack_pairs(other, pairs), table.columns)
    several = several_values(sample, config)
    if several is not None:
        names, values = several
        stacked = stack_values(table, names, values)
        stacked.doubts.decide(
            "layout",
            f"long: each name in {names!r} is a channel, with its {', '.join(values)}",
            "columns of such names beside a column of names",
            confidence="likely",
            option="--layout wide",
        )
        settings = _stacked_settings(config)
        roles = detect_roles(stacked, settings, sample_of(stacked, settings))
        return stacked, Understanding(
            roles, lambda other: stack_values(other, names, values), table.columns
        )
    roles = detect_roles(table, config, sample)
    return table, Understanding(roles, lambda other: other, table.columns)


def _refuse_many(table: Table, most: int) -> None:
    if len(table.columns) > most + _OTHER_COLUMNS:
        raise ResourceError(
            f"{table.name}: expected at most {most} channels, got {len(table.columns)} columns. "
            "Raise --max-channels, or choose some with --channels."
        )


def _transposed(
    table: Table, config: DataConfig, sample: Sample, labels: int
) -> tuple[Table, Understanding]:
    """A log with its times along the header."""
    names = table.columns
    result = turned(table, labels)
    result.doubts.decide(
        "layout",
        f"times stand along the header, from {names[labels]} to {names[-1]}: the log is turned",
        f"the names of {len(names) - labels:,} columns are times, and the cells below are numbers",
        confidence="likely",
        option="--layout wide",
    )
    settings = turned_settings(sample, labels, config)
    roles = detect_roles(result, settings, sample_of(result, settings))

    def reshape(other: Table) -> Table:
        number = labels_before_times(other.columns, config)
        return other if number is None else turned(other, number)

    return result, Understanding(roles, reshape, table.columns)


def _hours_across(table: Table, config: DataConfig, across: Across) -> tuple[Table, Understanding]:
    """A log with a row for each day, and its hours along the header."""
    result = unroll_days(table, across, config)
    result.doubts.decide(
        "layout",
        across.words,
        "their names count the intervals of a day, beside a column of dates",
        confidence="likely",
        option=f"--interval {'start' if across.at_end else 'end'}, or --layout wide",
    )
    for name in across.left_out:
        result.doubts.decide("columns", f"{name!r} left out", "it has one number for each day")
    settings = across_settings(across, config)
    roles = detect_roles(result, settings, sample_of(result, settings))
    return result, Understanding(
        roles, lambda other: unroll_days(other, across, config), table.columns
    )


def _stacked_settings(config: DataConfig) -> DataConfig:
    columns = config.columns.model_copy(update={"channel": CHANNEL, "value": VALUE})
    return config.model_copy(update={"columns": columns, "layout": "long"})

"""Which column of a log means what: by configuration, else by name and content where both agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.reading.columns import (
    find_id,
    find_time,
    hidden_id,
    holds_text_only,
    row_counters,
)
from latentode.data.reading.formats.influx import INFLUX_OWN
from latentode.data.reading.formats.open_table import FORMATS
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import (
    CHANNEL_NAMES,
    ID_NAMES,
    VALUE_NAMES,
    Roles,
    by_telling_name,
    check_present,
    check_role,
)
from latentode.errors import ConfigError, DataError


def detect_roles(table: Table, config: DataConfig) -> Roles:
    """Find out what each column is.

    Args:
        table: The log; its first rows are looked at.
        config: Layout and columns that are known; None is detected.

    Returns:
        The roles.

    Raises:
        DataError: If a configured column is absent, or the evidence is not unanimous; the message
            names the option that settles it.
    """
    names, columns = table.columns, config.columns
    for role in ("time", "id", "channel", "value"):
        check_role(role, getattr(columns, role), names, table.name)
    for name in columns.static:
        check_present(name, names, table.name)
    asked = [each for each in FORMATS if config.layout in ("auto", each.layout)]
    known = (roles for each in asked if (roles := each.roles(table, config)) is not None)
    return replace(
        next(known, None) or _by_names(table, config),
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
    )


def _by_names(table: Table, config: DataConfig) -> Roles:
    """Roles in a log whose columns no format knows."""
    names, columns = table.columns, config.columns
    time = columns.time or find_time(
        table, exclude=_claimed(columns), by_name=config.time.format is not None
    )
    claimed = {time, *_claimed(columns)}
    counters = row_counters(table, [name for name in names if name not in claimed])
    rest = [name for name in names if name != time and name not in counters]
    long = _long_columns(table, rest, config)
    if long is not None:
        channel, value = long
        others = [name for name in rest if name not in (channel, value)]
        roles = _long(table, time, channel, value, others, columns)
    else:
        # the result of a Flux query with a column for each field
        pivoted = config.layout == "influx" or "_time" in names
        if pivoted:
            rest = [name for name in rest if name not in INFLUX_OWN or name == "_measurement"]
        roles = _wide(table, time, rest, columns, "influx" if pivoted else "wide")
    counted = tuple(f"{name!r} only numbers the rows: left out" for name in counters)
    return replace(roles, notes=roles.notes + counted)


def _claimed(columns: ColumnsConfig) -> set[str]:
    names = (columns.id, columns.channel, columns.value, *columns.static, *columns.future)
    return {name for name in (*names, *(columns.channels or ())) if name is not None}


def _long_columns(table: Table, rest: Sequence[str], config: DataConfig) -> tuple[str, str] | None:
    """(channel, value) of a long log; None for a wide one."""
    columns = config.columns
    if config.layout in ("wide", "influx"):
        for role in ("channel", "value"):
            if getattr(columns, role) is not None:
                raise ConfigError(
                    f"data.columns.{role}: expected no --{role}-column in the {config.layout} "
                    f"layout, got {getattr(columns, role)!r}. Leave it out, or pass --layout long."
                )
        return None
    free = [name for name in rest if name not in (columns.id, *columns.static)]
    channel = columns.channel or next(iter(by_telling_name(free, CHANNEL_NAMES)), None)
    value = columns.value or next(iter(by_telling_name(free, VALUE_NAMES)), None)
    forced = config.layout == "long" or columns.channel is not None or columns.value is not None
    if not forced:
        # channels that are columns make a wide log, even if one of them is called "value"
        wide = columns.channels is not None and set(columns.channels) <= set(rest)
        return (channel, value) if channel and value and not wide else None
    if channel is None:
        raise DataError(
            f"{table.name}: a long log needs a column of channel names, none of {', '.join(free)} "
            "is called like one. Name it with --channel-column."
        )
    if value is None:
        numeric = [
            name
            for name in free
            if name != channel
            and not by_telling_name([name], ID_NAMES)
            and not holds_text_only(table.head[name])
        ]
        if len(numeric) != 1:
            raise DataError(
                f"{table.name}: a long log needs a column of values, and {len(numeric)} of its "
                "columns may be. Name it with --value-column."
            )
        value = numeric[0]
    return channel, value


def _long(
    table: Table, time: str, channel: str, value: str, others: list[str], columns: ColumnsConfig
) -> Roles:
    free = [name for name in others if name not in (*columns.static, *columns.future)]
    identity = columns.id or find_id(table, [name for name in free if name.lower() != "unit"])
    inputs = tuple(name for name in columns.future if name in others)
    unused = [name for name in free if name != identity]
    if identity is None and (name := hidden_id(table, [time, channel], unused)) is not None:
        raise DataError(
            f"{table.name}: readings repeat unless column {name!r} tells the series apart. "
            f"Name it with --id-column {name}."
        )
    notes = (f"column(s) left out: {', '.join(unused)}",) if unused else ()
    return Roles(
        layout="long",
        time=time,
        id=identity,
        channel=channel,
        value=value,
        values=inputs,
        notes=notes,
    )


def _refuse_two_meanings(table: Table, configured: Sequence[str]) -> None:
    twice = [name for name in configured if configured.count(name) > 1]
    if twice:
        raise ConfigError(
            f"{table.name}: expected one meaning for column {twice[0]!r}, got it several times. "
            "Name it in one of --channels (for a trained model, those of training), "
            "--static-columns and --future-columns."
        )


def _wide(table: Table, time: str, rest: list[str], columns: ColumnsConfig, layout: str) -> Roles:
    for name in columns.channels or ():
        advice = "Correct --channels, or, for a trained model, pass --allow-missing-channels."
        check_present(name, table.columns, table.name, advice)
    for name in columns.future:
        check_present(name, table.columns, table.name)
    configured = (*(columns.channels or ()), *columns.static, *columns.future)
    _refuse_two_meanings(table, configured)
    free = [name for name in rest if name not in configured]
    identity = columns.id or find_id(table, free)
    notes: list[str] = []
    if identity is None:
        identity = hidden_id(table, [time], free)
        if identity is not None:
            notes.append(f"series told apart by {identity!r}, as the times repeat without it")
    free = [name for name in free if name != identity]
    channels = tuple(free) if columns.channels is None else columns.channels
    if columns.channels is not None and free:
        notes.append(f"column(s) left out: {', '.join(free)}")
    return Roles(
        layout=layout,
        time=time,
        id=identity,
        values=(*channels, *columns.future),
        notes=tuple(notes),
    )

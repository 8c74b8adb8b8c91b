"""Which column of a log means what: by configuration, else by name and content where both agree."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.cells import to_numbers
from latentode.data.chunks import MISSING, Table, as_text
from latentode.data.stamps import BAD, parse_stamps
from latentode.data.tables import INFLUX_OWN
from latentode.data.timestamps import unit_in_name
from latentode.errors import DataError

# in order of preference: a later name counts only where no earlier one stands
_TIME_NAMES = (
    ("_time",),
    ("timestamp", "datetime", "date_time", "time_stamp", "time", "ds", "ts", "last_changed"),
    ("date", "epoch", "utc", "t", "index", "last_updated"),
)
_ID_NAMES = (
    ("series", "series_id", "unique_id", "id", "item_id"),
    ("sensor", "sensor_id", "node", "node_id", "device", "device_id", "station", "station_id"),
    (
        "machine",
        "machine_id",
        "asset",
        "asset_id",
        "patient",
        "patient_id",
        "pump",
        "engine",
        "mote",
    ),
    ("unit", "unit_id", "unit_number", "host", "location", "site", "tag"),
)
_CHANNEL_NAMES = (
    ("channel", "_field"),
    ("variable", "metric", "parameter", "field", "signal", "measure", "measurement", "quantity"),
    ("attribute", "feature", "var", "property"),
)
_VALUE_NAMES = (("value", "_value"), ("reading", "val", "measured_value"))
_COUNTERS = ("id", "index", "row", "record", "unnamed: 0")
_TIME_WORD = r"(t|time|timestamp|ts|elapsed|age|clock|seconds|secs|minutes|mins|hours|hrs|days|milli|micro|nano)"
_TIME_OF_DAY = re.compile(r"\d{1,2}[:.]\d\d([:.]\d\d(\.\d+)?)?\s*([AaPp][Mm])?")
_HOME = ("entity_id", "state", "last_changed")


@dataclass(frozen=True)
class Roles:
    """The meaning of each column.

    Attributes:
        layout: "wide", "long", "influx" or "homeassistant".
        time: Time column.
        id: Column of series ids; None where the log is one series.
        channel: Long: column of channel names.
        value: Long: column of values.
        values: Columns of values beside `value`: the channels of a wide log, and known inputs.
        future: Names of the known inputs: columns, or in a long log channels.
        static: Static covariates.
        chosen: True where the channels were configured, so that each of them must be numeric.
        missing: Spellings of a missing value beside the usual ones.
        notes: Decisions in words.
    """

    layout: str
    time: str
    id: str | None = None
    channel: str | None = None
    value: str | None = None
    values: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    chosen: bool = False
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_columns(self, channels: tuple[str, ...]) -> dict[str, Any]:
        """Roles for a report."""
        return {
            "time": self.time,
            "id": self.id,
            "channel": self.channel,
            "value": self.value,
            "channels": channels,
            "static": self.static,
            "future": self.future,
        }


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
    for name in (columns.time, columns.id, columns.channel, columns.value, *columns.static):
        if name is not None:
            _check_present(name, names, table.name)
    layout = config.layout
    if layout == "homeassistant" or (layout == "auto" and set(_HOME) <= set(names)):
        return _home_assistant(table, columns)
    is_flux = {"_time", "_value", "_field"} <= set(names)
    if is_flux and layout in ("auto", "influx"):
        return _influx(table, columns)
    time = columns.time or find_time(
        table, exclude=_claimed(columns), by_name=config.time.format is not None
    )
    counters = [
        name for name in names if name.lower() in _COUNTERS and _counts_rows(table.head[name])
    ]
    counters = [name for name in counters if name not in (time, *_claimed(columns))]
    rest = [name for name in names if name != time and name not in counters]
    long = _long_columns(table, rest, config)
    if long is not None:
        channel, value = long
        others = [name for name in rest if name not in (channel, value)]
        roles = _long(table, time, channel, value, others, columns)
    else:
        own = INFLUX_OWN if layout == "influx" or "_time" in names else frozenset()
        rest = [name for name in rest if name not in own or name == "_measurement"]
        roles = _wide(table, time, rest, columns, "influx" if own else "wide")
    counted = tuple(f"{name!r} only numbers the rows: left out" for name in counters)
    return replace(roles, notes=roles.notes + counted)


def _claimed(columns: ColumnsConfig) -> set[str]:
    names = (columns.id, columns.channel, columns.value, *columns.static, *columns.future)
    return {name for name in (*names, *(columns.channels or ())) if name is not None}


def _check_present(name: str, names: Sequence[str], source: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise DataError(f"{source}: no column {name!r}. {hint}There are: {shown}.")


def _by_name(names: Collection[str], ranks: Sequence[Sequence[str]]) -> list[str]:
    """Columns that have a telling name, those of the first rank that occurs."""
    for rank in ranks:
        found = [name for name in names if name.lower() in rank]
        if found:
            return found
    return []


def find_time(table: Table, exclude: Collection[str] = (), *, by_name: bool = False) -> str:
    """Find the time column.

    Args:
        table: The log.
        exclude: Columns that are known to be something else.
        by_name: True if its form is configured, so that cells of an unusual form may be times.

    Returns:
        Its name.

    Raises:
        DataError: If none or several columns may be the time, or the date and the time of day stand
            in two columns.
    """
    names = [name for name in table.columns if name not in exclude]
    found = _by_name(names, _TIME_NAMES)
    if not by_name:
        _refuse_time_of_day(table, found)
        found = [name for name in found if _may_be_time(table.head[name])]
    if not found:
        found = [name for name in names if unit_in_name(name) and _may_be_time(table.head[name])]
        found = [name for name in found if re.match(_TIME_WORD, name.lower())]
    # a name like "t" or "index" does not outweigh a column of dates
    weak = not found or found[0].lower() in _TIME_NAMES[-1]
    if len(found) != 1 or (weak and not _holds_dates(table.head[found[0]]) and not by_name):
        among = found if len(found) > 1 else names
        dated = [name for name in among if _holds_dates(table.head[name])]
        found = dated or found
    if len(found) == 1:
        return found[0]
    what = f"columns {', '.join(map(repr, found))} may all be" if found else "no column looks like"
    shown = ", ".join(table.columns[:12])
    raise DataError(
        f"{table.name}: {what} the time (columns: {shown}). Name it with --time-column."
    )


def _refuse_time_of_day(table: Table, names: Sequence[str]) -> None:
    for name in names:
        texts = _texts(table.head[name])
        if texts and all(_TIME_OF_DAY.fullmatch(text) and ":" in text for text in texts):
            raise DataError(
                f"{table.name}: column {name!r} holds a time of day without a date ({texts[0]}). Join "
                "date and time in one column, or name another with --time-column."
            )


def _counts_rows(column: pd.Series) -> bool:
    """True for 0, 1, 2, ...: a column that numbers the rows, whatever it is called."""
    numbers = to_numbers(column, MISSING).values
    return len(numbers) > 2 and bool((np.diff(numbers) == 1).all())


def _texts(column: pd.Series) -> list[str]:
    distinct = pd.unique(as_text(column)).tolist()
    return [text.strip() for text in distinct if text.strip() not in MISSING]


def _holds_dates(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    texts = _texts(column)[:200]
    if not texts or all(text.replace(".", "", 1).isdigit() for text in texts):
        return False
    status = parse_stamps(texts).status
    # half of them: damaged cells are told with their lines when the column is read
    return bool(2 * (status == BAD).sum() < len(texts))


def _may_be_time(column: pd.Series) -> bool:
    return not _all_text(column) or _holds_dates(column)


def _numeric_share(column: pd.Series, decimal: str = ".") -> float:
    numbers = to_numbers(column, MISSING, decimal)
    good = int((~pd.isna(numbers.values)).sum())
    return good / max(good + len(numbers.bad), 1)


def _all_text(column: pd.Series) -> bool:
    return bool(_texts(column)) and _numeric_share(column) == 0.0


def _long_columns(table: Table, rest: Sequence[str], config: DataConfig) -> tuple[str, str] | None:
    """(channel, value) of a long log; None for a wide one."""
    columns = config.columns
    if config.layout in ("wide", "influx"):
        return None
    free = [name for name in rest if name not in (columns.id, *columns.static)]
    channel = columns.channel or next(iter(_by_name(free, _CHANNEL_NAMES)), None)
    value = columns.value or next(iter(_by_name(free, _VALUE_NAMES)), None)
    forced = config.layout == "long" or columns.channel is not None or columns.value is not None
    if not forced:
        # channels that are columns make a wide log, even if one of them is called "value"
        wide = columns.channels is not None and set(columns.channels) <= set(rest)
        return (channel, value) if channel and value and not wide else None
    if channel is None:
        raise DataError(
            f"{table.name}: a long log needs a column of channel names, none of {', '.join(free)} is "
            "called like one. Name it with --channel-column."
        )
    if value is None:
        numeric = [
            name
            for name in free
            if name != channel
            and not _by_name([name], _ID_NAMES)
            and not _all_text(table.head[name])
        ]
        if len(numeric) != 1:
            raise DataError(
                f"{table.name}: a long log needs a column of values, and {len(numeric)} of its columns "
                "may be. Name it with --value-column."
            )
        value = numeric[0]
    return channel, value


def find_id(
    table: Table, rest: Sequence[str], ranks: Sequence[Sequence[str]] = _ID_NAMES
) -> str | None:
    """Find the column of series ids by its name.

    Raises:
        DataError: If several columns have a name of the same rank.
    """
    found = _by_name(rest, ranks)
    if len(found) > 1:
        raise DataError(
            f"{table.name}: columns {', '.join(map(repr, found))} may all be the series. "
            "Name it with --id-column."
        )
    return found[0] if found else None


def _long(
    table: Table, time: str, channel: str, value: str, others: list[str], columns: ColumnsConfig
) -> Roles:
    free = [name for name in others if name not in (*columns.static, *columns.future)]
    identity = columns.id or find_id(table, [name for name in free if name.lower() != "unit"])
    inputs = tuple(name for name in columns.future if name in others)
    unused = [name for name in free if name != identity]
    _refuse_hidden_ids(table, [time, channel], unused, identity)
    notes = (f"column(s) left out: {', '.join(unused)}",) if unused else ()
    return Roles(
        layout="long",
        time=time,
        id=identity,
        channel=channel,
        value=value,
        values=inputs,
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
        notes=notes,
    )


def _wide(table: Table, time: str, rest: list[str], columns: ColumnsConfig, layout: str) -> Roles:
    for name in (*(columns.channels or ()), *columns.future):
        _check_present(name, table.columns, table.name)
    given = (*(columns.channels or ()), *columns.static, *columns.future)
    free = [name for name in rest if name not in given]
    identity = columns.id or find_id(table, free)
    notes: list[str] = []
    if identity is None:
        identity = _hidden_id(table, [time], free)
        if identity is not None:
            notes.append(f"series told apart by {identity!r}, as the times repeat without it")
    free = [name for name in free if name != identity]
    channels = tuple(free) if columns.channels is None else columns.channels
    return Roles(
        layout=layout,
        time=time,
        id=identity,
        values=(*channels, *columns.future),
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
        notes=tuple(notes),
    )


def _hidden_id(table: Table, keys: list[str], free: Sequence[str]) -> str | None:
    """A text column without which the rows would repeat one another's times."""
    head = table.head
    # a few repeated times are a fault of the logger, not several series
    if not head.duplicated(keys, keep=False).mean() > 0.5:
        return None
    texts = [name for name in free if _all_text(head[name]) and not _holds_dates(head[name])]
    telling = [name for name in texts if not head.duplicated([*keys, name]).any()]
    if len(telling) > 1:
        raise DataError(
            f"{table.name}: times repeat, and columns {', '.join(map(repr, telling))} may all be the "
            "series. Name it with --id-column."
        )
    return telling[0] if telling else None


def _refuse_hidden_ids(
    table: Table, keys: list[str], unused: Sequence[str], identity: str | None
) -> None:
    if identity is None and (name := _hidden_id(table, keys, unused)) is not None:
        raise DataError(
            f"{table.name}: readings repeat unless column {name!r} tells the series apart. "
            f"Name it with --id-column {name}."
        )


def _home_assistant(table: Table, columns: ColumnsConfig) -> Roles:
    time = columns.time or ("last_changed" if "last_changed" in table.columns else "last_updated")
    for name in (time, "entity_id", "state"):
        _check_present(name, table.columns, table.name)
    return Roles(
        layout="homeassistant",
        time=time,
        id=columns.id,
        channel=columns.channel or "entity_id",
        value=columns.value or "state",
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
        missing=("unavailable", "unknown"),
        notes=("Home Assistant export: a channel an entity, one series",),
    )


def _influx(table: Table, columns: ColumnsConfig) -> Roles:
    tags = [name for name in table.columns if name not in INFLUX_OWN]
    tags = [name for name in tags if name not in (*columns.static, *columns.future)]
    found = columns.id or next(iter(_by_name(tags, _ID_NAMES)), None)
    if found is None and len(tags) > 1:
        varying = [name for name in tags if table.head[name].nunique() > 1]
        if len(varying) > 1:
            raise DataError(
                f"{table.name}: tags {', '.join(map(repr, varying))} may all be the series. "
                "Name it with --id-column."
            )
        tags = varying or tags[:1]
    fallback = "_measurement" if "_measurement" in table.columns else None
    identity = found or (tags[0] if tags else fallback)
    return replace(
        Roles(layout="influx", time=columns.time or "_time", id=identity),
        channel=columns.channel or "_field",
        value=columns.value or "_value",
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
        notes=(f"InfluxDB export: a series a {identity}",) if identity else (),
    )

"""The database that Home Assistant itself keeps: states of entities, and statistics by the hour."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.formats.database_columns import one_array
from latentode.data.reading.formats.database_source import Database
from latentode.data.reading.formats.long_columns import ChannelPart, LongTable
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles
from latentode.errors import DataError

_STATISTICS = ("statistics", "statistics_short_term")
_KINDS = ("mean", "min", "max", "sum", "state")
_UTC_MICROS = pa.timestamp("us", "UTC")
#: States that are no readings, and words that stand for two states.
_MISSING = ("unavailable", "unknown")
_TWO_STATES = ("on", "off", "open", "closed", "true", "false", "home", "not_home")
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


class StatesTable(Table):
    """States of Home Assistant: columns ``entity_id``, ``state`` (text) and ``last_updated``."""


def home_assistant_table(database: Database, wanted: str | None) -> Table | None:
    """States or statistics, if the database is that of Home Assistant and no other table is named.

    Args:
        database: Open database.
        wanted: Table that is named; None takes the states.

    Raises:
        DataError: If the table has no readings.
    """
    tables = database.tables
    is_own = {"last_updated", "last_updated_ts"} & set(tables.get("states", ())) and {
        "entity_id",
        "metadata_id",
    } & set(tables.get("states", ()))
    if not is_own:
        return None
    if wanted in _STATISTICS:
        return _statistics(database, wanted)
    return _states(database) if wanted in (None, "states") else None


def states_roles(config: DataConfig) -> Roles:
    """Entities as channels, states as values; names that are set come first."""
    columns = config.columns
    return Roles(
        layout="homeassistant",
        time_parts=(columns.time or "last_updated",),
        id=columns.id,
        channel=columns.channel or "entity_id",
        value=columns.value or "state",
        missing=_MISSING,
    )


def _states(database: Database) -> Table:
    columns = database.tables["states"]
    entity, joined = "s.entity_id", ""
    if "metadata_id" in columns and "states_meta" in database.tables:
        old = ", s.entity_id" if "entity_id" in columns else ""
        entity = f"COALESCE(m.entity_id{old})" if old else "m.entity_id"
        joined = "LEFT JOIN states_meta m ON m.metadata_id = s.metadata_id"
    rows = database.select(
        f"SELECT {entity} AS entity_id, s.state AS state, {_stamps(columns, 'last_updated')} "
        f"FROM states s {joined}"
    )
    stamps = _times(rows)
    ids, states = (
        one_array(rows["entity_id"]),
        one_array(rows["state"]).cast(pa.string()),
    )
    told = pc.and_(pc.is_valid(stamps), pc.and_(pc.is_valid(ids), pc.is_valid(states)))
    ids, states, stamps = (each.filter(told) for each in (ids.dictionary_encode(), states, stamps))
    readable, left_out = _readable(ids, states)
    if not pc.any(readable).as_py():
        raise DataError(
            f"{database.name}: expected states that are numbers or on and off, got none among "
            f"{len(told)} rows."
        )
    table = StatesTable(
        {
            # coded anew: a name in the code book is a channel
            "entity_id": pa.chunked_array(
                [ids.dictionary_decode().filter(readable)]
            ).dictionary_encode(),
            "state": pa.chunked_array([states.filter(readable)]),
            "last_updated": pa.chunked_array([stamps.filter(readable)]),
        }
    )
    table.name, table.stem = database.name, "home"
    table.units = _units(database)
    table.doubts.decide(
        "table", "states of Home Assistant", "its tables are there", option="--table"
    )
    if left_out:
        shown = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
        table.doubts.decide(
            "channel", f"{len(left_out)} entities ignored: most states are no numbers ({shown})"
        )
    dropped = len(told) - len(ids)
    if dropped:
        table.doubts.decide("rows", f"{dropped} rows ignored: no state, entity or time")
    return table


def _readable(ids: pa.DictionaryArray, states: pa.Array) -> tuple[pa.Array, list[str]]:
    """Rows of entities most of whose states are numbers or one of two; and the other entities."""
    is_missing = pc.is_in(states, pa.array(_MISSING))
    is_reading = pc.or_(
        pc.match_substring_regex(states, _NUMBER),
        pc.is_in(pc.utf8_lower(states), pa.array(_TWO_STATES)),
    )
    codes = ids.indices.to_numpy(zero_copy_only=False)
    readings, missing, rows = (
        np.bincount(codes[chosen.to_numpy(zero_copy_only=False)], minlength=len(ids.dictionary))
        for chosen in (is_reading, is_missing, pc.is_valid(states))
    )
    kept = (readings > 0) & (2 * readings >= rows - missing)
    names = ids.dictionary.to_pylist()
    return pa.array(kept[codes]), [name for name, keep in zip(names, kept, strict=True) if not keep]


def _statistics(database: Database, name: str) -> Table:
    columns = database.tables[name]
    kinds = [kind for kind in _KINDS if kind in columns]
    rows = database.select(
        f"SELECT m.statistic_id AS id, {', '.join(f's.{kind} AS {kind}' for kind in kinds)}, "
        f"{_stamps(columns, 'start')} FROM {name} s "
        "JOIN statistics_meta m ON m.id = s.metadata_id"
    )
    ids = one_array(rows["id"]).dictionary_encode()
    stamps = _times(rows)
    values = {
        kind: pc.cast(rows[kind], pa.float64()).to_numpy(zero_copy_only=False) for kind in kinds
    }
    units = _units(database)
    parts = [
        ChannelPart(
            f"{channel}.{kind}",
            stamps.take(pa.array(of_id[present])),
            values[kind][of_id[present]],
            unit=units.get(channel, ""),
        )
        for channel, of_id in _rows_by_id(ids)
        for kind in kinds
        if (present := ~np.isnan(values[kind][of_id])).any()
    ]
    table = LongTable(parts)
    table.name, table.stem = database.name, "home"
    table.doubts.decide(
        "table", f"{name} of Home Assistant", "a stamp is the start of the time it counts",
        option="--table states",
    )  # fmt: skip
    return table


def _rows_by_id(ids: pa.DictionaryArray) -> list[tuple[str, Int64]]:
    codes = ids.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(ids.dictionary) + 1))
    names = ids.dictionary.to_pylist()
    return [(name, order[bounds[i] : bounds[i + 1]]) for i, name in enumerate(names)]


def _stamps(columns: dict[str, str], name: str) -> str:
    """Times as seconds since 1970 where they are kept so, and as text where they once were."""
    seconds = f"s.{name}_ts" if f"{name}_ts" in columns else "NULL"
    text = f"CAST(s.{name} AS TEXT)" if name in columns else "NULL"
    return f"{seconds} AS seconds, {text} AS stamp"


def _times(rows: pa.Table) -> pa.Array:
    """Times in UTC, which both kinds are in; microseconds, which Home Assistant keeps."""
    seconds = one_array(rows["seconds"])
    text = one_array(rows["stamp"])
    if seconds.null_count < len(seconds):
        micros = pc.round(pc.multiply(seconds.cast(pa.float64()), 1e6)).cast(pa.int64())
        times = micros.cast(pa.timestamp("us")).cast(_UTC_MICROS)
    else:
        times = pa.nulls(len(seconds), _UTC_MICROS)
    if text.null_count < len(text):
        parsed = pc.replace_substring_regex(text.cast(pa.string()), r"[+-]00(:?00)?$", "")
        times = pc.coalesce(times, parsed.cast(pa.timestamp("us")).cast(_UTC_MICROS))
    return times


def _units(database: Database) -> dict[str, str]:
    """Statistic or entity -> unit, where Home Assistant keeps one."""
    if "unit_of_measurement" not in database.tables.get("statistics_meta", ()):
        return {}
    rows = database.select("SELECT statistic_id, unit_of_measurement AS unit FROM statistics_meta")
    pairs = zip(rows["statistic_id"].to_pylist(), rows["unit"].to_pylist(), strict=True)
    return {name: unit for name, unit in pairs if name and unit}

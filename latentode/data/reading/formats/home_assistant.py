"""Logs exported by Home Assistant: CSV with a row a change of an entity's state."""

from __future__ import annotations

from latentode.config import ColumnsConfig
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles, check_present

_HOME = ("entity_id", "state", "last_changed")


def _home_assistant(table: Table, columns: ColumnsConfig) -> Roles:
    time = columns.time or ("last_changed" if "last_changed" in table.columns else "last_updated")
    for name in (time, "entity_id", "state"):
        check_present(name, table.columns, table.name)
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

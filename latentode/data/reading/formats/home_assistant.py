"""Logs exported by Home Assistant: CSV with a row per change of the state of an entity."""

from __future__ import annotations

import re
from collections.abc import Iterator

from latentode.config import DataConfig
from latentode.data.reading.formats.csv_table import CsvTable, csv_blocks
from latentode.data.reading.formats.table import Format, LogSource, Table
from latentode.data.reading.roles import Roles, check_present

_COLUMNS = {"entity_id", "state", "last_changed"}


class HomeAssistantFormat(Format):
    """History of Home Assistant: one series, and a channel for each entity."""

    name = "Home Assistant export"
    rank = 20
    layout = "homeassistant"

    def can_open(self, source: LogSource) -> bool:
        """Whether the header of a CSV file has its columns."""
        header = source.text.partition("\n")[0]
        return set(re.findall(r"\w+", header)) >= _COLUMNS

    def open(self, source: LogSource) -> Table:
        """Open it as the CSV file that it is."""
        return CsvTable(source.path, source.config.cells)

    def blocks(self, source: LogSource, size: int) -> Iterator[Table]:
        """Open some lines after others."""
        return csv_blocks(source, size)

    def roles(self, table: Table, config: DataConfig) -> Roles | None:
        """Entities as channels and states as values, where the log has its columns."""
        if not set(table.columns) >= _COLUMNS and config.layout != self.layout:
            return None
        columns = config.columns
        stamps = "last_changed" if "last_changed" in table.columns else "last_updated"
        time = columns.time or stamps
        for name in (time, "entity_id", "state"):
            check_present(name, table.columns, table.name)
        table.doubts.decide(
            "layout",
            "Home Assistant export: one channel per entity, one series",
            "columns entity_id, state and last_changed",
            option="--layout wide or --layout long",
        )
        return Roles(
            layout="homeassistant",
            time_parts=(time,),
            id=columns.id,
            channel=columns.channel or "entity_id",
            value=columns.value or "state",
            missing=("unavailable", "unknown"),
        )


FORMAT = HomeAssistantFormat()

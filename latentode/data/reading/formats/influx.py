"""Logs exported by InfluxDB: annotated CSV."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.reading.formats.data_frame import FrameTable
from latentode.data.reading.formats.table import Format, LogSource, Table, check_distinct
from latentode.data.reading.formats.text_blocks import read_blocks
from latentode.data.reading.roles import ID_NAMES, Roles, by_telling_name
from latentode.errors import DataError

#: Columns that InfluxDB adds itself; all others are tags.
INFLUX_OWN = frozenset(
    {"result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"}
)


class InfluxFormat(Format):
    """Result of a Flux query: a row per reading, and a new header after every blank line."""

    name = "InfluxDB annotated CSV"
    rank = 30
    layout = "influx"

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins with annotations; with the layout "influx", any file of text."""
        if source.config.layout == self.layout:
            return source.may_be_text
        return source.text.lstrip().startswith(("#group", "#datatype", "#default"))

    def open(self, source: LogSource) -> Table:
        """Read all tables under one another, as text; a column that one lacks is empty there."""
        notes: list[str] = []
        blocks = read_blocks(source.path, source.config.cells.encoding, notes)
        text = b"".join(blocks).decode()
        frame, lines, ragged = _read_rows(text, str(source.path))
        table = FrameTable(_name_fields(frame), source.path, np.array(lines, dtype=np.int64))
        table.notes, table.ragged = notes, ragged
        return table

    def roles(self, table: Table, config: DataConfig) -> Roles | None:
        """Fields as channels and a tag as the series, where the log has the columns of Flux."""
        if not {"_time", "_value", "_field"} <= set(table.columns):
            return None
        columns = config.columns
        identity = columns.id or _series_tag(table, columns)
        return Roles(
            layout="influx",
            time=columns.time or "_time",
            id=identity,
            channel=columns.channel or "_field",
            value=columns.value or "_value",
            notes=(f"InfluxDB export: a series a {identity}",) if identity else (),
        )


FORMAT = InfluxFormat()


def _read_rows(text: str, name: str) -> tuple[pd.DataFrame, list[int], list[tuple[int, int]]]:
    """Rows of all tables of a file, the line of each, and `Table.ragged`."""
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    ragged: list[tuple[int, int]] = []
    header: list[str] | None = None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if not row or row[0].startswith("#"):
                header = None
            elif header is None:
                header = [column.strip() for column in row]
                check_distinct([column for column in header if column], name)
                for column in header:
                    columns.setdefault(column, [""] * len(lines))
            elif len(row) != len(header):
                ragged.append((reader.line_num, len(row)))
            else:
                cells = dict(zip(header, row, strict=True))
                for column, texts in columns.items():
                    texts.append(cells.get(column, ""))
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{name}: line {reader.line_num} is not CSV ({error}).") from None
    if not lines:
        raise DataError(f"no data rows in {name}. Give a log with a header and readings.")
    columns.pop("", None)
    return pd.DataFrame(columns, dtype=object), lines, ragged


def _name_fields(frame: pd.DataFrame) -> pd.DataFrame:
    """Tell fields of one name in several measurements apart, where tags make the series."""
    if not {"_measurement", "_field"} <= set(frame.columns) or set(frame.columns) <= INFLUX_OWN:
        return frame
    pairs = frame[["_measurement", "_field"]].drop_duplicates()
    if not pairs["_field"].duplicated().any():
        return frame
    return frame.assign(_field=frame["_measurement"] + "." + frame["_field"])


def _series_tag(table: Table, columns: ColumnsConfig) -> str | None:
    """The tag that tells the series apart, else the measurement."""
    tags = [name for name in table.columns if name not in INFLUX_OWN]
    tags = [name for name in tags if name not in (*columns.static, *columns.future)]
    telling = by_telling_name(tags, ID_NAMES)
    if telling:
        return telling[0]
    varying = [name for name in tags if table.head[name].nunique() > 1]
    if len(varying) > 1:
        raise DataError(
            f"{table.name}: tags {', '.join(map(repr, varying))} may all be the series. "
            "Name it with --id-column."
        )
    fallback = ["_measurement"] if "_measurement" in table.columns else []
    return next(iter([*varying, *tags, *fallback]), None)

"""Logs exported by InfluxDB: annotated CSV."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.table import Format, LogSource, Table, check_distinct
from latentode.data.reading.formats.text_blocks import read_blocks
from latentode.data.reading.roles import ID_NAMES, Roles, by_telling_name
from latentode.errors import DataError

Columns = dict[str, list[str]]
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
        doubts = Doubts()
        blocks = read_blocks(source.path, source.config.cells.encoding, doubts)
        text = b"".join(blocks).decode()
        columns, lines, ragged = _read_rows(text, str(source.path))
        columns = _name_fields(columns)
        table = InfluxTable({name: _coded(texts) for name, texts in columns.items()}, source.path)
        table.lines = np.array(lines, dtype=np.int64)
        table.doubts, table.ragged = doubts, ragged
        return table

    def roles(self, table: Table, config: DataConfig) -> Roles | None:
        """Fields as channels and a tag as the series, where the log has the columns of Flux."""
        if not {"_time", "_value", "_field"} <= set(table.columns):
            return None
        columns = config.columns
        identity = columns.id or _series_tag(table, columns)
        said = f", one series per {identity}" if identity else ""
        table.doubts.decide("layout", f"InfluxDB export{said}", "columns _time, _field and _value")
        return Roles(
            layout="influx",
            time_parts=(columns.time or "_time",),
            id=identity,
            channel=columns.channel or "_field",
            value=columns.value or "_value",
        )


FORMAT = InfluxFormat()


class InfluxTable(Table):
    """The tables of a file under one another."""

    line_word = "line"


def _coded(texts: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string()).dictionary_encode()])


def _read_rows(text: str, name: str) -> tuple[Columns, list[int], list[tuple[int, int]]]:
    """Rows of all tables of a file, the line of each, and `Table.ragged`."""
    columns: Columns = {}
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
    return columns, lines, ragged


def _name_fields(columns: Columns) -> Columns:
    """Tell fields of one name in several measurements apart, where tags make the series."""
    if not {"_measurement", "_field"} <= set(columns) or set(columns) <= INFLUX_OWN:
        return columns
    pairs = list(zip(columns["_measurement"], columns["_field"], strict=True))
    if len(set(pairs)) == len(set(columns["_field"])):
        return columns
    return columns | {"_field": [f"{measurement}.{field}" for measurement, field in pairs]}


def _series_tag(table: Table, columns: ColumnsConfig) -> str | None:
    """The tag that tells the series apart, else the measurement."""
    tags = [name for name in table.columns if name not in INFLUX_OWN]
    tags = [name for name in tags if name not in (*columns.static, *columns.future)]
    telling = by_telling_name(tags, ID_NAMES)
    if telling:
        return telling[0]
    varying = [name for name in tags if len(table.text(name).unique()) > 1]
    if len(varying) > 1:
        raise DataError(
            f"{table.name}: tags {', '.join(map(repr, varying))} may all be the series. "
            "Name it with --id-column."
        )
    fallback = ["_measurement"] if "_measurement" in table.columns else []
    return next(iter([*varying, *tags, *fallback]), None)

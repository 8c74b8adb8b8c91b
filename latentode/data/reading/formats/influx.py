"""Logs exported by InfluxDB: annotated CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.reading.formats.csv_table import check_distinct
from latentode.data.reading.formats.data_frame import FrameTable
from latentode.data.reading.formats.table import Table
from latentode.data.reading.formats.text_blocks import read_blocks
from latentode.data.reading.roles import ID_NAMES, Roles, by_telling_name
from latentode.errors import DataError

#: Columns that InfluxDB adds itself; all others are tags.
INFLUX_OWN = frozenset(
    {"result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"}
)


def _is_annotated(path: Path, config: DataConfig) -> bool:
    block = next(read_blocks(path, config.cells.encoding, []), None)
    start = "" if block is None else block.data[:4096].decode(errors="ignore").lstrip()
    return start.startswith(("#group", "#datatype", "#default"))


def read_annotated(path: Path, config: DataConfig) -> FrameTable:
    """Read InfluxDB annotated CSV: rows of ``#`` skipped, a new header after every blank line.

    Args:
        path: File.
        config: How it is read.

    Returns:
        All its tables under one another, as text; a column that a table lacks is empty there.

    Raises:
        DataError: If it holds no rows, or a row with a wrong number of fields.
    """
    notes: list[str] = []
    blocks = read_blocks(path, config.cells.encoding, notes)
    text = b"".join(block.data for block in blocks).decode()
    table = FrameTable(pd.DataFrame(), str(path), path.name.split(".")[0], "line", notes=notes)
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    header: list[str] | None = None
    reader = csv.reader(io.StringIO(text, newline=""))
    for row in reader:
        if not row or row[0].startswith("#"):
            header = None
        elif header is None:
            header = [name.strip() for name in row]
            check_distinct([name for name in header if name], table.name)
            for name in header:
                columns.setdefault(name, [""] * len(lines))
        elif len(row) != len(header):
            table.ragged.append((reader.line_num, len(row)))
        else:
            cells = dict(zip(header, row, strict=True))
            for name, column in columns.items():
                column.append(cells.get(name, ""))
            lines.append(reader.line_num)
    columns.pop("", None)
    if not lines:
        raise DataError(f"no data rows in {path}. Give a log with a header and readings.")
    frame = pd.DataFrame(columns, dtype=object)
    table.frame = _name_fields(frame)
    table.lines = np.array(lines, dtype=np.int64)
    return table


def _name_fields(frame: pd.DataFrame) -> pd.DataFrame:
    """Tell fields of one name in several measurements apart, where tags make the series."""
    if not {"_measurement", "_field"} <= set(frame.columns) or set(frame.columns) <= INFLUX_OWN:
        return frame
    pairs = frame[["_measurement", "_field"]].drop_duplicates()
    if not pairs["_field"].duplicated().any():
        return frame
    return frame.assign(_field=frame["_measurement"] + "." + frame["_field"])


def _influx(table: Table, columns: ColumnsConfig) -> Roles:
    tags = [name for name in table.columns if name not in INFLUX_OWN]
    tags = [name for name in tags if name not in (*columns.static, *columns.future)]
    found = columns.id or next(iter(by_telling_name(tags, ID_NAMES)), None)
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

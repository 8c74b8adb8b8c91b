"""Logs in databases: SQLite by file or URL, PostgreSQL and TimescaleDB by URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from shlex import quote

import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.reading.formats.database_columns import plain_columns
from latentode.data.reading.formats.database_source import Database, quoted
from latentode.data.reading.formats.database_url import SCHEMES, DatabaseUrl
from latentode.data.reading.formats.home_assistant_database import (
    StatesTable,
    home_assistant_table,
    states_roles,
)
from latentode.data.reading.formats.long_columns import LongFormat
from latentode.data.reading.formats.postgres_source import PostgresDatabase
from latentode.data.reading.formats.sqlite_source import SqliteDatabase
from latentode.data.reading.formats.table import LogSource, Table
from latentode.data.reading.roles import Roles, check_present
from latentode.errors import DataError

_TIME_NAME = re.compile(r"time|date|stamp|zeit|datum|heure|fecha|hora|^(ts|t|ds)$|_(ts|at)$", re.I)
_TIME_TYPE = re.compile(r"time|date", re.I)
_NUMBER_TYPE = re.compile(r"int|real|doub|float|num|dec|^$", re.I)


class DatabaseFormat(LongFormat):
    """A table, or the result of a query, of a database; nothing is ever written."""

    name = "a database (SQLite, PostgreSQL)"
    rank = 10
    source_settings = frozenset({"table", "query"})

    def can_open(self, source: LogSource) -> bool:
        """Whether it is a URL, or an SQLite file."""
        return isinstance(source.log, DatabaseUrl) or source.start.startswith(b"SQLite format 3\0")

    def open(self, source: LogSource) -> Table:
        """Read the table that is named, that Home Assistant keeps, or that looks like a log."""
        with _database(source) as database:
            wanted = source.config.source
            if wanted.query is not None:
                return _query_table(database, wanted.query, source)
            if wanted.table is not None:
                check_present(
                    wanted.table, list(database.tables), database.name, "Name one with --table."
                )
            own = home_assistant_table(database, wanted.table)
            if own is not None:
                return own
            name = wanted.table or _the_log(database)
            table = _query_table(database, f"SELECT * FROM {database.quoted_table(name)}", source)
            table.stem = name
            if len(database.tables) > 1:
                table.doubts.decide("table", f"table {name!r} is read", option="--table NAME")
            return table

    def roles(self, table: Table, config: DataConfig) -> Roles | None:
        """Those of Home Assistant's states and statistics; others are detected."""
        if isinstance(table, StatesTable):
            return states_roles(config)
        return super().roles(table, config)


FORMAT = DatabaseFormat()


def _database(source: LogSource) -> Database:
    url = source.log
    if not isinstance(url, DatabaseUrl):
        return SqliteDatabase(source.path)
    if url.scheme not in SCHEMES:
        raise DataError(
            f"{url}: expected an address that begins with sqlite:// or postgresql://, got "
            f"{url.scheme}://. Export the log as CSV or Parquet."
        )
    return SqliteDatabase(url.path) if url.scheme == "sqlite" else PostgresDatabase(url)


def _query_table(database: Database, query: str, source: LogSource) -> Table:
    """The result of a query as a table that is called by the name of its database."""
    columns, left_out = plain_columns(database.select(query))
    if not any(map(len, columns.values())):
        raise DataError(
            f"{database.name}: expected rows with times and numbers, got none. Check --query or "
            "--table."
        )
    table = Table(columns)
    table.name, table.stem = database.name, _stem(source)
    for name, kind in left_out.items():
        table.doubts.decide(
            "column",
            f"column {name!r} ignored: {kind}",
            "it is no text, number or time",
            option=f"--query with CAST({quoted(name)} AS ...)",
        )
    return table


def _stem(source: LogSource) -> str:
    return source.log.stem if isinstance(source.log, DatabaseUrl) else source.path.stem


def _the_log(database: Database) -> str:
    """The only table, or the only one that looks like a log."""
    tables = database.tables
    if not tables:
        raise DataError(f"{database.name}: expected a database with tables, got none in it.")
    candidates = [name for name, columns in tables.items() if _looks_like_log(columns)]
    likely = candidates if len(tables) > 1 else list(tables)
    filled = [name for name in likely if _has_rows(database, name)] or likely
    if len(filled) == 1:
        return filled[0]
    shown = filled or list(tables)
    names = ", ".join(map(repr, shown[:20])) + (", ..." if len(shown) > 20 else "")
    raise DataError(
        f"{database.name}: expected one table that looks like a log, got {names}. Name one: "
        f"--table {quote(shown[0])}."
    )


def _looks_like_log(columns: Mapping[str, str]) -> bool:
    """Whether a column may be the time, and another one holds numbers."""
    times = {n for n, kind in columns.items() if _TIME_NAME.search(n) or _TIME_TYPE.search(kind)}
    return bool(times) and any(
        _NUMBER_TYPE.search(kind) for name, kind in columns.items() if {name} != times
    )


def _has_rows(database: Database, name: str) -> bool:
    rows: pa.Table = database.execute(f"SELECT 1 FROM {database.quoted_table(name)} LIMIT 1")
    return bool(rows.num_rows)

"""Tables of a PostgreSQL server, and of TimescaleDB, which is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from latentode.data.reading.formats.database_source import Database, quoted
from latentode.data.reading.formats.database_url import DatabaseUrl
from latentode.files.packages import optional_package

_OWN_SCHEMAS = "'pg_catalog', 'information_schema'"
#: True for a part of a table, which is read with the whole.
_IS_PART = (
    "SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = table_name AND n.nspname = table_schema"
)


class PostgresDatabase(Database):
    """A database of a server, read in one transaction that cannot write.

    Args:
        url: Where it is.
    """

    address_advice = (
        "Check the address, the user and the password, which may also stand in the variable "
        "PGPASSWORD or in the file ~/.pgpass."
    )

    def __init__(self, url: DatabaseUrl) -> None:
        self.name = str(url)
        self._url = url
        self._places: dict[str, tuple[str, str]] = {}

    def connect(self) -> Any:
        """Connect, and begin a transaction that cannot write."""
        driver = optional_package("adbc_driver_postgresql.dbapi", "sql", Path(self.name))
        connection = driver.connect(self._url.secret)
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        return connection

    def read_tables(self) -> dict[str, dict[str, str]]:
        """Tables and views with their columns; those of other schemas as ``schema.table``."""
        rows = self.execute(
            "SELECT table_schema::text, table_name::text, column_name::text, data_type::text "
            "FROM information_schema.columns "
            f"WHERE table_schema NOT IN ({_OWN_SCHEMAS}) AND table_schema !~ '^_?timescaledb' "
            f"AND NOT EXISTS ({_IS_PART}) "
            "ORDER BY table_schema <> 'public', table_schema, table_name, ordinal_position"
        )
        tables: dict[str, dict[str, str]] = {}
        cells = (each.to_pylist() for each in rows.columns)
        for schema, table, column, kind in zip(*cells, strict=True):
            name = table if schema == "public" else f"{schema}.{table}"
            tables.setdefault(name, {})[column] = kind
            self._places[name] = (schema, table)
        return tables

    def select(self, query: str) -> pa.Table:
        """Rows of a query."""
        return self.execute(query)

    def quoted_table(self, name: str) -> str:
        """A table as SQL has it, its schema a name of its own."""
        return ".".join(map(quoted, self._places[name]))

    def cleaned(self, text: str) -> str:
        """A message of the driver, without the password."""
        return self._url.cleaned(text)

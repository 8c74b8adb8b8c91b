"""Tables of an SQLite file: cells have types of their own there, whatever their column says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from latentode.data.reading.formats.database_source import Database, quoted
from latentode.errors import DataError
from latentode.files.packages import optional_package

# one batch: the driver takes the type of a column from its first batch, and fails on another type
_BATCH_ROWS = str(1 << 30)
_KINDS = ("integer", "real", "text", "blob")
_INTEGER, _REAL, _TEXT = 1, 2, 4  # bits of the kinds of cells that a column has


class SqliteDatabase(Database):
    """An SQLite file, opened for reading only.

    Args:
        path: File.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def connect(self) -> Any:
        """Open the file; SQLite refuses to write to it.

        Raises:
            DataError: If the file breaks off: SQLite takes what is missing of a page for zeros.
        """
        with self._path.open("rb") as file:
            page = int.from_bytes(file.read(18)[16:], "big")
        page = 1 << 16 if page == 1 else page
        size = self._path.stat().st_size
        if page and size % page:
            raise DataError(
                f"{self.name}: expected whole pages of {page} bytes, got a file of {size} bytes: "
                "it breaks off. Copy it again."
            )
        driver = optional_package("adbc_driver_sqlite.dbapi", "sql", self._path)
        return driver.connect(f"{self._path.resolve().as_uri()}?mode=ro")

    def read_tables(self) -> dict[str, dict[str, str]]:
        """Tables and views with their columns, in the order of their making."""
        rows = self.execute(
            "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c "
            "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' "
            "ORDER BY m.rowid, c.cid"
        )
        tables: dict[str, dict[str, str]] = {}
        for table, column, kind in zip(*(each.to_pylist() for each in rows.columns), strict=True):
            tables.setdefault(table, {})[column] = kind
        return tables

    def select(self, query: str) -> pa.Table:
        """Rows of a query; cells of several types in a column as text, no digit lost."""
        query = query.strip().rstrip(";")
        names = self.execute(f"SELECT * FROM ({query}) LIMIT 0").schema.names
        kinds = self.execute(f"SELECT {', '.join(map(_kinds_of, names))} FROM ({query})")
        chosen = [
            f"{_exact(quoted(name), kinds[i][0].as_py() or 0)} AS {quoted(name)}"
            for i, name in enumerate(names)
        ]
        return self.execute(f"SELECT {', '.join(chosen)} FROM ({query})")

    def cursor_options(self) -> dict[str, str]:
        """Options of a statement."""
        return {"adbc.sqlite.query.batch_rows": _BATCH_ROWS}


def _kinds_of(name: str) -> str:
    """Expression for the kinds of cells of a column: the sum of 1, 2, 4 and 8 of `_KINDS`."""
    return " + ".join(
        f"{1 << bit} * max(typeof({quoted(name)}) = '{kind}')" for bit, kind in enumerate(_KINDS)
    )


def _exact(name: str, kinds: int) -> str:
    """Expression for a column: the driver writes a fraction among texts with seven digits only."""
    if kinds in (_INTEGER | _REAL, _REAL):
        return f"CAST({name} AS REAL)"
    if not kinds & _TEXT or kinds == _TEXT:
        return name
    whole = f"CAST(CAST({name} AS INTEGER) AS TEXT)"
    return (
        f"CASE typeof({name}) WHEN 'real' THEN CASE WHEN {name} = CAST({name} AS INTEGER) "
        f"THEN {whole} ELSE printf('%!.17g', {name}) END ELSE CAST({name} AS TEXT) END"
    )

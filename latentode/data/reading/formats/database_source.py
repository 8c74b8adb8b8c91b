"""What databases share: a connection for reading, tables with their columns, and queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from latentode.errors import DataError

_QUERY_ADVICE = "Check --query or --table: only what reads is allowed."


class Database(ABC):
    """An open database; a context manager that closes it.

    Attributes:
        name: How messages call it, without a password.
        address_advice: What to do where it cannot be opened.
    """

    name: str
    address_advice = "Check the path."
    _connection: Any = None

    @abstractmethod
    def connect(self) -> Any:
        """Open a connection of ADBC that cannot write."""

    @abstractmethod
    def read_tables(self) -> dict[str, dict[str, str]]:
        """Table -> column -> type as it was declared."""

    @abstractmethod
    def select(self, query: str) -> pa.Table:
        """Rows of a query."""

    @cached_property
    def tables(self) -> dict[str, dict[str, str]]:
        """Table -> column -> type as it was declared."""
        return self.read_tables()

    def quoted_table(self, name: str) -> str:
        """A table as SQL has it."""
        return quoted(name)

    def cursor_options(self) -> dict[str, str]:
        """Options of a statement."""
        return {}

    def cleaned(self, text: str) -> str:
        """A message of the driver, in one line."""
        return " ".join(text.split())

    def execute(self, query: str) -> pa.Table:
        """Rows of a query, as the driver has them.

        Raises:
            DataError: If the query is wrong, would write, or the connection fails.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**self.cursor_options())
                cursor.execute(query)
                rows = cursor.fetch_arrow_table()
            rows.validate(full=True)  # a text may be in another encoding
            return rows
        except self._connection.Error as error:
            raise self._refusal("the query failed", error, _QUERY_ADVICE) from None
        except (OSError, pa.ArrowException) as error:
            raise self._refusal("the rows cannot be read", error, _QUERY_ADVICE) from None

    def __enter__(self) -> Self:
        try:
            self._connection = self.connect()
        except DataError:
            raise
        except Exception as error:  # classes of the driver, which is imported in `connect`
            raise self._refusal("it cannot be opened", error, self.address_advice) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def _refusal(self, what: str, error: Exception, advice: str) -> DataError:
        return DataError(f"{self.name}: {what} ({self.cleaned(str(error))}). {advice}")


def quoted(name: str) -> str:
    """A name of a column as SQL has it."""
    return '"' + name.replace('"', '""') + '"'

"""Where a log in a database is: a URL that is shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from latentode.errors import DataError

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.I | re.S)
_SECRET = re.compile(r"([?&](?:ssl)?password=)([^&]*)", re.I)
_TELLING = 3  # characters of a password that stand in other texts by chance only if they are fewer
#: Schemes of databases that are read.
SCHEMES = ("sqlite", "postgresql", "postgres")


def is_url(source: object) -> bool:
    """Whether a log is named by a URL, and not by a path."""
    return isinstance(source, str) and _URL.fullmatch(source) is not None


def without_password(word: str) -> str:
    """A word of a command line, as it may be shown."""
    return str(DatabaseUrl(word)) if is_url(word) else word


@dataclass(frozen=True)
class DatabaseUrl:
    """A URL of a database; as text it has no password, so that no message or report shows one.

    Attributes:
        secret: The URL as it was typed.
    """

    secret: str = field(repr=False)

    def __str__(self) -> str:
        scheme, user, _, place = self._parts()
        place = _SECRET.sub(r"\1...", place)
        return f"{scheme}://{user}@{place}" if user else f"{scheme}://{place}"

    __repr__ = __str__

    @property
    def scheme(self) -> str:
        """Kind of database, such as "sqlite"."""
        return self._parts()[0]

    @property
    def stem(self) -> str:
        """Name of the database."""
        return Path(self._parts()[3].partition("?")[0]).stem or "database"

    @property
    def path(self) -> Path:
        """File of an SQLite database: relative, unless only an absolute one is there.

        Raises:
            DataError: If there is none.
        """
        text = unquote(self._parts()[3].partition("?")[0])
        for path in (Path(text.removeprefix("/")), Path(text)):
            if text.strip("/") and path.is_file():
                return path
        raise DataError(
            f"{self}: expected a database file, got a path without one. Check it: "
            "sqlite:///folder/file.db is relative to this folder, sqlite:////folder/file.db is not."
        )

    def cleaned(self, text: str) -> str:
        """A message of a driver, in one line; withheld where it shows a part of the password."""
        _, _, password, place = self._parts()
        secrets = [password, *(value for _, value in _SECRET.findall(place))]
        parts = {
            part for each in secrets for form in (each, unquote(each)) for part in _words(form)
        }
        if any(part in text for part in parts):
            return "its message is not shown, as it holds a part of the password"
        return " ".join(text.split())

    def _parts(self) -> tuple[str, str, str, str]:
        """Scheme, user, password and the rest."""
        match = _URL.fullmatch(self.secret)
        assert match is not None, "made where `is_url` is true"
        scheme, rest = match[1].lower(), match[2]
        if scheme == "sqlite" or "@" not in rest:
            return scheme, "", "", rest
        # a password may hold an @ that should have been written as %40
        login, _, place = rest.rpartition("@")
        user, _, password = login.partition(":")
        return scheme, user, password, place


def _words(text: str) -> list[str]:
    return [part for part in re.split(r"[@:/?#&=%\s]+", text) if len(part) >= _TELLING]

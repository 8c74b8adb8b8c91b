"""Which column of a table of keyed rows is the id, the time and the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from latentode.config import DataConfig
from latentode.data.reading.columns import (
    find_id,
    find_time,
    hidden_id,
    holds_text_only,
    row_counters,
)
from latentode.data.reading.formats.data_frame import as_text
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import Roles, by_telling_name, check_present, check_role
from latentode.errors import DataError


@dataclass(frozen=True)
class TextColumn:
    """The column beside the keys: the mark of an event, or the class of a label.

    Attributes:
        wanted: Its name, where one was given.
        names: What it is usually called, by rank.
        option: Where it is named, for messages.
        needed: Whether there must be one: then the only other column is taken too.
        missing: Texts for which a row does not count.
    """

    wanted: str | None
    names: Sequence[Sequence[str]]
    option: str
    needed: bool = False
    missing: frozenset[str] = frozenset()


def key_roles(
    table: Table,
    config: DataConfig,
    text: TextColumn | None,
    *,
    series_ids: Sequence[str] | None,
    timed: bool,
) -> Roles:
    """Find the id, the time and the text.

    Args:
        table: The table; its first rows are looked at.
        config: Names that are known.
        text: The text that is wanted.
        series_ids: Series of the log beside the table; None for a table of its own.
        timed: Whether rows have a time.

    Returns:
        Roles of layout "rows", the text as the channel.

    Raises:
        DataError: If a column is absent, or several may be it.
    """
    search = _Search(table, config, series_ids, free=list(table.columns))
    label = None if text is None else search.wanted_text(text)
    time = search.configured("time") if timed else None
    identity = search.configured("id")
    if text is not None:
        label = label or search.usual_text(text)
    if timed:
        time = time or search.time()
    identity = identity or search.usual_id(may_count_rows=not timed)
    if text is not None and text.needed:
        label = label or search.only_other(text, has_ids=identity is not None)
    if identity is None:
        identity = search.hidden_id([name for name in (time, label) if name] if timed else [])
    return Roles("rows", time or "", identity, label, notes=tuple(search.notes))


@dataclass
class _Search:
    """Columns that are not taken yet, and what is said of them."""

    table: Table
    config: DataConfig
    series_ids: Sequence[str] | None
    free: list[str]
    notes: list[str] = field(default_factory=list)

    def _take(self, name: str | None) -> str | None:
        if name is not None:
            self.free.remove(name)
        return name

    def wanted_text(self, text: TextColumn) -> str | None:
        """The text by the name that was given."""
        if text.wanted is not None:
            check_present(text.wanted, self.free, self.table.name, f"Correct {text.option}.")
        return self._take(text.wanted)

    def configured(self, role: str) -> str | None:
        """The time or the id by the name that was given, which a table beside a log may lack."""
        name = getattr(self.config.columns, role)
        if name is None or name in self.table.columns:
            return self._take(name) if name in self.free else None
        if self.series_ids is None:
            check_role(role, name, self.table.columns, self.table.name)
        return None

    def usual_text(self, text: TextColumn) -> str | None:
        """The text by its usual names."""
        return self._take(next(iter(by_telling_name(self.free, text.names)), None))

    def time(self) -> str | None:
        """The time by its usual names and what it holds, or as the only column that is left."""
        if len(self.free) == 1:
            return self.free.pop()
        exclude, by_name = set(self.table.columns) - set(self.free), self.config.time.format
        try:
            return self._take(find_time(self.table, exclude, by_name=by_name is not None))
        except DataError:
            self._refuse_mistyped(self.config.columns.time)
            raise

    def usual_id(self, *, may_count_rows: bool) -> str | None:
        """The id by its name, one that holds ids of the log before others; or by what it holds."""
        held = [name for name in self.free if self._holds_ids(name)]
        if not may_count_rows:
            for name in row_counters(self.table, [n for n in self.free if n not in held]):
                self.notes.append(f"{self._take(name)!r} only numbers the rows: left out")
        usual = find_id(self.table, held) or find_id(self.table, self.free)
        by_content = usual is None and self.config.columns.id is None and len(held) == 1
        return self._take(held[0] if by_content else usual)

    def only_other(self, text: TextColumn, *, has_ids: bool) -> str | None:
        """The text as the only column that is left."""
        if len(self.free) == 1:
            return self.free.pop()
        if not has_ids:
            self._refuse_without_ids()
        raise DataError(
            f"{self.table.name}: expected one column of labels beside ids and times, got "
            f"{', '.join(self.free[:12]) or 'none'}. Name it with {text.option}."
        )

    def hidden_id(self, keys: list[str]) -> str | None:
        """A text without which the keys would repeat; others that may be the id are said."""
        if self.config.columns.id is not None:
            self._refuse_without_ids()  # its column was named, and is written otherwise here
        name = hidden_id(self.table, keys, self.free) if keys else None
        if name is not None:
            self.notes.append(f"series told apart by {name!r}, as the times repeat without it")
            return name
        self._refuse_without_ids()
        self.notes += [
            f"{name!r} holds text only: left out (if it tells the series apart: --id-column)"
            for name in self.free
            if holds_text_only(self.table.head[name])
        ]
        return None

    def _holds_ids(self, name: str) -> bool:
        known = self.series_ids
        return known is not None and set(as_text(self.table.head[name]).tolist()) <= set(known)

    def _refuse_mistyped(self, wanted: str | None) -> None:
        if wanted is not None:
            check_present(wanted, self.table.columns, self.table.name, "Rename it.")

    def _refuse_without_ids(self) -> None:
        """Refuse a table beside a log of several series that names none of them."""
        if self.series_ids is None or len(self.series_ids) == 1:
            return
        self._refuse_mistyped(self.config.columns.id)
        raise DataError(
            f"{self.table.name}: expected a column of series ids, as there are "
            f"{len(self.series_ids)} series, got columns {', '.join(self.table.columns[:12])}. "
            "Name it with --id-column."
        )

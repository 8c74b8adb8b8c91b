"""Which column of a table of keyed rows is the id, the time and the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from latentode.config import DataConfig
from latentode.data.reading.formats.table import Table
from latentode.data.reading.profile import Sample, row_repeats
from latentode.data.reading.roles import (
    ID_NAMES,
    Roles,
    by_telling_name,
    check_present,
    check_role,
    time_parts,
)
from latentode.data.reading.row_counters import row_counters
from latentode.data.reading.time_role import find_time
from latentode.errors import DataError

_MOST = 0.5  # a few repeated times are a fault of the logger, not several series


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
    numbers: Sequence[str] = (),
    ids_needed: bool = True,
) -> Roles:
    """Find the id, the time and the text.

    Args:
        table: The table; its first rows are looked at.
        config: Names that are known.
        text: The text that is wanted.
        series_ids: Series of the log beside the table; None for a table of its own.
        timed: Whether rows have a time.
        numbers: Columns of numbers, which are none of these.
        ids_needed: Whether a table beside several series must name them.

    Returns:
        Roles of layout "rows", the text as the channel.

    Raises:
        DataError: If a column is absent, or several may be it.
    """
    free = [name for name in table.columns if name not in numbers]
    search = _Search(table, config, series_ids, free, ids_needed)
    label = None if text is None else search.wanted_text(text)
    time = search.configured_time() if timed else ()
    identity = search.configured_id()
    if text is not None:
        label = label or search.usual_text(text)
    if timed:
        time = time or search.time()
    identity = identity or search.usual_id(may_count_rows=not timed)
    if text is not None and text.needed:
        label = label or search.only_other(text, has_ids=identity is not None)
    if identity is None:
        keys = [*time, *([label] if label else [])]
        identity = search.hidden_id(keys if timed else [])
    return Roles("rows", time, identity, label, values=tuple(numbers), left_out=search.left_out)


@dataclass
class _Search:
    """Columns that are not taken yet, and what is said of them."""

    table: Table
    config: DataConfig
    series_ids: Sequence[str] | None
    free: list[str]
    ids_needed: bool = True
    left_out: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sample = Sample(self.table)

    def _take(self, name: str | None) -> str | None:
        if name is not None:
            self.free.remove(name)
        return name

    def wanted_text(self, text: TextColumn) -> str | None:
        """The text by the name that was given."""
        if text.wanted is not None:
            check_present(text.wanted, self.free, self.table.name, f"Correct {text.option}.")
        return self._take(text.wanted)

    def configured_time(self) -> tuple[str, ...]:
        """The time by the names that were given, which a table beside a log may lack."""
        wanted = self.config.columns.time
        parts = () if wanted is None else time_parts(wanted, self.table.columns)
        if wanted is not None and all(part in self.table.columns for part in parts):
            return tuple(part for part in parts if part in self.free and self._take(part))
        if wanted is not None and self.series_ids is None:
            check_role("time", wanted, self.table.columns, self.table.name)
        return ()

    def configured_id(self) -> str | None:
        """The id by the name that was given, which a table beside a log may lack."""
        name = self.config.columns.id
        if name is None or name in self.table.columns:
            return self._take(name) if name in self.free else None
        if self.series_ids is None:
            check_role("id", name, self.table.columns, self.table.name)
        return None

    def usual_text(self, text: TextColumn) -> str | None:
        """The text by its usual names."""
        return self._take(next(iter(by_telling_name(self.free, text.names)), None))

    def time(self) -> tuple[str, ...]:
        """The time by what its cells spell, or as the only column that is left."""
        if len(self.free) == 1:
            return (self.free.pop(),)
        exclude = set(self.table.columns) - set(self.free)
        try:
            parts = find_time(self.sample, exclude, self.config.time, self.table.doubts)
        except DataError:
            self._refuse_mistyped(self.config.columns.time)
            raise
        return tuple(part for part in parts if self._take(part))

    def usual_id(self, *, may_count_rows: bool) -> str | None:
        """The id by its name, one that holds ids of the log before others; or by what it holds."""
        held = [name for name in self.free if self._holds_ids(name)]
        if not may_count_rows:
            others = [name for name in self.free if name not in held]
            self.left_out = row_counters(self.sample, others)
            for name, shown in self.left_out.items():
                self.table.doubts.decide(
                    "columns", f"{self._take(name)!r} only numbers the rows: left out", shown
                )
        usual = self._named_id(held) or self._named_id(self.free)
        by_content = usual is None and self.config.columns.id is None and len(held) == 1
        return self._take(held[0] if by_content else usual)

    def _named_id(self, names: Sequence[str]) -> str | None:
        named = by_telling_name(names, ID_NAMES)
        if len(named) > 1:
            raise DataError(
                f"{self.table.name}: columns {', '.join(map(repr, named))} may all be the series. "
                "Name it with --id-column."
            )
        return named[0] if named else None

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
        """Words without which the keys would repeat; others that may be the id are said."""
        if self.config.columns.id is not None:
            self._refuse_without_ids()  # its column was named, and is written otherwise here
        words = [name for name in self.free if self.sample[name].is_words]
        splitting = self._splitting(keys, words) if keys else []
        doubts = self.table.doubts
        if len(splitting) > 1:
            raise DataError(
                f"{self.table.name}: times repeat, and columns {', '.join(map(repr, splitting))} "
                "may all be the series. Name it with --id-column."
            )
        if splitting:
            doubts.decide(
                "series", f"series told apart by {splitting[0]!r}",
                "the times repeat without it", option="--id-column NAME",
            )  # fmt: skip
            return splitting[0]
        self._refuse_without_ids()
        for name in words:
            doubts.decide(
                "columns", f"{name!r} holds text only: left out",
                option=f'--id-column "{name}" if it tells the series apart',
            )  # fmt: skip
        return None

    def _splitting(self, keys: Sequence[str], words: Sequence[str]) -> list[str]:
        """Columns of words that tell apart all rows, most of which repeat others without them."""
        codes = [self.sample[name].codes for name in keys]
        if row_repeats(codes) <= _MOST:
            return []
        return [name for name in words if not row_repeats([*codes, self.sample[name].codes])]

    def _holds_ids(self, name: str) -> bool:
        known = self.series_ids
        return known is not None and set(self.table.text(name).unique().to_pylist()) <= set(known)

    def _refuse_mistyped(self, wanted: str | None) -> None:
        if wanted is not None:
            check_present(wanted, self.table.columns, self.table.name, "Rename it.")

    def _refuse_without_ids(self) -> None:
        """Refuse a table beside a log of several series that names none of them."""
        if self.series_ids is None or len(self.series_ids) == 1:
            return
        wanted = self.config.columns.id
        if not self.ids_needed:
            if wanted is not None and get_close_matches(wanted, self.free, n=1):
                self._refuse_mistyped(wanted)
            return
        self._refuse_mistyped(wanted)
        raise DataError(
            f"{self.table.name}: expected a column of series ids, as there are "
            f"{len(self.series_ids)} series, got columns {', '.join(self.table.columns[:12])}. "
            "Name it with --id-column."
        )

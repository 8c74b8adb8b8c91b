"""Reading event streams: a row an event, `id, time, mark`; every error is born here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.events import EventStreams
from latentode.data.reading.assembly.build import natural_key
from latentode.data.reading.cells.time_column import RawTimes, are_stamps, merge_times, read_times
from latentode.data.reading.cells.time_stamps import OK
from latentode.data.reading.cells.zones import localize
from latentode.data.reading.column_roles import find_time
from latentode.data.reading.formats.open_table import Table, open_table
from latentode.data.reading.formats.table import ReadPlan, factorize, refuse_ragged
from latentode.data.reading.keyed_rows import ID_WORDS, find_column, resolution_of
from latentode.data.reading.log import Source
from latentode.errors import DataError

_MARK_WORDS = ("mark", "event", "type", "kind", "alarm", "code", "event_type")
_DEFAULT = DataConfig.model_validate({})


def read_events(
    source: Source,
    config: DataConfig | None = None,
    *,
    mark_column: str | None = None,
    windows: pd.DataFrame | None = None,
    clock: Clock | None = None,
    mark_names: Sequence[str] | None = None,
    without: Collection[str] = (),
    spelled: Callable[[np.ndarray], np.ndarray] | None = None,
    watched: tuple[int, int] | None = None,
    only: Collection[str] | None = None,
) -> EventStreams:
    """Read event streams.

    Args:
        source: CSV, Parquet or data frame with a time column and, where there are many series or
            kinds, columns of ids and marks.
        config: How times are written and which columns they stand in, as for a log.
        mark_column: Column of kinds; "mark", "event", "type", ... by default, else one kind.
        windows: When each series was observed: columns ``id, start, end`` with times written as in
            `source`, and ``mark`` where kinds differ. A series that it names and `source` does not
            had no event. Without it, all series share one window, from the first to the last event
            of them all; a warning-free choice only where streams are long.
        clock: A clock that is known already, such as that of the log beside the events.
        mark_names: Kinds that a model knows; others are refused.
        without: Kinds, as they are written, that stand for no event.
        spelled: Names of kinds from how they are written, both shape (row,).
        watched: What the common window holds in any case, nanoseconds.
        only: Ids of the series whose rows are read; None reads all.

    Returns:
        The streams, series in natural order, times in nanoseconds of their clock.

    Raises:
        DataError: If a time cannot be read, an event lies outside its window, or a kind is unknown.
    """
    config = config or _DEFAULT
    table = open_table(source, config)
    time = config.columns.time or find_time(table)
    identity = find_column(table, config.columns.id, ID_WORDS, "--id-column")
    mark = find_column(table, mark_column, _MARK_WORDS, "--mark-column")
    identity = None if identity in (time, mark) else identity
    texts = tuple(name for name in (identity, mark) if name)
    stamps, names, lines = _rows(table, time, texts, config)
    times, status, found = _times(table, stamps, lines, time, config, clock)
    kept = np.ones(len(times), dtype=bool)
    if mark and without:
        kept &= ~np.isin(names[mark], list(without))
    if identity and only is not None:
        kept &= np.isin(names[identity], list(only))
    times, status, lines = times[kept], status[kept], lines[kept]
    names = {name: cells[kept] for name, cells in names.items()}
    if mark and spelled:
        names[mark] = spelled(names[mark])
    _refuse_unreadable(table, status, lines, time)
    _refuse_blank(table, names, lines)
    ids = names.get(identity or "", np.full(len(times), table.stem, dtype=object))
    kinds = names.get(mark or "", np.full(len(times), "event", dtype=object))
    known = tuple(mark_names) if mark_names else tuple(sorted(set(kinds), key=natural_key))
    _refuse_unknown(table, kinds, known, lines)
    known = known or ("event",)
    spans = None if windows is None else _Spans(windows, config, found)
    series_ids = sorted({*ids, *(spans.ids if spans else ())}, key=natural_key)
    if not series_ids:
        wanted = "event or window" if only is None else "row with a label of a series of the log"
        raise DataError(f"{table.name}: expected at least one {wanted}, got none.")
    return EventStreams.build(
        _index(ids, series_ids),
        times,
        _index(kinds, known),
        series_ids=series_ids,
        mark_names=known,
        windows=spans.table(series_ids, known)
        if spans
        else _common(times, len(series_ids), watched),
        clock=found,
        resolution=resolution_of(times),
    )


def _rows(
    table: Table, time: str, texts: tuple[str, ...], config: DataConfig
) -> tuple[list[RawTimes], dict[str, np.ndarray], Int64]:
    stamps = are_stamps(table.head[time], config.time, table.decimal)
    plan = ReadPlan(texts, time, stamps, (), decimal=table.decimal)
    raw: list[RawTimes] = []
    lines: list[Int64] = []
    found: dict[str, list[np.ndarray]] = {name: [] for name in texts}
    for make in table.chunks(plan):
        chunk = make()
        raw.append(read_times(chunk, time, stamps=stamps, time=config.time, decimal=table.decimal))
        lines.append(chunk.lines)
        for name in texts:
            codes, spellings = factorize(chunk.text(name))
            found[name].append(np.array(spellings, dtype=object)[codes])
    refuse_ragged(table)
    return (
        raw,
        {name: np.concatenate(parts) for name, parts in found.items()},
        np.concatenate(lines),
    )


def _times(
    table: Table,
    raw: list[RawTimes],
    lines: Int64,
    time: str,
    config: DataConfig,
    clock: Clock | None,
) -> tuple[Int64, np.ndarray, Clock]:
    settings = config.time
    if clock is not None:
        unit = clock.unit if clock.kind == "elapsed" else settings.unit
        settings = settings.model_copy(update={"unit": unit, "tz": clock.zone})
    times, status, naive, found = merge_times(
        raw, time, settings, clock if clock and clock.kind == "elapsed" else None
    )
    if clock is not None and found.kind != clock.kind:
        raise DataError(
            f"{table.name}: expected {clock.kind} times as in the log, got {found.kind} times in "
            f"column {time!r}. Write both on one clock."
        )
    rows = np.flatnonzero(naive & (status == OK))
    if found.zone is not None and len(rows):
        series = np.zeros(len(rows), dtype=np.int64)
        times[rows] = localize(
            times[rows], found.zone, series=series, slots=None, lines=lines[rows],
            place=table.place, source=table.name,
        )  # fmt: skip
    return times, status, clock or found


def _refuse_unreadable(table: Table, status: np.ndarray, lines: Int64, time: str) -> None:
    wrong = np.flatnonzero(status != OK)
    if len(wrong):
        raise DataError(
            f"{table.name}: {table.place} {lines[wrong[0]]}: column {time!r} holds no time of 1678 "
            "to 2261 that can be read. Correct it, or drop the row."
        )


def _refuse_blank(table: Table, names: dict[str, np.ndarray], lines: Int64) -> None:
    for column, cells in names.items():
        blank = np.flatnonzero(cells == "")
        if len(blank):
            raise DataError(
                f"{table.name}: {table.place} {lines[blank[0]]}: expected a text in column "
                f"{column!r}, got an empty cell. Fill it, or drop the row."
            )


def _refuse_unknown(table: Table, kinds: np.ndarray, known: Sequence[str], lines: Int64) -> None:
    strange = [row for row, kind in enumerate(kinds) if kind not in set(known)]
    if strange:
        shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise DataError(
            f"{table.name}: {table.place} {lines[strange[0]]}: expected one of {shown}, which "
            f"the model knows, got {kinds[strange[0]]!r}. Drop these rows, or train on them."
        )


def _index(names: np.ndarray, known: Sequence[str]) -> Int64:
    place = {name: i for i, name in enumerate(known)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _common(times: Int64, num_series: int, watched: tuple[int, int] | None) -> Int64:
    edges = np.concatenate([times, np.array(watched or (), dtype=np.int64)])
    low, high = int(edges.min()), int(edges.max())
    if high <= low:
        raise DataError(
            f"events: expected times that differ, or windows, got one time {low} ns. Give windows."
        )
    return np.broadcast_to(np.array([low, high], dtype=np.int64), (num_series, 2))


class _Spans:
    """Windows as read from a frame ``id, start, end[, mark]``."""

    def __init__(self, frame: pd.DataFrame, config: DataConfig, clock: Clock) -> None:
        missing = {"id", "start", "end"} - set(frame.columns)
        if missing:
            raise DataError(
                f"windows: expected columns id, start, end, got {', '.join(map(str, frame))}. "
                f"Add {', '.join(sorted(missing))}."
            )
        self.ids = [str(name) for name in frame["id"]]
        self._marks = [str(name) for name in frame["mark"]] if "mark" in frame else None
        self._ends = np.stack(
            [_times_of(frame, edge, config, clock) for edge in ("start", "end")], axis=1
        )

    def table(self, series_ids: Sequence[str], marks: Sequence[str]) -> Int64:
        """Windows in the order of series and kinds, shape (series, channel, 2)."""
        found = np.full((len(series_ids), len(marks), 2), np.iinfo(np.int64).min, dtype=np.int64)
        rows, kinds = {name: i for i, name in enumerate(series_ids)}, list(marks)
        for row, name in enumerate(self.ids):
            column = slice(None) if self._marks is None else kinds.index(self._marks[row])
            found[rows[name], column] = self._ends[row]
        gone = np.argwhere(found[..., 0] == np.iinfo(np.int64).min)
        if len(gone):
            i, k = gone[0]
            raise DataError(
                f"windows: expected one for every series and mark, got none for "
                f"{series_ids[i]!r}, {marks[k]!r}. Add its row."
            )
        return found


def _times_of(frame: pd.DataFrame, edge: str, config: DataConfig, clock: Clock) -> Int64:
    table = open_table(pd.DataFrame({edge: frame[edge]}), config)
    raw, _, lines = _rows(
        table, edge, (), config if clock.kind == "calendar" else _elapsed(config, clock)
    )
    times, status, _ = _times(table, raw, lines, edge, config, clock)
    _refuse_unreadable(table, status, lines, edge)
    return times


def _elapsed(config: DataConfig, clock: Clock) -> DataConfig:
    time = config.time.model_copy(update={"unit": clock.unit})
    return config.model_copy(update={"time": time})

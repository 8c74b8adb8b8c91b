"""Reading event streams: one row per event, `id, time, mark`; every error is born here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import Clock, Int64
from latentode.data.events import EventStreams
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.key_columns import TextColumn
from latentode.data.reading.keyed_rows import Source, codes_of, read_rows
from latentode.data.reading.observation_windows import ObservationWindows
from latentode.data.reading.roles import MARK_NAMES, natural_key
from latentode.errors import DataError

_DEFAULT = DataConfig.model_validate({})


def read_events(
    source: Source,
    config: DataConfig | None = None,
    *,
    mark_column: str | None = None,
    windows: Source | None = None,
    clock: Clock | None = None,
    mark_names: Sequence[str] | None = None,
    series_ids: Sequence[str] | None = None,
) -> EventStreams:
    """Read event streams.

    Args:
        source: CSV, Parquet or data frame with a time column and, where there are many series or
            marks, columns of them; see `latentode.data.reading.keyed_rows.read_rows` for bad rows.
        config: How times are written and which columns they stand in, as for a log.
        mark_column: Column of marks; "mark", "event", "type", ... by default, else one mark.
        windows: When each series was observed: columns ``id, start, end`` with times written as in
            `source`, and ``mark`` where marks differ. A series that it names and `source` does not
            had no event. Without it, all series share one window, from the first to the last event
            of them all; a warning-free choice only where streams are long.
        clock: A clock that is known already, such as that of the log beside the events.
        mark_names: Marks that a model knows; others are refused.
        series_ids: Series of the log beside the events.

    Returns:
        The streams, series in natural order, times in nanoseconds of their clock.

    Raises:
        DataError: If a column cannot be found, bad rows are refused, an event lies outside its
            window, or a mark is unknown.
    """
    config = config or _DEFAULT
    text = TextColumn(mark_column, MARK_NAMES, "--mark-column")
    rows = read_rows(source, config, text=text, clock=clock, series_ids=series_ids)
    marks = np.full(len(rows.times), "event", dtype=object) if rows.texts is None else rows.texts
    names = tuple(mark_names or sorted(set(marks), key=natural_key)) or ("event",)
    codes = codes_of(rows, marks, names)
    observed = None if windows is None else ObservationWindows(windows, config, rows)
    ids = sorted({*rows.ids, *(() if observed is None else observed.ids)}, key=natural_key)
    if not ids:
        raise DataError(
            f"{rows.table.name}: expected at least one event or window, got none. Give events."
        )
    return EventStreams.build(
        rows.index(ids),
        rows.times,
        codes,
        series_ids=ids,
        mark_names=names,
        windows=_common(rows.times, len(ids))
        if observed is None
        else observed.arranged(ids, names),
        clock=rows.clock,
        resolution=resolution_of(rows.times),
    )


def _common(times: Int64, num_series: int) -> Int64:
    low, high = int(times.min()), int(times.max())
    if high <= low:
        raise DataError(
            f"events: expected times that differ, or windows, got one time {low} ns. Give windows."
        )
    return np.broadcast_to(np.array([low, high], dtype=np.int64), (num_series, 2))

"""Events beside a log: alarms and the like on its clock, or the times at which it reports.

Use `read_log_events` for a file of events of the same series; `report_times` where what is reported
depends on the state, so that the times themselves carry information.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import TimeSeriesDataset, positions
from latentode.data.events import EventStreams
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.events import read_events
from latentode.data.reading.keyed_rows import Source
from latentode.errors import DataError

_SEPARATE = 0.5  # channels report separately if more than this share of the rows holds only one


def read_log_events(
    source: EventStreams | Source,
    dataset: TimeSeriesDataset,
    config: DataConfig,
    *,
    mark_column: str | None = None,
    windows: Source | None = None,
    mark_names: Sequence[str] | None = None,
) -> EventStreams:
    """Read the events of the series of a log.

    Args:
        source: Streams, of more series perhaps; or a file or frame with id, time and mark, whose
            columns are called as in the log or are found.
        dataset: The log.
        config: How times are written, as for the log.
        mark_column: Column of marks.
        windows: When each series was observed. Without it, from its first reading to its last;
            earlier events are history, and later ones are dropped.
        mark_names: Marks that a model knows; others are refused.

    Returns:
        Streams in the order of the series of the log; a series without events has none.

    Raises:
        DataError: If an event belongs to a series that the log does not have, or a series that the
            log has was not observed.
    """
    if isinstance(source, EventStreams):
        return _in_order(source, dataset)
    streams = read_events(
        source, config, mark_column=mark_column, windows=windows, clock=dataset.clock,
        mark_names=mark_names, series_ids=dataset.series_ids,
    )  # fmt: skip
    _refuse_strange(streams, dataset)
    if windows is not None:
        return _in_order(streams, dataset)
    return _while_read(streams, dataset)


def report_times(dataset: TimeSeriesDataset) -> EventStreams:
    """The time stamps of a log as events.

    One mark, "report"; where most rows hold a single one of several channels, a mark for each
    channel. On a calendar a series is observed from its first row to the last row of the log, on an
    elapsed clock to its own last row. The first row opens the window, and is not scored: a window
    from the first event on would make rates too high.
    """
    readings = dataset.readings
    per_row = np.diff(readings.row_starts)
    separate = len(dataset.channels) > 1 and (per_row == 1).mean() > _SEPARATE
    rows = readings.reading_rows() if separate else np.arange(readings.num_rows)
    marks = readings.channel_index if separate else np.zeros(readings.num_rows, np.int64)
    first, last = readings.first_and_last()
    empty = last < first
    first = np.where(empty, readings.times.min(), first)
    last = np.where(empty | (dataset.clock.kind == "calendar"), readings.times.max(), last)
    last = np.maximum(last, first + 2)  # a series of one row is observed for no time worth naming
    times = readings.times[rows]
    return EventStreams.build(
        readings.row_series()[rows],
        times,
        marks.astype(np.int64),
        series_ids=dataset.series_ids,
        mark_names=dataset.channels if separate else ("report",),
        windows=np.stack([first, last], axis=1),
        clock=dataset.clock,
        resolution=resolution_of(times),
    ).between(first + 1, last)


def _in_order(streams: EventStreams, dataset: TimeSeriesDataset) -> EventStreams:
    """The streams of the series of a log, all of which must have been observed."""
    index = positions(dataset.series_ids, streams.series_ids)
    absent = np.flatnonzero(index < 0)
    if len(absent):
        raise DataError(
            "events: expected a window for every series of the log, got none for "
            f"{dataset.series_ids[absent[0]]!r} ({len(absent)} in all). Add its row to --windows, "
            "or give the events of this log."
        )
    if streams.clock.kind != dataset.clock.kind:
        raise DataError(
            f"events: expected {dataset.clock.kind} times as in the log, got {streams.clock.kind} "
            "times. Write both on one clock."
        )
    return streams.select(index)


def _while_read(streams: EventStreams, dataset: TimeSeriesDataset) -> EventStreams:
    """Streams of all series of a log, observed while the series was read."""
    first, last = dataset.readings.first_and_last()
    # a series without two time stamps was not observed for any length of time
    start = np.where(last >= first, first, dataset.readings.times.min())
    end = np.maximum(np.where(last >= first, last, start), start + 1)
    series = positions(streams.series_ids, dataset.series_ids)[streams.series]
    kept = streams.times <= end[series]
    earliest = start.copy()
    np.minimum.at(earliest, series[kept], streams.times[kept])
    return EventStreams.build(
        series[kept],
        streams.times[kept],
        streams.marks[kept],
        series_ids=dataset.series_ids,
        mark_names=streams.mark_names,
        windows=np.stack([earliest, end], axis=1),
        clock=streams.clock,
        resolution=streams.resolution,
    ).between(start, end)


def _refuse_strange(streams: EventStreams, dataset: TimeSeriesDataset) -> None:
    absent = positions(streams.series_ids, dataset.series_ids) < 0
    strange = np.flatnonzero(absent & (np.diff(streams.starts) > 0))
    if len(strange):
        name = streams.series_ids[strange[0]]
        raise DataError(
            f"events: expected series of the log, got {name!r} ({len(strange)} in all), "
            "which it does not have. Drop these events, or correct --id-column."
        )

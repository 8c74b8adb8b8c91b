"""Labels of times: the class of a series at some moments, from a table beside the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.events import EventStreams
from latentode.data.labels import TimeLabels
from latentode.data.reading.events import ID_WORDS, find_column, read_events
from latentode.data.reading.formats.open_table import open_table
from latentode.data.reading.labels import LABEL_WORDS, MISSING, cells_of, spelled_as
from latentode.data.reading.log import Source
from latentode.errors import DataError

_TIME_WORDS = ("time", "timestamp", "datetime", "date", "ts")


def is_of_times(source: Source, dataset: TimeSeriesDataset, config: DataConfig) -> bool:
    """Whether a table of labels is of times: it has a column of them, and not one row a series."""
    if time_column(source, config) is None:
        return False
    table = open_table(source, config)
    given = config.columns.id if config.columns.id in table.columns else None
    identity = find_column(table, given, ID_WORDS, "--id-column")
    if identity is None or len(dataset) == 1:
        return True
    ids = cells_of(table, (identity,))[0]
    return len(set(ids)) < len(ids)


def time_column(source: Source, config: DataConfig) -> str | None:
    """Column of times of a table of labels: called as in the log, or as usual; None without."""
    table = open_table(source, config)
    named = config.columns.time
    own = named if named in table.columns else None
    return find_column(table, own, _TIME_WORDS, "--time-column")


def read_time_labels(
    source: Source,
    dataset: TimeSeriesDataset,
    config: DataConfig,
    *,
    column: str | None = None,
    classes: Sequence[str] | None = None,
) -> TimeLabels:
    """Read labels of times of the series of a log.

    Args:
        source: File or frame with a row a label: id (where the log has several series), time,
            written as in the log, and label. Rows without a label, of series that the log does not
            have, and before or after a series was read are left out.
        dataset: The log.
        config: How times are written, as for the log.
        column: Column of labels; "label", "class", "outcome", ... by default, else the only other.
        classes: Classes that a model knows; others are refused.

    Raises:
        DataError: If a column cannot be found, a time cannot be read, a series has two labels at
            one time, no label belongs to the log, there is but one class, or a class is unknown.
    """
    table = open_table(source, config)
    time = time_column(source, config)
    given = config.columns.id if config.columns.id in table.columns else None
    identity = find_column(table, given, ID_WORDS, "--id-column")
    label = find_column(table, column, LABEL_WORDS, "--label-column")
    identity = None if identity in (time, label) else identity
    others = [name for name in table.columns if name not in (time, identity)]
    if label is None and len(others) != 1:
        raise DataError(
            f"{table.name}: expected one column of labels beside {time!r}, got "
            f"{', '.join(others[:12]) or 'none'}. Name it with --label-column."
        )
    if identity is None and len(dataset) > 1:
        raise DataError(
            f"{table.name}: expected a column of ids such as {config.columns.id or 'id'!r}, got "
            f"{', '.join(table.columns[:12])}. The log has {len(dataset)} series."
        )
    named = config.columns.model_copy(update={"time": time, "id": identity})
    streams = read_events(
        source,
        config.model_copy(update={"columns": named}),
        mark_column=label or others[0],
        clock=dataset.clock,
        mark_names=classes,
        without=MISSING | set(config.cells.na),
        spelled=partial(spelled_as, classes=classes),
        only=dataset.series_ids if identity else None,
        watched=(int(dataset.readings.times.min()), int(dataset.readings.times.max()) + 1),
    )
    if identity is None:
        streams = replace(streams, series_ids=dataset.series_ids)
    found = _of_log(streams, dataset)
    if not len(found.times):
        raise DataError(
            f"{table.name}: expected labels of the series of the log ({dataset.series_ids[0]!r}, "
            f"...) while they were read, got none of {len(streams.times)}. Correct ids and times."
        )
    if len(found.mark_names) < 2:
        raise DataError(
            f"{table.name}: expected at least two classes in column {label or others[0]!r}, got "
            f"{found.mark_names[0]!r} alone. There is nothing to tell apart."
        )
    return TimeLabels(_one_each(found, table.name))


def _of_log(streams: EventStreams, dataset: TimeSeriesDataset) -> EventStreams:
    """Labels of the series of a log, from the first reading of each to the last."""
    place = {name: i for i, name in enumerate(dataset.series_ids)}
    owner = np.array([place.get(name, -1) for name in streams.series_ids], dtype=np.int64)
    series, (first, last) = owner[streams.series], dataset.readings.first_and_last()
    kept = (series >= 0) & (streams.times >= first[series]) & (streams.times <= last[series])
    edges = np.concatenate([streams.times, dataset.readings.times])
    return EventStreams.build(
        series[kept],
        streams.times[kept],
        streams.marks[kept],
        series_ids=dataset.series_ids,
        mark_names=streams.mark_names,
        windows=np.broadcast_to([edges.min(), edges.max() + 1], (len(dataset), 2)),
        clock=streams.clock,
        resolution=streams.resolution,
    )


def _one_each(streams: EventStreams, name: str) -> EventStreams:
    """Refuse two labels at one time, and keep one of two that agree."""
    series, times, marks = streams.series, streams.times, streams.marks
    again = (series[1:] == series[:-1]) & (times[1:] == times[:-1])
    clash = again & (marks[1:] != marks[:-1])
    if clash.any():
        row = int(clash.argmax())
        at = streams.series_ids[series[row]]
        first, second = (streams.mark_names[marks[i]] for i in (row, row + 1))
        raise DataError(
            f"{name}: expected one label at a time, got {first!r} and {second!r} for series {at!r} "
            f"at {times[row]} ns. Keep one."
        )
    kept = np.concatenate([[True], ~again])
    counts = np.bincount(series[kept], minlength=streams.num_series)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return replace(streams, starts=starts, times=times[kept], marks=marks[kept])

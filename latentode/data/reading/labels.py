"""Labels of a log, read from a table beside it: a class of each series, or of times of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import Int64, TimeSeriesDataset, positions
from latentode.data.events import EventStreams
from latentode.data.labels import Labels, SeriesLabels, TimeLabels
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.key_columns import TextColumn
from latentode.data.reading.keyed_rows import (
    KeyedRows,
    Source,
    codes_of,
    ids_repeat,
    open_rows,
    read_rows,
)
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import (
    LABEL_NAMES,
    TIME_NAMES,
    by_telling_name,
    natural_key,
    time_parts,
)
from latentode.errors import DataError

# as pandas writes what is missing; "none" and "NA" may well be names of classes
UNLABELLED = frozenset({"", "nan", "NaN"})
_WHOLE = re.compile(r"(-?\d+)(?:\.0+)?")


def read_labels(
    source: Source,
    dataset: TimeSeriesDataset,
    config: DataConfig,
    *,
    column: str | None = None,
    classes: Sequence[str] | None = None,
) -> SeriesLabels:
    """Read a label for each series of a log.

    Args:
        source: File or frame with one row per series: its id, called as in the log or "id",
            "series", ..., and its label, a word or number. Series that the log does not have are
            left out; a label is unknown where it is empty or "nan", or is written as the config
            says that missing values are.
        dataset: The log.
        config: How cells are written, as for the log.
        column: Column of labels; "label", "class", "outcome", ... by default, else the only other.
        classes: Classes that a model knows; others are refused.

    Raises:
        DataError: If a column cannot be found, a series has two labels, no series of the log has
            one, there is but one class, or a class is unknown.
    """
    rows = read_rows(
        source, config, text=_column(column, config), series_ids=dataset.series_ids, timed=False
    )
    if not len(rows.series):
        raise DataError(
            f"{rows.table.name}: expected labels in column {rows.roles.channel!r}, got none. Add "
            "some, or leave the table out."
        )
    named = _one_each(rows, _spelled(rows, classes))
    labels = [named.get(name) for name in dataset.series_ids]
    present = [label for label in labels if label is not None]
    if not present:
        raise DataError(
            f"{rows.table.name}: expected labels of the series of the log "
            f"({dataset.series_ids[0]!r}, ...), got {', '.join(map(repr, list(named)[:3]))}. "
            f"Correct column {rows.roles.id!r}."
        )
    names = tuple(classes or sorted(set(present), key=natural_key))
    strange = [label for label in present if label not in names]
    if strange:
        raise DataError(
            f"{rows.table.name}: expected a class of the model ({', '.join(names)}), got "
            f"{strange[0]!r}. Drop these labels, or train on them."
        )
    _refuse_one_class(rows, names)
    return SeriesLabels(names, positions(labels, names))  # -1 is `UNKNOWN_CLASS` too


def _column(wanted: str | None, config: DataConfig) -> TextColumn:
    missing = UNLABELLED | set(config.cells.na or ())
    return TextColumn(wanted, LABEL_NAMES, "--label-column", needed=True, missing=missing)


def _spelled(rows: KeyedRows, classes: Sequence[str] | None) -> np.ndarray:
    assert rows.texts is not None
    return spelled_as(rows.texts, classes)


def spelled_as(labels: np.ndarray, classes: Sequence[str] | None) -> np.ndarray:
    """Whole numbers without the point that one missing label among them brings in.

    Args:
        labels: Labels as they are written, shape (row,).
        classes: Classes that are known already, and are spelled as they are.
    """
    matches = [_WHOLE.fullmatch(text) for text in labels]
    if not all(matches) or (classes and set(labels) <= set(classes)):
        return labels
    return np.array([match[1] for match in matches if match], dtype=object)


def _one_each(rows: KeyedRows, labels: np.ndarray) -> dict[str, str]:
    named: dict[str, str] = {}
    for row, (name, label) in enumerate(zip(rows.ids, labels, strict=True)):
        if named.setdefault(name, label) != label:
            raise DataError(
                f"{rows.at(row)}: expected one label for series {name!r}, got {named[name]!r} and "
                f"{label!r}. Keep one."
            )
    return named


def _refuse_one_class(rows: KeyedRows, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise DataError(
            f"{rows.table.name}: expected at least two classes in column {rows.roles.channel!r}, "
            f"got {names[0]!r} alone. There is nothing to tell apart."
        )


def kind_of(source: Source, dataset: TimeSeriesDataset, config: DataConfig) -> str:
    """Kind of the labels of a table: of times, if it has a column of them, and several a series.

    Args:
        source: File or frame.
        dataset: The log.
        config: How times are written, as for the log.

    Returns:
        See `Labels.kind`.
    """
    config = _with_time(source, config)
    if config.columns.time is None:
        return SeriesLabels.kind
    several = len(dataset) == 1 or ids_repeat(source, config, dataset.series_ids)
    return TimeLabels.kind if several else SeriesLabels.kind


def _with_time(source: Source, config: DataConfig) -> DataConfig:
    columns = config.columns.model_copy(update={"time": time_column(source, config)})
    return config.model_copy(update={"columns": columns})


def time_column(source: Source, config: DataConfig) -> str | None:
    """Column of times of a table of labels: called as in the log, or as usual; None without."""
    table = open_rows(source, config)
    wanted = config.columns.time
    if wanted is not None and set(time_parts(wanted, table.columns)) <= set(table.columns):
        return wanted
    *usual, weak = TIME_NAMES
    sample = Sample(table)
    dated = [name for name in table.columns if sample[name].holds_dates]
    named = by_telling_name(table.columns, usual) or by_telling_name(dated, (weak,))
    return named[0] if named else None


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
        source: File or frame with one row per label: id (where the log has several series), time,
            written as in the log, and label. Rows without a label, of series that the log does not
            have, and before or after a series was read are left out.
        dataset: The log.
        config: How times are written, as for the log.
        column: Column of labels; "label", "class", "outcome", ... by default, else the only other.
        classes: Classes that a model knows; others are refused.

    Raises:
        DataError: If a column cannot be found, bad rows are refused, a series has two labels at
            one time, no label belongs to the log, there is but one class, or a class is unknown.
    """
    config = _with_time(source, config)
    if config.columns.time is None:
        raise DataError(
            "labels: expected labels of times, as in training, got no column of times. Name it as "
            "in the log."
        )
    rows = read_rows(
        source,
        config,
        text=_column(column, config),
        clock=dataset.clock,
        series_ids=dataset.series_ids,
        only_known=True,
    )
    if not len(rows.times):
        raise DataError(
            f"{rows.table.name}: expected at least one row with a label of a series of the log, "
            "got none. Correct ids and labels."
        )
    labels = _spelled(rows, classes)
    names = tuple(classes or sorted(set(labels), key=natural_key))
    streams = _while_read(rows, codes_of(rows, labels, names), names, dataset)
    if not len(streams.times):
        raise DataError(
            f"{rows.table.name}: expected labels of the series of the log "
            f"({dataset.series_ids[0]!r}, ...) while they were read, got none of "
            f"{len(rows.times)}. Correct ids and times."
        )
    _refuse_one_class(rows, names)
    return TimeLabels(_one_at_a_time(streams, rows.table.name))


def _while_read(
    rows: KeyedRows, codes: Int64, names: Sequence[str], dataset: TimeSeriesDataset
) -> EventStreams:
    """Labels of the series of a log, from the first reading of each to the last."""
    series, (first, last) = rows.index(dataset.series_ids), dataset.readings.first_and_last()
    kept = (rows.times >= first[series]) & (rows.times <= last[series])
    edges = np.concatenate([rows.times, dataset.readings.times])
    return EventStreams.build(
        series[kept],
        rows.times[kept],
        codes[kept],
        series_ids=dataset.series_ids,
        mark_names=names,
        windows=np.broadcast_to([edges.min(), edges.max() + 1], (len(dataset), 2)),
        clock=rows.clock,
        resolution=resolution_of(rows.times),
    )


def _one_at_a_time(streams: EventStreams, name: str) -> EventStreams:
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
    return streams.select_events(np.concatenate([[True], ~again]))


#: Readers of labels by `Labels.kind`; arguments as those of `read_labels`.
READERS: dict[str, Callable[..., Labels]] = {
    SeriesLabels.kind: read_labels,
    TimeLabels.kind: read_time_labels,
}

"""Labels of whole series: a class each, read from a table beside the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from latentode.config import DataConfig
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.events import EventStreams
from latentode.data.labels import UNKNOWN_CLASS, Labels, SeriesLabels, TimeLabels
from latentode.data.reading.assembly.build import natural_key
from latentode.data.reading.events import read_events
from latentode.data.reading.formats.open_table import Table, open_table
from latentode.data.reading.formats.table import ReadPlan, refuse_ragged
from latentode.data.reading.keyed_rows import ID_WORDS, find_column
from latentode.data.reading.log import Source
from latentode.errors import DataError

LABEL_WORDS = ("label", "class", "outcome", "target", "y")
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
        source: File or frame with a row a series: its id, called as in the log or "id", "series",
            ..., and its label, a word or number. Series that the log does not have are left out; a
            label is unknown where it is empty or "nan", or is written as the config says that
            missing values are.
        dataset: The log.
        config: How cells are written, as for the log.
        column: Column of labels; "label", "class", "outcome", ... by default, else the only other.
        classes: Classes that a model knows; others are refused.

    Raises:
        DataError: If a column cannot be found, a series has two labels, no series of the log has
            one, there is but one class, or a class is unknown.
    """
    table = open_table(source, config)
    identity, label = _columns(table, config.columns.id, column)
    ids, found, lines = cells_of(table, (identity, label))
    missing = UNLABELLED | set(config.cells.na)
    known = np.array([text not in missing for text in found], dtype=bool)
    if not known.any():
        raise DataError(f"{table.name}: expected labels in column {label!r}, got none.")
    named = _one_each(table, ids[known], spelled_as(found[known], classes), lines[known])
    present = {name: named[name] for name in dataset.series_ids if name in named}
    if not present:
        raise DataError(
            f"{table.name}: expected labels of the series of the log ({dataset.series_ids[0]!r}, "
            f"...), got {', '.join(map(repr, list(named)[:3]))}. Correct column {identity!r}."
        )
    names = tuple(classes or sorted(set(present.values()), key=natural_key))
    place = {name: index for index, name in enumerate(names)}
    strange = [name for name in present.values() if name not in place]
    if strange:
        raise DataError(
            f"{table.name}: expected a class of the model ({', '.join(names)}), got "
            f"{strange[0]!r}. Drop these labels, or train on them."
        )
    if len(names) < 2:
        raise DataError(
            f"{table.name}: expected at least two classes in column {label!r}, got {names[0]!r} "
            "alone. There is nothing to tell apart."
        )
    codes = [
        place[present[name]] if name in present else UNKNOWN_CLASS for name in dataset.series_ids
    ]
    return SeriesLabels(names, np.array(codes, dtype=np.int64))


def _columns(table: Table, identity: str | None, label: str | None) -> tuple[str, str]:
    own = identity if identity in table.columns else None
    found = find_column(table, own, ID_WORDS, "--id-column")
    if found is None:
        raise DataError(
            f"{table.name}: expected a column of ids such as {identity or 'id'!r}, got "
            f"{', '.join(table.columns[:12])}. Rename it."
        )
    others = [name for name in table.columns if name != found]
    named = find_column(table, label, (), "--label-column")
    if named is None:
        named = next((n for word in LABEL_WORDS for n in others if n.lower() == word), None)
    if named == found or (named is None and len(others) != 1):
        raise DataError(
            f"{table.name}: expected one column of labels beside {found!r}, got "
            f"{', '.join(others[:12]) or 'none'}. Name it with --label-column."
        )
    return found, named or others[0]


def cells_of(table: Table, names: tuple[str, ...]) -> list[np.ndarray]:
    """Texts of some columns, and last the line of each row; shapes (row,)."""
    plan = ReadPlan(names, names[0], stamps=True, numbers=(), decimal=table.decimal)
    chunks = [make() for make in table.chunks(plan)]
    texts = [
        np.concatenate([chunk.text(name).to_numpy(dtype=object) for chunk in chunks])
        for name in names
    ]
    refuse_ragged(table)
    return [*texts, np.concatenate([chunk.lines for chunk in chunks])]


def spelled_as(labels: np.ndarray, classes: Sequence[str] | None) -> np.ndarray:
    """Whole numbers without the point that one missing label among them brings in.

    Args:
        labels: Labels as they are written, shape (row,).
        classes: Classes that are known already, and are spelled as they are.
    """
    found = [_WHOLE.fullmatch(text) for text in labels]
    if not all(found) or (classes and set(labels) <= set(classes)):
        return labels
    return np.array([match[1] for match in found if match], dtype=object)


def _one_each(table: Table, ids: np.ndarray, labels: np.ndarray, lines: Int64) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, label, line in zip(ids, labels, lines, strict=True):
        if found.setdefault(str(name), str(label)) != label:
            raise DataError(
                f"{table.name}: {table.place} {line}: expected one label for series {name!r}, got "
                f"{found[name]!r} and {label!r}. Keep one."
            )
    return found


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
    if time is None:
        raise DataError(
            "labels: expected labels of times, as in training, got no column of times. Name it as "
            "in the log."
        )
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
        without=UNLABELLED | set(config.cells.na),
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
    return TimeLabels(_one_at_a_time(found, table.name))


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
    kept = np.concatenate([[True], ~again])
    counts = np.bincount(series[kept], minlength=streams.num_series)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return replace(streams, starts=starts, times=times[kept], marks=marks[kept])


def kind_of(source: Source, dataset: TimeSeriesDataset, config: DataConfig) -> str:
    """Kind of the labels of a table, see `Labels.kind`."""
    return "times" if is_of_times(source, dataset, config) else "series"


#: Readers of labels by `Labels.kind`; arguments as those of `read_labels`.
READERS: dict[str, Callable[..., Labels]] = {"series": read_labels, "times": read_time_labels}

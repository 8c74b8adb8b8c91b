"""What `LatentODE` is given: logs, and the events beside them.

What reads them is loaded where something is to be read, which takes longer than a forecast from the
newest readings of the training.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from latentode.config import LatentODEConfig
from latentode.config.data_options import ARGUMENTS, IN_TRAINING, in_python
from latentode.config.reading_arguments import ReadingArguments, reading_settings
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.events import EventStreams, LogEvents
from latentode.data.reading.formats.frames import Frame, held, is_frame
from latentode.errors import ConfigError, DataError, LatentODEWarning, LogWarning
from latentode.prediction.far_readings import faults_line, followed_line
from latentode.prediction.known_model import KnownModel
from latentode.results import local_times

if TYPE_CHECKING:
    from latentode.data.labels import Labels as LogLabels
    from latentode.data.reading.doubts import Decision
    from latentode.data.reading.keyed_rows import Source
    from latentode.data.reading.report import DataReport
    from latentode.models.fitted.latent_ode import FittedModel

Log = TimeSeriesDataset | Frame | str | Path
Events = EventStreams | Frame | str | os.PathLike[str]
Labels = Mapping[str, Any] | pd.Series | Frame | str | Path
_SETTINGS = {
    "latent_dim": "model.latent_dim",
    "encoder": "model.encoder",
    "prior": "model.prior",
    "posterior": "model.posterior",
    "likelihood": "model.likelihood",
    "context": "windows.context",
    "horizon": "windows.horizon",
    "max_time": "train.max_time",
    "device": "train.device",
    "random_state": "train.seed",
}
_IN_ONE_LOG = (
    "Settings of one log are given where it is read, "
    'read_log(log, model.config_.updated(**{{"{name}": ...}}).data)[0], which is then the log.'
)
_MISSING = {"--allow-missing-channels": "allow_missing_channels=True"}


def resolved(
    config: LatentODEConfig | None, arguments: Mapping[str, Any], reading: ReadingArguments
) -> LatentODEConfig:
    """Settings with those that were given.

    Args:
        config: What is left as it is; None for the defaults.
        arguments: Arguments of `LatentODE`; None is not given.
        reading: How the log is read, likewise.
    """
    settings = {name: arguments.get(argument) for argument, name in _SETTINGS.items()}
    base = config or LatentODEConfig()
    given = {name: value for name, value in settings.items() if value is not None}
    return base.updated(**given, **reading_settings(reading))


def read(
    log: Log,
    config: LatentODEConfig,
    *,
    training: bool = False,
    allow_unread: bool = False,
    allow_missing: bool | None = None,
) -> tuple[TimeSeriesDataset, LatentODEConfig]:
    """A log, and the settings with what was detected of it, for every log to come.

    Args:
        log: A log in any form.
        config: Settings.
        training: Whether a model is trained on it, so that what is not certain is said as a
            warning, and what must be asked first is refused.
        allow_unread: Whether no series need have a reading.
        allow_missing: Whether channels of the settings may be absent, but for one; None where the
            caller has no such argument.

    Raises:
        DataError: If the log cannot be read, or must not be used before a question is answered;
            the message names arguments and settings.
        ConfigError: If a setting does not fit the log, likewise.
    """
    from latentode.data.reading.log import read_log
    from latentode.data.reading.report import OF_EVERY_LOG

    if isinstance(log, TimeSeriesDataset):
        return log, config
    offers_missing = allow_missing is not None
    with said_of_log(log, training=training, offers_missing=offers_missing):
        dataset, report = read_log(
            log, config.data, allow_unread=allow_unread, allow_missing=bool(allow_missing)
        )
        report.settle("training", about=None if training else OF_EVERY_LOG)
    if training:
        _say(report)
    return dataset, config.model_copy(update={"data": report.pinned(config.data)})


@contextmanager
def said_in_python(
    arguments: Mapping[str, str] = ARGUMENTS, settings_go: str = IN_TRAINING
) -> Iterator[None]:
    """Let errors name arguments and settings; the program, which reads by itself, names options.

    Args:
        arguments: Option -> argument, of options that stand for an argument.
        settings_go: Sentence that says where settings go.
    """
    try:
        yield
    except (DataError, ConfigError) as error:
        words = in_python(str(error), arguments, settings_go)
        raise type(error)(words) from error.__cause__


def said_of_log(
    log: Log, *, training: bool, offers_missing: bool = False
) -> AbstractContextManager[None]:
    """The same of errors about a log, unless it was read elsewhere.

    Args:
        log: The log.
        training: Whether a model is trained on it.
        offers_missing: Whether the caller has the argument ``allow_missing_channels``.
    """
    if isinstance(log, TimeSeriesDataset):
        return nullcontext()
    if training:
        return said_in_python()
    return said_in_python(_MISSING if offers_missing else {}, _IN_ONE_LOG)


def _say(report: DataReport) -> None:
    """Warn of what was decided without being certain, and of what was left out or merged."""
    from latentode.data.reading.report import REASONS

    unsure = [each for each in report.decisions if each.confidence != "certain"]
    counts = {reason: number for reason, number in report.counts.items() if reason in REASONS}
    counts.pop("missing_cells", None)
    lines = [*map(str, unsure), *report.count_lines(), *report.left_out_lines()]
    if lines:
        warning = LogWarning(
            in_python(f"{report.source}: " + "; ".join(lines) + "."),
            decisions=[_decided(each) for each in unsure],
            left_out=report.left_out,
            counts=counts,
        )
        warnings.warn(warning, stacklevel=4)


def _decided(decision: Decision) -> dict[str, Any]:
    return asdict(decision) | {"option": in_python(decision.option, settings_go="").strip()}


def aligned(
    fitted: KnownModel, log: Log, *, allow_unread: bool = False, allow_missing: bool | None = None
) -> TimeSeriesDataset:
    """A log as the model's own was read, its channels in the order of the model.

    Args:
        fitted: The model.
        log: The log.
        allow_unread: Whether no series need have a reading.
        allow_missing: Whether channels of the model may be absent, but for one, with a warning;
            None where the caller has no such argument.
    """
    dataset, _ = read(log, fitted.config, allow_unread=allow_unread, allow_missing=allow_missing)
    absent = [name for name in fitted.schema.channels if name not in dataset.channels]
    with said_of_log(log, training=False, offers_missing=allow_missing is not None):
        dataset = fitted.schema.align(dataset, allow_missing=bool(allow_missing))
    if absent:
        line = f"channels that this log does not have: {', '.join(absent)}"
        warnings.warn(line, LatentODEWarning, stacklevel=3)
    _say_what_is_odd(fitted, dataset)
    return dataset


def aligned_or_newest(
    fitted: KnownModel, log: Log | None, *, allow_missing: bool | None = None
) -> TimeSeriesDataset:
    """The same, and there need be no reading; the newest readings of the training without a log.

    Args:
        fitted: The model.
        log: The log, or None.
        allow_missing: As in `aligned`.

    Raises:
        DataError: If there is no log, and the model remembers none.
    """
    if log is not None:
        return aligned(fitted, log, allow_unread=True, allow_missing=allow_missing)
    if not len(fitted.context):
        raise DataError(
            "log: expected one to forecast from, got none: a model that was trained on parts "
            "remembers no series. Name LOGS: those parts, or a later log."
        )
    _say_what_is_odd(fitted, fitted.context)
    return fitted.context


def _say_what_is_odd(fitted: KnownModel, dataset: TimeSeriesDataset) -> None:
    """Warn of channels without answers, and of readings that are not as channels were taken for."""
    lines, limits = fitted.schema.unknown_lines(), fitted.schema.families.outside(dataset.readings)
    if limits:
        lines.append("; ".join(limits) + ".")
    keeps_far = fitted.config.data.far_readings == "keep"
    left_out = None if keeps_far else faults_line(dataset, fitted.schema)
    followed = followed_line(dataset, fitted.schema, keeps_far=keeps_far)
    lines += filter(None, [left_out, followed])
    for line in lines:
        warnings.warn(line, LatentODEWarning, stacklevel=4)


def refuse_windows_of_streams(events: Events | None, windows: Source | None) -> None:
    """Refuse windows beside events that have their own.

    Raises:
        ConfigError: If windows are given of anything but a file or frame.
    """
    if windows is not None and isinstance(events, EventStreams | None):
        raise ConfigError(
            "windows: expected a file or frame of events that they describe, got none. Streams "
            "have windows of their own."
        )


def events_for_training(
    dataset: TimeSeriesDataset,
    config: LatentODEConfig,
    events: Events | None,
    mark_column: str | None,
    windows: Source | None,
    model_times: bool,
) -> LogEvents | None:
    """Events beside a log as `LatentODE.fit` was given them, ties spread; None for none.

    Args:
        dataset: The log.
        config: Settings of the training.
        events: Streams, or a file or frame of them.
        mark_column: Column of marks.
        windows: When each series was observed.
        model_times: Whether the report times of the log are the events.

    Raises:
        ConfigError: If both events and report times are wanted, or windows of neither or of
            streams.
        DataError: If the events cannot be read, or do not belong to the log.
    """
    from latentode.data.reading.log_events import read_log_events, report_times

    if model_times and events is not None:
        raise ConfigError("events: expected a file of events or model_times, got both. Choose one.")
    if events is None and (mark_column is not None or windows is not None):
        raise ConfigError("mark_column and windows: expected events that they describe, got none.")
    refuse_windows_of_streams(events, windows)
    if model_times:
        streams = report_times(dataset)
    elif events is None:
        return None
    else:
        streams = read_log_events(
            events, dataset, config.data, mark_column=mark_column, windows=windows
        )
    return LogEvents(streams.spread_ties(config.train.seed), mark_column, reports=model_times)


def labels_for_training(
    dataset: TimeSeriesDataset, config: LatentODEConfig, labels: Labels | None, column: str | None
) -> LogLabels | None:
    """Labels as `LatentODE.fit` was given them; None for none.

    Args:
        dataset: The log.
        config: Settings of the training.
        labels: Labels, in any form.
        column: Column of labels.

    Raises:
        ConfigError: If a column is named without labels.
        DataError: If the labels cannot be read, or do not belong to the log.
    """
    from latentode.data.reading.labels import READERS, kind_of

    table = _table(labels, column)
    if table is None:
        return None
    read_kind = READERS[kind_of(table, dataset, config.data)]
    return read_kind(table, dataset, config.data, column=column)


def labels_of(
    fitted: FittedModel, dataset: TimeSeriesDataset, labels: Labels | None, column: str | None
) -> LogLabels:
    """The labels of a log that a model is judged by.

    Args:
        fitted: A model that was trained with labels.
        dataset: The log, aligned with its schema.
        labels: Labels; None takes those of the training, by id.
        column: Column of labels.

    Raises:
        ConfigError: If the model knows no labels, or a column is named without labels.
        DataError: If they cannot be read, or are not of these series and classes.
    """
    from latentode.data.reading.labels import READERS
    from latentode.prediction.class_probabilities import known_classes  # here: it loads torch

    classes, trained = known_classes(fitted), fitted.log.labels
    assert trained is not None
    table, data = _table(labels, column), fitted.config.data
    if table is None:
        return trained.aligned(dataset.series_ids, fitted.context.series_ids)
    return READERS[trained.kind](table, dataset, data, column=column, classes=classes)


def asked_times(
    fitted: FittedModel, dataset: TimeSeriesDataset, times: Any
) -> tuple[tuple[Int64, Int64], pd.MultiIndex]:
    """Times at which something is asked: series and nanoseconds of each, and both as an index.

    Args:
        fitted: The model.
        dataset: The log.
        times: Frame or file of ids and times; None takes every row of the log.
    """
    from latentode.data.reading.query_times import read_query_times

    readings, clock = dataset.readings, fitted.schema.clock
    grid = readings.row_series(), readings.times
    if times is not None:
        grid = read_query_times(
            times, series_ids=dataset.series_ids, clock=clock, config=fitted.config.data
        )
    names = np.array(dataset.series_ids, dtype=object)[grid[0]]
    pairs = pd.DataFrame({"series": names, "time": local_times(grid[1], clock)})
    return grid, pd.MultiIndex.from_frame(pairs)


def _table(labels: Labels | None, column: str | None) -> Frame | str | Path | None:
    """What the readers of labels read; None for none."""
    if labels is None:
        if column is not None:
            raise ConfigError("label_column: expected labels that it describes, got none.")
        return None
    if isinstance(labels, Mapping | pd.Series):
        if not len(labels):
            raise DataError("labels: expected at least one, got none.")
        return pd.DataFrame([*labels.items()], columns=["id", "label"])
    if not isinstance(labels, str | Path) and not is_frame(labels):
        kind = type(labels).__name__
        raise DataError(f"labels: expected a file, a frame, or a mapping by id, got a {kind}.")
    return held(labels)  # it is looked at before it is read


def events_of(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    events: Events | None,
    windows: Source | None = None,
) -> EventStreams:
    """The events of a log that a model is asked about.

    Args:
        fitted: A model that was trained with events.
        dataset: The log, aligned with its schema.
        events: Events; None takes the report times of the log, where they are what is modelled, or
            the events of the training, if they are of the same series.
        windows: When each series was observed.

    Raises:
        ConfigError: If the model knows no events, or windows are given of streams.
        DataError: If the events cannot be read, or are not of these series or marks.
    """
    from latentode.data.reading.log_events import read_log_events, report_times

    known, config = fitted.log.events, fitted.config
    if known is None:
        raise ConfigError(
            "events: expected a model that was trained with events, got one of readings alone. "
            "Train with --events or --model-times."
        )
    refuse_windows_of_streams(events, windows)
    if known.reports and not isinstance(events, EventStreams | None):
        raise ConfigError("events: this model knows the report times of the log alone.")
    if known.reports and events is None:
        streams = report_times(dataset)
    else:
        streams = read_log_events(
            known.streams if events is None else events,
            dataset,
            config.data,
            mark_column=known.mark_column,
            windows=windows,
            mark_names=known.streams.mark_names,
        )
    if streams.mark_names != known.streams.mark_names:
        raise DataError(
            f"events: expected the marks {', '.join(known.streams.mark_names)}, got "
            f"{', '.join(streams.mark_names)}. Give events like those of the training."
        )
    return streams.spread_ties(config.train.seed)

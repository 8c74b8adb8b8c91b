"""From a question to the log that it is about."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from latentode.config.durations import format_duration
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.log import read_log
from latentode.data.reading.report import OF_EVERY_LOG, DataReport
from latentode.errors import DataError
from latentode.serve.bodies import Body, BodyError
from latentode.serve.limits import Limits
from latentode.serve.questions import HOW_IT_IS_READ, config_for

if TYPE_CHECKING:
    from latentode.estimators import ExportedLatentODE, LatentODE

    Model: TypeAlias = LatentODE | ExportedLatentODE

_SHOWN = 8  # ids that a message lists


@dataclass
class ReadLog:
    """A log that was read, or what the model remembers.

    Attributes:
        model: The model, which does with far readings what was asked.
        log: The log.
        report: What was detected in it; None of what the model remembers.
        lines: What is to be said of it.
    """

    model: Model
    log: TimeSeriesDataset
    report: DataReport | None = None
    lines: list[str] = field(default_factory=list)


def read_asked(
    model: Model, body: Body, asked: Mapping[str, Any], limits: Limits, what: str
) -> ReadLog:
    """The log of a body, as `forecast` of the command line reads LOGS; or what a model remembers.

    Args:
        model: The model.
        body: What was sent.
        asked: Parameters by name, with dashes.
        limits: What it may hold.
        what: What is asked: "inspect" shows what else has to be settled first.

    Raises:
        BodyError: If it holds too much.
        DataError: If it cannot be read, or a series is not known.
        ConfigError: If a parameter is out of range.
    """
    config = config_for(model.config_, asked)
    model = copy.copy(model)
    if config.data.far_readings != model.config_.data.far_readings:
        model.set_far_readings(config.data.far_readings)
    if not body.is_log:
        return _remembered(model, body, asked)
    allow_missing = bool(asked.get("allow-missing-channels"))
    log, report = read_log(
        body.log(config.data),
        config.data,
        allow_missing=allow_missing,
        allow_unread=what == "forecast",
    )
    if log.readings.num_readings > limits.readings:
        context = format_duration(model.fitted_.schema.lengths.context_ns)
        raise BodyError(
            f"readings: expected at most {limits.readings:,}, got {log.readings.num_readings:,}. "
            f"Send fewer at once: a forecast needs the newest {context}."
        )
    read = ReadLog(model, log, report)
    if what != "inspect":
        report.settle("training", about=OF_EVERY_LOG)
    read.lines += [
        f"{report.source}: {each.message}"
        for each in report.questions
        if each.about != "length"  # a forecast needs little
    ]
    if allow_missing:
        schema = model.fitted_.schema
        absent = [name for name in schema.channels if name not in log.channels]
        if absent:
            read.lines.append(f"channels that this log does not have: {', '.join(absent)}")
        read.log = schema.align(log, allow_missing=True)
    return read


def _remembered(model: Model, body: Body, asked: Mapping[str, Any]) -> ReadLog:
    """The newest readings of the training, of the series that are asked about."""
    unread = [name for name in asked if name in HOW_IT_IS_READ and name != "far-readings"]
    if unread:
        raise BodyError(f"{', '.join(unread)}: how a log is read, and none was sent.")
    context = model.fitted_.context
    if not len(context):
        raise DataError(
            "body: expected a log to ask about, got none: this model was trained on parts, and "
            "remembers no series."
        )
    if body.series is None:
        return ReadLog(model, context)
    place = {name: index for index, name in enumerate(context.series_ids)}
    for name in body.series:
        if name not in place:
            shown = ", ".join(context.series_ids[:_SHOWN]) + (
                ", ..." if len(place) > _SHOWN else ""
            )
            raise DataError(f"series: no series {name[:80]!r}. There are: {shown}.")
    return ReadLog(model, context.select_series([place[name] for name in body.series]))

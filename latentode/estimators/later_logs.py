"""Logs that a fitted model goes on learning from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.column_roles import NOT_CHOSEN
from latentode.data.reading.log import read_log
from latentode.data.reading.report import OF_EVERY_LOG, DataReport
from latentode.errors import ConfigError, DataError, LatentODEWarning
from latentode.estimators.inputs import Log, said_of_log
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.doubtful import called_by_file, unknown_lines


def in_order(fitted: FittedModel, log: Log) -> tuple[TimeSeriesDataset, set[str]]:
    """A log for training: all channels of the model, in its order.

    Args:
        fitted: The model.
        log: The log.

    Returns:
        The log, and what else in it could be channels, see `other_channels`.

    Raises:
        DataError: If the log cannot be read.
    """
    if isinstance(log, TimeSeriesDataset):
        others = set(log.channels) - set(fitted.schema.channels)
    else:
        with said_of_log(log, training=False):
            log, report = read_log(log, fitted.config.data)
            report.settle("training", about=OF_EVERY_LOG)
        others = other_channels(report)
    with said_of_log(log, training=False):
        return fitted.schema.in_order(log), others


def remembering(fitted: FittedModel, later: TimeSeriesDataset) -> FittedModel:
    """A model that forecasts from later readings, too: as if the whole log had been read.

    Nothing is learned. The window that a model sees ends with the newest reading, and values count
    from there, so that no state of the encoder outlasts a reading; what it saw is kept instead.

    Args:
        fitted: The model.
        later: Readings, in the order of its channels.

    Raises:
        ConfigError: If the model explains events or labels, which would have to come along.
    """
    log = fitted.log
    beside = "events" if log.events is not None else "labels" if log.labels is not None else ""
    if beside:
        raise ConfigError(
            f"append: expected a model of readings alone, got one of {beside} too, which would "
            "have to be appended as well. Forecast from the whole log instead."
        )
    known = fitted.context.series_ids
    if called_by_file(fitted) and len(later) == 1:
        later = replace(later, series_ids=known)
    for line in unknown_lines(fitted, later, np.arange(len(later))):
        warnings.warn(line, LatentODEWarning, stacklevel=3)
    context = last_context(fitted.context.with_added(later), fitted.schema)
    return replace(fitted, log=replace(log, dataset=context))


def other_channels(report: DataReport) -> set[str]:
    """Columns of a log that could be channels, and are none of a model that knows its own."""
    return {name for name, why in report.left_out.items() if why == NOT_CHOSEN}


def check_channels(others: Iterable[str], known: Iterable[str]) -> None:
    """Refuse channels that a model would have to learn later.

    Args:
        others: Channels of a later log that the model does not know.
        known: Those of the logs before, which were left out then, too.

    Raises:
        DataError: If there are more.
    """
    more = sorted(set(others) - set(known))
    if more:
        raise DataError(
            f"log: expected the channels that the model knows, got also {', '.join(more)}. A "
            "model cannot learn a channel later: train again on the whole log, or leave it out "
            "(--channels with those of the model; in Python a log without the column)."
        )

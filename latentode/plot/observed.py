"""Readings beside a prediction: a log in any form, and why a panel shows none of it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latentode.config import DataConfig, LatentODEConfig
from latentode.config.data_options import in_python
from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import DataError, LatentODEWarning
from latentode.plot import style

if TYPE_CHECKING:
    from xarray import Dataset

# where settings go that a picture does not take
_READ_FIRST = (
    'Read it first, read_log(log, LatentODEConfig().updated(**{{"{name}": ...}}).data)[0], and '
    "draw that."
)


def observed_log(dataset: Dataset, log: Any) -> TimeSeriesDataset | None:
    """A log in any form, read as the log of a prediction was read.

    Args:
        dataset: The prediction.
        log: A `TimeSeriesDataset`, or what `latentode.read_log` reads; None for none.

    Raises:
        DataError: If it cannot be read, or what its times mean must be told first.
        ConfigError: If it is on another clock.
    """
    if log is None or isinstance(log, TimeSeriesDataset):
        return log
    from latentode.data.reading.log import read_log
    from latentode.data.reading.report import OF_EVERY_LOG

    read, report = read_log(log, reading_settings(dataset), allow_missing=True)
    try:
        report.settle("training", about=OF_EVERY_LOG)
    except DataError as error:
        raise DataError(in_python(str(error), {}, _READ_FIRST)) from None
    for question in report.questions:
        if question.about != "length":  # a picture needs little
            said = in_python(f"{report.source}: {question.message}", {}, _READ_FIRST)
            warnings.warn(said, LatentODEWarning, stacklevel=3)
    return named_as(dataset, read)


def reading_settings(dataset: Dataset) -> DataConfig:
    """Settings by which the log of a prediction was read; of others, those of its clock."""
    if "reading" in dataset.attrs:
        return DataConfig.model_validate_json(dataset.attrs["reading"])
    time = dataset["time"].attrs
    zone = time.get("timezone", "naive")
    told = {
        "data.time.unit": time.get("units", "auto"),
        "data.time.tz": None if zone == "naive" else zone,
    }
    return LatentODEConfig().updated(**told).data


def named_as(dataset: Dataset, log: TimeSeriesDataset) -> TimeSeriesDataset:
    """A log of one series under the name of the only one that was predicted.

    Without a column of ids a series is named by its file, which may be another.
    """
    predicted = [str(name) for name in dataset["series"].values]
    return replace(log, series_ids=tuple(predicted)) if len(predicted) == len(log) == 1 else log


def readings_of(
    dataset: Dataset, log: TimeSeriesDataset | None, series: str, channel: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Times, on the axis of a prediction, and values of the readings of a channel.

    Args:
        dataset: The prediction.
        log: The log; None for none.
        series: Id of the series.
        channel: Name of the channel.
    """
    if log is None or series not in log.series_ids or channel not in log.channels:
        return np.empty(0), np.empty(0)
    rows = log.readings.rows_of(log.series_ids.index(series))
    values = log.readings.dense(rows)[:, log.channels.index(channel)]
    times = style.stamp_positions(log.readings.times[rows], dataset["time"].attrs)
    read = np.isfinite(values)
    return times[read], values[read]


def why_none(dataset: Dataset, log: TimeSeriesDataset, series: str, channel: str) -> str:
    """Why a panel shows no reading of a channel, in a few words.

    Args:
        dataset: The prediction.
        log: The log.
        series: Id of the series.
        channel: Name of the channel.
    """
    if series not in log.series_ids:
        return f"the log has no series {series}"
    if channel not in log.channels:
        return "the log has no such channel"
    times, _ = readings_of(dataset, log, series, channel)
    if not len(times):
        return "no reading of this series in the log"
    return f"no reading in this time; last at {style.time_text(times.max(), dataset['time'].attrs)}"

"""Readings absurdly far from all that training saw: faults of a sensor, which no answer follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Readings, TimeSeriesDataset
from latentode.data.frames import to_timestamps
from latentode.data.reading.cells.bad_cells import list_option
from latentode.data.schema import DataSchema

# ranges of the training readings beyond which a reading is a fault, unless it is one of a run: the
# channel has then moved, and is followed as far as float32 tells its changes there
_FAR, _RUN, _TOO_FAR = 1e4, 3, 1e6
_EXAMPLES = 3  # that one message names
# deviations from the median of training, and beyond all of its readings, from which on it is said
# that predictions follow a reading
_DEVIATIONS, _BEYOND = 1e3, 20.0


def without_faults(dataset: TimeSeriesDataset, schema: DataSchema) -> TimeSeriesDataset:
    """Leave out readings that are far out; see `far_readings`.

    Args:
        dataset: Readings, aligned with the schema.
        schema: What training saw.
    """
    far = far_readings(dataset.readings, schema)
    if not far.any():
        return dataset
    return dataset.with_readings(dataset.readings.select_readings(~far))


def far_readings(readings: Readings, schema: DataSchema) -> NDArray[np.bool_]:
    """Which readings are farther out than a channel can have moved, shape (reading,).

    Farther from the median of the training part than 10,000 times the range of its readings; where
    three or more in a row are, the channel has moved, up to a million times that range. Of counters
    it is the last reading, where it is a leap that no rate explains.

    Args:
        readings: Channels in the order of the schema.
        schema: What training saw.
    """
    distance = _distance(readings, schema)
    far = distance > _FAR
    if not far.any():
        return schema.counters.faults(readings)
    group = readings.row_series()[readings.reading_rows()] * len(readings.channels)
    order = np.argsort(group + readings.channel_index, kind="stable")  # times stay in order
    ends = np.diff(group[order] + readings.channel_index[order]) != 0
    ends |= np.diff(far[order]) != 0
    run = np.concatenate([[0], np.cumsum(ends)])
    long = np.empty(len(far), dtype=bool)
    long[order] = np.bincount(run)[run] >= _RUN
    return (far & ~(long & (distance <= _TOO_FAR))) | schema.counters.faults(readings)


def faults_line(dataset: TimeSeriesDataset, schema: DataSchema) -> str | None:
    """Say which readings `without_faults` leaves out, and how to follow them; None without any.

    Args:
        dataset: Readings, aligned with the schema.
        schema: What training saw.
    """
    readings = dataset.readings
    far = np.flatnonzero(far_readings(readings, schema))
    if not len(far):
        return None
    places = _places(dataset, far, schema)
    return (
        f"readings absurdly far from those of the training (more than {_FAR:,.0f} times their "
        "range, or a leap of a counter) are left out of what is predicted from: "
        f"{places}. To follow them: --far-readings keep, in Python "
        "set_far_readings('keep')."
    )


def followed_line(dataset: TimeSeriesDataset, schema: DataSchema, *, keeps_far: bool) -> str | None:
    """Say which newest readings of channels are far out and followed all the same; None without.

    It is said of readings a thousand deviations from the median of training, or twenty beyond all
    that it saw; a deviation is the scale of the channel.

    Args:
        dataset: Readings, aligned with the schema.
        schema: What training saw.
        keeps_far: Whether those that are farther still are followed too.
    """
    readings, scaler, families = dataset.readings, schema.scaler, schema.families
    channel, values = readings.channel_index, readings.values
    cell = readings.row_series()[readings.reading_rows()] * len(readings.channels) + channel
    newest = len(cell) - 1 - np.unique(cell[::-1], return_index=True)[1]
    with np.errstate(over="ignore"):
        deviations = np.abs(values - scaler.center[channel]) / _one_deviation(schema)[channel]
        out = np.maximum(families.least[channel] - values, values - families.greatest[channel])
        beyond = out / _one_deviation(schema)[channel]
    far = (deviations > _DEVIATIONS) | (beyond > _BEYOND)
    far &= ~np.isin(schema.channels, schema.counters.names)[channel]
    if not keeps_far:
        far &= ~far_readings(readings, schema)
    found = newest[far[newest]]
    if not len(found):
        return None
    found = found[np.argsort(-deviations[found], kind="stable")]
    faults = [
        f"{schema.channels[channel[index]]}={_spelled(values[index])}"
        for index in found[:_EXAMPLES]
    ]
    return (
        f"newest readings far from those of the training: {_places(dataset, found, schema)} (up to "
        f"{deviations[found[0]]:.3g} deviations from the median). Forecasts go on from there, with "
        "bands of readings as usual. If it is a fault of the sensor, predict from a log that is "
        f"read with {list_option('--na', faults)}, in Python na; if it is none, train on it."
    )


def _spelled(value: float) -> str:
    """A number in the digits that tell it from all others."""
    short = f"{value:.15g}"
    return short if float(short) == value else repr(float(value))


def _places(dataset: TimeSeriesDataset, which: NDArray[np.int64], schema: DataSchema) -> str:
    """Some readings by channel, series, value and time, the first few of them."""
    readings, shown = dataset.readings, which[:_EXAMPLES]
    rows = readings.reading_rows()[shown]
    times = to_timestamps(readings.times[rows], dataset.clock)
    ids = [dataset.series_ids[series] for series in readings.row_series()[rows]]
    names = [schema.channels[index] for index in readings.channel_index[shown]]
    places = [
        f"{name} of series {series} is {value:g} at {time}"
        for name, series, value, time in zip(names, ids, readings.values[shown], times, strict=True)
    ]
    more = f" and {len(which) - _EXAMPLES:,} more" if len(which) > _EXAMPLES else ""
    return f"{'; '.join(places)}{more}"


def _one_deviation(schema: DataSchema) -> NDArray[np.float64]:
    """Scale of each channel, or the level of one that never moved, shape (channel,)."""
    scaler = schema.scaler
    level = np.maximum(1.0, np.abs(scaler.center))
    return np.where(scaler.constant, level, scaler.scale)


def _distance(readings: Readings, schema: DataSchema) -> NDArray[np.float64]:
    """Of each reading from the median of training, in ranges of its channel."""
    scaler, climatology = schema.scaler, schema.climatology
    spread = np.maximum(scaler.scale, scaler.std)
    if climatology is not None:
        highest, lowest = climatology.quantiles[..., -1], climatology.quantiles[..., 0]
        spread = np.fmax(spread, highest.max(axis=0) - lowest.min(axis=0))
    spread = np.where(scaler.constant, _one_deviation(schema), spread)
    channel = readings.channel_index
    totals = np.isin(schema.channels, schema.counters.names)  # what was learned is of their rates
    with np.errstate(over="ignore"):
        distance = np.abs(readings.values - scaler.center[channel]) / spread[channel]
    return np.where(totals[channel], 0.0, distance)

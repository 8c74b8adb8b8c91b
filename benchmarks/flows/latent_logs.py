"""Logs with labelled anomalies: machines of NAB, and the pump station with planted faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode.config import ColumnsConfig, DataConfig, TimeConfig
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.reading.log import read_log

_ROOT = Path(__file__).resolve().parents[2]
_NAB = _ROOT / ".." / "shared" / "data" / "nab_known_cause.csv.gz"
_PUMPS = _ROOT / "datasets" / "pump_station.csv"
_HOUR = 3_600_000_000_000
KINDS = ("shift", "drift", "stuck", "spikes")
_SPIKE_SHARE = 0.2


@dataclass(frozen=True)
class LabelledLog:
    """A log to train on, one to look for anomalies in, and where they are.

    Attributes:
        clean: What is trained on, and what the likelihood of its test part is measured on.
        suspect: The same rows, with anomalies in the test part.
        labels: True for each anomalous reading of `suspect`, shape (reading,).
        settings: Settings that the log asks for, by dotted name.
    """

    clean: TimeSeriesDataset
    suspect: TimeSeriesDataset
    labels: np.ndarray
    settings: Mapping[str, Any]


def load(name: str, protocol: Mapping[str, Any]) -> LabelledLog:
    """The log of a name: "pump_station" or "nab_known_cause"."""
    return _pumps(protocol) if name == "pump_station" else _nab(protocol)


def _nab(protocol: Mapping[str, Any]) -> LabelledLog:
    """Every machine standardised by its training part; half of each is tested.

    The labels are no channel of the model: it never sees them. The training part holds anomalies,
    too, as it would in use.
    """
    if not _NAB.is_file():
        raise SystemExit(f"latent-density: expected {_NAB}, got no such file. Leave this log out.")
    frame = pd.read_csv(_NAB)
    if protocol["rows"] is not None:
        frame = frame.groupby("series").tail(protocol["rows"])
    columns = ColumnsConfig(id="series", time="time", channels=("value", "anomaly"))
    config = DataConfig(columns=columns, time=TimeConfig(unit="min"))
    both = read_log(frame, config)[0]
    values, labels = (
        both.with_readings(both.readings.select_channels([c])) for c in columns.channels or ()
    )
    readings = values.readings
    assert np.array_equal(readings.times, labels.readings.times)
    shares = {"windows.train_fraction": 0.4, "windows.validation_fraction": 0.1}
    owner, scaled = readings.row_series(), np.empty(readings.num_rows)
    first, last = readings.first_and_last()
    ends = first + (shares["windows.train_fraction"] * (last - first)).astype(np.int64)
    for series in range(len(values)):
        own = owner == series
        seen = readings.values[own & (readings.times <= ends[series])]
        scaled[own] = (readings.values[own] - seen.mean()) / (seen.std() + 1e-9)
    dataset = values.with_readings(replace(readings, values=scaled))
    settings = shares | {"windows.split": "time"}
    return LabelledLog(dataset, dataset, labels.readings.values > 0.5, settings)


def _pumps(protocol: Mapping[str, Any]) -> LabelledLog:
    columns = ColumnsConfig(id="sensor_id", time="timestamp")
    dataset = read_log(_PUMPS, DataConfig(columns=columns))[0]
    if protocol["rows"] is not None:
        dataset = dataset.select_series(np.arange(6))
    low, high = int(dataset.readings.times.min()), int(dataset.readings.times.max())
    shares = {"windows.train_fraction": 0.6, "windows.validation_fraction": 0.1}
    test = low + int(sum(shares.values()) * (high - low))
    suspect, labels = plant_faults(
        dataset,
        test,
        channels=[dataset.channels.index(c) for c in ("pressure", "flow", "temperature")],
        length_ns=int(protocol["fault_hours"] * _HOUR),
        faults=protocol["faults"],
        rng=np.random.default_rng(protocol["fault_seed"]),
    )
    return LabelledLog(dataset, suspect, labels, shares | {"windows.split": "time"})


def plant_faults(
    dataset: TimeSeriesDataset,
    after: int,
    *,
    channels: list[int],
    length_ns: int,
    faults: int,
    rng: np.random.Generator,
) -> tuple[TimeSeriesDataset, np.ndarray]:
    """Plant faults of known place into the end of a log.

    In turn: a level shift by 3 standard deviations of the series' channel before `after`; a drift
    that reaches 4; a sensor stuck at its last value; spikes of 5 to either side at a fifth of the
    readings. Pumps, channels and times are drawn at random.

    Args:
        dataset: The log.
        after: Nanoseconds, from which on there are faults.
        channels: Channels that may fail.
        length_ns: Length of a fault.
        faults: Number of faults.
        rng: Source of places and signs.

    Returns:
        The log with faults, and True for each reading that a fault has changed, shape (reading,).
    """
    readings = dataset.readings
    row = readings.reading_rows()
    owner, times = readings.row_series()[row], readings.times[row]
    values, labels = readings.values.copy(), np.zeros(readings.num_readings, dtype=bool)
    for number in range(faults):
        series, channel = int(rng.integers(len(dataset))), int(rng.choice(channels))
        mine = (owner == series) & (readings.channel_index == channel)
        begin = int(rng.integers(after, int(readings.times.max()) - length_ns))
        inside = np.flatnonzero(mine & (times >= begin) & (times < begin + length_ns) & ~labels)
        known = readings.values[mine & (times < after)]
        if len(inside) < 3 or len(known) < 3:
            continue
        share = (times[inside] - begin) / length_ns
        changed = _fault(KINDS[number % len(KINDS)], values[inside], share, float(known.std()), rng)
        labels[inside] = changed != values[inside]
        values[inside] = changed
    return dataset.with_readings(replace(readings, values=values)), labels


def _fault(
    kind: str, values: Float64, share: Float64, std: float, rng: np.random.Generator
) -> Float64:
    sign = float(rng.choice([-1.0, 1.0]))
    if kind == "shift":
        return values + sign * 3.0 * std
    if kind == "drift":
        return values + sign * 4.0 * std * share
    if kind == "stuck":
        return np.full_like(values, values[0])
    struck = rng.random(len(values)) < _SPIKE_SHARE
    return values + np.where(struck, rng.choice([-5.0, 5.0], len(values)) * std, 0.0)


def labels_as_readings(
    dataset: TimeSeriesDataset, labels: np.ndarray, fitted: Any
) -> TimeSeriesDataset:
    """The same rows with labels for readings: windows of both hold the same places."""
    readings = dataset.readings
    scaled = fitted.schema.scaler.inverse(labels.astype(np.float64), readings.channel_index)
    return dataset.with_readings(replace(readings, values=scaled))


def evenly(rows: Int64, most: int) -> Int64:
    """At most so many rows, evenly spread."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))]

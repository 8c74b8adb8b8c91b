"""Sensor logs as users have them: data frames, and what an estimator must be told to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data.folders import public_file


@dataclass(frozen=True)
class SensorLog:
    """A log, and the question that is asked of it.

    Attributes:
        read: Builds the frame; the seed decides which readings are dropped.
        question: "forecast" or "interpolation".
        settings: Settings that differ from the defaults, by dotted name: columns, units, and the
            context and horizon that the question names.
    """

    read: Callable[[int], pd.DataFrame]
    question: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def thinned(frame: pd.DataFrame, channels: list[str], share: float, seed: int) -> pd.DataFrame:
    """Keep each reading of some channels with a probability; rows without any are dropped."""
    keep = np.random.default_rng(seed).random((len(frame), len(channels))) < share
    thin = frame.copy()
    thin[channels] = frame[channels].where(keep)
    return thin.dropna(subset=channels, how="all")


def pump_station(_seed: int) -> pd.DataFrame:
    """The shipped log: four pumps, five channels and a state, two months at uneven times."""
    return pd.read_csv(_SHIPPED / "pump_station.csv")


def air_quality(_seed: int) -> pd.DataFrame:
    """Eight stations in Beijing, hourly, four months, twelve channels with gaps."""
    return pd.read_csv(public_file("logs/air_quality_wide.csv"))


def room_climate(_seed: int) -> pd.DataFrame:
    """Twelve wireless nodes, a reading about every four seconds."""
    return pd.read_csv(public_file("logs/room_climate_long.csv"))


def transformer(seed: int) -> pd.DataFrame:
    """ETTh1: two years of a transformer, hourly, half of the readings dropped."""
    frame = pd.read_csv(public_file("ETTh1.csv"))
    return thinned(frame, list(frame.columns[1:]), 0.5, seed)


def turbofans(seed: int) -> pd.DataFrame:
    """C-MAPSS: 100 engines to failure, the sensors that vary, 30 % of the readings kept.

    Settings and the remaining life are left out: the latter is the answer.
    """
    frame = pd.read_csv(public_file("cmapss_fd001_train.csv.gz"))
    sensors = [f"s{number}" for number in range(1, 22)]
    varying = [name for name in sensors if frame[name].nunique() > 10]
    return thinned(frame[["series", "time", *varying]], varying, 0.3, seed)


def variable_stars(_seed: int) -> pd.DataFrame:
    """RR Lyrae stars in five bands, each read at times of its own.

    The survey writes about 99.99 where it found no star; such magnitudes are missing here.
    """
    frame = pd.read_csv(public_file("s82_rrlyrae.csv.gz"))
    bands = ["u", "g", "r", "i", "z"]
    frame[bands] = frame[bands].where(frame[bands] < _NO_STAR)
    return frame[["series", "time", *bands]].dropna(subset=bands, how="all")


def diabetes(_seed: int) -> pd.DataFrame:
    """Glucose of 70 patients, with insulin doses and meals as known inputs."""
    frame = pd.read_csv(public_file("uci_diabetes.csv.gz"))
    return frame[["series", "time", "glucose", *_DOSES]]


_SHIPPED = Path(__file__).resolve().parents[2] / "datasets"
_NO_STAR = 90.0
_DOSES = ["regular", "nph", "ultralente", "meal"]
_SERIES = {"data.columns.id": "series", "data.columns.time": "time"}

LOGS: dict[str, SensorLog] = {
    "pump-station": SensorLog(pump_station, "forecast"),
    "air-quality": SensorLog(air_quality, "forecast", {"windows.horizon": "24h"}),
    "room-climate": SensorLog(room_climate, "forecast", {"windows.horizon": "10min"}),
    "etth1": SensorLog(
        transformer, "forecast", {"windows.context": "96h", "windows.horizon": "24h"}
    ),
    # a cycle stands as a second
    "cmapss": SensorLog(
        turbofans, "forecast", {**_SERIES, "data.time.unit": "s", "windows.horizon": "20s"}
    ),
    "rr-lyrae": SensorLog(variable_stars, "interpolation", {**_SERIES, "data.time.unit": "d"}),
    "diabetes": SensorLog(
        diabetes,
        "forecast",
        {
            **_SERIES,
            "data.time.unit": "h",
            "data.columns.future": _DOSES,
            "windows.horizon": "4h",
        },
    ),
}

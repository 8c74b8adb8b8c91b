"""Small predictions and the log beside them, for pictures."""

import numpy as np

from latentode import results
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset

HOUR = 3_600_000_000_000
START = 1_711_843_200_000_000_000
CLOCKS = [Clock("calendar", "Europe/Berlin"), Clock("calendar"), Clock("elapsed", unit="h")]
CHANNELS = ("level", "flow_$x")


def prediction(clock=CLOCKS[0], num_draws=20, series_ids=("a", "b"), channels=CHANNELS, **options):
    shape = (num_draws, len(series_ids), 4, len(channels))
    draws = np.random.default_rng(0).normal(size=shape)
    times = START + HOUR * np.tile([3, 0, 1, 2], (len(series_ids), 1))
    names = {"series_ids": series_ids, "channels": channels}
    return results.to_dataset(
        draws, times, clock=clock, units=(("level", "m"),), **names, **options
    )


def log(clock=CLOCKS[0]):
    hours = np.arange(-20, 10)
    readings = Readings.from_triplets(
        np.zeros(30, dtype=np.int64),
        START + HOUR * hours,
        np.zeros(30, dtype=np.int64),
        hours.astype(float),
        num_series=2,
        channels=["level"],
    )
    return TimeSeriesDataset(("a", "b"), readings, clock)


def points(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]

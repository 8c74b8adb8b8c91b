"""Small data sets for the tests of tasks and evaluation."""

import numpy as np

from latentode.data.dataset import Clock, Readings, TimeSeriesDataset

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
EPOCH = 1_700_000_000_000_000_000


def make_dataset(parts, channels=("a", "b"), units=()):
    """From one list of (times, channel, values) a series."""
    series = np.concatenate([np.full(len(part[0]), i) for i, part in enumerate(parts)])
    times, channel, values = (np.concatenate([p[k] for p in parts]) for k in range(3))
    readings = Readings.from_triplets(
        series, times, channel, values, num_series=len(parts), channels=channels
    )
    ids = tuple(f"s{index}" for index in range(len(parts)))
    return TimeSeriesDataset(ids, readings, Clock("calendar", "UTC"), units=units)


def irregular_dataset(seed=0, counts=(60, 90, 20), channels=("a", "b")):
    """Series with a value that identifies each reading."""
    generator = np.random.default_rng(seed)
    parts, number = [], 0
    for count in counts:
        cells = generator.choice(count * len(channels) * 2, count, replace=False)
        times = EPOCH + cells // len(channels) * HOUR
        parts.append((times, cells % len(channels), number + np.arange(float(count))))
        number += count
    return make_dataset(parts, channels)


def whole_span(dataset, share=0.0, end=1.0):
    owned = [dataset.readings.times[dataset.readings.rows_of(i)] for i in range(len(dataset))]
    start = np.array([t[0] + int(share * (t[-1] - t[0])) for t in owned])
    stop = np.array([t[-1] - int((1 - end) * (t[-1] - t[0])) for t in owned])
    return {"start_ns": start, "stop_ns": stop}


def triplets(readings):
    rows = readings.reading_rows()
    return readings.row_series()[rows], readings.times[rows], readings.channel_index

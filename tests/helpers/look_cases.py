"""Second looks at arrays, without a file."""

import numpy as np

from latentode.config import CellsConfig, TimeConfig
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.second_look.channel_readings import by_channel
from latentode.data.reading.second_look.log_rows import LogRows
from latentode.data.reading.second_look.look import second_look

MINUTE = 60 * 10**9
DAY = 1440 * MINUTE
START = int(np.datetime64("2024-03-04", "ns").astype(np.int64))
CALENDAR = Clock("calendar")


def readings_of(columns, times=None, series=None):
    """Readings of a wide log; NaN where a cell is empty."""
    grid = np.stack([np.asarray(values, dtype=float) for values in columns.values()], axis=1)
    times = START + np.arange(len(grid)) * 10 * MINUTE if times is None else np.asarray(times)
    series = np.zeros(len(grid), dtype=np.int64) if series is None else np.asarray(series)
    rows, channels = np.nonzero(~np.isnan(grid))
    return Readings.from_triplets(
        series[rows],
        times[rows],
        channels,
        grid[rows, channels],
        num_series=int(series.max()) + 1,
        channels=tuple(columns),
    )


def channel_of(values, series=None):
    """One channel that every row has."""
    return next(by_channel(readings_of({"x": values}, series=series)))


def look_at(columns, times=None, series=None, *, clock=CALENDAR, na=None, start=None, end=None):
    """A second look, what was asked and decided, and the data set; line 2 is the first row."""
    readings = readings_of(columns, times, series)
    length = len(next(iter(columns.values())))
    times = START + np.arange(length) * 10 * MINUTE if times is None else np.asarray(times)
    series = np.zeros(length, dtype=np.int32) if series is None else np.asarray(series)
    ids = tuple(f"s{index}" for index in range(readings.num_series))
    doubts = Doubts()
    look = second_look(
        readings,
        ids,
        clock,
        rows=LogRows(times, series, lambda row: row + 2),
        cells=CellsConfig(na=na),
        time=TimeConfig(start=start, end=end),
        doubts=doubts,
    )
    return look, doubts, TimeSeriesDataset(ids, readings, clock)


def messages(doubts, about):
    """Questions about one thing, all of which block training and nothing else."""
    assert {question.blocks for question in doubts.questions} <= {"training"}
    return [question.message for question in doubts.questions if question.about == about]

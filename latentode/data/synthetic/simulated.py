"""A simulated data set with the truth behind it, and how the truth is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Float64, Int64, Readings, TimeSeriesDataset
from latentode.errors import ConfigError

SECOND_NS = NS_PER_UNIT["s"]


@dataclass(frozen=True, eq=False)
class SimulatedLog:
    """A data set together with the truth behind it.

    Attributes:
        dataset: What a model may see.
        noise_sd: Standard deviation of the measurement noise in original units, shape (channel,).
        parameters: What the generator drew or was given, by name; per series, shape (series, ...),
            or shared by all.
        truth: Noise-free values of all channels, shape (row, channel), at (series index, time in
            nanoseconds), both of shape (row,); any times, inside or outside the observed span.
    """

    dataset: TimeSeriesDataset
    noise_sd: Float64
    parameters: dict[str, Float64]
    truth: Callable[[Int64, Int64], Float64]

    def clean(self) -> TimeSeriesDataset:
        """The same readings at the same times without noise."""
        readings = self.dataset.readings
        grid = self.truth(readings.row_series(), readings.times)
        values = grid[readings.reading_rows(), readings.channel_index]
        return self.dataset.with_readings(replace(readings, values=values))


def check_design(
    num_series: int, num_points: int, span: float, coverage: float, noise: float
) -> None:
    """Refuse a design that has no reading, or noise that is not a number.

    Args:
        num_series: At least 1.
        num_points: Points of a series, at least 1.
        span: Length of a series, finite and above 0.
        coverage: Share of the readings that are kept, in (0, 1].
        noise: Factor or standard deviation, finite and at least 0.

    Raises:
        ConfigError: If a number is out of range.
    """
    if num_series < 1 or num_points < 1:
        raise ConfigError(
            "design: expected at least one series and one point, "
            f"got {num_series} and {num_points}."
        )
    if not 0 < span < np.inf:
        raise ConfigError(f"span: expected a finite length above 0, got {span}.")
    if not 0 < coverage <= 1:
        raise ConfigError(f"coverage: expected a share in (0, 1], got {coverage}.")
    if not 0 <= noise < np.inf:
        raise ConfigError(f"noise: expected a finite number of at least 0, got {noise}.")


def uniform_times(rng: np.random.Generator, num_series: int, num_points: int, span: float) -> Int64:
    """Sorted distinct times in nanoseconds, shape (series, point).

    Args:
        rng: Source of the times.
        num_series: Series.
        num_points: Times of a series.
        span: Length of a series in seconds.
    """
    times = np.sort((rng.random((num_series, num_points)) * span * SECOND_NS).astype(np.int64))
    # two draws on one nanosecond would be one row: move the later ones on by 1 ns each
    steps = np.arange(num_points)
    return np.maximum.accumulate(times - steps, axis=1) + steps


def observe(
    rng: np.random.Generator,
    channels: tuple[str, ...],
    times: Int64,
    truth: Callable[[Int64, Int64], Float64],
    noise: float,
    coverage: float,
    parameters: dict[str, Float64],
) -> SimulatedLog:
    """Read the truth at `times`, shape (series, point), with noise, and drop readings at random.

    Args:
        rng: Source of noise and of what is dropped.
        channels: Their names.
        times: Nanoseconds, shape (series, point).
        truth: As in `SimulatedLog`.
        noise: Standard deviation of the noise of every channel in original units.
        coverage: Probability that a reading is kept.
        parameters: What the generator drew or was given.
    """
    num_series, num_points = times.shape
    count = len(channels)
    series = np.repeat(np.arange(num_series), num_points)
    grid = truth(series, times.ravel())  # (row, channel)
    grid = grid + noise * rng.standard_normal(grid.shape)
    keep = (rng.random(grid.shape) < coverage).ravel()
    readings = Readings.from_triplets(
        np.repeat(series, count)[keep],
        np.repeat(times.ravel(), count)[keep],
        np.tile(np.arange(count), len(series))[keep],
        grid.ravel()[keep],
        num_series=num_series,
        channels=channels,
    )
    ids = tuple(f"series-{i + 1}" for i in range(num_series))
    dataset = TimeSeriesDataset(ids, readings, Clock("elapsed", unit="s"))
    return SimulatedLog(dataset, np.full(count, noise), parameters, truth)

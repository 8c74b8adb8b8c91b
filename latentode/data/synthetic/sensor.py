"""A synthetic sensor log: calendar clock, asynchronous channels, daily cycle."""

from __future__ import annotations

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.synthetic.simulated import SECOND_NS, SimulatedLog, check_design
from latentode.errors import ConfigError

_START_NS = 1_741_564_800 * SECOND_NS  # Monday 2025-03-10T00:00Z
_PERIODS_H = np.array([[31.0, 55.0, 83.0]])  # slow weather, incommensurable with a day
_CHANNELS = ("temperature", "humidity", "power")
_LEVELS = np.array([21.0, 55.0, 3.2])
_SWINGS = np.array([3.0, -8.0, 1.4])
_NOISE_SD = np.array([0.3, 1.0, 0.1])


def sensor(
    num_series: int = 8,
    num_days: float = 7.0,
    *,
    every: float = 20.0,
    noise: float = 1.0,
    random_state: int | np.random.Generator = 0,
) -> SimulatedLog:
    r"""Draw a small room-climate log: daily cycle, slow weather, channels read at their own times.

    Channel ``c`` of series ``i`` follows :math:`m_c + s_c\,(\cos(2 \pi (t - \tau_i) / 24\,h) +
    w_i(t))` with :math:`w_i` a sum of three slow sinusoids. Gaps between readings are exponential.
    "temperature" is read every `every` minutes on average, "humidity" half and "power" a quarter as
    often, and one series in four misses a day.

    Args:
        num_series: Number of rooms.
        num_days: Length in days, from 2025-03-10 00:00 UTC.
        every: Mean gap between temperature readings in minutes.
        noise: Factor on the standard deviations of Gaussian noise: 0.3 degC, 1 %RH, 0.1 kW.
        random_state: Seed or generator.

    Returns:
        Channels "temperature", "humidity" and "power" on a calendar clock in UTC.

    Raises:
        ConfigError: If a number is out of range.
    """
    check_design(num_series, 1, num_days, 1.0, noise)
    if not every > 0:
        raise ConfigError(f"every: expected minutes above 0, got {every}.")
    rng = np.random.default_rng(random_state)
    lag = rng.uniform(13.0, 17.0, num_series)
    phase = rng.uniform(0, 2 * np.pi, (num_series, 3))

    def truth(series: Int64, times: Int64) -> Float64:
        hours = (times - _START_NS) / NS_PER_UNIT["h"]
        daily = np.cos(2 * np.pi * (hours - lag[series]) / 24.0)
        angles = 2 * np.pi * hours[:, None] / _PERIODS_H + phase[series]  # (row, wave)
        course = daily + 0.25 * np.sin(angles).sum(axis=1)
        return _LEVELS + _SWINGS * course[:, None]

    series, times, channel = _poisson_readings(rng, num_series, num_days, every)
    sd = noise * _NOISE_SD
    values = truth(series, times)[np.arange(len(times)), channel]
    values = values + sd[channel] * rng.standard_normal(len(times))
    readings = Readings.from_triplets(
        series,
        times,
        channel,
        values,
        num_series=num_series,
        channels=_CHANNELS,
    )
    dataset = TimeSeriesDataset(
        series_ids=tuple(f"room-{i + 1}" for i in range(num_series)),
        readings=readings,
        clock=Clock("calendar", "UTC"),
        units=(("temperature", "degC"), ("humidity", "%"), ("power", "kW")),
    )
    return SimulatedLog(dataset, sd, {"lag_hours": lag, "phase": phase}, truth)


def _poisson_readings(
    rng: np.random.Generator, num_series: int, num_days: float, every: float
) -> tuple[Int64, Int64, Int64]:
    """Series, times (ns, whole seconds) and channel of the readings of a sensor log."""
    parts = []
    for series in range(num_series):
        for channel, factor in enumerate((1, 2, 4)):
            mean = 60 * every * factor
            count = rng.poisson(num_days * 86_400 / mean)
            seconds = np.unique(np.floor(rng.random(count) * num_days * 86_400).astype(np.int64))
            if series % 4 == 3:  # the gateway of this room was down on the second day
                seconds = seconds[seconds // 86_400 != 1]
            parts.append(np.stack([np.full_like(seconds, series), seconds, 0 * seconds + channel]))
    series_index, seconds, channels = np.concatenate(parts, axis=1)
    return series_index, _START_NS + seconds * SECOND_NS, channels

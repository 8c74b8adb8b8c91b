r"""Alarms of the simulated pumps, at a rate that their state drives and that is known exactly.

.. math:: \lambda(t) = 0.08\,\mathrm{h}^{-1}\, \exp\big((T(t) - 25)/7 + 0.6\,v(t)\big)

with the noise-free motor temperature T in degC and vibration v in mm/s of `pump_physics`: a hot
pump that shakes alarms often, a cold one that stands hardly ever. Given the state, alarms know
nothing of each other. They are drawn by thinning.
"""

from __future__ import annotations

import numpy as np
from pump_physics import CHANNELS, Float64, Int64, Truth

BASE_PER_HOUR = 0.08
HOUR_NS = 3_600_000_000_000


def alarm_rate(values: Float64) -> Float64:
    """Alarms an hour for the channels of a pump on the last axis."""
    temperature = values[..., CHANNELS.index("temperature")]
    vibration = values[..., CHANNELS.index("vibration")]
    rate: Float64 = BASE_PER_HOUR * np.exp((temperature - 25.0) / 7.0 + 0.6 * vibration)
    return rate


def expected_alarms(truth: Truth, pump: int, times: Int64) -> Float64:
    """Integral of a pump's rate from the start of the simulation to some times in nanoseconds."""
    rates = alarm_rate(truth.values[:, pump])
    hours = (truth.times - truth.times[0]) / HOUR_NS
    # the rate is linear between minutes, as it is for `draw_alarms`
    steps = np.diff(hours) * (rates[1:] + rates[:-1]) / 2
    return np.interp((times - truth.times[0]) / HOUR_NS, hours, np.r_[0.0, np.cumsum(steps)])


def draw_alarms(truth: Truth, pump: int, rng: np.random.Generator) -> Int64:
    """Times of a pump's alarms in UTC nanoseconds, whole seconds, increasing, by thinning.

    Args:
        truth: Course of every pump.
        pump: Number of the pump.
        rng: Source of randomness.
    """
    rates = alarm_rate(truth.values[:, pump])
    hours = (truth.times - truth.times[0]) / HOUR_NS
    bound = float(rates.max())  # of a rate that is linear between minutes
    proposals = np.sort(rng.uniform(0.0, hours[-1], rng.poisson(bound * hours[-1])))
    kept = rng.uniform(0.0, bound, len(proposals)) < np.interp(proposals, hours, rates)
    seconds = np.floor(proposals[kept] * 3600).astype(np.int64)
    return truth.times[0] + seconds * 1_000_000_000

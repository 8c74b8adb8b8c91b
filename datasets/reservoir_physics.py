r"""A small physical model of three water reservoirs, each filled by pumps to a plan.

Time runs in steps of five minutes, each a step of Euler's method for the water balance

.. math::
    A\, dh/dt = Q_{in}(t) + C\, r(t) - D(t) - v(t)\, k \sqrt{h}

with level h, planned inflow :math:`Q_{in}`, rain r on a catchment C, demand D of the zone that
is supplied directly, and an outlet valve :math:`v` to a lower zone, which opens when the level
rises above `OPENS` and shuts when it falls below `SHUTS`. Demand is a daily and weekly profile in
local time, times a log-normal Ornstein-Uhlenbeck factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from pump_physics import ZONE, Float64, Int64, demand_profile, local_hours, ou_path

RESERVOIRS = ("North", "Mill", "South")
START = datetime(2025, 9, 1, tzinfo=ZoneInfo(ZONE))
STEP_MINUTES = 5
STEPS_PER_DAY = 24 * 60 // STEP_MINUTES
STEP_HOURS = STEP_MINUTES / 60
MEAN_DEMAND = np.array([60.0, 90.0, 130.0])  # m3/h
AREA = 4.0 * MEAN_DEMAND  # m2
CATCHMENT = 30.0 * MEAN_DEMAND  # m2
PUMP_FLOW = 0.8 * MEAN_DEMAND  # m3/h, of one pump
VALVE = 0.33 * MEAN_DEMAND  # m3/h at a level of 1 m
OPENS, SHUTS = 3.9, 3.0  # m
DEMAND_TAU_HOURS, DEMAND_SD = 12.0, 0.12
DRY_HOURS, WET_HOURS, WET_MM_PER_HOUR = 40.0, 4.0, 1.2


@dataclass(frozen=True, eq=False)
class Truth:
    """The noise-free course of the reservoirs, arrays of shape (step, reservoir).

    Attributes:
        times: UTC nanoseconds, every five minutes, shape (step,).
        level: Water level in m.
        inflow: Planned inflow in m3/h, which the pumps deliver.
        valve: 1 while the outlet valve is open.
        rain: Rain in mm/h.
        outflow: What leaves through the meter in m3/h: demand, and the outlet valve.
    """

    times: Int64
    level: Float64
    inflow: Float64
    valve: Float64
    rain: Float64
    outflow: Float64

    @property
    def total(self) -> Float64:
        """Outflow since the start in m3, at each time."""
        return STEP_HOURS * (np.cumsum(self.outflow, axis=0) - self.outflow)


def simulate(seed: int, days: int) -> Truth:
    """Simulate all reservoirs from 2025-09-01 00:00 local time.

    Args:
        seed: Seed of plan, rain and demand.
        days: Length in days of 24 h.
    """
    rng = np.random.default_rng(seed)
    steps = days * STEPS_PER_DAY
    start_ns = int(START.timestamp()) * 1_000_000_000
    times = start_ns + STEP_MINUTES * 60_000_000_000 * np.arange(steps, dtype=np.int64)
    hour, weekend = local_hours(times)
    inflow = PUMP_FLOW * np.stack([pumps_on(rng, hour) for _ in RESERVOIRS], axis=1)
    rain = draw_rain(rng, steps)
    swing = ou_path(rng, steps, DEMAND_TAU_HOURS / STEP_HOURS, len(RESERVOIRS))
    profile = demand_profile(hour, weekend)[:, None]
    demand = MEAN_DEMAND * profile * np.exp(DEMAND_SD * swing - DEMAND_SD**2 / 2)
    return run(times, inflow, rain, demand)


def pumps_on(rng: np.random.Generator, hour: Float64) -> Float64:
    """Draw a plan: how many pumps run, by local hour of day; changes on full quarters of an hour.

    One pump always runs. A second one fills at night, at a time of the day's own; on most days
    it also helps at noon and in the evening. Now and then a night is left out.

    Args:
        rng: Source of the plan.
        hour: Local hour of day, shape (step,).
    """
    pumps = np.ones(len(hour))
    midnights = np.flatnonzero(np.diff(hour, prepend=24.0) < -12)
    for first, end in zip(midnights, [*midnights[1:], len(hour)], strict=True):
        own = hour[first:end]
        night, length = quarter(rng, 0.0, 1.5), quarter(rng, 4.5, 7.0)
        noon, evening = quarter(rng, 10.5, 13.0), quarter(rng, 16.5, 19.0)
        chances = rng.random(3)
        pumps[first:end] += (own >= night) & (own < night + length) & (chances[0] > 0.07)
        pumps[first:end] += (own >= noon) & (own < noon + 2.0) & (chances[1] > 0.35)
        pumps[first:end] += (own >= evening) & (own < evening + 2.5) & (chances[2] > 0.25)
    return pumps


def quarter(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a full quarter of an hour."""
    return round(4 * (low + (high - low) * rng.random())) / 4


def draw_rain(rng: np.random.Generator, steps: int) -> Float64:
    """Draw rain in mm/h: dry and wet spells of the region, with amounts of each place."""
    rain = np.zeros((steps, len(RESERVOIRS)))
    now = rng.exponential(DRY_HOURS)
    while now < steps * STEP_HOURS:
        length = rng.exponential(WET_HOURS)
        wet = slice(int(now / STEP_HOURS), int((now + length) / STEP_HOURS) + 1)
        size = rain[wet].shape
        rain[wet] = rng.gamma(1.5, WET_MM_PER_HOUR / 1.5) * rng.gamma(4.0, 0.25, size)
        now += length + rng.exponential(DRY_HOURS)
    return rain


def run(times: Int64, inflow: Float64, rain: Float64, demand: Float64) -> Truth:
    """Integrate the water balance with Euler steps.

    Args:
        times: UTC nanoseconds, shape (step,).
        inflow: Planned inflow in m3/h, shape (step, reservoir).
        rain: Rain in mm/h.
        demand: Demand in m3/h.
    """
    level, valve, outflow = (np.empty_like(inflow) for _ in range(3))
    h, is_open = np.array([3.2, 3.5, 3.8]), np.zeros(len(RESERVOIRS), dtype=bool)
    for i in range(len(times)):
        is_open = np.where(is_open, h > SHUTS, h > OPENS)
        level[i], valve[i] = h, is_open
        outflow[i] = demand[i] + is_open * VALVE * np.sqrt(h)
        gain = inflow[i] + CATCHMENT * rain[i] / 1000 - outflow[i]
        h = h + gain * STEP_HOURS / AREA
    return Truth(times, level, inflow, valve, rain, outflow)

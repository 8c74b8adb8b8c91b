r"""A small physical model of eight pump stations with three pumps each.

Every station has one booster with a speed drive, which supplies a zone directly, and two pumps
that fill a reservoir, which supplies a second zone. Time runs in steps of one minute:

.. math::
    A\, dh/dt &= Q_2 + Q_3 - D(t)                    && \text{reservoir level } h \\
    H_0 - k Q^2 &= H_s + h + c\, Q^2 + c_m (Q_2 + Q_3)^2 && \text{pump curve = system curve} \\
    \tau\, dT/dt &= T_a(t) + \Delta T\, \text{load}\, s(t) - T && \text{motor temperature}

with an on-off controller :math:`s(t)` that has hysteresis in the level (fill pumps; the set points
are higher at night, when power is cheap) or in the demand (booster). Demand is a daily and weekly
profile in local time, times a log-normal Ornstein-Uhlenbeck factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

CHANNELS = ("pressure", "flow", "temperature", "vibration", "state")
STATIONS, PUMPS_PER_STATION = 8, 3
ZONE = "Europe/Berlin"
START = datetime(2025, 10, 16, tzinfo=ZoneInfo(ZONE))
MINUTE_NS = 60_000_000_000
BAR_PER_METRE = 0.0981
DEMAND_TAU_HOURS, DEMAND_SD = 5.0, 0.12
AMBIENT_TAU_HOURS, AMBIENT_SD = 30.0, 1.2


@dataclass(frozen=True, eq=False)
class Drivers:
    """What acts on the stations from outside, all of shape (minute, station).

    Attributes:
        times: UTC nanoseconds, shape (minute,).
        night: True between 22 h and 6 h local time, shape (minute,).
        fill_demand: Outflow of the reservoir in m3/h.
        boost_demand: Demand of the boosted zone in m3/h.
        ambient: Air temperature in the pump house in degC.
    """

    times: Int64
    night: NDArray[np.bool_]
    fill_demand: Float64
    boost_demand: Float64
    ambient: Float64


@dataclass(frozen=True, eq=False)
class Truth:
    """The noise-free course of every pump.

    Attributes:
        times: UTC nanoseconds, every minute, shape (minute,).
        pump_ids: "pump-1" ..., three a station: booster, lead fill pump, lag fill pump.
        values: Shape (minute, pump, channel) in the order of `CHANNELS`.
        level: Reservoir level in m, not a channel of the log, shape (minute, station).
        drivers: What acted on the stations.
    """

    times: Int64
    pump_ids: tuple[str, ...]
    values: Float64
    level: Float64
    drivers: Drivers


def simulate(seed: int = 20251016, days: float = 12.0) -> Truth:
    """Simulate all stations from 2025-10-16 00:00 local time, across the end of summer time.

    Args:
        seed: Seed of plant parameters, demand and weather.
        days: Length in days of 24 h.

    Returns:
        The truth, every minute.
    """
    rng = np.random.default_rng(seed)
    plant = draw_plant(rng)
    return run(plant, draw_drivers(rng, plant, round(days * 1440)))


def draw_plant(rng: np.random.Generator) -> dict[str, Float64]:
    """Draw the constants of all stations, each of shape (station,) or (station, pump)."""

    def uniform(low: float, high: float, *pumps: int) -> Float64:
        return low + (high - low) * rng.random((STATIONS, *pumps))

    fill, boost = uniform(45, 75), uniform(18, 32)
    factor = np.stack([np.full(STATIONS, 1.3), uniform(1.0, 1.3), uniform(0.5, 0.7)], axis=1)
    plant = {
        "fill_demand": fill,
        "boost_demand": boost,
        "phase": uniform(-0.5, 0.5),
        "ambient": uniform(12, 16),
        "area": uniform(70, 110),
        "static_head": uniform(25, 45),
        "set_pressure": uniform(4.2, 6.0),
        "main_friction": uniform(2, 4),
        "nominal_flow": factor * np.stack([boost, fill, fill], axis=1) * uniform(0.95, 1.05, 3),
        "own_head": uniform(12, 18, 3),  # pump curve and own riser at nominal flow, m
        "heating": uniform(18, 28, 3),
        "thermal_tau": uniform(55, 90, 3),
        "vibration": uniform(1.1, 2.0, 3),
        "wear": uniform(0.0, 0.02, 3),  # mm/s a day
    }
    plant["wear"][2, 1] = 0.12  # the bearing of pump-8 is going
    return plant


def draw_drivers(rng: np.random.Generator, plant: dict[str, Float64], minutes: int) -> Drivers:
    """Draw demand and weather."""
    start_ns = int(START.timestamp()) * 1_000_000_000
    times = start_ns + MINUTE_NS * np.arange(minutes, dtype=np.int64)
    hour, weekend = local_hours(times)
    clock = hour[:, None] - plant["phase"]
    profile = demand_profile(clock, weekend[:, None])
    paths = [ou_path(rng, minutes, 60 * DEMAND_TAU_HOURS, STATIONS) for _ in range(2)]
    air = ou_path(rng, minutes, 60 * AMBIENT_TAU_HOURS, STATIONS)
    swing = [np.exp(DEMAND_SD * path - DEMAND_SD**2 / 2) for path in paths]
    weather = 3.5 * np.cos(2 * np.pi * (clock - 15.0) / 24.0)
    return Drivers(
        times=times,
        night=(hour >= 22) | (hour < 6),
        fill_demand=plant["fill_demand"] * profile * swing[0],
        boost_demand=plant["boost_demand"] * profile * swing[1],
        ambient=plant["ambient"] + weather + AMBIENT_SD * air,
    )


def local_hours(times: Int64) -> tuple[Float64, NDArray[np.bool_]]:
    """Local hour of day, and whether it is a weekend, of UTC nanoseconds."""
    zone = ZoneInfo(ZONE)
    seconds = (times // 1_000_000_000).tolist()
    local = [datetime.fromtimestamp(t, UTC).astimezone(zone) for t in seconds]
    hour = np.array([t.hour + t.minute / 60 for t in local])
    return hour, np.array([t.weekday() >= 5 for t in local])


def demand_profile(hour: Float64, weekend: NDArray[np.bool_]) -> Float64:
    """Relative demand: peaks in the morning (later at weekends), at noon and in the evening."""

    def bump(centre: Float64 | float, width: float) -> Float64:
        distance = (hour - centre + 12) % 24 - 12
        return np.exp(-0.5 * (distance / width) ** 2)

    morning = bump(np.where(weekend, 9.2, 7.2), 1.5)
    return 0.5 + 0.9 * morning + 0.35 * bump(12.8, 1.8) + 0.85 * bump(19.3, 2.0)


def ou_path(rng: np.random.Generator, steps: int, tau: float, paths: int) -> Float64:
    """Stationary Ornstein-Uhlenbeck paths of unit variance, shape (step, path).

    Args:
        rng: Source of the shocks.
        steps: Length.
        tau: Relaxation time in steps.
        paths: How many, independent of each other.
    """
    keep = np.exp(-1 / tau)
    shocks = rng.standard_normal((steps, paths))
    path = np.empty_like(shocks)
    path[0] = shocks[0]
    for i in range(1, steps):
        path[i] = keep * path[i - 1] + np.sqrt(1 - keep**2) * shocks[i]
    return path


def run(plant: dict[str, Float64], drivers: Drivers) -> Truth:
    """Integrate all stations with Euler steps of one minute."""
    minutes = len(drivers.times)
    values = np.empty((minutes, STATIONS, PUMPS_PER_STATION, len(CHANNELS)))
    level = np.empty((minutes, STATIONS))
    on = np.zeros((STATIONS, PUMPS_PER_STATION), dtype=bool)
    flow = np.zeros((STATIONS, PUMPS_PER_STATION))
    pressure = np.tile(plant["set_pressure"][:, None], PUMPS_PER_STATION)
    heat = np.full_like(flow, 8.0)  # motor above ambient, K
    h = np.linspace(2.6, 4.4, STATIONS)
    for i in range(minutes):
        demand = drivers.boost_demand[i]
        on = switch(on, h, demand / plant["boost_demand"], bool(drivers.night[i]))
        target_flow, target_pressure = hydraulics(plant, on, flow, h, demand)
        flow = flow + 0.5 * (target_flow - flow)
        pressure = pressure + np.array([0.15, 0.6, 0.6]) * (target_pressure - pressure)
        h = h + (flow[:, 1:].sum(1) - drivers.fill_demand[i]) / (60 * plant["area"])
        load = flow / plant["nominal_flow"]
        heat = heat + (on * plant["heating"] * (0.4 + 0.6 * load) - heat) / plant["thermal_tau"]
        worn = plant["vibration"] * (1 + 1.2 * (load - 0.95) ** 2) + plant["wear"] * i / 1440
        level[i] = h
        values[i] = np.stack(
            [pressure, flow, drivers.ambient[i][:, None] + heat, np.where(on, worn, 0.15), on],
            axis=-1,
        )
    pump_ids = tuple(f"pump-{i + 1}" for i in range(STATIONS * PUMPS_PER_STATION))
    flat = values.reshape(minutes, len(pump_ids), len(CHANNELS))  # (minute, pump, channel)
    return Truth(drivers.times, pump_ids, flat, level, drivers)


def switch(
    on: NDArray[np.bool_], level: Float64, demand: Float64, night: bool
) -> NDArray[np.bool_]:
    """On-off control with hysteresis: booster by relative demand, fill pumps by reservoir level."""
    signal = np.stack([-demand, level, level], axis=1)
    start = np.array([-0.66, 3.5 if night else 2.6, 2.35])
    stop = np.array([-0.56, 4.7 if night else 4.0, 3.0])
    return np.where(on, signal < stop, signal < start)


def hydraulics(
    plant: dict[str, Float64], on: NDArray[np.bool_], flow: Float64, level: Float64, demand: Float64
) -> tuple[Float64, Float64]:
    """Flow (m3/h) and discharge pressure (bar) towards which every pump moves, (station, pump)."""
    nominal = plant["nominal_flow"]
    total = flow[:, 1:].sum(1) / nominal[:, 1]
    # the main's friction uses the flow of the last minute, which spares an implicit solve
    lift = plant["static_head"] + level + plant["main_friction"] * total**2  # (station,)
    shut_off = plant["static_head"] + 3.0 + plant["main_friction"]
    share = 1 + (shut_off - lift)[:, None] / plant["own_head"]
    target_flow = on * nominal * np.sqrt(np.maximum(share, 0.0))
    target_flow[:, 0] = on[:, 0] * demand
    riser = 0.4 * plant["own_head"] * (flow / nominal) ** 2
    target_pressure = BAR_PER_METRE * (lift[:, None] + riser)
    droop = 0.5 * (demand / plant["boost_demand"]) ** 2
    target_pressure[:, 0] = plant["set_pressure"] - np.where(on[:, 0], 0.3 * droop, 0.9)
    return target_flow, target_pressure

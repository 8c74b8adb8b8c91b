"""Make ``reservoirs_*.csv``: what three simulated reservoirs report, as exported.

Local time without an offset, semicolons, decimal commas, a row of units, -999 where a sensor
fails. Stations report about every 15 minutes, and once more after the outlet valve moves; messages
get lost, links fail for hours, two sensors fail, a water meter is replaced. The clocks go back on
2025-10-26.

======================== ===================================================================
reservoirs_history.csv   two months, 2025-09-01 to 2025-10-31
reservoirs_next.csv      the month after
reservoir_alarms.csv     alarms of the two months
reservoir_plan.csv       planned inflow of the month after and the week behind it, where it changes
======================== ===================================================================

Run ``python datasets/make_reservoirs.py`` to rewrite the files, byte for byte, or with ``--truth
PATH`` to also write the noise-free course every 15 minutes, in UTC.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from make_pump_station import write_lines
from pump_physics import ZONE, Float64, Int64
from reservoir_physics import PUMP_FLOW, RESERVOIRS, STEPS_PER_DAY, Truth, simulate

SEED = 20250901
DAYS = 98
LOCAL = ZoneInfo(ZONE)
NEXT, AFTER = (datetime(2025, month, 1, tzinfo=LOCAL) for month in (11, 12))
HEADER = ("time", "reservoir", "level", "inflow", "valve", "rain", "outflow")
UNITS = ("", "", "m", "m3/h", "", "mm", "m3")
DECIMALS = (2, 1, 0, 1, 0)
LEVEL, INFLOW, VALVE, RAIN, OUTFLOW = range(5)
LEVEL_SD, INFLOW_SHARE = 0.01, 0.01  # of noise: m, and share of the reading
EVERY_MINUTES, JITTER, LOSS = 15.0, 0.12, 0.02
METER = np.array([184_230.0, 51_714.0, 96_502.0])  # m3 at the start
REPLACED = ("South", 47.4)  # day on which the water meter starts from 0
FAILED = {  # (reservoir, reading): first and last day
    ("Mill", LEVEL): (20.6, 23.3),
    ("South", RAIN): (38.2, np.inf),
}
CODE = -999.0
LINK_FAILURES = 5  # of each reservoir
LOW_PER_HOUR, LOW_LEVEL, LOW_WIDTH = 0.6, 2.6, 0.1
TRIPS_PER_HOUR = 0.006  # of each running pump


def report_seconds(rng: np.random.Generator, valve: Float64) -> Int64:
    """Draw when a reservoir reports, in whole seconds from the start, increasing.

    Args:
        rng: Source of jitter.
        valve: 1 while the outlet valve is open, shape (step,).
    """
    step = 86_400 // STEPS_PER_DAY
    end = step * (len(valve) - 1)
    gaps = np.exp(JITTER * rng.standard_normal(2 * end // 900))
    regular = np.cumsum(60 * EVERY_MINUTES * gaps)
    moved = step * (np.flatnonzero(np.diff(valve)) + 1) + 20 + 40 * rng.random(1)
    merged = np.unique(np.concatenate([regular, moved]).astype(np.int64))
    return merged[merged < end]


def linked(rng: np.random.Generator, seconds: Int64) -> np.ndarray:
    """True for reports that arrive: some get lost, and a link may fail for 1 to 10 hours."""
    arrives = rng.random(len(seconds)) >= LOSS
    starts = seconds[-1] * rng.random(LINK_FAILURES)
    for start, hours in zip(starts, 1 + 9 * rng.random(LINK_FAILURES) ** 2, strict=True):
        arrives &= (seconds < start) | (seconds > start + 3600 * hours)
    return arrives


def read_truth(truth: Truth, index: int, seconds: Int64) -> Float64:
    """What sensors without noise would read, shape (report, channel).

    Level and outflow are linear between steps; inflow and valve are held; rain is what fell in the
    15 minutes before.
    """
    step = 86_400 // STEPS_PER_DAY
    grid = step * np.arange(len(truth.times))
    fallen = np.cumsum(truth.rain[:, index]) * step / 3600
    rain = np.interp(seconds - step, grid, fallen) - np.interp(seconds - 900 - step, grid, fallen)
    held = seconds // step
    return np.stack(
        [
            np.interp(seconds, grid, truth.level[:, index]),
            truth.inflow[held, index],
            truth.valve[held, index],
            rain,
            METER[index] + np.interp(seconds, grid, truth.total[:, index]),
        ],
        axis=1,
    )


def observe(truth: Truth, seed: int = SEED) -> list[tuple[int, int, Float64]]:
    """Draw the log of all reservoirs.

    Args:
        truth: Course of the reservoirs.
        seed: Seed of report times, losses and noise; the plant has its own.

    Returns:
        Rows (UTC seconds since 1970, reservoir, readings), sorted by time.
    """
    rng = np.random.default_rng([seed, 1])
    start = int(truth.times[0]) // 1_000_000_000
    rows: list[tuple[int, int, Float64]] = []
    for index, name in enumerate(RESERVOIRS):
        seconds = report_seconds(rng, truth.valve[:, index])
        values = read_truth(truth, index, seconds)
        values[:, LEVEL] += LEVEL_SD * rng.standard_normal(len(seconds))
        values[:, INFLOW] *= 1 + INFLOW_SHARE * rng.standard_normal(len(seconds))
        spoil(values, name, seconds / 86_400)
        kept = np.flatnonzero(linked(rng, seconds))
        rows += [(start + int(seconds[i]), index, values[i]) for i in kept]
    return sorted(rows, key=lambda row: row[:2])


def spoil(values: Float64, name: str, days: Float64) -> None:
    """Put in what sensors that fail and a meter that is replaced show."""
    if name == REPLACED[0]:
        later = days >= REPLACED[1]
        values[later, OUTFLOW] -= values[later, OUTFLOW][0]
    for (reservoir, channel), (first, last) in FAILED.items():
        if reservoir == name:
            values[(days >= first) & (days < last), channel] = CODE


def alarm_rates(truth: Truth) -> dict[str, Float64]:
    r"""Alarms an hour by their mark, shape (step, reservoir).

    .. math::
        \lambda_{low} = 0.6 / (1 + \exp((h - 2.6) / 0.1)), \qquad
        \lambda_{trip} = 0.006 \times \text{running pumps}
    """
    return {
        "low level": LOW_PER_HOUR / (1 + np.exp((truth.level - LOW_LEVEL) / LOW_WIDTH)),
        "pump trip": TRIPS_PER_HOUR * truth.inflow / PUMP_FLOW,
    }


def draw_alarms(truth: Truth, seed: int = SEED) -> list[tuple[int, int, str]]:
    """Draw alarms (UTC seconds since 1970, reservoir, mark), sorted; given the state, independent.

    Rates are held for a step, so a step has a Poisson number of alarms, spread evenly over it.

    Args:
        truth: Course of the reservoirs.
        seed: Seed of the alarms; the plant has its own.
    """
    rng = np.random.default_rng([seed, 2])
    step = 86_400 // STEPS_PER_DAY
    starts = truth.times // 1_000_000_000
    alarms = []
    for mark, rates in alarm_rates(truth).items():
        numbers = rng.poisson(rates * step / 3600)
        for at, index in zip(*np.nonzero(numbers), strict=True):
            seconds = starts[at] + rng.integers(0, step, numbers[at, index])
            alarms += [(int(each), int(index), mark) for each in seconds]
    return sorted(alarms)


def plan_rows(truth: Truth) -> Iterator[tuple[int, int, float]]:
    """Planned inflow from `NEXT` on (UTC seconds since 1970, reservoir, m3/h), where it changes."""
    seconds = truth.times // 1_000_000_000
    first = int(np.searchsorted(seconds, NEXT.timestamp()))
    changes = np.diff(truth.inflow, axis=0, prepend=np.nan) != 0
    changes[first] = True
    changes[:first] = False
    for at, index in np.argwhere(changes):
        yield int(seconds[at]), int(index), float(truth.inflow[at, index])


def local(seconds: int) -> str:
    """Write a time as the server does: local, to the second, without an offset."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(LOCAL).strftime("%d.%m.%Y %H:%M:%S")


def cell(value: float, decimals: int) -> str:
    """Write a number with a decimal comma."""
    return "-999" if value == CODE else f"{value:.{decimals}f}".replace(".", ",")


def log_lines(truth: Truth, start: datetime | None, end: datetime) -> Iterator[str]:
    """Names, units and rows of the log between two times.

    Args:
        truth: Course of the reservoirs.
        start: First time; None from the beginning.
        end: Time before which it ends.
    """
    first = 0 if start is None else start.timestamp()
    yield ";".join(HEADER)
    yield ";".join(UNITS)
    for seconds, index, values in observe(truth):
        if first <= seconds < end.timestamp():
            cells = map(cell, values, DECIMALS)
            yield ";".join([local(seconds), RESERVOIRS[index], *cells])


def alarm_lines(truth: Truth, end: datetime) -> Iterator[str]:
    """Header and rows of the alarms before a time."""
    yield "time;reservoir;alarm"
    for seconds, index, mark in draw_alarms(truth):
        if seconds < end.timestamp():
            yield f"{local(seconds)};{RESERVOIRS[index]};{mark}"


def plan_lines(truth: Truth) -> Iterator[str]:
    """Header and rows of the plan."""
    yield "time;reservoir;inflow"
    for seconds, index, flow in plan_rows(truth):
        yield f"{local(seconds)};{RESERVOIRS[index]};{cell(flow, 1)}"


def truth_lines(truth: Truth, every: int = 3) -> Iterator[str]:
    """Header and rows of the noise-free course, with rain in mm/h and outflow in m3/h."""
    yield "time,reservoir,level,inflow,valve,rain,outflow"
    for at in range(0, len(truth.times), every):
        stamp = datetime.fromtimestamp(int(truth.times[at]) // 1_000_000_000, UTC).isoformat()
        for index, name in enumerate(RESERVOIRS):
            arrays = (truth.level, truth.inflow, truth.valve, truth.rain, truth.outflow)
            yield ",".join([stamp, name, *(f"{array[at, index]:.5g}" for array in arrays)])


def files(truth: Truth) -> dict[str, Iterator[str]]:
    """Lines of each file, by name."""
    return {
        "reservoirs_history.csv": log_lines(truth, None, NEXT),
        "reservoirs_next.csv": log_lines(truth, NEXT, AFTER),
        "reservoir_alarms.csv": alarm_lines(truth, NEXT),
        "reservoir_plan.csv": plan_lines(truth),
    }


def main() -> None:
    """Write all files, and the truth if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--truth", type=Path)
    arguments = parser.parse_args()
    truth = simulate(SEED, DAYS)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, lines in files(truth).items():
        write_lines(arguments.out / name, lines)
    if arguments.truth is not None:
        write_lines(arguments.truth, truth_lines(truth))


if __name__ == "__main__":
    main()

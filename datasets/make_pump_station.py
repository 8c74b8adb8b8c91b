"""Make ``pump_station.csv``: what 24 simulated pumps report, as a telemetry gateway would log it.

Pumps report about every 19 minutes while they run, half as often while they stand, and once more
after they start or stop. Temperature is read less often than pressure and flow; vibration now and
then, and in short bursts. Messages get lost, gateways fail for hours, two sensors are dead, one
pump comes late. Times are written in local time with offset, across the end of summer time on
2025-10-26.

Run ``python datasets/make_pump_station.py`` to rewrite the file, byte for byte, or with ``--truth
PATH`` to also write the noise-free course of all channels every 5 minutes, in UTC.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from pump_physics import CHANNELS, PUMPS_PER_STATION, STATIONS, ZONE, Float64, Truth, simulate

SEED = 20251016
DAYS = 12.0
NOISE_SD = {"pressure": 0.02, "flow": 0.5, "temperature": 0.25, "vibration": 0.05, "state": 0.0}
DECIMALS = {"pressure": 2, "flow": 1, "temperature": 1, "vibration": 2, "state": 0}
HEADER = ("timestamp", "sensor_id", *CHANNELS)
DEAD = {  # (pump, channel): day on which the sensor died
    ("pump-11", "vibration"): 0.0,
    ("pump-17", "temperature"): 4.3,
}
FIRST_DAY = {"pump-22": 3.0}
RUNNING_MINUTES, STOPPED_MINUTES = 19.0, 36.0
TEMPERATURE_MINUTES, VIBRATION_MINUTES, BURST_HOURS = 40.0, 80.0, 7.0
LOSS = 0.03


def report_seconds(rng: np.random.Generator, running: Float64) -> Float64:
    """Draw when a pump reports, in whole seconds from the start, increasing.

    Args:
        rng: Source of jitter.
        running: 1 while the pump runs, shape (minute,).

    Returns:
        Seconds, shape (report,).
    """
    end, now, seconds = 60.0 * len(running), 60.0 * 20 * rng.random(), []
    while now < end:
        seconds.append(now)
        minutes = RUNNING_MINUTES if running[int(now // 60)] else STOPPED_MINUTES
        now += 60 * minutes * np.exp(0.2 * rng.standard_normal())
    changes = 60.0 * (np.flatnonzero(np.diff(running)) + 1)
    # a switch is sent when it is confirmed, so that few reports fall into the transient
    changes = changes + 90 + 60 * rng.random(len(changes))
    merged = np.unique(np.floor(np.concatenate([seconds, changes])))
    return merged[merged < end]


def due(seconds: Float64, every_minutes: float) -> np.ndarray:
    """True for the first report, and for each at least `every_minutes` after the last True."""
    chosen = np.zeros(len(seconds), dtype=bool)
    last = -np.inf
    for i, now in enumerate(seconds):
        if now - last >= 60 * every_minutes:
            chosen[i], last = True, now
    return chosen


def burst_seconds(rng: np.random.Generator, running: Float64) -> Float64:
    """Draw the times of vibration bursts: three readings within two minutes, only while running."""
    end, now, seconds = 60.0 * len(running), 3600 * BURST_HOURS * rng.random(), []
    while now < end - 180:
        if running[int(now // 60)]:
            seconds += list(now + np.cumsum(25 + 20 * rng.random(3)))
        now += 3600 * BURST_HOURS * (0.7 + 0.6 * rng.random())
    return np.floor(np.array(seconds))


def outages(rng: np.random.Generator, days: float) -> list[list[tuple[float, float]]]:
    """Draw two or three failures a station, 1 to 9 hours long, as (start, stop) in seconds."""
    spans = []
    for _ in range(STATIONS):
        starts = 86_400 * days * rng.random(2 + int(rng.random() < 0.5))
        spans.append([(s, s + 3600 * (1 + 8 * rng.random() ** 2)) for s in starts])
    return spans


def read_truth(truth: Truth, pump: int, seconds: Float64) -> Float64:
    """Interpolate the truth of a pump, shape (report, channel); the state is held."""
    minute = seconds / 60
    grid = np.arange(len(truth.times))
    columns = [np.interp(minute, grid, truth.values[:, pump, c]) for c in range(len(CHANNELS))]
    columns[-1] = truth.values[minute.astype(int), pump, -1]
    return np.stack(columns, axis=1)


def observe(truth: Truth, seed: int = SEED) -> list[tuple[float, int, Float64]]:
    """Draw the log of all pumps.

    Args:
        truth: Course of every pump.
        seed: Seed of sampling times, losses and noise; the plant has its own.

    Returns:
        Rows (seconds from the start, pump, values with NaN where not read), sorted by time.
    """
    rng = np.random.default_rng([seed, 1])
    days = len(truth.times) / 1440
    failures = outages(rng, days)
    rows: list[tuple[float, int, Float64]] = []
    for pump in range(len(truth.pump_ids)):
        seconds, values = _observe_pump(rng, truth, pump)
        keep = rng.random(len(seconds)) >= LOSS
        for start, stop in failures[pump // PUMPS_PER_STATION]:
            keep &= (seconds < start) | (seconds > stop)
        keep &= seconds >= 86_400 * FIRST_DAY.get(truth.pump_ids[pump], 0.0)
        keep &= np.isfinite(values).any(axis=1)
        rows += [(seconds[i], pump, values[i]) for i in np.flatnonzero(keep)]
    return sorted(rows, key=lambda row: row[:2])


def _observe_pump(rng: np.random.Generator, truth: Truth, pump: int) -> tuple[Float64, Float64]:
    running = truth.values[:, pump, -1]
    reports = report_seconds(rng, running)
    bursts = np.setdiff1d(burst_seconds(rng, running), reports)
    seconds = np.concatenate([reports, bursts])
    noise = np.array([NOISE_SD[name] for name in CHANNELS])
    values = read_truth(truth, pump, seconds)
    values += noise * rng.standard_normal(values.shape)
    values[:, 3] = np.maximum(values[:, 3], 0.0)  # vibration is a root mean square
    values[len(reports) :, [0, 1, 2, 4]] = np.nan
    values[: len(reports), 2][~due(reports, TEMPERATURE_MINUTES)] = np.nan
    values[: len(reports), 3][~due(reports, VIBRATION_MINUTES)] = np.nan
    for c, name in enumerate(CHANNELS):
        died = 86_400 * DEAD.get((truth.pump_ids[pump], name), np.inf)
        values[seconds >= died, c] = np.nan
    return seconds, values


def format_cell(channel: str, value: float) -> str:
    """Write one value, "" for NaN, without a negative zero."""
    cell = "" if np.isnan(value) else f"{value:.{DECIMALS[channel]}f}"
    return "0.0" if cell == "-0.0" else cell


def format_row(stamp: str, pump_id: str, values: Float64) -> str:
    """Write one line, an empty cell for NaN."""
    return ",".join([stamp, pump_id, *map(format_cell, CHANNELS, values)])


def log_lines(truth: Truth, seed: int = SEED) -> Iterator[str]:
    """Header and rows of the log."""
    zone, start = ZoneInfo(ZONE), int(truth.times[0]) // 1_000_000_000
    yield ",".join(HEADER)
    for seconds, pump, values in observe(truth, seed):
        stamp = datetime.fromtimestamp(start + int(seconds), UTC).astimezone(zone).isoformat()
        yield format_row(stamp, truth.pump_ids[pump], values)


def truth_lines(truth: Truth, every_minutes: int = 5) -> Iterator[str]:
    """Header and rows of the noise-free course."""
    yield ",".join(HEADER)
    for i in range(0, len(truth.times), every_minutes):
        stamp = datetime.fromtimestamp(int(truth.times[i]) // 1_000_000_000, UTC).isoformat()
        for pump_id, values in zip(truth.pump_ids, truth.values[i], strict=True):
            yield ",".join([stamp, pump_id, *(f"{value:.5g}" for value in values)])


def write_lines(path: Path, lines: Iterator[str]) -> None:
    """Write lines with LF endings on every system, so that checksums hold."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def main() -> None:
    """Write the log, and the truth if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("pump_station.csv"))
    parser.add_argument("--truth", type=Path, help="also write the noise-free course as CSV")
    options = parser.parse_args()
    truth = simulate(SEED, DAYS)
    write_lines(options.out, log_lines(truth))
    if options.truth:
        write_lines(options.truth, truth_lines(truth))


if __name__ == "__main__":
    main()

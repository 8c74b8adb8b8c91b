"""Tasks with known answers, cut from a data set: what is shown, and what is to be predicted.

Use `forecast_task` to judge forecasts from rolling origins, `interpolation_task` to judge how
hidden readings between shown ones are filled in. In neither is a target visible, and no forecast
sees anything later than its origin.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.data.windows import cut
from latentode.errors import ConfigError, DataError, ShapeError

_GOLDEN = (5**0.5 - 1) / 2  # its multiples spread evenly, and with no period of the log


@dataclass(frozen=True, eq=False)
class Task:
    """Windows of visible readings, and the readings to be predicted from them.

    Attributes:
        visible: One series a window.
        targets: Readings that are not visible, in order of window, time and channel.
    """

    visible: TimeSeriesDataset
    targets: Targets

    @property
    def origins(self) -> Int64:
        """Last visible time of each window, nanoseconds, shape (window,)."""
        return self.visible.readings.first_and_last()[1]

    @property
    def leads(self) -> Int64:
        """Time of each target after the origin of its window, nanoseconds, shape (target,)."""
        return self.targets.times - self.origins[self.targets.window]


def forecast_task(
    dataset: TimeSeriesDataset,
    *,
    context_ns: int,
    horizon_ns: int,
    start_ns: Int64,
    stop_ns: Int64,
    max_windows: int,
) -> Task:
    """Forecasts from rolling origins.

    A window shows the readings in (origin - context, origin] and asks for those in
    (origin, origin + horizon]. The context may reach before `start_ns`: the past of an origin is
    known when it is forecast from. Origins are times of readings in [start, stop] whose whole
    horizon ends by `stop`; a series too short for that gives its first origin alone, with the
    targets up to `stop`.

    `max_windows` are shared equally among the series (what a short one cannot use goes to the
    others). Within a series each of as many equal parts of its rows gives one origin; the place
    within the part moves by the golden ratio, as an even stride through an hourly log would put
    every origin at the same hour of the day.

    Args:
        dataset: Source, with answers.
        context_ns: Length of what is shown, in nanoseconds.
        horizon_ns: Length of what is asked for, in nanoseconds.
        start_ns: First possible origin of each series, shape (series,).
        stop_ns: Last possible target of each series, shape (series,).
        max_windows: Largest number of windows.

    Returns:
        The task; every window has visible readings and targets.

    Raises:
        ConfigError: If a length or `max_windows` is less than 1.
        ShapeError: If a bound does not have one entry a series.
        DataError: If no window can be cut.
    """
    sizes = {"context_ns": context_ns, "horizon_ns": horizon_ns, "max_windows": max_windows}
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"{name}: expected at least 1, got {value}.")
    start_ns, stop_ns = _bounds(dataset, start_ns, stop_ns)
    rows = _origin_rows(dataset, horizon_ns, start_ns, stop_ns)
    quotas = _quotas([len(candidates) for candidates in rows], max_windows)
    chosen = [_spread(candidates, quota) for candidates, quota in zip(rows, quotas, strict=True)]
    series = np.repeat(np.arange(len(dataset)), [len(part) for part in chosen])
    origins = dataset.readings.times[np.concatenate([np.empty(0, np.int64), *chosen])]
    ends = np.minimum(origins + horizon_ns, stop_ns[series])
    visible = cut(dataset, series, origins - context_ns, origins)
    asked = cut(dataset, series, origins, ends)
    return _without_empty(
        visible,
        Targets.from_readings(asked.readings),
        "Give a longer log or a later stop, or ask for a longer horizon.",
    )


def interpolation_task(
    dataset: TimeSeriesDataset,
    *,
    start_ns: Int64,
    stop_ns: Int64,
    context_ns: int,
    hidden: float = 0.3,
    seed: int = 0,
) -> Task:
    """Readings hidden at random, one window a series.

    A window shows (start - context, stop] less what is hidden: each reading in [start, stop] with
    probability `hidden`, independently of the others at the same time. A series hides the same
    readings whatever other series stand beside it.

    Args:
        dataset: Source, with answers.
        start_ns: Start of the part where readings are hidden, shape (series,).
        stop_ns: End of that part, inclusive, shape (series,).
        context_ns: Length of what is shown before that part, in nanoseconds; may be 0.
        hidden: Share of readings to hide, between 0 and 1.
        seed: Seed of the random choice.

    Returns:
        The task; windows without visible readings or without targets are left out.

    Raises:
        ConfigError: If `hidden` is not between 0 and 1, or the context or the seed negative.
        ShapeError: If a bound does not have one entry a series.
        DataError: If no window remains.
    """
    if not 0 < hidden < 1:
        raise ConfigError(f"hidden: expected a share between 0 and 1, got {hidden}.")
    for name, value in (("context_ns", context_ns), ("seed", seed)):
        if value < 0:
            raise ConfigError(f"{name}: expected at least 0, got {value}.")
    start_ns, stop_ns = _bounds(dataset, start_ns, stop_ns)
    # cut has an exclusive start
    window = cut(dataset, np.arange(len(dataset)), start_ns - context_ns - 1, stop_ns)
    targets = Targets.from_readings(window.readings)
    hide = targets.times >= start_ns[targets.window]
    counts = np.bincount(targets.window[hide], minlength=len(dataset))
    chance = [
        np.random.default_rng([seed, zlib.crc32(name.encode("utf-8", "surrogatepass"))]).random(n)
        for name, n in zip(dataset.series_ids, counts, strict=True)
    ]
    hide[hide] = np.concatenate([np.empty(0), *chance]) < hidden
    visible = window.with_readings(window.readings.select_readings(~hide))
    return _without_empty(visible, targets.select(hide), "Give a longer log, or hide fewer.")


def _bounds(dataset: TimeSeriesDataset, start_ns: Int64, stop_ns: Int64) -> tuple[Int64, Int64]:
    bounds = []
    for name, bound in (("start_ns", start_ns), ("stop_ns", stop_ns)):
        array = np.asarray(bound, dtype=np.int64)
        if array.shape != (len(dataset),):
            raise ShapeError(
                f"{name}: expected shape ({len(dataset)},), one time a series, got {array.shape}."
            )
        bounds.append(array)
    return bounds[0], bounds[1]


def _origin_rows(
    dataset: TimeSeriesDataset, horizon_ns: int, start_ns: Int64, stop_ns: Int64
) -> list[Int64]:
    """Rows of each series that may be origins: each is followed by a target."""
    possible = []
    for series, (start, stop) in enumerate(zip(start_ns, stop_ns, strict=True)):
        owned = dataset.readings.rows_of(series)
        times = dataset.readings.times[owned]
        following = np.append(times[1:], np.iinfo(np.int64).max)
        end = np.minimum(times + horizon_ns, stop)
        usable = np.flatnonzero((times >= start) & (following <= end))
        whole = usable[times[usable] + horizon_ns <= stop]
        possible.append(owned.start + (whole if len(whole) else usable[:1]))
    return possible


def _quotas(counts: list[int], total: int) -> list[int]:
    """Share `total` equally; what a series cannot use goes to the longer ones."""
    quotas, left = [0] * len(counts), total
    for done, series in enumerate(sorted(range(len(counts)), key=lambda index: counts[index])):
        quotas[series] = min(counts[series], left // (len(counts) - done))
        left -= quotas[series]
    return quotas


def _spread(candidates: Int64, quota: int) -> Int64:
    """One candidate out of each of `quota` equal parts, all different."""
    edges = np.arange(quota + 1) * len(candidates) // max(quota, 1)
    share = (np.arange(1, quota + 1) * _GOLDEN) % 1.0
    return candidates[edges[:-1] + (share * np.diff(edges)).astype(np.int64)]


def _without_empty(visible: TimeSeriesDataset, targets: Targets, advice: str) -> Task:
    """Leave out windows without visible readings or without targets."""
    shown = np.diff(visible.readings.series_starts) > 0
    asked = np.bincount(targets.window, minlength=len(visible)) > 0
    keep = shown & asked
    if not keep.any():
        raise DataError(
            "task: expected at least one window with visible readings and targets, got none. "
            + advice
        )
    number = np.cumsum(keep) - 1
    targets = targets.select(keep[targets.window])
    return Task(
        visible.select_series(np.flatnonzero(keep)), targets.renumbered(number[targets.window])
    )

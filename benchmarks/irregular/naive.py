"""Naive rows: what the package's baselines say of a task."""

from __future__ import annotations

import numpy as np

from benchmarks.irregular.task import SeriesTask
from benchmarks.irregular.windows import Floats, Windows
from latentode import baselines

NAMES = ("training mean", "mean", "last", "linear", "spline")
_CHUNK = 200


def predict(task: SeriesTask, windows: Windows, fallback: Floats) -> dict[str, Floats]:
    """Point predictions of every naive model, (window, step, channel), NaN where nothing is asked.

    "linear" and "spline" hold the first and last reading outside the readings of a channel where
    the task interpolates, and go on with a line where it forecasts.

    Args:
        task: The task.
        windows: Its windows.
        fallback: Answer where a channel has no visible reading: the training mean, (channel,).
    """
    parts = [
        _predict(windows.take(slice(start, start + _CHUNK)), fallback, held=task.interpolates)
        for start in range(0, len(windows), _CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _predict(windows: Windows, fallback: Floats, *, held: bool) -> dict[str, Floats]:
    visible, targets = windows.dataset()
    answers = baselines.predict_all(visible, targets, fallback=fallback, names=NAMES[1:])
    asked = windows.asked()
    outside = _outside(windows)[asked] if held else np.zeros(len(targets), dtype=bool)
    constant = np.where(asked, fallback, np.nan)
    grids: dict[str, Floats] = {"training mean": constant}
    for name, answer in answers.items():
        grids[name] = np.full(asked.shape, np.nan)
        # the last reading before, or the first after: what holding the ends says
        grids[name][asked] = np.where(outside & (name != "mean"), answers["last"], answer)
    return grids


def _outside(windows: Windows) -> np.ndarray:
    """True where a place lies outside the visible readings of its channel."""
    times = np.broadcast_to(windows.times[..., None], windows.values.shape)
    read = np.isfinite(windows.values)
    first = np.where(read, times, np.inf).min(1, initial=np.inf)[:, None]
    last = np.where(read, times, -np.inf).max(1, initial=-np.inf)[:, None]
    queries = windows.query_times[..., None]
    return (queries < first) | (queries > last)

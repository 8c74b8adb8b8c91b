"""Naive rows: what the package's baselines say of a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.irregular.task import SeriesTask
from benchmarks.irregular.training import Prediction
from benchmarks.irregular.windows import Floats, Windows
from latentode import baselines

CLIMATOLOGY = "climatology"
NAMES = ("training mean", "mean", "last", "linear", "spline")
_CHUNK = 200
_QUANTILES = 99  # odd, so that one of them is the median


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


@dataclass(frozen=True, eq=False)
class Climatology:
    """The training distribution of each channel, whatever a window shows; its median is the point.

    Attributes:
        quantiles: Quantiles of equal shares, shape (quantile, channel).
    """

    quantiles: Floats

    @classmethod
    def fit(cls, training: Windows) -> Climatology:
        """Learn the quantiles of all readings of training windows."""
        parts = (training.values, training.without_seen().targets)
        flat = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
        levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        columns = [column[np.isfinite(column)].astype(np.float64) for column in flat.T]
        blank = np.zeros(_QUANTILES)  # as the scales of a channel that training never read
        found = [
            np.quantile(column, levels, method="hazen") if len(column) else blank
            for column in columns
        ]
        return cls(np.stack(found, axis=1))

    def predict(self, windows: Windows, num_draws: int, seed: int) -> Iterator[Prediction]:
        """The median everywhere, and draws; see `benchmarks.irregular.training.predict`.

        Args:
            windows: Windows.
            num_draws: Draws.
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        for start in range(0, len(windows), _CHUNK):
            part = windows.take(slice(start, start + _CHUNK))
            shape = part.targets.shape
            middle = np.broadcast_to(self.quantiles[_QUANTILES // 2], shape)

            def draw(shape: tuple[int, ...] = shape) -> Floats:
                rank = rng.integers(_QUANTILES, size=(num_draws, *shape))
                return self.quantiles[rank, np.arange(shape[-1])].astype(np.float32)

            yield Prediction(part, middle, draw)

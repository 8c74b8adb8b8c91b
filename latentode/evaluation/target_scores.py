"""Scores of every single target: of a model's predictions, and of the naive rows beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.errors import ShapeError
from latentode.evaluation import metrics, path_scores, scores
from latentode.evaluation.naive_rows import NaiveRows, blocks_of, joined
from latentode.evaluation.tasks import Task

#: Told the number of targets whose scores are known now.
Progress = Callable[[int], None]


class ReadingPredictor(Protocol):
    """Predicts readings of windows: draws in original units, and log densities.

    Called with a chunk of windows and the targets in them, in order of window. Returns draws of
    shape (draw, target) and the log density of each target's value in nats, of the density in
    original units, shape (target,). The values of the targets are there for the densities alone:
    draws must not depend on them.
    """

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target) and log densities (target,)."""


def score_targets(
    task: Task,
    predictor: ReadingPredictor,
    naive: NaiveRows,
    asked: Sequence[scores.Score],
    *,
    paths_of: Callable[[Float64, Targets], list[path_scores.Part]],
    chunk_windows: int,
    seed: int,
    on_progress: Progress | None = None,
) -> tuple[dict[str, Float64], list[path_scores.Part]]:
    """Scores of every target as "ROW/KEY", shape (target,), and of paths.

    Args:
        task: Visible windows and targets.
        predictor: The row "model", called with `chunk_windows` windows at a time.
        naive: The other rows.
        asked: The scores.
        paths_of: Scores of the paths that some draws are.
        chunk_windows: Windows in a call.
        seed: Seed of the randomised PIT.
        on_progress: Told how many targets are scored.

    Returns:
        Scores, with "pit" and "num_draws" of the model, and what `paths_of` gave.

    Raises:
        ShapeError: If the predictor returns another shape.
    """
    generator = np.random.default_rng(seed)
    order = np.argsort(task.targets.window, kind="stable")
    targets = task.targets.select(order)
    parts: list[dict[str, Float64]] = []
    paths: list[path_scores.Part] = []
    for first in range(0, len(task.visible), chunk_windows):
        windows = np.arange(first, min(first + chunk_windows, len(task.visible)))
        low, high = np.searchsorted(targets.window, [first, first + chunk_windows])
        if low == high:
            continue
        visible = task.visible.select_series(windows)
        chunk = targets.select(slice(low, high))
        chunk = chunk.renumbered(chunk.window - first)
        draws, log_prob = _call(predictor, visible, chunk)
        paths += paths_of(draws, chunk)
        own = _of_model(draws, log_prob, chunk.values, asked, generator)
        parts.append({**own, **naive.scored(visible, chunk, asked)})
        if on_progress is not None:
            on_progress(int(high))
    as_asked = np.argsort(order)
    return {name: values[as_asked] for name, values in joined(parts).items()}, paths


def _call(
    predictor: ReadingPredictor, visible: TimeSeriesDataset, chunk: Targets
) -> tuple[Float64, Float64]:
    draws, log_prob = (np.asarray(a, np.float64) for a in predictor(visible, chunk))
    if draws.ndim != 2 or draws.shape[1] != len(chunk) or not len(draws):
        raise ShapeError(
            f"predictor draws: expected shape (draw, {len(chunk)}) with at least one draw, "
            f"got {draws.shape}."
        )
    if log_prob.shape != (len(chunk),):
        raise ShapeError(f"predictor log_prob: expected ({len(chunk)},), got {log_prob.shape}.")
    return draws, log_prob


def _of_model(
    draws: Float64,
    log_prob: Float64,
    values: Float64,
    asked: Sequence[scores.Score],
    generator: np.random.Generator,
) -> dict[str, Float64]:
    blocks = []
    for block in blocks_of(len(values)):
        finite = np.isfinite(draws[:, block]).all(axis=0)
        # one bad draw spoils its target
        judged = draws[:, block] if finite.all() else np.where(finite, draws[:, block], np.nan)
        forecast = scores.Forecast(judged, log_prob[block], values[block])
        blocks.append(
            {
                **{f"model/{score.key}": score.of_forecast(forecast) for score in asked},
                "pit": metrics.pit(judged, forecast.values, generator),
                "num_draws": np.full(len(forecast.values), float(len(judged))),
            }
        )
    return joined(blocks)

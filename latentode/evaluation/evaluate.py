"""What a model's predictions are worth, beside naive forecasts, on tasks with known answers.

`evaluate_task` knows nothing of the model but a function from visible windows to draws and log
densities. Four rules: the naive rows of `latentode.evaluation.naive_rows` stand beside every
number, with bands of their own; every channel has the same weight, however often it is read; the
numbers of a channel, also by lead time, are in its own unit; and where the model loses, a sentence
says so (`latentode.evaluation.summary`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentode.data.dataset import Float64
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import path_scores, scores
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.summary import YOURS
from latentode.evaluation.tally import Tally
from latentode.evaluation.target_scores import Progress, ReadingPredictor, score_targets
from latentode.evaluation.tasks import Task


def evaluate_task(
    task: Task,
    predictor: ReadingPredictor,
    *,
    scale: Float64,
    asked: Sequence[scores.Score] | None = None,
    **options: Any,
) -> dict[str, Any]:
    r"""Score a predictor and the naive rows on one task.

    The scores are those of `latentode.evaluation.scores`. Per channel the numbers are in the
    channel's own unit. Overall numbers are means over channels (a channel that is read a thousand
    times counts once) of numbers in units of the channel's training standard deviation :math:`s_c`:
    errors divided by :math:`s_c`, log densities plus :math:`\log s_c`. Skill is
    :math:`1 - \mathrm{model} / \mathrm{best}` with the baseline that is best by that score.

    Args:
        task: Visible windows and targets.
        predictor: What is judged.
        scale: Standard deviation of the training readings, positive, shape (channel,).
        asked: The scores; None is all of `latentode.evaluation.scores.SCORES`.
        **options: As in `tally_task`.

    Returns:
        Numbers of JSON types (None where a number is not finite)::

            {"overall": {"model": {key of a score: number}, ("yours": likewise,)
                         "baselines": {name: {key of a score of point forecasts: number}}},
             "channels": {name: {"unit", "model": ..., "baselines": ..., "num_targets",
                                 "lead_times": {stretch: {"model": ..., "baselines": ...}}}},
             "lead_times": {stretch: as "overall", with "num_targets"}, with `lead_bins`,
             "channels_without_targets": [name],
             "pit": [share of readings in each of 10 bins],
             "skill": {key of the CRPS and of the MAE: number},
             "paths": scores of whole paths, see `latentode.evaluation.path_tally.PathTally`,
             "adaptive": {"plain": share, "adaptive": share}, where the windows are rolling,
             "sentences": [what a reader should know in words],
             "num_windows", "num_targets"}

    Raises:
        ShapeError: If the predictor, `scale` or the fallback of `naive` has another shape.
        ConfigError: If a scale or `chunk_windows` is not positive.
        DataError: If the task has no targets.
    """
    tally = tally_task(task, predictor, scale=scale, asked=asked, **options)
    return tally.result(np.asarray(scale, dtype=np.float64), asked or scores.SCORES)


def tally_task(
    task: Task,
    predictor: ReadingPredictor,
    *,
    scale: Float64,
    naive: NaiveRows,
    lead_bins: LeadBins | None = None,
    path_ns: int | None = None,
    chunk_windows: int = 256,
    seed: int = 0,
    rolling: bool = False,
    yours: Mapping[str, Float64] | None = None,
    asked: Sequence[scores.Score] | None = None,
    on_progress: Progress | None = None,
) -> Tally:
    """Sums of the scores of a predictor and the naive rows on one task.

    Args:
        task: Visible windows and targets.
        predictor: What is judged, called with `chunk_windows` windows at a time.
        scale: Standard deviation of the training readings, positive, shape (channel,).
        naive: The rows beside it.
        lead_bins: Stretches of lead time that have numbers of their own; None goes without.
        path_ns: Longest path whose functionals are judged, see `latentode.evaluation.path_scores`,
            in nanoseconds; None takes windows whole.
        chunk_windows: Windows in a call; the memory grows with it.
        seed: Seed of the randomised PIT and of shuffled draws.
        rolling: Whether the windows end at rolling origins, whose errors show one after another:
            adaptive bands are then judged too, see `latentode.evaluation.adaptive`.
        yours: Scores by key of forecasts made elsewhere, shape (target,): a row of its own.
        asked: The scores; None is all of `latentode.evaluation.scores.SCORES`.
        on_progress: Told how many targets are scored.

    Raises:
        ShapeError: If the predictor, `scale` or the fallback of `naive` has another shape.
        ConfigError: If a scale or `chunk_windows` is not positive.
        DataError: If the task has no targets.
    """
    scale, asked = np.asarray(scale, dtype=np.float64), asked or scores.SCORES
    _check(task, scale, chunk_windows)
    readings, paths = score_targets(
        task,
        predictor,
        naive,
        asked,
        paths_of=_path_scorer(scale, naive.fallback, path_ns, seed),
        chunk_windows=chunk_windows,
        seed=seed,
        on_progress=on_progress,
    )
    readings |= {f"{YOURS}/{key}": numbers for key, numbers in (yours or {}).items()}
    return Tally.of(
        task,
        readings,
        paths,
        rows=("model", *([YOURS] if yours else []), *naive.names),
        asked=asked,
        bins=lead_bins,
        naive=naive,
        rolling=rolling,
    )


def _check(task: Task, scale: Float64, chunk_windows: int) -> None:
    count = len(task.visible.channels)
    if scale.shape != (count,):
        raise ShapeError(f"scale: expected shape ({count},), got {scale.shape}.")
    bad = np.flatnonzero(~((scale > 0) & np.isfinite(scale)))
    if len(bad):
        raise ConfigError(
            f"scale: expected positive standard deviations, got {scale[bad[0]]} for channel "
            f"{task.visible.channels[bad[0]]!r}."
        )
    if chunk_windows < 1:
        raise ConfigError(f"chunk_windows: expected at least 1, got {chunk_windows}.")
    if not len(task.targets):
        raise DataError("task: expected at least one target, got none.")


def _path_scorer(
    scale: Float64, center: Float64, path_ns: int | None, seed: int
) -> Callable[[Float64, Targets], list[path_scores.Part]]:
    return functools.partial(
        path_scores.score_paths,
        scale=scale,
        center=np.asarray(center, np.float64),
        path_ns=path_ns,
        generator=np.random.default_rng(seed),
    )

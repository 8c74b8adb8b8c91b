"""What a model's predictions are worth, beside naive baselines, on tasks with known answers.

`evaluate_task` knows nothing of the model but a function from visible windows to draws and log
densities. Three rules: the baselines of
`latentode.evaluation.baselines` stand beside every number; every channel has the same weight,
however often it is read; and where the model loses, a sentence says so
(`latentode.evaluation.summary`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import adaptive, baselines, metrics, path_scores, scores
from latentode.evaluation.summary import best_baseline, describe, path_sentences
from latentode.evaluation.tasks import Task

PIT_BINS = 10
CLIMATOLOGY = "climatology"  # the naive row that is a distribution
_BLOCK = 16_384  # targets that are scored at once, so that copies of the draws stay small


class ReadingPredictor(Protocol):
    """Predicts readings of windows: draws in original units, and log densities.

    Called with a chunk of windows and the targets in them, in order of window. Returns draws of
    shape (draw, target) and the log density of each target's value in nats, of the density in
    original units, shape (target,). The values of the targets are there for the densities alone:
    draws must not depend on them.
    """

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target) and log densities (target,)."""


def evaluate_task(
    task: Task,
    predictor: ReadingPredictor,
    *,
    scale: Float64,
    fallback: Float64,
    climatology: Callable[[Targets], Float64] | None = None,
    period_ns: int | None = None,
    path_ns: int | None = None,
    chunk_windows: int = 256,
    seed: int = 0,
    rolling: bool = False,
) -> dict[str, Any]:
    r"""Score a predictor and the naive baselines on one task.

    The scores are those of `latentode.evaluation.scores`. Per channel the numbers are in the
    channel's own unit. Overall numbers are means over channels (a channel that is read a thousand
    times counts once) of numbers in units of the channel's training standard deviation :math:`s_c`:
    errors divided by :math:`s_c`, log densities plus :math:`\log s_c`. Skill is
    :math:`1 - \mathrm{model} / \mathrm{best}` with the baseline that is best by that score.

    Args:
        task: Visible windows and targets.
        predictor: What is judged, called with `chunk_windows` windows at a time.
        scale: Standard deviation of the training readings, positive, shape (channel,).
        fallback: Mean of the training readings, for the baselines, shape (channel,).
        climatology: Quantiles of the training readings at some targets, shape (quantile, target): a
            baseline with bands; None goes without.
        period_ns: Period of the seasonal baseline in nanoseconds; None where there is none.
        path_ns: Longest path whose functionals are judged, see `latentode.evaluation.path_scores`,
            in nanoseconds; None takes windows whole.
        chunk_windows: Windows in a call; the memory grows with it.
        seed: Seed of the randomised PIT and of shuffled draws.
        rolling: Whether the windows end at rolling origins, whose errors show one after another:
            adaptive bands are then judged too, see `latentode.evaluation.adaptive`.

    Returns:
        Numbers of JSON types (None where a number is not finite)::

            {"overall": {"model": {key of a score: number},
                         "baselines": {name: {key of a score of point forecasts: number}}},
             "channels": {name: {"model": ..., "baselines": ..., "num_targets"}},
             "channels_without_targets": [name],
             "pit": [share of readings in each of 10 bins],
             "skill": {key of the CRPS and of the MAE: number},
             "paths": scores of whole paths, see `latentode.evaluation.path_scores.summarize`,
             "adaptive": {"plain": share, "adaptive": share}, where the windows are rolling,
             "sentences": [what a reader should know in words],
             "num_windows", "num_targets"}

    Raises:
        ShapeError: If the predictor, `scale` or `fallback` has another shape.
        ConfigError: If a scale or `chunk_windows` is not positive.
        DataError: If the task has no targets.
    """
    scale = np.asarray(scale, dtype=np.float64)
    _check(task, scale, chunk_windows)
    paths_of = _path_scorer(scale, fallback, path_ns, seed)
    readings, paths = _score_task(
        task, predictor, paths_of, fallback, period_ns, chunk_windows, seed
    )
    if climatology is not None:
        readings |= _score_climatology(climatology, task.targets)
    names, channel = task.visible.channels, task.targets.channel
    present = np.unique(channel)
    channels = {names[index]: _summary(readings, channel == index) for index in present}
    overall = _overall(list(channels.values()), scale[present])
    transform = readings["pit"][~np.isnan(readings["pit"])]
    result = {
        "overall": overall,
        "channels": channels,
        "channels_without_targets": [n for n in names if n not in channels],
        "pit": metrics.pit_histogram(transform, PIT_BINS).tolist() if len(transform) else [],
        "skill": _skills(overall),
        "paths": path_scores.summarize(paths, names),
        "sentences": describe(
            overall,
            channels,
            units=dict(task.visible.units),
            missing=_missing(readings),
            num_draws=int(readings["num_draws"].min()),
        ),
        "num_windows": len(task.visible),
        "num_targets": len(task.targets),
    }
    result["sentences"] += path_sentences(result["paths"])
    if rolling:
        result["adaptive"] = adaptive.coverages(task, readings["pit"])
        result["sentences"].append(adaptive.sentence(result["adaptive"]))
    return _json(result)


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
    scale: Float64, fallback: Float64, path_ns: int | None, seed: int
) -> Callable[[Float64, Targets], list[path_scores.Part]]:
    return functools.partial(
        path_scores.score_paths,
        scale=scale,
        center=np.asarray(fallback, np.float64),
        path_ns=path_ns,
        generator=np.random.default_rng(seed),
    )


def _score_task(
    task: Task,
    predictor: ReadingPredictor,
    paths_of: Callable[[Float64, Targets], list[path_scores.Part]],
    fallback: Float64,
    period_ns: int | None,
    chunk_windows: int,
    seed: int,
) -> tuple[dict[str, Float64], list[path_scores.Part]]:
    """Scores of every target by key, shape (target,), and of paths.

    Errors of baselines are "baseline/NAME".
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
        naive = baselines.predict_all(visible, chunk, fallback=fallback, period_ns=period_ns)
        errors = {f"baseline/{name}": chunk.values - answer for name, answer in naive.items()}
        parts.append({**_score(draws, log_prob, chunk.values, generator), **errors})
    as_asked = np.argsort(order)
    return {name: values[as_asked] for name, values in _joined(parts).items()}, paths


def _score_climatology(
    climatology: Callable[[Targets], Float64], targets: Targets
) -> dict[str, Float64]:
    """Scores of every target by key as "climatology/KEY", shape (target,)."""
    parts = []
    for low in range(0, len(targets), _BLOCK):
        block = targets.select(slice(low, low + _BLOCK))
        unknown = np.full(len(block), np.nan)
        forecast = scores.Forecast(climatology(block), unknown, block.values, are_random=False)
        parts.append({f"{CLIMATOLOGY}/{s.key}": s.of_forecast(forecast) for s in scores.OF_DRAWS})
    return _joined(parts)


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


def _score(
    draws: Float64, log_prob: Float64, values: Float64, generator: np.random.Generator
) -> dict[str, Float64]:
    blocks = []
    for low in range(0, len(values), _BLOCK):
        block = slice(low, low + _BLOCK)
        finite = np.isfinite(draws[:, block]).all(axis=0)
        # one bad draw spoils its target
        judged = np.where(finite, draws[:, block], np.nan)
        blocks.append(
            _score_block(scores.Forecast(judged, log_prob[block], values[block]), generator)
        )
    return _joined(blocks)


def _joined(parts: list[dict[str, Float64]]) -> dict[str, Float64]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _score_block(forecast: scores.Forecast, generator: np.random.Generator) -> dict[str, Float64]:
    return {
        **{score.key: score.of_forecast(forecast) for score in scores.SCORES},
        "pit": metrics.pit(forecast.draws, forecast.values, generator),
        "num_draws": np.full(len(forecast.values), float(len(forecast.draws))),
    }


def _summary(readings: Mapping[str, Float64], chosen: np.ndarray) -> dict[str, Any]:
    """Scores of the model and the baselines, averaged over the chosen readings."""
    errors = {name: readings[f"baseline/{name}"][chosen] for name in baselines.NAMES}
    naive = {
        name: {s.key: s.average(s.of_error(error)) for s in scores.SCORES if s.of_error}
        for name, error in errors.items()
    }
    if f"{CLIMATOLOGY}/{scores.MAE.key}" in readings:
        naive[CLIMATOLOGY] = {
            s.key: s.average(readings[f"{CLIMATOLOGY}/{s.key}"][chosen]) for s in scores.OF_DRAWS
        }
    return {
        "model": {s.key: s.average(readings[s.key][chosen]) for s in scores.SCORES},
        "baselines": naive,
        "num_targets": int(chosen.sum()),
    }


def _overall(channels: list[dict[str, Any]], scale: Float64) -> dict[str, Any]:
    def average(rows: list[dict[str, float]]) -> dict[str, float]:
        return {
            score.key: scores.mean(
                score.scaling.apply(np.array([row[score.key] for row in rows]), scale)
            )
            for score in scores.SCORES
            if score.key in rows[0]
        }

    return {
        "model": average([entry["model"] for entry in channels]),
        "baselines": {
            name: average([entry["baselines"][name] for entry in channels])
            for name in channels[0]["baselines"]
        },
    }


def _skills(overall: Mapping[str, Any]) -> dict[str, float]:
    model, naive = overall["model"], overall["baselines"]
    best = {s.key: naive[best_baseline(naive, s)][s.key] for s in (scores.CRPS, scores.MAE)}
    return {key: _skill(model[key], number) for key, number in best.items()}


def _skill(model: float, best: float) -> float:
    if best == 0:
        return 0.0 if model == 0 else math.nan
    return 1.0 - model / best


def _missing(readings: Mapping[str, Float64]) -> float:
    finite = [np.isfinite(readings[score.key]) for score in scores.SCORES]
    return float(1 - np.all(finite, axis=0).mean())


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

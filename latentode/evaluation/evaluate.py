"""What a model's predictions are worth, beside naive baselines, on tasks with known answers.

`evaluate_task` knows nothing of the model but a function from visible windows to draws and log
densities. Three rules: the baselines of `latentode.evaluation.baselines` stand beside every number;
every channel has the same weight, however often it is read; and where the model loses, a sentence
says so (`latentode.evaluation.summary`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np

from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import baselines, metrics
from latentode.evaluation.summary import best_baseline, describe, table
from latentode.evaluation.tasks import Task, forecast_task, interpolation_task

__all__ = [
    "ReadingPredictor",
    "Task",
    "evaluate_task",
    "forecast_task",
    "interpolation_task",
    "table",
]

LEVEL = 0.9
PIT_BINS = 10
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
        ...


def evaluate_task(
    task: Task,
    predictor: ReadingPredictor,
    *,
    scale: Float64,
    fallback: Float64,
    period_ns: int | None = None,
    chunk_windows: int = 256,
    seed: int = 0,
) -> dict[str, Any]:
    r"""Score a predictor and the naive baselines on one task.

    MAE is of the median of the draws and RMSE of their mean, as these are what the two scores ask
    for; CRPS is the fair estimate, and for a point forecast the MAE; NLL is in nats per reading;
    `coverage_90` is the share inside the central 90 % interval.

    Per channel the numbers are in the channel's own unit. Overall numbers are means over channels
    (a channel that is read a thousand times counts once) of numbers in units of the channel's
    training standard deviation: MAE, RMSE and CRPS divided by :math:`s_c`, NLL minus
    :math:`\log s_c`. Skill is :math:`1 - \mathrm{model} / \mathrm{best}` with the best baseline.

    Args:
        task: Visible windows and targets.
        predictor: What is judged, called with `chunk_windows` windows at a time.
        scale: Standard deviation of the training readings, positive, shape (channel,).
        fallback: Mean of the training readings, for the baselines, shape (channel,).
        period_ns: Period of the seasonal baseline in nanoseconds; None where there is none.
        chunk_windows: Windows in a call; the memory grows with it.
        seed: Seed of the randomised PIT.

    Returns:
        Numbers of JSON types (None where a number is not finite)::

            {"overall": {"model": {"mae", "rmse", "crps", "nll", "coverage_90"},
                         "baselines": {"last": {"mae", "rmse", "crps"}, "mean", "linear", "spline",
                                       "seasonal"}},
             "channels": {name: {"model": ..., "baselines": ..., "num_targets"}},
             "channels_without_targets": [name],
             "pit": [share of readings in each of 10 bins],
             "skill": {"crps", "mae"},
             "sentences": [what a reader should know in words],
             "num_windows", "num_targets"}

    Raises:
        ShapeError: If the predictor, `scale` or `fallback` has another shape.
        ConfigError: If a scale or `chunk_windows` is not positive.
        DataError: If the task has no targets.
    """
    scale = np.asarray(scale, dtype=np.float64)
    _check(task, scale, chunk_windows)
    scores = _score_task(task, predictor, fallback, period_ns, chunk_windows, seed)
    names, channel = task.visible.channels, task.targets.channel
    present = np.unique(channel)
    channels = {names[index]: _summary(scores, channel == index) for index in present}
    overall = _overall(list(channels.values()), scale[present])
    best = best_baseline(overall["baselines"])
    transform = scores["pit"][~np.isnan(scores["pit"])]
    for name, entry in channels.items():
        entry["num_targets"] = int((channel == names.index(name)).sum())
    result = {
        "overall": overall,
        "channels": channels,
        "channels_without_targets": [n for n in names if n not in channels],
        "pit": metrics.pit_histogram(transform, PIT_BINS).tolist() if len(transform) else [],
        "skill": {
            key: _skill(overall["model"][key], overall["baselines"][best][key])
            for key in ("crps", "mae")
        },
        "sentences": describe(
            overall,
            channels,
            units=dict(task.visible.units),
            missing=_missing(scores),
            num_draws=int(scores["num_draws"].min()),
        ),
        "num_windows": len(task.visible),
        "num_targets": len(task.targets),
    }
    return _json(result)


def _check(task: Task, scale: Float64, chunk_windows: int) -> None:
    count = len(task.visible.channels)
    if scale.shape != (count,):
        raise ShapeError(f"scale: expected shape ({count},), got {scale.shape}.")
    if not np.all((scale > 0) & np.isfinite(scale)):
        worst = int(np.flatnonzero(~((scale > 0) & np.isfinite(scale)))[0])
        raise ConfigError(
            f"scale: expected positive standard deviations, got {scale[worst]} for channel "
            f"{task.visible.channels[worst]!r}."
        )
    if chunk_windows < 1:
        raise ConfigError(f"chunk_windows: expected at least 1, got {chunk_windows}.")
    if not len(task.targets):
        raise DataError("task: expected at least one target, got none.")


def _score_task(
    task: Task,
    predictor: ReadingPredictor,
    fallback: Float64,
    period_ns: int | None,
    chunk_windows: int,
    seed: int,
) -> dict[str, Float64]:
    """Scores of every target by name, shape (target,); baselines as "baseline/NAME"."""
    generator = np.random.default_rng(seed)
    order = np.argsort(task.targets.window, kind="stable")
    targets = task.targets.select(order)
    parts: list[dict[str, Float64]] = []
    for first in range(0, len(task.visible), chunk_windows):
        windows = np.arange(first, min(first + chunk_windows, len(task.visible)))
        low, high = np.searchsorted(targets.window, [first, first + chunk_windows])
        if low == high:
            continue
        visible = task.visible.select_series(windows)
        chunk = targets.select(slice(low, high))
        chunk = chunk.renumbered(chunk.window - first)
        draws, log_prob = _call(predictor, visible, chunk)
        naive = baselines.predict_all(visible, chunk, fallback=fallback, period_ns=period_ns)
        errors = {f"baseline/{name}": chunk.values - answer for name, answer in naive.items()}
        parts.append({**_score(draws, chunk.values, generator), "nll": -log_prob, **errors})
    scores = {}
    for name in parts[0]:
        joined = np.concatenate([part[name] for part in parts])
        scores[name] = np.empty_like(joined)
        scores[name][order] = joined
    return scores


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


def _score(draws: Float64, values: Float64, generator: np.random.Generator) -> dict[str, Float64]:
    blocks = [
        _score_block(draws[:, low : low + _BLOCK], values[low : low + _BLOCK], generator)
        for low in range(0, len(values), _BLOCK)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _score_block(
    draws: Float64, values: Float64, generator: np.random.Generator
) -> dict[str, Float64]:
    finite = np.isfinite(draws).all(axis=0)
    draws = np.where(finite, draws, np.nan)  # (draw, target); one bad draw spoils its target
    low, high = metrics.central_interval(draws, LEVEL)
    estimator: Literal["fair", "plain"] = "fair" if len(draws) > 1 else "plain"
    return {
        "median_error": values - np.median(draws, axis=0),
        "mean_error": values - draws.mean(axis=0),
        "crps": metrics.crps_from_draws(draws, values, estimator=estimator),
        "covered": np.where(finite, (low <= values) & (values <= high), np.nan),
        "pit": metrics.pit(draws, values, generator),
        "num_draws": np.full(len(values), float(len(draws))),
    }


def _summary(scores: Mapping[str, Float64], chosen: np.ndarray) -> dict[str, Any]:
    def of(name: str) -> Float64:
        return scores[name][chosen]

    zero = np.zeros(int(chosen.sum()))
    naive = {}
    for name in baselines.NAMES:
        error = of(f"baseline/{name}")
        absolute = metrics.mae(error, zero)
        naive[name] = {"mae": absolute, "rmse": metrics.rmse(error, zero), "crps": absolute}
    model = {
        "mae": metrics.mae(of("median_error"), zero),
        "rmse": metrics.rmse(of("mean_error"), zero),
        "crps": float(of("crps").mean()),
        "nll": float(of("nll").mean()),
        "coverage_90": float(of("covered").mean()),
    }
    return {"model": model, "baselines": naive}


def _overall(channels: list[dict[str, Any]], scale: Float64) -> dict[str, Any]:
    def average(rows: list[dict[str, float]]) -> dict[str, float]:
        table = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        for key in ("mae", "rmse", "crps"):
            table[key] = table[key] / scale
        if "nll" in table:
            table["nll"] = table["nll"] - np.log(scale)
        return {key: float(column.mean()) for key, column in table.items()}

    return {
        "model": average([entry["model"] for entry in channels]),
        "baselines": {
            name: average([entry["baselines"][name] for entry in channels])
            for name in baselines.NAMES
        },
    }


def _skill(model: float, best: float) -> float:
    if best == 0:
        return 0.0 if model == 0 else math.nan
    return 1.0 - model / best


def _missing(scores: Mapping[str, Float64]) -> float:
    names = ("crps", "nll", "median_error", "mean_error")
    return float(1 - np.all([np.isfinite(scores[name]) for name in names], axis=0).mean())


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""What a model's predictions are worth, beside naive forecasts, on tasks with known answers.

`evaluate_task` knows nothing of the model but a function from visible windows to draws and log
densities. Four rules: the naive rows of `latentode.evaluation.naive_rows` stand beside every
number, with bands of their own; every channel has the same weight, however often it is read; the
numbers of a channel, also by lead time, are in its own unit; and where the model loses, a sentence
says so (`latentode.evaluation.summary`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import adaptive, metrics, path_scores, scores
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.summary import YOURS, best_baseline, describe, path_sentences
from latentode.evaluation.target_scores import Progress, ReadingPredictor, score_targets
from latentode.evaluation.tasks import Task

PIT_BINS = 10


def evaluate_task(
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
) -> dict[str, Any]:
    r"""Score a predictor and the naive rows on one task.

    The scores are those of `latentode.evaluation.scores`. Per channel the numbers are in the
    channel's own unit. Overall numbers are means over channels (a channel that is read a thousand
    times counts once) of numbers in units of the channel's training standard deviation :math:`s_c`:
    errors divided by :math:`s_c`, log densities plus :math:`\log s_c`. Skill is
    :math:`1 - \mathrm{model} / \mathrm{best}` with the baseline that is best by that score.

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
             "paths": scores of whole paths, see `latentode.evaluation.path_scores.summarize`,
             "adaptive": {"plain": share, "adaptive": share}, where the windows are rolling,
             "sentences": [what a reader should know in words],
             "num_windows", "num_targets"}

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
    rows = ("model", *([YOURS] if yours else []), *naive.names)
    found = _Averages(readings, rows, asked, scale).of(task, lead_bins)
    transform = readings["pit"][~np.isnan(readings["pit"])]
    paths_scored = path_scores.summarize(paths, task.visible.channels)
    result = {
        **found,
        "pit": metrics.pit_histogram(transform, PIT_BINS).tolist() if len(transform) else [],
        "skill": _skills(found["overall"]),
        "paths": paths_scored,
        "num_windows": len(task.visible),
        "num_targets": len(task.targets),
    }
    result["sentences"] = describe(
        result,
        missing=_missing(readings, asked),
        num_draws=int(readings["num_draws"].min()),
        bare=_without_bands(naive, task),
    ) + path_sentences(paths_scored)
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
    scale: Float64, center: Float64, path_ns: int | None, seed: int
) -> Callable[[Float64, Targets], list[path_scores.Part]]:
    return functools.partial(
        path_scores.score_paths,
        scale=scale,
        center=np.asarray(center, np.float64),
        path_ns=path_ns,
        generator=np.random.default_rng(seed),
    )


class _Averages:
    """Averages of the scores of targets, over channels, stretches of lead time and all.

    Args:
        readings: Scores of every target as "ROW/KEY", shape (target,).
        rows: Names of the rows: the model first, then perhaps the user's own, then the naive ones.
        asked: The scores.
        scale: Standard deviations of the channels, shape (channel,).
    """

    def __init__(
        self,
        readings: Mapping[str, Float64],
        rows: Sequence[str],
        asked: Sequence[scores.Score],
        scale: Float64,
    ) -> None:
        self._readings, self._rows, self._asked, self._scale = readings, rows, asked, scale

    def of(self, task: Task, bins: LeadBins | None) -> dict[str, Any]:
        """The numbers of a result, by channel, stretch and over all."""
        names, units = task.visible.channels, dict(task.visible.units)
        members = _members(task.targets.channel, len(names))
        channels = {
            names[channel]: {"unit": units.get(names[channel]), **self._of_targets(index)}
            for channel, index in members.items()
        }
        found = {
            "overall": self._overall(channels, names),
            "channels": channels,
            "channels_without_targets": [name for name in names if name not in channels],
        }
        if bins is not None:
            stretch = bins.of(task.leads)
            for channel, index in members.items():
                channels[names[channel]]["lead_times"] = {
                    bins.labels[part]: self._of_targets(index[of_part])
                    for part, of_part in _members(stretch[index], len(bins.ends)).items()
                }
            found["lead_times"] = self._by_lead(channels, names, bins.labels)
        return found

    def _by_lead(
        self, channels: Mapping[str, Any], names: Sequence[str], labels: Sequence[str]
    ) -> dict[str, Any]:
        parts = {
            label: {
                name: entry["lead_times"][label]
                for name, entry in channels.items()
                if label in entry["lead_times"]
            }
            for label in labels
        }
        return {
            label: self._overall(part, names)
            | {"num_targets": sum(entry["num_targets"] for entry in part.values())}
            for label, part in parts.items()
            if part
        }

    def _of_targets(self, index: Int64) -> dict[str, Any]:
        """Averages over some targets, in their own unit."""

        def average(row: str) -> dict[str, float]:
            return {
                score.key: score.average(self._readings[f"{row}/{score.key}"][index])
                for score in self._asked
                if f"{row}/{score.key}" in self._readings
            }

        return self._laid_out(average) | {"num_targets": len(index)}

    def _overall(self, channels: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Means over channels, scaled."""
        scale = self._scale[[names.index(name) for name in channels]]
        parts = [_rows_of(entry) for entry in channels.values()]

        def average(row: str) -> dict[str, float]:
            return {
                score.key: scores.mean(
                    score.scaling.apply(np.array([part[row][score.key] for part in parts]), scale)
                )
                for score in self._asked
                if score.key in parts[0][row]
            }

        return self._laid_out(average)

    def _laid_out(self, average: Callable[[str], dict[str, float]]) -> dict[str, Any]:
        own = [row for row in self._rows if row in ("model", YOURS)]
        return {
            **{row: average(row) for row in own},
            "baselines": {row: average(row) for row in self._rows[len(own) :]},
        }


def _without_bands(naive: NaiveRows, task: Task) -> list[str]:
    """Channels with targets of which naive forecasts have no band."""
    asked = np.unique(task.targets.channel)
    counts = np.zeros(len(task.visible.channels)) if naive.bands is None else naive.bands.counts
    return [task.visible.channels[index] for index in asked if not counts[index]]


def _rows_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    own = {row: entry[row] for row in ("model", YOURS) if row in entry}
    return own | entry["baselines"]


def _members(part: Int64, count: int) -> dict[int, Int64]:
    """Positions of the members of each part that has some."""
    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.arange(count + 1))
    filled = np.flatnonzero(np.diff(starts)).tolist()
    return {index: order[starts[index] : starts[index + 1]] for index in filled}


def _skills(overall: Mapping[str, Any]) -> dict[str, float]:
    model, naive = overall["model"], overall["baselines"]
    best = {s.key: naive[best_baseline(naive, s)][s.key] for s in (scores.CRPS, scores.MAE)}
    return {key: _skill(model[key], number) for key, number in best.items()}


def _skill(model: float, best: float) -> float:
    if best == 0:
        return 0.0 if model == 0 else math.nan
    return 1.0 - model / best


def _missing(readings: Mapping[str, Float64], asked: Sequence[scores.Score]) -> float:
    finite = [np.isfinite(readings[f"model/{score.key}"]) for score in asked]
    return float(1 - np.all(finite, axis=0).mean())


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

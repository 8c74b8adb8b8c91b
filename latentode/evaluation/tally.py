"""Sums of the scores of targets: what scores of several parts of a log are merged from exactly.

Every number of an evaluation is a mean, or the root of one, over the targets of a channel, a
stretch of lead time, a path. So the sums and counts of any parts of the targets add up to those of
all, whatever the parts are, and in memory that does not grow with the targets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any, Self

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.evaluation import adaptive, path_scores, scores
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.path_tally import PathTally
from latentode.evaluation.summary import YOURS, best_baseline, describe, path_sentences
from latentode.evaluation.tasks import Task

PIT_BINS = 10


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts and sums over the targets of a task, or of several.

    Attributes:
        channels: Channel names.
        units: (channel, unit) pairs, where units are known.
        labels: Names of the stretches of lead time; one without a name where there are none.
        rows: Names of the rows: the model first, then perhaps the user's own, then the naive ones.
        counts: Targets, shape (channel, stretch).
        sums: Of the numbers that `Score.average` takes, or of their squares where it is a root mean
            square, as "ROW/KEY", shape (channel, stretch).
        pit: Values of the probability integral transform in equal bins, shape (bin,).
        missing: Targets for which the model returned numbers that are not finite.
        num_draws: Smallest number of draws of a prediction.
        num_windows: Windows.
        bare: Channels with targets on which naive forecasts have no bands.
        paths: Of whole paths.
        adaptive: Of adaptive bands; None where the windows are not rolling.
    """

    channels: tuple[str, ...]
    units: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    rows: tuple[str, ...]
    counts: Int64
    sums: Mapping[str, Float64]
    pit: Int64
    missing: int
    num_draws: int
    num_windows: int
    bare: tuple[str, ...]
    paths: PathTally
    adaptive: adaptive.Covered | None

    @classmethod
    def of(
        cls,
        task: Task,
        readings: Mapping[str, Float64],
        paths: Sequence[path_scores.Part],
        *,
        rows: Sequence[str],
        asked: Sequence[scores.Score],
        bins: LeadBins | None,
        naive: NaiveRows,
        rolling: bool,
    ) -> Self:
        """Sums of the scores of every target.

        Args:
            task: The targets.
            readings: What `score_targets` gave, and perhaps the user's own scores.
            paths: Likewise.
            rows: Names of the rows.
            asked: The scores.
            bins: Stretches of lead time; None goes without.
            naive: The naive rows.
            rolling: Whether the windows end at rolling origins.
        """
        names, targets = task.visible.channels, task.targets
        labels = ("",) if bins is None else tuple(bins.labels)
        shape = len(names), len(labels)
        group = targets.channel * len(labels)
        if bins is not None:
            group = group + bins.of(task.leads)
        finite = [np.isfinite(readings[f"model/{score.key}"]) for score in asked]
        asked_of = np.unique(targets.channel)
        bands = naive.bands

        def total(numbers: Float64) -> Float64:
            sums = np.bincount(group, weights=numbers, minlength=shape[0] * shape[1])
            return np.asarray(sums, np.float64).reshape(shape)

        pit = readings["pit"]
        return cls(
            channels=names,
            units=task.visible.units,
            labels=labels,
            rows=tuple(rows),
            counts=np.bincount(group, minlength=shape[0] * shape[1]).reshape(shape),
            sums={
                key: total(score.summand(readings[key]))
                for score in asked
                for row in rows
                if (key := f"{row}/{score.key}") in readings
            },
            pit=np.histogram(pit[~np.isnan(pit)], PIT_BINS, (0.0, 1.0))[0],
            missing=int((~np.all(finite, axis=0)).sum()),
            num_draws=int(readings["num_draws"].min()),
            num_windows=len(task.visible),
            bare=tuple(
                names[index] for index in asked_of if bands is None or not bands.counts[index]
            ),
            paths=PathTally.of(paths, len(names)),
            adaptive=adaptive.coverages(task, pit) if rolling else None,
        )

    @classmethod
    def merged(cls, tallies: Sequence[Tally]) -> Tally:
        """The tally of all targets of some.

        Args:
            tallies: One or more, of the same channels, stretches and rows.
        """
        return reduce(cls._with, tallies)

    def _with(self, other: Tally) -> Tally:
        # a row whose band no window of a part could learn has the scores of its errors alone
        both = [key for key in self.sums if key in other.sums]
        bare = {*self.bare, *other.bare}
        ours, theirs = self.adaptive, other.adaptive
        return replace(
            self,
            counts=self.counts + other.counts,
            sums={key: self.sums[key] + other.sums[key] for key in both},
            pit=self.pit + other.pit,
            missing=self.missing + other.missing,
            num_draws=min(self.num_draws, other.num_draws),
            num_windows=self.num_windows + other.num_windows,
            bare=tuple(name for name in self.channels if name in bare),
            paths=self.paths + other.paths,
            adaptive=None if ours is None or theirs is None else ours + theirs,
        )

    def result(self, scale: Float64, asked: Sequence[scores.Score]) -> dict[str, Any]:
        """The numbers and sentences of `latentode.evaluation.evaluate_task`.

        Args:
            scale: Standard deviations of the channels in training, shape (channel,).
            asked: The scores.
        """
        targets = int(self.counts.sum())
        paths = self.paths.summary(self.channels)
        found = {
            **_Averages(self, asked, scale).numbers(),
            "pit": (self.pit / max(1, self.pit.sum())).tolist() if self.pit.any() else [],
            "paths": paths,
            "num_windows": self.num_windows,
            "num_targets": targets,
        }
        found["skill"] = _skills(found["overall"])
        found["sentences"] = describe(
            found, missing=self.missing / targets, num_draws=self.num_draws, bare=self.bare
        ) + path_sentences(paths)
        if self.adaptive is not None:
            found["adaptive"] = self.adaptive.shares()
            found["sentences"].append(adaptive.sentence(found["adaptive"]))
        json: dict[str, Any] = _json(found)
        return json

    def to_dict(self) -> dict[str, Any]:
        """JSON types; None stands for what is not finite."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {
            "units": [list(pair) for pair in self.units],
            "counts": self.counts.tolist(),
            "sums": {key: array.tolist() for key, array in self.sums.items()},
            "pit": self.pit.tolist(),
            "paths": self.paths.to_dict(),
            "adaptive": None if self.adaptive is None else self.adaptive.to_dict(),
        }
        json: dict[str, Any] = _json(
            {k: [*v] if isinstance(v, tuple) else v for k, v in values.items()}
        )
        return json

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        found = {**values}
        for name in ("channels", "labels", "rows", "bare"):
            found[name] = tuple(values[name])
        bands = values["adaptive"]
        return cls(
            **found
            | {
                "units": tuple((name, unit) for name, unit in values["units"]),
                "counts": np.array(values["counts"], np.int64),
                "sums": {key: np.array(v, np.float64) for key, v in values["sums"].items()},
                "pit": np.array(values["pit"], np.int64),
                "paths": PathTally.from_dict(values["paths"]),
                "adaptive": None if bands is None else adaptive.Covered.from_dict(bands),
            }
        )


class _Averages:
    """Averages of sums, over channels, stretches of lead time and all.

    Args:
        tally: The sums.
        asked: The scores.
        scale: Standard deviations of the channels, shape (channel,).
    """

    def __init__(self, tally: Tally, asked: Sequence[scores.Score], scale: Float64) -> None:
        self._tally, self._asked, self._scale = tally, asked, scale

    def numbers(self) -> dict[str, Any]:
        """The numbers of a result, by channel, stretch and over all."""
        tally = self._tally
        names, units, whole = tally.channels, dict(tally.units), slice(None)
        filled = np.flatnonzero(tally.counts.sum(axis=1)).tolist()
        channels = {
            names[index]: {"unit": units.get(names[index]), **self._of(index, whole)}
            for index in filled
        }
        found = {
            "overall": self._overall(channels),
            "channels": channels,
            "channels_without_targets": [name for name in names if name not in channels],
        }
        if tally.labels != ("",):
            for index in filled:
                channels[names[index]]["lead_times"] = {
                    tally.labels[part]: self._of(index, slice(part, part + 1))
                    for part in np.flatnonzero(tally.counts[index]).tolist()
                }
            found["lead_times"] = self._by_lead(channels)
        return found

    def _by_lead(self, channels: Mapping[str, Any]) -> dict[str, Any]:
        parts = {
            label: {
                name: entry["lead_times"][label]
                for name, entry in channels.items()
                if label in entry["lead_times"]
            }
            for label in self._tally.labels
        }
        return {
            label: self._overall(part)
            | {"num_targets": sum(entry["num_targets"] for entry in part.values())}
            for label, part in parts.items()
            if part
        }

    def _of(self, channel: int, stretches: slice) -> dict[str, Any]:
        """Averages over some targets of a channel, in its own unit."""
        tally = self._tally
        count = int(tally.counts[channel, stretches].sum())

        def average(row: str) -> dict[str, float]:
            return {
                score.key: score.average(float(tally.sums[key][channel, stretches].sum()) / count)
                for score in self._asked
                if (key := f"{row}/{score.key}") in tally.sums
            }

        return self._laid_out(average) | {"num_targets": count}

    def _overall(self, channels: Mapping[str, Any]) -> dict[str, Any]:
        """Means over channels, scaled."""
        scale = self._scale[[self._tally.channels.index(name) for name in channels]]
        parts = [_rows_of(entry) for entry in channels.values()]

        def average(row: str) -> dict[str, float]:
            return {
                score.key: float(
                    score.scaling.apply(
                        np.array([part[row][score.key] for part in parts]), scale
                    ).mean()
                )
                for score in self._asked
                if score.key in parts[0][row]
            }

        return self._laid_out(average)

    def _laid_out(self, average: Any) -> dict[str, Any]:
        own = [row for row in self._tally.rows if row in ("model", YOURS)]
        return {
            **{row: average(row) for row in own},
            "baselines": {row: average(row) for row in self._tally.rows[len(own) :]},
        }


def _rows_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    own = {row: entry[row] for row in ("model", YOURS) if row in entry}
    return own | entry["baselines"]


def _skills(overall: Mapping[str, Any]) -> dict[str, float]:
    model, naive = overall["model"], overall["baselines"]
    best = {s.key: naive[best_baseline(naive, s)][s.key] for s in (scores.CRPS, scores.MAE)}
    return {key: _skill(model[key], number) for key, number in best.items()}


def _skill(model: float, best: float) -> float:
    if best == 0:
        return 0.0 if model == 0 else math.nan
    return 1.0 - model / best


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

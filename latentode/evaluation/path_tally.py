"""Sums of the scores of paths, which add up over any parts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.evaluation.path_scores import ACROSS, FUNCTIONALS, Part, PathScores, mean_of_known
from latentode.evaluation.scores import COVERAGE


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of the scores of paths, by draws as they are or shuffled.

    Attributes:
        covered: Of `covered_share` of each functional, shape (functional, channel).
        across: Of the mean over channels at each time, and how many times have one, shape (2,).
        energy: Of all paths, and how many these are, shape (2,).
        variogram: Of paths that have one, and how many these are, shape (2,).
    """

    covered: Float64
    across: Float64
    energy: Float64
    variogram: Float64

    @classmethod
    def of(cls, parts: Sequence[PathScores], channel: Int64, num_channels: int) -> Sums:
        """Sums of the scores of some paths.

        Args:
            parts: The scores.
            channel: Channel of each run in all of them, shape (run,).
            num_channels: Number of channels.
        """
        if not parts:
            nothing = np.zeros(2)
            covered = np.zeros((len(FUNCTIONALS), num_channels))
            return cls(covered, nothing, nothing, nothing)
        scores = PathScores.joined([*parts])
        return cls(
            np.stack([np.bincount(channel, row, minlength=num_channels) for row in scores.covered]),
            _known(scores.across),
            np.array([scores.energy.sum(), len(scores.energy)]),
            _known(scores.variogram),
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(vars(self)[name] + vars(other)[name] for name in vars(self)))

    def averages(self, runs: Int64) -> dict[str, Any]:
        """Means: of coverages over channels that count alike, of scores over paths.

        Args:
            runs: Runs of each channel, shape (channel,).
        """
        filled = runs > 0
        shares = (self.covered[:, filled] / runs[filled]).T.reshape(-1, len(FUNCTIONALS))
        return {
            COVERAGE.key: _named(mean_of_known(shares)) | {ACROSS: _ratio(self.across)},
            "energy": _ratio(self.energy),
            "variogram": _ratio(self.variogram),
        }


@dataclass(frozen=True, eq=False)
class PathTally:
    """Sums of the scores of paths, which add up over any parts of them.

    Attributes:
        model: By the draws as they are.
        shuffled: By draws that are shuffled.
        runs: Runs of each channel in `Sums.covered`, shape (channel,).
    """

    model: Sums
    shuffled: Sums
    runs: Int64

    @classmethod
    def of(cls, parts: Sequence[Part], num_channels: int) -> PathTally:
        """Sums of what `score_paths` returned.

        Args:
            parts: Of any windows.
            num_channels: Number of channels.
        """
        channel = np.concatenate([np.zeros(0, np.int64), *(part.channel for part in parts)])
        return cls(
            Sums.of([part.model for part in parts], channel, num_channels),
            Sums.of([part.shuffled for part in parts], channel, num_channels),
            np.bincount(channel, minlength=num_channels),
        )

    def __add__(self, other: PathTally) -> PathTally:
        return PathTally(
            self.model + other.model, self.shuffled + other.shuffled, self.runs + other.runs
        )

    def summary(self, names: Sequence[str]) -> dict[str, Any]:
        """Averages.

        Args:
            names: Channels.

        Returns:
            Numbers, NaN where there is nothing to average; empty without any path::

                {"model": {key of the coverage: {functional: share},
                           "energy": number, "variogram": number},
                 "shuffled": the same,
                 "channels": {name: {functional: share of the model's}},
                 "num_paths": number}
        """
        if not self.model.energy[1]:
            return {}
        return {
            "model": self.model.averages(self.runs),
            "shuffled": self.shuffled.averages(self.runs),
            "channels": {
                names[index]: _named(self.model.covered[:, index] / self.runs[index])
                for index in np.flatnonzero(self.runs).tolist()
            },
            "num_paths": int(self.model.energy[1]),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        sums = {
            row: {name: array.tolist() for name, array in vars(getattr(self, row)).items()}
            for row in ("model", "shuffled")
        }
        return sums | {"runs": self.runs.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PathTally:
        """Rebuild from `to_dict`."""
        model, shuffled = (
            Sums(**{name: np.array(v, np.float64) for name, v in values[row].items()})
            for row in ("model", "shuffled")
        )
        return cls(model, shuffled, np.array(values["runs"], np.int64))


def _known(numbers: Float64) -> Float64:
    """Sum of what is no NaN, and how much that is."""
    known = ~np.isnan(numbers)
    return np.array([numbers[known].sum(), known.sum()])


def _ratio(sum_and_count: Float64) -> float:
    total, count = sum_and_count.tolist()
    return total / count if count else float("nan")


def _named(shares: Float64) -> dict[str, float]:
    return dict(zip(FUNCTIONALS, shares.tolist(), strict=True))

"""The naive forecasts that stand beside a model, with their bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.evaluation import baselines, scores
from latentode.evaluation.error_bands import ErrorBands
from latentode.evaluation.past_seasons import PastSeasons
from latentode.evaluation.tasks import Task

CLIMATOLOGY = "climatology"  # the row that is a distribution by itself
BLOCK = 16_384  # targets that are scored at once, so that copies of the draws stay small


@dataclass(frozen=True, eq=False)
class NaiveRows:
    """What naive forecasts say of the targets of a task, and how good that is.

    Attributes:
        fallback: Mean of the training readings, the answer where a window shows none, shape
            (channel,).
        period_ns: Period of the row "seasonal" in nanoseconds; None makes it that of "last".
        seasons: Rows that look a week or a year back; None goes without.
        bands: Bands around the rows; None leaves numbers, whose CRPS is their absolute error.
        climatology: Quantiles of the training readings at some targets, shape (quantile, target);
            None goes without.
    """

    fallback: Float64
    period_ns: int | None = None
    seasons: PastSeasons | None = None
    bands: ErrorBands | None = None
    climatology: Callable[[Targets], Float64] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The rows, in the order in which they are shown."""
        seasonal = () if self.seasons is None else tuple(self.seasons.periods_ns)
        return (
            *baselines.NAMES,
            *seasonal,
            *((CLIMATOLOGY,) if self.climatology is not None else ()),
        )

    def answers(self, visible: TimeSeriesDataset, targets: Targets) -> dict[str, Float64]:
        """What each row that is a number says, shape (target,) each.

        Args:
            visible: Windows, one series each.
            targets: Readings to be predicted; their values are not looked at.

        Returns:
            By name; NaN where nothing was read a week or a year earlier.
        """
        found = baselines.predict_all(
            visible, targets, fallback=self.fallback, period_ns=self.period_ns
        )
        if self.seasons is not None:
            for name in self.seasons.periods_ns:
                found[name] = self.seasons.predict(name, visible, targets)
        return found

    def learned(self, task: Task) -> NaiveRows:
        """The same rows with bands from their errors on a task of the training part.

        Args:
            task: Windows of the training part.
        """
        targets = task.targets
        answers = self.answers(task.visible, targets)
        errors = {name: targets.values - answer for name, answer in answers.items()}
        distances = baselines.distances(task.visible, targets)
        width = len(task.visible.channels)
        return replace(self, bands=ErrorBands.fit(errors, targets.channel, distances, width))

    def scored(
        self, visible: TimeSeriesDataset, targets: Targets, asked: Sequence[scores.Score]
    ) -> dict[str, Float64]:
        """Scores of every target as "ROW/KEY", shape (target,).

        Args:
            visible: Windows, one series each.
            targets: Readings that were predicted.
            asked: The scores.
        """
        answers = self.answers(visible, targets)
        distances = baselines.distances(visible, targets)
        return joined(
            [
                self._of_block(
                    {name: answer[block] for name, answer in answers.items()},
                    targets.select(block),
                    distances[block],
                    asked,
                )
                for block in blocks_of(len(targets))
            ]
        )

    def _of_block(
        self,
        answers: Mapping[str, Float64],
        targets: Targets,
        distances: Int64,
        asked: Sequence[scores.Score],
    ) -> dict[str, Float64]:
        found: dict[str, Float64] = {}
        for name, own in answers.items():
            answer, band = np.where(np.isnan(own), answers["last"], own), None
            if self.bands is not None:
                around = self.bands.around(name, answer, targets.channel, distances)
                band = scores.Forecast.stated(around, targets.values)
            of_row = scores.of_naive(targets.values - answer, band, asked)
            found |= {f"{name}/{key}": numbers for key, numbers in of_row.items()}
        if self.climatology is not None:
            drawn = scores.Forecast.stated(self.climatology(targets), targets.values)
            of_row = scores.of_draws(drawn, asked)
            found |= {f"{CLIMATOLOGY}/{key}": numbers for key, numbers in of_row.items()}
        return found


def blocks_of(count: int) -> Iterator[slice]:
    """Slices of so many targets that are scored at once."""
    for low in range(0, count, BLOCK):
        yield slice(low, min(low + BLOCK, count))


def joined(parts: Sequence[Mapping[str, Float64]]) -> dict[str, Float64]:
    """Scores of blocks of targets, one after another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

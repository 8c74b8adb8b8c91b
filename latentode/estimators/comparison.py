"""Forecasts made elsewhere, judged beside a model on the targets that both forecast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, first_after, positions
from latentode.data.reading.keyed_rows import Source
from latentode.errors import DataError
from latentode.estimators.own_forecasts import OwnForecasts
from latentode.evaluation import metrics, scores
from latentode.evaluation.backtest import BacktestLog
from latentode.evaluation.tasks import Task
from latentode.prediction.known_model import KnownModel
from latentode.prediction.queries import Queries
from latentode.results import local_times


def windows_frame(task: Task) -> pd.DataFrame:
    """The readings that a back-test asks for, without their values.

    Args:
        task: Forecasts from rolling origins.

    Returns:
        Columns id, origin, time and channel, times as `latentode.results.to_frame` writes them.
    """
    targets, visible = task.targets, task.visible
    names = np.array(visible.series_ids, dtype=object)
    return pd.DataFrame(
        {
            "id": names[targets.window],
            "origin": local_times(task.origins[targets.window], visible.clock),
            "time": local_times(targets.times, visible.clock),
            "channel": np.array(visible.channels, dtype=object)[targets.channel],
        }
    )


@dataclass(frozen=True, eq=False)
class Matched:
    """Which rows forecast which targets, and why the others do not.

    Attributes:
        targets: Targets that are forecast, ascending, shape (match,).
        rows: Row of each, shape (match,).
        left_out: (why, number of rows, where the first one stands).
    """

    targets: Int64
    rows: Int64
    left_out: list[tuple[str, int, str]]

    @classmethod
    def of(cls, own: OwnForecasts, target: Int64, reasons: list[tuple[np.ndarray, str]]) -> Matched:
        """Sort the rows by what they forecast.

        Args:
            own: The rows.
            target: Target of each row, -1 for none, shape (row,).
            reasons: Rows for which each holds, and why they count for nothing; the first counts.
        """
        left_out, waiting = [], target < 0
        for holds, why in reasons:
            which = np.flatnonzero(waiting & holds)
            if len(which):
                left_out.append((why, len(which), own.at(int(which[0]))))
            waiting = waiting & ~holds
        rows = np.flatnonzero(target >= 0)
        rows = rows[np.argsort(target[rows], kind="stable")]
        return cls(target[rows], rows, left_out)

    def check(self, own: OwnForecasts) -> None:
        """Refuse rows that repeat a target, and to compare nothing.

        Raises:
            DataError: If either is so.
        """
        again = np.flatnonzero(np.diff(self.targets) == 0)
        if len(again):
            first, second = (own.at(int(self.rows[again[0] + step])) for step in (0, 1))
            raise DataError(
                f"{second}: expected one forecast for each id, origin, time and channel, got a "
                f"second one of what stands in {first}. Keep one of them."
            )
        if not len(self.targets):
            raise DataError(
                f"{own.table.name}: expected forecasts of readings of this back-test, got "
                f"none: {self.reasons()}. Forecast the rows of LatentODE.backtest_windows, with "
                "the same log, split and max_windows."
            )

    def reasons(self) -> str:
        """Why rows count for nothing, in words."""
        return ", ".join(f"{count:,} {why} (first: {at})" for why, count, at in self.left_out)

    def sentences(self, own: OwnForecasts, num_asked: int) -> list[str]:
        """What is compared, for a reader.

        Args:
            own: The rows.
            num_asked: Readings that the whole back-test asks for.
        """
        said = [
            f"{len(self.targets):,} of the {num_asked:,} readings of this back-test are scored: "
            "those that you forecast."
        ]
        if self.left_out:
            said.append(f"Rows of yours that count for nothing: {self.reasons()}.")
        if own.levels:
            levels = ", ".join(f"{level:g}" for level in own.levels)
            said.append(
                f"CRPS is that of the quantiles {levels} alone, of the model and the naive "
                "forecasts as of yours."
            )
        else:
            said.append(
                "Your forecasts are single values, so that their CRPS is their MAE. Give quantiles "
                "(columns q0.05, q0.5, q0.95) to have bands judged."
            )
        return said


def match(own: OwnForecasts, task: Task, dataset: TimeSeriesDataset) -> Matched:
    """Find the target of each row.

    Args:
        own: The rows.
        task: Forecasts from rolling origins.
        dataset: The log that they are cut from.

    Raises:
        DataError: If two rows forecast one target, or none forecasts any.
    """
    channel = positions(own.channels, dataset.channels)
    asked = _keys(task, dataset)
    keys = pd.MultiIndex.from_arrays([own.series, own.origins, own.times, channel])
    target = np.where(own.are_timed & own.are_numbers, asked.get_indexer(keys), -1)
    from_origin = keys.droplevel([2, 3]).isin(asked.droplevel([2, 3]))
    reasons = [
        (~own.are_timed, "with a time that cannot be read"),
        (own.series < 0, "with an id that the log does not have"),
        (channel < 0, "of a channel that the model does not have"),
        (~own.are_numbers, "without a number"),
        (own.times <= own.origins, "at or before their origin"),
        (~from_origin, "from an origin that is none of this back-test's"),
        (target < 0, "at a time without a reading to score, or beyond the horizon"),
    ]
    matched = Matched.of(own, target, reasons)
    matched.check(own)
    return matched


def scores_of(own: OwnForecasts, row: Int64, values: Float64) -> dict[str, Float64]:
    """Scores by key of some rows.

    Args:
        own: All rows.
        row: Row of each target, shape (target,).
        values: What was read, shape (target,).
    """
    error = values - own.points[row]
    found = scores.of_naive(error, None, scores.SCORES)
    if not own.levels:
        return found
    quantiles = own.quantiles[:, row]
    crps = metrics.crps_from_quantiles(quantiles, own.levels, values)
    found[scores.CRPS.key] = crps
    ends = [(1 - scores.LEVEL) / 2, (1 + scores.LEVEL) / 2]
    at = [np.flatnonzero(np.isclose(own.levels, end)) for end in ends]
    if all(map(len, at)):
        low, high = (quantiles[index[0]] for index in at)
        inside = (low <= values) & (values <= high)
        found[scores.COVERAGE.key] = inside.astype(np.float64)
        found[scores.WIDTH.key] = high - low
    return found


def score_own(
    model: KnownModel,
    predictor: Queries,
    dataset: TimeSeriesDataset,
    source: Source,
    *,
    split: str,
    max_windows: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judge forecasts made elsewhere beside a model.

    Args:
        model: The model.
        predictor: What answers queries with it.
        dataset: The log, aligned with its schema.
        source: The forecasts, see `OwnForecasts.read`.
        split: "test" or "all".
        max_windows: Most forecast origins.
        on_progress: Told how many of all readings are scored.

    Returns:
        As `latentode.evaluation.evaluate_task`, with a row "yours" and "matched": numbers of
        readings "asked" for and "scored", and of rows "left_out" by reason.

    Raises:
        DataError: If the forecasts cannot be read, or are of none of the readings.
    """
    log = BacktestLog(dataset, model.schema)
    whole = log.forecasts(split, max_windows)
    own = _raised(OwnForecasts.read(source, dataset, model.config.data), dataset, log.log)
    matched = match(own, whole, log.log)
    task = Task(whole.visible, whole.targets.select(matched.targets))
    total = len(task.targets)
    result = log.evaluate(
        task,
        predictor,
        "forecast",
        yours=scores_of(own, matched.rows, task.targets.values),
        asked=scores.with_crps_of(own.levels) if own.levels else None,
        on_progress=None if on_progress is None else lambda done: on_progress(done, total),
    )
    result["sentences"] = matched.sentences(own, len(whole.targets)) + result["sentences"]
    result["matched"] = {
        "asked": len(whole.targets),
        "scored": total,
        "left_out": {why: count for why, count, _ in matched.left_out},
    }
    return result


def _raised(
    own: OwnForecasts, dataset: TimeSeriesDataset, scored: TimeSeriesDataset
) -> OwnForecasts:
    """Forecasts of running totals, which are scored as if these had risen on since the first reset.

    Args:
        own: Forecasts, of totals as the log has them at the origin.
        dataset: The log.
        scored: The log as it is scored, reading for reading.
    """
    readings, shift = dataset.readings, scored.readings.values - dataset.readings.values
    rise = np.zeros(len(own.series))
    channel = positions(own.channels, dataset.channels)
    for index in np.unique(readings.channel_index[shift != 0]).tolist():
        of_channel = readings.channel_index == index
        one, rows = (
            readings.select_readings(of_channel),
            np.flatnonzero((channel == index) & (own.series >= 0) & own.are_timed),
        )
        newest = first_after(one.series_starts, one.times, own.series[rows], own.origins[rows]) - 1
        read = newest >= one.series_starts[own.series[rows]]
        rise[rows[read]] = shift[of_channel][newest[read]]
    return replace(own, points=own.points + rise, quantiles=own.quantiles + rise)


def _keys(task: Task, dataset: TimeSeriesDataset) -> pd.MultiIndex:
    """Series, origin, time and channel of each target."""
    targets = task.targets
    series = positions(task.visible.series_ids, dataset.series_ids)[targets.window]
    origins = task.origins[targets.window]
    return pd.MultiIndex.from_arrays([series, origins, targets.times, targets.channel])

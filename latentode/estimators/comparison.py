"""Forecasts made elsewhere, judged beside a model on the targets that both forecast."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentode.config import DataConfig
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, positions
from latentode.data.reading.formats.table import RenamedTable, Table
from latentode.data.reading.keyed_rows import Source, open_rows, read_rows
from latentode.errors import DataError, LatentODEWarning
from latentode.evaluation import metrics, scores
from latentode.evaluation.backtest import BacktestLog
from latentode.evaluation.tasks import Task
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.predictor import Predictor
from latentode.results import local_times

_QUANTILE = re.compile(r"q(0?\.\d+)")
_MEDIAN = 0.5
_COLUMNS = "id, origin, time, channel, and value or quantiles such as q0.05, q0.5, q0.95"


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
class OwnForecasts:
    """Forecasts made elsewhere, a row each.

    Attributes:
        table: Where they stand.
        series: Series of each in the log, -1 for none, shape (row,).
        origins: Nanoseconds, shape (row,).
        times: Nanoseconds, shape (row,).
        channels: Name of the channel of each, shape (row,).
        are_timed: Rows whose times could be read, shape (row,).
        points: Value or median, NaN where there is none, shape (row,).
        levels: Probabilities of the quantiles; empty where there are none.
        quantiles: Shape (level, row).
    """

    table: Table
    series: Int64
    origins: Int64
    times: Int64
    channels: np.ndarray
    are_timed: np.ndarray
    points: Float64
    levels: tuple[float, ...]
    quantiles: Float64

    @classmethod
    def read(cls, source: Source, dataset: TimeSeriesDataset, config: DataConfig) -> OwnForecasts:
        """Read a file or frame.

        Args:
            source: Columns id (or that of the log; none where the log is one series), origin, time,
                channel, and value or quantiles.
            dataset: The log, on whose clock times are.
            config: How the log was read.

        Raises:
            DataError: If a column is absent, or its times cannot be read.
        """
        table = open_rows(source, config)
        levels = {name: float(m[1]) for name in table.columns if (m := _QUANTILE.fullmatch(name))}
        identity = [name for name in (config.columns.id, "id") if name in table.columns][:1]
        _check_columns(table, levels.values(), is_named=bool(identity) or len(dataset) == 1)
        with _said_once():
            series, origins, has_origin = _timed(table, identity, "origin", dataset, config)
            _, times, has_time = _timed(table, identity, "time", dataset, config)
        ordered = sorted(levels, key=lambda name: levels[name])
        quantiles = np.array([_numbers(table, name) for name in ordered])
        median = next((name for name in ordered if levels[name] == _MEDIAN), "value")
        own = cls(
            table,
            series,
            origins,
            times,
            np.array(table.text("channel").to_pylist(), dtype=object),
            has_origin & has_time,
            _numbers(table, "value" if "value" in table.columns else median),
            tuple(levels[name] for name in ordered),
            quantiles.reshape(len(ordered), table.num_rows),
        )
        own._check_order()
        return own

    def at(self, row: int) -> str:
        """Where a row stands, for a message."""
        return f"{self.table.name}: {self.table.at(row)}"

    def _check_order(self) -> None:
        falling = np.flatnonzero((np.diff(self.quantiles, axis=0) < 0).any(axis=0))
        if len(falling):
            raise DataError(
                f"{self.at(falling[0])}: expected quantiles that do not fall from one level "
                f"to the next, got {self.quantiles[:, falling[0]].tolist()}. Sort them."
            )

    @property
    def are_numbers(self) -> np.ndarray:
        """Rows in which nothing is missing, shape (row,)."""
        return np.isfinite(self.points) & np.isfinite(self.quantiles).all(axis=0)

    def matched(self, task: Task, dataset: TimeSeriesDataset) -> Matched:
        """Find the target of each row.

        Args:
            task: Forecasts from rolling origins.
            dataset: The log that they are cut from.

        Raises:
            DataError: If two rows forecast one target, or none forecasts any.
        """
        channel = positions(self.channels, dataset.channels)
        asked = _keys(task, dataset)
        keys = pd.MultiIndex.from_arrays([self.series, self.origins, self.times, channel])
        target = np.where(self.are_timed & self.are_numbers, asked.get_indexer(keys), -1)
        from_origin = keys.droplevel([2, 3]).isin(asked.droplevel([2, 3]))
        reasons = [
            (~self.are_timed, "with a time that cannot be read"),
            (self.series < 0, "with an id that the log does not have"),
            (channel < 0, "of a channel that the model does not have"),
            (~self.are_numbers, "without a number"),
            (self.times <= self.origins, "at or before their origin"),
            (~from_origin, "from an origin that is none of this back-test's"),
            (target < 0, "at a time without a reading to score, or beyond the horizon"),
        ]
        matched = Matched.of(self, target, reasons)
        matched.check(self)
        return matched

    def scored(self, target_values: Float64, row: Int64) -> dict[str, Float64]:
        """Scores by key of some rows.

        Args:
            target_values: What was read, shape (target,).
            row: Row of each target, shape (target,).
        """
        error = target_values - self.points[row]
        found = scores.of_naive(error, None, scores.SCORES)
        if not self.levels:
            return found
        quantiles = self.quantiles[:, row]
        crps = metrics.crps_from_quantiles(quantiles, self.levels, target_values)
        found[scores.CRPS.key] = crps
        ends = [(1 - scores.LEVEL) / 2, (1 + scores.LEVEL) / 2]
        at = [np.flatnonzero(np.isclose(self.levels, end)) for end in ends]
        if all(map(len, at)):
            low, high = (quantiles[index[0]] for index in at)
            inside = (low <= target_values) & (target_values <= high)
            found[scores.COVERAGE.key] = inside.astype(np.float64)
            found[scores.WIDTH.key] = high - low
        return found


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


def score_own(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    source: Source,
    *,
    split: str,
    max_windows: int,
    num_draws: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judge forecasts made elsewhere beside a model.

    Args:
        fitted: The model.
        dataset: The log, aligned with its schema.
        source: The forecasts, see `OwnForecasts.read`.
        split: "test" or "all".
        max_windows: Most forecast origins.
        num_draws: Predictive draws of the model.
        on_progress: Told how many of all readings are scored.

    Returns:
        As `latentode.evaluation.evaluate_task`, with a row "yours" and "matched": numbers of
        readings "asked" for and "scored", and of rows "left_out" by reason.

    Raises:
        DataError: If the forecasts cannot be read, or are of none of the readings.
    """
    log = BacktestLog(dataset, fitted.schema)
    whole = log.forecasts(split, max_windows)
    own = OwnForecasts.read(source, dataset, fitted.config.data)
    matched = own.matched(whole, log.log)
    task = Task(whole.visible, whole.targets.select(matched.targets))
    total = len(task.targets)
    result = log.evaluate(
        task,
        Predictor.of(fitted, num_draws),
        "forecast",
        yours=own.scored(task.targets.values, matched.rows),
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


def _check_columns(table: Table, levels: Collection[float], *, is_named: bool) -> None:
    absent = [] if is_named else ["id"]
    absent += [name for name in ("origin", "time", "channel") if name not in table.columns]
    if "value" not in table.columns and _MEDIAN not in levels:
        absent.append("value (or q0.5)")
    if absent:
        raise DataError(
            f"{table.name}: expected columns {_COLUMNS}, got {', '.join(table.columns)}. "
            f"Add {', '.join(absent)}."
        )


@contextmanager
def _said_once() -> Iterator[None]:
    """Let what is said of a table that is read twice be said once."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", LatentODEWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in said):
        warnings.warn(text, LatentODEWarning, stacklevel=6)


def _timed(
    table: Table, identity: list[str], time: str, dataset: TimeSeriesDataset, config: DataConfig
) -> tuple[Int64, Int64, np.ndarray]:
    """Series and time of each row by one of its columns, and whether they can be read."""
    own = {"id": identity[0] if identity else None, "time": time}
    columns = config.columns.model_copy(update=own)
    cells = config.cells.model_copy(update={"on_bad_row": "drop", "max_bad": 1.0})
    rows = read_rows(
        RenamedTable(table, {name: name for name in (*identity, time)}),
        config.model_copy(update={"columns": columns, "cells": cells}),
        clock=dataset.clock,
        series_ids=dataset.series_ids,
    )
    place = np.searchsorted(table.lines, rows.lines)
    series, times = np.full(table.num_rows, -1), np.zeros(table.num_rows, np.int64)
    series[place], times[place] = rows.index(dataset.series_ids), rows.times
    return series, times, np.isin(np.arange(table.num_rows), place)


def _numbers(table: Table, name: str) -> Float64:
    cells = pd.Series(table.text(name).to_pylist(), dtype=object)
    if table.decimal != ".":
        cells = cells.str.replace(table.decimal, ".", regex=False)
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)


def _keys(task: Task, dataset: TimeSeriesDataset) -> pd.MultiIndex:
    """Series, origin, time and channel of each target."""
    targets = task.targets
    series = positions(task.visible.series_ids, dataset.series_ids)[targets.window]
    origins = task.origins[targets.window]
    return pd.MultiIndex.from_arrays([series, origins, targets.times, targets.channel])

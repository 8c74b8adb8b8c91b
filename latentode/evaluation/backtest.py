"""Back-test of a fitted model on a log: rolling forecasts and hidden readings, beside baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, positions
from latentode.data.reading.second_look.log_rows import short_instant
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError
from latentode.evaluation import scores
from latentode.evaluation.evaluate import tally_task
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.past_seasons import PastSeasons, periods_within
from latentode.evaluation.tally import Tally
from latentode.evaluation.target_scores import ReadingPredictor
from latentode.evaluation.tasks import Task, forecast_task, interpolation_task
from latentode.prediction.counter_totals import CounterTotals

if TYPE_CHECKING:
    from latentode.data.schema import DataSchema

_CHUNK = 64  # windows that are scored at once: progress is told after each
_TRAINING_WINDOWS = 500  # whose errors are the bands of naive forecasts
_TRAINING_HIDDEN = 200_000  # readings that are hidden for those of interpolations, or about so many
_HIDDEN = 0.3  # share of the readings that interpolations hide

#: Told how many of all targets are scored.
Progress = Callable[[int, int], None]


def backtest(
    dataset: TimeSeriesDataset,
    schema: DataSchema,
    predictor: ReadingPredictor,
    *,
    split: str,
    max_windows: int,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a predictor on the test part of a log.

    Totals of counters are scored as if they went on rising through wraps and resets, where a window
    shows one to start from; their scale is the standard deviation of what they rise by in a
    horizon.

    Bands of naive forecasts are quantiles of their errors on at most 500 windows of the training
    part of this log, which are chosen as those of the test part are; a log without one leaves them
    without bands.

    Args:
        dataset: The log, aligned with the schema.
        schema: Windows, split and training statistics.
        predictor: What is judged.
        split: "test", or "all" for the whole log.
        max_windows: Most forecast origins.
        on_progress: Told how many of all targets are scored.

    Returns:
        {"forecast": scores, "interpolation": scores}; see `evaluate_task`.

    Raises:
        ConfigError: If `split` is neither.
        DataError: If the part has no window with targets.
    """
    check_split(split)
    log = BacktestLog(dataset, schema)
    tasks = {
        "forecast": log.forecasts(split, max_windows),
        "interpolation": log.interpolations(split),
    }
    total, done, found = sum(len(task.targets) for task in tasks.values()), 0, {}
    for name, task in tasks.items():
        progress = _after(on_progress, done, total)
        found[name] = log.evaluate(task, predictor, name, on_progress=progress)
        done += len(task.targets)
    return found


def check_split(split: str) -> None:
    """Refuse a part of a log that scores are not for.

    Raises:
        ConfigError: If it is neither "test" nor "all".
    """
    if split not in ("test", "all"):
        raise ConfigError(f"split: expected 'test' or 'all', got {split!r}.")


def _after(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda done: progress(before + done, total)


class BacktestLog:
    """A log of which a schema knows the parts, cut into tasks with the naive rows beside them.

    Args:
        dataset: The log, aligned with the schema.
        schema: Windows, split and training statistics.
    """

    def __init__(self, dataset: TimeSeriesDataset, schema: DataSchema) -> None:
        self.schema = schema
        self.log = dataset.with_readings(schema.counters.without_falls(dataset.readings))
        self._first, self._last = self.log.readings.first_and_last()

    def forecasts(self, split: str, max_windows: int) -> Task:
        """Rolling forecasts of a part.

        Args:
            split: "train", "test" or "all".
            max_windows: Most origins.

        Raises:
            DataError: If the part has no window with targets.
        """
        starts, stops = self._bounds(split)
        context = self.schema.lengths.context_ns
        origins = starts
        if split != "test" or self.schema.split.kind == "series":
            # an origin at the first reading would have no context
            origins = starts + np.minimum(context, _spans(starts, stops) // 2)
        task = forecast_task(
            self.log,
            context_ns=context,
            horizon_ns=self.schema.lengths.horizon_ns,
            start_ns=origins,
            stop_ns=stops,
            max_windows=max_windows,
        )
        return _with_totals(task, self.schema)

    def interpolations(self, split: str, share: float = 1.0) -> Task:
        """Hidden readings of a part.

        Args:
            split: "train", "test" or "all".
            share: Of the part, at its end.

        Raises:
            DataError: If the part has no window with targets.
        """
        starts, stops = self._bounds(split)
        spans = _spans(starts, stops)
        starts = np.where(spans > 0, stops - (share * spans).astype(np.int64), starts)
        task = interpolation_task(
            self.log,
            start_ns=starts,
            stop_ns=stops,
            context_ns=self.schema.lengths.context_ns,
            hidden=_HIDDEN,
        )
        return _with_totals(task, self.schema)

    def evaluate(
        self, task: Task, predictor: ReadingPredictor, name: str, **options: Any
    ) -> dict[str, Any]:
        """Scores of a task, see `evaluate_task`.

        Args:
            task: Some of the targets of a task of this log.
            predictor: What is judged.
            name: "forecast" or "interpolation".
            **options: More for `evaluate_task`.
        """
        asked = options.get("asked") or scores.SCORES
        return self.tally(task, predictor, name, **options).result(self.schema.scaler.std, asked)

    def tally(self, task: Task, predictor: ReadingPredictor, name: str, **options: Any) -> Tally:
        """Sums of the scores of a task, see `tally_task`.

        Args:
            task: Some of the targets of a task of this log.
            predictor: What is judged.
            name: "forecast" or "interpolation".
            **options: More for `tally_task`.
        """
        horizon, ahead = self.schema.lengths.horizon_ns, name == "forecast"
        climatology = _climatology(task, self.schema)
        return tally_task(
            task,
            predictor,
            scale=self.schema.scaler.std,
            naive=replace(self.naive_rows(name), climatology=climatology),
            lead_bins=LeadBins.until(horizon) if ahead else None,
            path_ns=horizon,
            rolling=ahead,
            chunk_windows=_CHUNK,
            **options,
        )

    def naive_rows(self, name: str) -> NaiveRows:
        """Naive rows with bands from the training part, as far as there is one.

        Args:
            name: "forecast" or "interpolation".
        """
        day, calendar = NS_PER_UNIT["d"], self.schema.clock.kind == "calendar"
        seasonal = calendar and self.schema.lengths.context_ns >= day
        rows = NaiveRows(self.schema.scaler.mean, day if seasonal else None)
        starts, stops = self._bounds("train")
        spans = _spans(starts, stops)
        spans = spans[spans > 0]
        periods = periods_within(int(np.median(spans))) if calendar and len(spans) else {}
        if name == "forecast" and periods:
            rows = replace(rows, seasons=PastSeasons.of(self.log, periods))
        try:
            return rows.learned(self._training_task(name))
        except DataError:  # no window of the training part is in this log
            return rows

    def _training_task(self, name: str) -> Task:
        if name == "forecast":
            return self.forecasts("train", _TRAINING_WINDOWS)
        hidden = _HIDDEN * self.log.readings.num_readings
        return self.interpolations("train", min(1.0, _TRAINING_HIDDEN / max(hidden, 1.0)))

    def _bounds(self, split: str) -> tuple[Int64, Int64]:
        """First possible origin and last time of each series in a part."""
        if split == "all":
            return self._first, self._last
        starts, stops = self.schema.split.bounds(self.log, "train" if split == "train" else "test")
        if split == "test" and not (stops > starts).any():
            newest = short_instant(int(self.log.readings.times.max()), self.log.clock)
            raise DataError(
                "test part: expected readings that the model has not learned, got none: it has "
                f"learned all up to {newest}. Name a later log, or score all of it with split "
                "'all' (--split all)."
            )
        return starts, stops


def _spans(starts: Int64, stops: Int64) -> Int64:
    """Length of each series in a part, 0 of those that are not in it (and end before all time)."""
    return np.where(stops > starts, stops - starts, 0)


def _with_totals(task: Task, schema: DataSchema) -> Task:
    """Leave out targets that are totals of which the window shows none."""
    targets, readings = task.targets, task.visible.readings
    shown = np.zeros((len(task.visible), len(schema.channels)), dtype=bool)
    shown[readings.row_series()[readings.reading_rows()], readings.channel_index] = True
    totals = np.isin(schema.channels, schema.counters.names)[targets.channel]
    return Task(task.visible, targets.select(~totals | shown[targets.window, targets.channel]))


def _climatology(task: Task, schema: DataSchema) -> Callable[[Targets], Float64] | None:
    """Quantiles of the training at some targets; a total rises by those of its rate."""
    climatology, counters = schema.climatology, schema.counters
    if climatology is None:
        return None
    visible = task.visible.with_readings(task.visible.readings.select_channels(counters.names))
    columns = positions(counters.names, schema.channels)

    def quantiles(targets: Targets) -> Float64:
        found = climatology.at(targets.times, targets.channel, schema.clock)
        which = positions(schema.channels, counters.names)[targets.channel]
        of_them = np.flatnonzero(which >= 0)
        if not len(of_them):
            return found
        asked = targets.select(of_them)
        totals = CounterTotals.of(counters, visible, asked.window, asked.times)
        times = np.concatenate([asked.times, totals.times])
        rates = [climatology.at(times, np.full_like(times, c), schema.clock) for c in columns]
        risen = totals.from_rates(np.stack(rates, axis=2), len(asked))
        # between two readings the later rates count the more, so that totals may be out of order
        found[:, of_them] = np.sort(risen[:, np.arange(len(asked)), which[of_them]], axis=0)
        return found

    return quantiles

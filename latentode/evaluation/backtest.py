"""Back-test of a fitted model on a log: rolling forecasts and hidden readings, beside baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Float64, TimeSeriesDataset, positions
from latentode.data.reading.second_look.log_rows import short_instant
from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError
from latentode.evaluation.evaluate import ReadingPredictor, evaluate_task
from latentode.evaluation.tasks import Task, forecast_task, interpolation_task
from latentode.prediction.counter_totals import CounterTotals

if TYPE_CHECKING:
    from latentode.data.schema import DataSchema


def backtest(
    dataset: TimeSeriesDataset,
    schema: DataSchema,
    predictor: ReadingPredictor,
    *,
    split: str,
    max_windows: int,
) -> dict[str, Any]:
    """Score a predictor on the test part of a log.

    Totals of counters are scored as if they went on rising through wraps and resets, where a window
    shows one to start from; their scale is the standard deviation of what they rise by in a
    horizon.

    Args:
        dataset: The log, aligned with the schema.
        schema: Windows, split and training statistics.
        predictor: What is judged.
        split: "test", or "all" for the whole log.
        max_windows: Most forecast origins.

    Returns:
        {"forecast": scores, "interpolation": scores}; see `evaluate_task`.

    Raises:
        ConfigError: If `split` is neither.
        DataError: If the part has no window with targets.
    """
    if split not in ("test", "all"):
        raise ConfigError(f"split: expected 'test' or 'all', got {split!r}.")
    first, last = dataset.readings.first_and_last()
    starts, stops = (first, last) if split == "all" else schema.split.bounds(dataset, "test")
    if split == "test" and not (stops > starts).any():
        newest = short_instant(int(dataset.readings.times.max()), dataset.clock)
        raise DataError(
            f"test part: expected readings that the model has not learned, got none: it has "
            f"learned all up to {newest}. Name a later log, or score all of it with split 'all'."
        )
    origins = starts
    if split == "all" or schema.split.kind == "series":
        # an origin at the first reading would have no context
        origins = starts + np.minimum(schema.lengths.context_ns, (last - first) // 2)
    context, day = schema.lengths.context_ns, NS_PER_UNIT["d"]
    seasonal = schema.clock.kind == "calendar" and context >= day
    dataset = dataset.with_readings(schema.counters.without_falls(dataset.readings))
    tasks = {
        "forecast": forecast_task(
            dataset,
            context_ns=context,
            horizon_ns=schema.lengths.horizon_ns,
            start_ns=origins,
            stop_ns=stops,
            max_windows=max_windows,
        ),
        "interpolation": interpolation_task(
            dataset, start_ns=starts, stop_ns=stops, context_ns=context
        ),
    }
    return {
        name: evaluate_task(
            task,
            predictor,
            scale=schema.scaler.std,
            fallback=schema.scaler.mean,
            climatology=_climatology(task, schema),
            period_ns=day if seasonal else None,
            path_ns=schema.lengths.horizon_ns,
            rolling=name == "forecast",
        )
        for name, task in ((name, _with_totals(task, schema)) for name, task in tasks.items())
    }


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
        found[:, of_them] = risen[:, np.arange(len(asked)), which[of_them]]
        return found

    return quantiles

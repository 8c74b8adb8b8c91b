"""Back-test of a fitted model on a log: rolling forecasts and hidden readings, beside baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import ConfigError
from latentode.evaluation.evaluate import ReadingPredictor, evaluate_task
from latentode.evaluation.tasks import forecast_task, interpolation_task

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
    origins = starts
    if split == "all" or schema.split.kind == "series":
        # an origin at the first reading would have no context
        origins = starts + np.minimum(schema.lengths.context_ns, (last - first) // 2)
    context, day = schema.lengths.context_ns, NS_PER_UNIT["d"]
    seasonal = schema.clock.kind == "calendar" and context >= day
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
            climatology=schema.climatology,
            period_ns=day if seasonal else None,
        )
        for name, task in tasks.items()
    }

"""Scores of a log in parts: sums of each part, merged to the scores of all of its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from latentode.data.dataset import TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import DataError
from latentode.evaluation import scores
from latentode.evaluation.backtest import BacktestLog
from latentode.evaluation.tally import Tally
from latentode.evaluation.target_scores import ReadingPredictor
from latentode.evaluation.tasks import Task

#: JSON of the tallies of a part by task, or the reason why it has none.
PartScores = dict[str, Any]


def windows_of_part(max_windows: int, num_parts: int) -> int:
    """Forecast origins of each part, so that all parts have about so many together.

    Args:
        max_windows: Of all parts.
        num_parts: Number of parts.
    """
    return -(-max_windows // num_parts)


def score_part(
    dataset: TimeSeriesDataset,
    schema: DataSchema,
    predictor: ReadingPredictor,
    *,
    split: str,
    max_windows: int,
) -> PartScores:
    """Sums of the scores of one part; see `latentode.evaluation.backtest.backtest`.

    Naive rows have bands from the training readings of the part itself.

    Args:
        dataset: The part, aligned with the schema.
        schema: Windows, split and training statistics.
        predictor: What is judged.
        split: "test", or "all" for the whole log.
        max_windows: Most forecast origins of this part.

    Returns:
        {"forecast": {"tally": ...} or {"reason": why the part has no such target},
        "interpolation": likewise}.
    """
    log = BacktestLog(dataset, schema)
    tasks: dict[str, Callable[[], Task]] = {
        "forecast": lambda: log.forecasts(split, max_windows),
        "interpolation": lambda: log.interpolations(split),
    }
    found: PartScores = {}
    for name, task_of in tasks.items():
        try:
            task = task_of()
        except DataError as error:  # no series of this part has a target
            found[name] = {"reason": str(error)}
        else:
            found[name] = {"tally": log.tally(task, predictor, name).to_dict()}
    return found


def merged_scores(parts: Sequence[PartScores], schema: DataSchema) -> dict[str, Any]:
    """Scores of all targets of some parts, as `latentode.evaluation.backtest.backtest` gives them.

    Args:
        parts: What `score_part` returned.
        schema: Training statistics.

    Raises:
        DataError: If no part has a target.
    """
    result: dict[str, Any] = {}
    for name in ("forecast", "interpolation"):
        found: list[Mapping[str, Any]] = [part[name] for part in parts]
        tallies = [Tally.from_dict(each["tally"]) for each in found if "tally" in each]
        if tallies:
            result[name] = Tally.merged(tallies).result(schema.scaler.std, scores.SCORES)
    if not result:
        raise DataError(f"parts: expected targets in some of {len(parts)}: {parts[0]['forecast']}")
    return result

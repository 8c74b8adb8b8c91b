"""Scores of a log in parts: sums of each part, merged to the scores of all of its targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentode.data.dataset import TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import DataError
from latentode.evaluation import scores
from latentode.evaluation.backtest import BacktestLog
from latentode.evaluation.tally import Tally
from latentode.evaluation.target_scores import ReadingPredictor
from latentode.evaluation.tasks import Task
from latentode.files import atomic_write
from latentode.scale.model_file import ModelFile
from latentode.scale.parts import Parts

TASKS = ("forecast", "interpolation")
#: JSON of the tallies of a part by task, or the reason why it has none.
PartScores = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PartEvaluation:
    """Scores of a part, for `latentode.scale.map_parts`.

    Attributes:
        model: The model.
        split: "test", or "all" for all of the parts.
        max_windows: Most forecast origins of a part.
        num_draws: Predictive draws.
        allow_missing: Whether parts may lack channels of the model.
    """

    model: ModelFile
    split: str
    max_windows: int
    num_draws: int
    allow_missing: bool = False

    def __call__(self, parts: Parts, index: int, file: Path) -> Mapping[str, Any]:
        """Score a part.

        Args:
            parts: The parts.
            index: Which of them.
            file: File of its sums, JSON.

        Returns:
            How many targets were scored, by task.
        """
        model = self.model.loaded()
        schema = model.fitted_.schema
        dataset = schema.align(parts.read(index), allow_missing=self.allow_missing)
        predictor = model.reading_predictor(self.num_draws)
        found = score_part(
            dataset, schema, predictor, split=self.split, max_windows=self.max_windows
        )
        atomic_write(file, json.dumps(found, allow_nan=False).encode())
        return {name: _num_targets(found[name]) for name in TASKS}

    def request(self) -> dict[str, Any]:
        """What decides the scores, for `map_parts`."""
        options = {name: value for name, value in vars(self).items() if name != "model"}
        return {"what": type(self).__name__, **self.model.request(), **options}


def _num_targets(found: Mapping[str, Any]) -> int:
    return sum(map(sum, found["tally"]["counts"])) if "tally" in found else 0


def scores_of(files: Sequence[Path], schema: DataSchema) -> dict[str, Any]:
    """Scores of all targets of parts that were scored.

    Args:
        files: What a `PartEvaluation` wrote of every part.
        schema: Training statistics of its model.

    Raises:
        DataError: If no part has a target.
    """
    return merged_scores([json.loads(file.read_bytes()) for file in files], schema)


_OF_PARTS = (
    "Scores of the model are of all parts together; bands of the naive rows, and with them their "
    "CRPS and the skill, are learned in each part by itself, and adaptive bands adapt in each."
)


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
    for name in TASKS:
        found: list[Mapping[str, Any]] = [part[name] for part in parts]
        tallies = [Tally.from_dict(each["tally"]) for each in found if "tally" in each]
        if tallies:
            result[name] = Tally.merged(tallies).result(schema.scaler.std, scores.SCORES)
            if len(tallies) > 1:
                result[name]["sentences"].append(_OF_PARTS)
    if not result:
        why = parts[0]["forecast"]["reason"]
        raise DataError(f"parts: expected targets in some of {len(parts)}, got none. {why}")
    return result

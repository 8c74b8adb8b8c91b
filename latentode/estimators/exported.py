"""`ExportedLatentODE`: a model in one file, asked without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from latentode.config import LatentODEConfig
from latentode.estimators.inputs import Log, aligned
from latentode.estimators.reading_predictions import ReadingPredictions
from latentode.runtime.exported import ExportedModel
from latentode.runtime.predictor import ExportedPredictor


class ExportedLatentODE(ReadingPredictions[ExportedModel]):
    """Forecasts, interpolations and back-tests by a file that `LatentODE.export` wrote.

    The answers are those of the model itself, to the rounding of float32. Neither torch nor the
    run folder is needed; see docs/export.md.

    Args:
        fitted: The model.

    Attributes:
        fitted_: The same.
        config_: Settings that it was trained with.
    """

    def __init__(self, fitted: ExportedModel) -> None:
        self.fitted_ = fitted

    @property
    def config_(self) -> LatentODEConfig:
        """Settings that it was trained with."""
        return self.fitted_.config

    @classmethod
    def load(cls, file: str | Path) -> Self:
        """Read a file that `LatentODE.export` or ``latentode export`` wrote.

        Args:
            file: The file, which ends in .onnx.

        Raises:
            CheckpointError: If it is no such file, or of another version.
        """
        return cls(ExportedModel.load(Path(file)))

    def evaluate(
        self,
        log: Log,
        *,
        split: str = "test",
        max_windows: int = 400,
        allow_missing_channels: bool = False,
        num_draws: int = 100,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Back-test rolling forecasts and interpolations of hidden readings, beside baselines.

        Args:
            log: The log; the part that the split of training calls test is scored.
            split: "test", or "all" to score the whole log.
            max_windows: Most forecast origins.
            allow_missing_channels: As in `forecast`.
            num_draws: Predictive draws.
            on_progress: Called with how many readings are scored, and how many there are.

        Returns:
            {"forecast": scores, "interpolation": scores}, see `evaluate_task`.
        """
        return self._back_tested(
            aligned(self.fitted_, log, allow_missing=allow_missing_channels),
            split=split,
            max_windows=max_windows,
            num_draws=num_draws,
            on_progress=on_progress,
        )

    def reading_predictor(self, num_draws: int) -> ExportedPredictor:
        """What answers queries with the model, as `latentode.evaluation.evaluate_task` calls it.

        Args:
            num_draws: Predictive draws.
        """
        return ExportedPredictor.of(self.fitted_, num_draws)

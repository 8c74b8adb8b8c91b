"""Which labels decide when training stops, and when labels set the split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.labels import Labels
from latentode.errors import DataError
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.heads.classes import ClassHead
from latentode.training.stopping import FEWEST_STRETCHES, stops_early
from latentode.training.validation import WindowValidator

_WHOLE = 0.9  # share of the series that a context holds whole; the longest set no size


def settings_for_labels(config: LatentODEConfig, dataset: TimeSeriesDataset) -> LatentODEConfig:
    """Settings with a split and a context that suit labels of whole series, unless given."""
    wanted, readings = config.windows, dataset.readings
    first, last = readings.first_and_last()
    rows = np.diff(readings.series_starts)
    spans = ((last - first) * np.minimum(1.0, wanted.max_rows / np.maximum(rows, 1)))[rows > 1]
    changed: dict[str, Any] = {"windows.split": "series"} if wanted.split == "auto" else {}
    if wanted.context is None and spans.any():
        # a context begins after its start, and the duration is written in four digits
        changed["windows.context"] = format_duration(1.001 * np.quantile(spans, _WHOLE) + 1)
    return config.updated(**changed)


def can_judge(validator: WindowValidator, head: ClassHead | None, labels: Labels | None) -> bool:
    """Whether the windows of validation hold five labels, of two classes, if there are labels.

    Args:
        validator: What holds the windows.
        head: Head of the model for labels; None without.
        labels: Labels that validation sees; None without, which can always be judged.
    """
    if labels is None or head is None:
        return True
    codes = torch.cat([head.codes(batch).flatten() for batch in validator.batches])
    known = codes[codes >= 0]
    return len(known) >= FEWEST_STRETCHES and len(known.unique()) > 1


def log_for_validation(log: TrainingLog) -> TrainingLog:
    """The log as validation sees it: without labels that it could not judge.

    Those of whole series can be judged that belong to series of their own, five at least, and of
    two classes; those of times where the validation part is long enough and holds two classes.

    Raises:
        DataError: If the training part has no two classes.
    """
    labels = log.labels
    if labels is None:
        return log
    train, held = (labels.codes_within(*log.part(part)) for part in ("train", "validation"))
    classes = [labels.classes[code] for code in np.unique(train)]
    if len(classes) < 2:
        raise DataError(
            f"labels: expected two classes in the training part, got "
            f"{', '.join(classes) or 'none'}. Label more of the log, or try another --seed."
        )
    assert log.schema is not None
    by_series = log.schema.split.kind == "series" and len(held) >= FEWEST_STRETCHES
    enough = stops_early(log) if labels.timed else by_series
    return log if enough and len(np.unique(held)) > 1 else replace(log, labels=None)

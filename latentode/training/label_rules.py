"""Which labels decide when training stops, and when labels set the split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.events import EventStreams
from latentode.data.labels import SeriesLabels, TimeLabels
from latentode.data.splits import PARTS
from latentode.errors import DataError
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.heads import label_codes
from latentode.training.stopping import FEWEST_STRETCHES, stops_early
from latentode.training.validation import WindowValidator

_WHOLE = 0.9  # share of the series that a context holds whole; the longest set no size


def settings_for_labels(config: LatentODEConfig, dataset: TimeSeriesDataset) -> LatentODEConfig:
    """Settings with a split and a context that suit labels of whole series, unless given."""
    given, readings = config.windows, dataset.readings
    first, last = readings.first_and_last()
    rows = np.diff(readings.series_starts)
    spans = ((last - first) * np.minimum(1.0, given.max_rows / np.maximum(rows, 1)))[rows > 1]
    changed: dict[str, Any] = {"windows.split": "series"} if given.split == "auto" else {}
    if given.context is None and spans.any():
        # a context begins after its start, and the duration is written in four digits
        changed["windows.context"] = format_duration(1.001 * np.quantile(spans, _WHOLE) + 1)
    return config.updated(**changed)


def labels_of_windows(labels: SeriesLabels | TimeLabels | None) -> Int64 | EventStreams | None:
    """Labels as a sampler of windows takes them."""
    if labels is None:
        return None
    return labels.streams if isinstance(labels, TimeLabels) else labels.codes


def can_judge(validator: WindowValidator, labels: SeriesLabels | TimeLabels | None) -> bool:
    """Whether the windows of validation hold five labels of times, of two classes."""
    if not isinstance(labels, TimeLabels):
        return True
    timed = [b.labels for b in validator.batches if isinstance(b.labels, EventBatch)]
    codes = torch.cat([label_codes(each).flatten() for each in timed])
    known = codes[codes >= 0]
    return len(known) >= FEWEST_STRETCHES and len(known.unique()) > 1


def as_validated(dataset: TimeSeriesDataset, fitted: FittedModel) -> FittedModel:
    """The model as validation sees it: without labels that it could not judge.

    Those of series can be judged that belong to series of their own, five at least, and of two
    classes; those of times where the validation part is long enough and its windows hold as many.

    Raises:
        DataError: If the training part has no two classes.
    """
    labels, split = fitted.labels, fitted.schema.split
    if labels is None:
        return fitted
    codes = {}
    for part in PARTS:
        starts, stops = split.bounds(dataset, part)
        codes[part] = _codes(labels, starts, stops)
    found = [labels.classes[code] for code in np.unique(codes["train"])]
    if len(found) < 2:
        raise DataError(
            f"labels: expected two classes in the training part, got "
            f"{', '.join(found) or 'none'}. Label more of the log, or try another --seed."
        )
    held = codes["validation"]
    if isinstance(labels, TimeLabels):
        enough = stops_early(dataset, fitted.schema)
    else:
        enough = split.kind == "series" and len(held) >= FEWEST_STRETCHES
    return fitted if enough and len(np.unique(held)) > 1 else replace(fitted, labels=None)


def _codes(labels: SeriesLabels | TimeLabels, starts: Int64, stops: Int64) -> Int64:
    """Classes of the labels of a part."""
    if isinstance(labels, TimeLabels):
        return labels.within(starts, stops)[2]
    own = labels.codes[stops > starts]
    return own[own >= 0]

"""What a model is trained on: the series that are long enough, their schema, settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.batches.sampler import Sampler
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import DataError
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.label_rules import settings_for_labels
from latentode.training.stopping import stops_early


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a model is trained on, with nothing left to choose.

    Attributes:
        log: The log with its schema; a sample of one that is larger than memory, by which all is
            judged and learned but what the steps learn.
        config: Settings.
        sampler: Windows of the steps; None takes those of the training part of `log`.
        kept: What the model remembers of the log.
        stop_early: Whether the validation part is long enough to stop training by.
        lines: What there is to say of it.
    """

    log: TrainingLog
    config: LatentODEConfig
    sampler: Sampler | None
    kept: TrainingLog
    stop_early: bool
    lines: tuple[str, ...] = ()


def prepared(
    log: TrainingLog, config: LatentODEConfig, first: FittedModel | None = None
) -> TrainingData:
    """What can be learned from, with its schema, and settings without anything left to choose.

    Args:
        log: The whole log.
        config: Settings.
        first: As in `fit_model`.

    Raises:
        DataError: If the log has too little to train on.
    """
    log = log.select(_trainable(log.dataset, config.data.min_obs))
    if log.labels is not None and not log.labels.timed:
        config = settings_for_labels(config, log.dataset)
    split = None if first is None else first.schema.split.all_learned(log.dataset)
    schema = DataSchema.fit(log.dataset, config, split)
    log = replace(log, dataset=schema.only_known(log.dataset)).with_schema(schema)
    return TrainingData(log, resolved_for(config, log), None, log.newest(), stops_early(log))


def resolved_for(config: LatentODEConfig, log: TrainingLog) -> LatentODEConfig:
    """Settings with a value for every part and size that the training part decides on."""
    assert log.schema is not None
    starts, stops = log.part("train")
    others = log.schema.split.kind == "series"
    model = config.model.resolved(int((stops > starts).sum()), unseen=others)
    first, last = log.dataset.readings.first_and_last()
    spans = np.maximum(np.minimum(stops, last) - np.maximum(starts, first), 0)
    contexts = float(spans.sum(dtype=np.float64)) / log.schema.lengths.context_ns
    train = config.train.resolved(contexts=None if stops_early(log) else contexts)
    return config.model_copy(update={"model": model, "train": train})


def _trainable(dataset: TimeSeriesDataset, min_obs: int) -> list[int]:
    enough = long_enough(dataset, min_obs)
    if not len(enough):
        raise too_short(len(dataset), min_obs)
    return enough.tolist()


def too_short(num_series: int, min_obs: int) -> DataError:
    """What is said of a log without a series that is long enough.

    Args:
        num_series: Series of the log.
        min_obs: Fewest readings.
    """
    return DataError(
        f"log: expected a series with at least {min_obs} readings, found none in "
        f"{num_series} series. Check --id-column and --channels, or lower --min-obs."
    )


def long_enough(dataset: TimeSeriesDataset, min_obs: int) -> Int64:
    """Series with readings enough to learn from.

    Args:
        dataset: The log.
        min_obs: Fewest readings.
    """
    counts = np.diff(dataset.readings.row_starts[dataset.readings.series_starts])
    return np.flatnonzero(counts >= min_obs)

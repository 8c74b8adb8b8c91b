"""Go on training a model on later readings."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentode.config import LatentODEConfig
from latentode.config.durations import DurationLike
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.calendar import DAY_NS
from latentode.data.climatology import Climatology
from latentode.data.dataset import Int64, TimeSeriesDataset, positions
from latentode.data.reading.second_look.log_rows import short_instant
from latentode.data.schema import DataSchema
from latentode.data.splits import Split
from latentode.errors import ConfigError, DataError
from latentode.models.fitted.device import device_of
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.later_training import LaterTraining
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.direct_fit import refit_direct
from latentode.training.execution.distributed import process_group
from latentode.training.held_out import with_calibration_learned
from latentode.training.refit import newest_time, refuse_without_series
from latentode.training.repeatable import batches_of, seed_of
from latentode.training.trainer import ProgressRecord, Trainer

_SHARE = 6  # an update takes a sixth of the steps of the first training,
_RATE = 0.3  # at this share of its learning rate: what it knows stays, what is new is learned
_FEWEST_STEPS, _WARM_UP = 20, 10  # of the shortest; the optimiser has to know the gradients first
_STEPS_PER_EPOCH = 50  # nothing is judged in between, and the solver is looked after
_DIRECT_WINDOWS = 1024  # of a few seconds


@dataclass(frozen=True)
class MixedSampler:
    """Windows of two kinds of rows, as many of one as of the other.

    Attributes:
        windows: What makes windows of rows.
        new: True for rows of the one kind, shape (row,).
    """

    windows: WindowSampler
    new: np.ndarray

    def eligible_rows(self) -> Int64:
        """Rows of the windows, those of the rarer kind several times."""
        rows = self.windows.eligible_rows()
        kinds = [each for each in (rows[self.new[rows]], rows[~self.new[rows]]) if len(each)]
        most = max(map(len, kinds))
        return np.concatenate([np.resize(each, most) for each in kinds])

    def epoch(self, rows: Int64, num_batches: int, batch_size: int, seed: tuple[int, ...]) -> Int64:
        """See `WindowSampler.epoch`."""
        return self.windows.epoch(rows, num_batches, batch_size, seed)

    def batch(self, rows: Int64, seed: tuple[int, ...], *, first: int = 0) -> SeriesBatch:
        """See `WindowSampler.batch`."""
        return self.windows.batch(rows, seed, first=first)


def update_model(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    *,
    max_time: DurationLike | None = None,
    on_event: Callable[[ProgressRecord], None] | None = None,
) -> FittedModel:
    """Go on training a model on readings that it has not learned, old ones beside them.

    Half of the windows are of new readings: all after the training part of the model, which a first
    training has not learned either, and all of new series. Scales, units, channels and lengths stay
    as they were. It takes a sixth of the steps of the first training, at a third of its rate.

    Args:
        fitted: The model; it is not changed.
        dataset: Old and new readings, channels in the order of the schema.
        max_time: Wall-clock budget; None for none.
        on_event: See `latentode.training.fit.fit_model`.

    Returns:
        The updated model.

    Raises:
        ConfigError: If the model explains events or labels, which later readings alone lack, or was
            trained on parts.
        DataError: If there is nothing new in the readings.
    """
    if fitted.log.events is not None or fitted.log.labels is not None:
        raise ConfigError(
            "update: expected a model of readings alone, got one of events or labels beside them. "
            "Train again on the whole log, with `train` or fit."
        )
    refuse_without_series(fitted, "update")
    schema, learned = fitted.schema, _learned_until(fitted, dataset)
    judged = replace(fitted, schema=replace(schema, split=_new_alone(dataset, learned)))
    fitted = replace(
        with_calibration_learned(dataset, judged), schema=_all_learned(schema, dataset)
    )
    log = TrainingLog(fitted.schema.only_known(dataset)).with_schema(fitted.schema)
    if on_event is not None:
        on_event({"event": "note", "text": _news(dataset, learned)})
    config = _shorter(fitted, max_time)
    windows = log.sampler("train", config)
    readings = windows.dataset.readings
    sampler = MixedSampler(windows, readings.times > learned[readings.row_series()])
    model = copy.deepcopy(fitted.model)
    with process_group(config.train.device):
        trainer = Trainer(
            model,
            sampler,
            None,
            config.train,
            on_event=on_event,
            stop_early=False,
            spans=schema.around_anchor(config.model.anchor),
        )
        steps = int(trainer.fit()[-1]["step"])
    seed = config.train.seed
    refit_direct(model, fitted.model, _shown(sampler, config), seed=seed, most_steps=2 * steps)
    update = LaterTraining("update", newest_time(log, fitted), readings.num_readings, steps)
    return replace(fitted, model=model, log=log.newest(), later=(*fitted.later, update))


def _news(dataset: TimeSeriesDataset, learned: Int64) -> str:
    """How much is new, in words."""
    readings = dataset.readings
    new = np.flatnonzero(readings.times > learned[readings.row_series()])
    begin = short_instant(int(readings.times[new].min()), dataset.clock)
    return (
        f"new to the model: {len(new):,} of {readings.num_rows:,} rows, from {begin} on (what its "
        "training had held back to score by is new to it too)"
    )


def _shown(sampler: MixedSampler, config: LatentODEConfig) -> list[SeriesBatch]:
    """Windows of the mix that show all they have, in any order."""
    seed, rows = (config.train.seed, 13), sampler.eligible_rows()
    rows = np.random.default_rng(seed).choice(rows, min(len(rows), _DIRECT_WINDOWS), replace=False)
    batches = batches_of(sampler.windows, rows, config.train.batch_size, seed, 0.0)
    return [batch.to(device_of(config.train.device)) for batch in batches]


def _learned_until(fitted: FittedModel, dataset: TimeSeriesDataset) -> Int64:
    """Time of each series up to which the model has learned it, in nanoseconds, shape (series,).

    Raises:
        DataError: If no reading is later.
    """
    first, last = dataset.readings.first_and_last()
    _, learned = fitted.schema.split.bounds(dataset, "train")
    found = positions(dataset.series_ids, fitted.context.series_ids)
    _, newest = fitted.context.readings.first_and_last()
    until = np.where(found >= 0, np.minimum(learned, newest[found]), first - 1)
    if not (last > until).any():
        raise DataError(
            "log: expected readings that the model has not learned, got none after "
            f"{short_instant(int(newest.max()), dataset.clock)}. Give a later log."
        )
    return until


def _new_alone(dataset: TimeSeriesDataset, learned: Int64) -> Split:
    """A split in which new readings are the validation part."""
    _, last = dataset.readings.first_and_last()
    cuts = zip(learned.tolist(), last.tolist(), strict=True)
    return Split("time", dict(zip(dataset.series_ids, cuts, strict=True)), {})


def _all_learned(schema: DataSchema, dataset: TimeSeriesDataset) -> DataSchema:
    """The schema of a model that has learned all of a log."""
    rates = schema.counters.as_rates(dataset.readings)
    known = Climatology.fit(rates, schema.clock, daily=DAY_NS in schema.periods_ns)
    old = schema.climatology
    # without the old log it would be that of the new readings alone
    whole = old is not None and bool((known.counts >= old.counts).all())
    split = schema.split.all_learned(dataset)
    return replace(schema, split=split, climatology=known if whole else old)


def _shorter(fitted: FittedModel, max_time: DurationLike | None) -> LatentODEConfig:
    """Settings of the steps of an update."""
    train = fitted.config.train
    steps = max(_FEWEST_STEPS, round(fitted.history[-1]["step"] / _SHARE))
    epochs = max(1, round(steps / _STEPS_PER_EPOCH))
    changes: dict[str, Any] = {
        "max_epochs": epochs,
        "steps_per_epoch": -(-steps // epochs),
        "max_time": max_time,
        "device": str(next(fitted.model.parameters()).device),  # where it was loaded to
        "seed": seed_of(train.seed, 14, len(fitted.later)),
        "optimizer.lr": _RATE * train.optimizer.lr,
        "optimizer.warmup_steps": _WARM_UP,
        "objective.kl_anneal_steps": 0,
    }
    return fitted.config.updated(**{f"train.{name}": value for name, value in changes.items()})

"""From a log to a fitted model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.events import LogEvents
from latentode.data.labels import SeriesLabels, TimeLabels
from latentode.data.schema import DataSchema
from latentode.data.splits import Part
from latentode.errors import DataError, SolverError
from latentode.flows import FlowFitConfig
from latentode.models.fitted.context import last_context
from latentode.models.fitted.device import device_of, rank
from latentode.models.fitted.latent_ode import FittedModel, build_model, head_arguments
from latentode.models.latent_ode import LatentODEModel
from latentode.training.execution.distributed import process_group
from latentode.training.label_rules import (
    as_validated,
    can_judge,
    labels_of_windows,
    settings_for_labels,
)
from latentode.training.prior_fitting import PRIOR_FIT, PriorReport, fit_prior
from latentode.training.refinement import choose_starts, fit_scale
from latentode.training.stopping import stops_early
from latentode.training.trainer import ProgressRecord, Trainer
from latentode.training.validation import WindowValidator

_SCALE_WINDOWS = 128  # of validation, by which the scale of refined posteriors is fitted


def fit_model(
    dataset: TimeSeriesDataset,
    config: LatentODEConfig,
    *,
    events: LogEvents | None = None,
    labels: SeriesLabels | TimeLabels | None = None,
    run_dir: Path | None = None,
    resume: bool = False,
    on_event: Callable[[ProgressRecord], None] | None = None,
    build: Callable[..., LatentODEModel] = build_model,
) -> FittedModel:
    """Learn scales, train a network and stop it by validation.

    Args:
        dataset: The whole log; the split decides what is trained on.
        config: Settings.
        events: Events of the series of the log; None models the readings alone.
        labels: Labels of its series. Unless they are given, the split is then by series, as a label
            is judged on series that training has not seen, which decide when it stops if there are
            five of two classes; and the context holds a whole series, or nine of ten, as far as
            the encoder reads that many rows. Or labels of times, which change neither; those of the
            validation part decide when training stops if there are two classes in it.
        run_dir: Where checkpoints, metrics and the model go; None keeps everything in memory.
        resume: Go on from the last checkpoint of `run_dir`.
        on_event: Called on the first process with {"event": "plan" | "note" | "step" | "epoch" |
            "done", ...}.
        build: Makes the network from settings, schema and, with events, their mean rates; one on
            the contract of `LatentODEModel` can be compared with it.

    Returns:
        The fitted model.

    Raises:
        DataError: If the log has too little to train on.
        Interrupted: After a signal, once the state is saved.
        TrainingError: If training diverges beyond recovery.
    """
    kept = _trainable(dataset, config.data.min_obs)
    dataset = dataset if len(kept) == len(dataset) else dataset.select_series(kept)
    events = None if events is None else events.select(kept)
    if labels is not None:
        labels = labels.select(kept)
    if isinstance(labels, SeriesLabels):
        config = settings_for_labels(config, dataset)
    schema = DataSchema.fit(dataset, config)
    config = resolved_for(config, dataset, schema)
    rates = None if events is None else _event_rates(events, dataset, schema)
    with process_group(config.train.device):
        with torch.random.fork_rng():
            torch.manual_seed(config.train.seed)
            model = build(config, schema, **head_arguments(rates, labels))
        fitted = FittedModel(
            config, schema, model, [], last_context(dataset, schema), events, labels
        )
        checked = as_validated(dataset, fitted)
        if on_event is not None and rank() == 0:
            on_event({"event": "plan", "lines": plan_lines(fitted)})
        validator = _validator(dataset, checked)
        if validator is not None and not can_judge(validator, checked.labels):
            checked = replace(checked, labels=None)
            validator = _validator(dataset, checked)
        trainer = Trainer(
            model,
            window_sampler(dataset, fitted, "train"),
            validator,
            config.train,
            run_dir=run_dir,
            on_event=on_event,
            stop_early=stops_early(dataset, schema),
            score="validation_crps" if checked.labels is None else "label_loss",
        )
        fitted.history.extend(trainer.fit(resume=resume))
        fitted = replace(fitted, config=config.model_copy(update={"solver": model.solver}))
        if config.model.refine:
            _prepare_refinement(dataset, fitted)
        if config.train.fit_prior:
            fitted = _with_fitted_prior(dataset, fitted, on_event if rank() == 0 else None)
        if run_dir is not None and rank() == 0:
            fitted.save(run_dir / "model")
    return fitted


def resolved_for(
    config: LatentODEConfig, dataset: TimeSeriesDataset, schema: DataSchema
) -> LatentODEConfig:
    """Settings with a value for every part and size that the training part decides on."""
    starts, stops = schema.split.bounds(dataset, "train")
    others = schema.split.kind == "series"
    model = config.model.resolved(int((stops > starts).sum()), unseen=others)
    train = config.train.resolved(stops_early=stops_early(dataset, schema))
    return config.model_copy(update={"model": model, "train": train})


def fit_prior_to(
    dataset: TimeSeriesDataset, fitted: FittedModel, config: FlowFitConfig = PRIOR_FIT
) -> tuple[FittedModel, PriorReport]:
    """Fit a prior to the training part of a log, aligned with the schema; see `fit_prior`.

    Events are left out, as no encoder sees them and the log may have series that have none.
    """
    bare = replace(fitted, events=None, labels=None)
    train, validation = (window_sampler(dataset, bare, part) for part in ("train", "validation"))
    return fit_prior(fitted, train, validation, config)


def _with_fitted_prior(
    dataset: TimeSeriesDataset,
    fitted: FittedModel,
    on_event: Callable[[ProgressRecord], None] | None,
) -> FittedModel:
    """The model with a fitted prior, or as it is where none can be had."""
    try:
        fitted, report = fit_prior_to(dataset, fitted)
        text = str(report)
    except (DataError, SolverError) as error:
        text = f"the prior stays as it is: {error}"
    if on_event is not None:
        on_event({"event": "note", "text": text})
    return fitted


def _prepare_refinement(dataset: TimeSeriesDataset, fitted: FittedModel) -> None:
    """States to search from, and the scale that fits refined posteriors of validation windows."""
    train, model = fitted.config.train, fitted.model.eval()

    def windows(part: Part, most: int, size: int) -> list[SeriesBatch]:
        sampler = window_sampler(dataset, fitted, part)
        rows = sampler.eligible_rows()
        chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
        return [
            sampler.batch(chosen[first : first + size], (train.seed, 10), first=first).to(
                device_of(train.device)
            )
            for first in range(0, len(chosen), size)
        ]

    choose_starts(model, windows("train", 2 * _SCALE_WINDOWS, 2 * _SCALE_WINDOWS)[0])
    try:
        held_out = windows("validation", _SCALE_WINDOWS, 16)
    except DataError:
        return  # nothing to judge a scale by
    fit_scale(model, held_out, seed=train.seed)


def plan_lines(fitted: FittedModel) -> list[str]:
    """Lines that say what will be trained."""
    model = fitted.config.model
    return [
        *fitted.schema.plan(),
        *fitted.head_lines(),
        f"model: {model.encoder} encoder of {'levels' if model.levels else 'changes'}, latent "
        f"{model.latent_dim}, hidden {model.hidden_dim}, {fitted.num_parameters:,} "
        f"parameters; seed {fitted.config.train.seed}, device {fitted.config.train.device}",
    ]


def window_sampler(dataset: TimeSeriesDataset, fitted: FittedModel, part: Part) -> WindowSampler:
    """Windows of one part of a log."""
    starts, stops = fitted.schema.split.bounds(dataset, part)
    return WindowSampler(
        dataset,
        starts,
        stops,
        fitted.schema.lengths,
        fitted.schema.builder(),
        fitted.config.model.anchor,
        max_rows=fitted.config.windows.max_rows,
        max_queries=fitted.config.windows.max_queries,
        events=None if fitted.events is None else fitted.events.streams,
        labels=labels_of_windows(fitted.labels),
    )


def _validator(dataset: TimeSeriesDataset, fitted: FittedModel) -> WindowValidator | None:
    scaler, train = fitted.schema.scaler, fitted.config.train
    try:
        return WindowValidator(
            window_sampler(dataset, fitted, "validation"),
            scaler.scale / scaler.std,
            seed=train.seed,
            device=device_of(train.device),
        )
    except DataError:
        return None  # a log of a few readings: train to the end of the schedule


def _event_rates(events: LogEvents, dataset: TimeSeriesDataset, schema: DataSchema) -> Tensor:
    """Mean rate of each kind in the training part, per unit of model time."""
    streams = events.streams.clipped(*schema.split.bounds(dataset, "train"))
    if streams.num_scored == 0:
        raise DataError(
            f"events: expected at least one in the training part, got {len(events.streams.times)} "
            "elsewhere. Check --split, --windows and the clock of the events."
        )
    return torch.from_numpy(streams.rates(schema.time_scale.unit_ns))


def _trainable(dataset: TimeSeriesDataset, min_obs: int) -> list[int]:
    readings = dataset.readings
    counts = readings.row_starts[readings.series_starts]
    enough = [i for i, n in enumerate(counts[1:] - counts[:-1]) if n >= min_obs]
    if not enough:
        raise DataError(
            f"log: expected a series with at least {min_obs} readings, found none in "
            f"{len(dataset)} series. Check --id-column and --channels, or lower --min-obs."
        )
    return enough

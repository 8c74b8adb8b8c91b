"""From a log to a fitted model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.splits import Part
from latentode.errors import DataError, SolverError, TrainingError
from latentode.flows import FlowFitConfig
from latentode.models.fitted.device import device_of, rank
from latentode.models.fitted.latent_ode import FittedModel, build_model, head_arguments
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.heads import ClassHead
from latentode.models.latent_ode import LatentODEModel
from latentode.training.direct_fit import fit_direct, refit_direct
from latentode.training.execution.distributed import process_group
from latentode.training.held_out import with_errors_learned
from latentode.training.label_rules import can_judge, log_for_validation
from latentode.training.lines import learned_lines, plan_lines
from latentode.training.memory_fit import fit_memory
from latentode.training.prepare import TrainingData, prepared
from latentode.training.prior_fitting import PRIOR_FIT, PriorReport, fit_prior
from latentode.training.refinement import choose_starts, fit_scale
from latentode.training.repeatable import batches_of, evenly, seed_of
from latentode.training.state import Progress
from latentode.training.trainer import ProgressRecord, Trainer
from latentode.training.validation import WindowValidator

LABEL_LOSS = "label_loss"
_DIVERGED = 100.0  # times the score of a constant: what is worse has learned nothing
_DIRECT_WINDOWS: dict[Part, int] = {"train": 2048, "validation": 512}  # of a few seconds
_LABEL_WINDOWS = 4096  # of each part, by which a head is prepared
_AFTER_STEPS = (
    "steps are done; now direct forecasts, the width of bands and what errors have in common, from "
    "half a minute to a few minutes"
)
_SCALE_WINDOWS = 128  # of validation, by which the scale of refined posteriors is fitted


def fit_model(
    log: TrainingLog,
    config: LatentODEConfig,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    on_event: Callable[[ProgressRecord], None] | None = None,
    build: Callable[..., LatentODEModel] = build_model,
    first: FittedModel | None = None,
) -> FittedModel:
    """Learn scales, train a network, stop it by validation, and learn there how it errs.

    Labels of whole series set the split and the context, unless these are given: the split is then
    by series, as a label is judged on series that training has not seen, which decide when it stops
    if there are five of two classes; and the context holds a whole series, or nine of ten, as far
    as the encoder reads that many rows. Labels of times change neither; those of the validation
    part decide when training stops if there are two classes in it.

    Args:
        log: The whole log, with events and labels; the split decides what is trained on.
        config: Settings.
        run_dir: Where checkpoints, metrics and a first model go; None keeps everything in memory.
        resume: Go on from the last checkpoint of `run_dir`.
        on_event: Called on the first process with {"event": "plan" | "note" | "step" | "epoch" |
            "done", ...}.
        build: Makes the network from settings, schema and, with events, their mean rates; one on
            the contract of `LatentODEModel` can be compared with it.
        first: A model of the same log whose held-out parts are to be learned too. It lends what a
            held-out part alone can tell: how it errs, and what helps its forecasts and labels.

    Returns:
        The fitted model.

    Raises:
        DataError: If the log has too little to train on.
        Interrupted: After a signal, once the state is saved.
        TrainingError: If training diverges beyond recovery.
    """
    return fit_prepared(
        prepared(log, config, first),
        run_dir=run_dir,
        resume=resume,
        on_event=on_event,
        build=build,
        first=first,
    )


def fit_prepared(
    data: TrainingData,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    on_event: Callable[[ProgressRecord], None] | None = None,
    build: Callable[..., LatentODEModel] = build_model,
    first: FittedModel | None = None,
) -> FittedModel:
    """`fit_model`, of what is prepared.

    Args:
        data: What it is trained on.
        run_dir: As in `fit_model`.
        resume: As in `fit_model`.
        on_event: As in `fit_model`.
        build: As in `fit_model`.
        first: As in `fit_model`.

    Raises:
        DataError: If the log has too little to train on.
        Interrupted: After a signal, once the state is saved.
        TrainingError: If training diverges beyond recovery.
    """
    log, config = data.log, data.config
    schema = log.schema
    assert schema is not None
    with process_group(config.train.device):
        with torch.random.fork_rng():
            torch.manual_seed(config.train.seed)
            model = build(config, schema, **head_arguments(_event_rates(log), log.labels))
        fitted = FittedModel.untrained(config, schema, model, data.kept)
        judged = log_for_validation(log)
        on_event = on_event if on_event is not None and rank() == 0 else _unheard
        on_event({"event": "plan", "lines": [*plan_lines(fitted), *data.lines]})
        validator, score = _validation(judged, config, model.label_head)
        if not resume:
            _fit_beforehand(model, log, judged if score == LABEL_LOSS else None, config, first)
        windows = log.sampler("train", config)
        trainer = Trainer(
            model,
            data.sampler or windows,
            validator,
            config.train,
            run_dir=run_dir,
            on_event=on_event,
            stop_early=data.stop_early,
            score=score,
            first=None if data.sampler is None else windows,
            spans=schema.around_anchor(config.model.anchor),
        )
        fitted.history.extend(trainer.fit(resume=resume))
        _refuse_diverged(trainer.progress, validator, score)
        fitted = replace(fitted, config=config.model_copy(update={"solver": model.solver}))
        on_event({"event": "note", "text": _AFTER_STEPS})
        fitted, direct = _with_all_else(fitted, log, on_event, first)
        if first is None:  # a refit takes over what these lines say
            for line in learned_lines(fitted, direct):
                on_event({"event": "note", "text": line})
        if run_dir is not None and first is None and rank() == 0:
            fitted.save(run_dir / "model")
    return fitted


def _refuse_diverged(progress: Progress, validator: WindowValidator | None, score: str) -> None:
    """Refuse weights that predict nothing, or a hundred times as badly as a constant.

    Raises:
        TrainingError: If they do.
    """
    best = progress.best_score
    if validator is None or not progress.history:
        return
    naive = max(1.0, validator.naive_score()) if score == "validation_crps" else math.inf
    if best is not None and not best > _DIVERGED * naive:
        return
    found = "NaN in every epoch" if best is None else f"{best:.3g} at best"
    against = "" if best is None else f", against {naive:.3g} of a constant"
    raise TrainingError(
        f"{score}: expected a finite score near that of a constant or better, got {found}{against}:"
        " training diverged, and no model is saved. Lower --lr, or look at the log with inspect: "
        "a fault of a sensor can be left out with --na."
    )


def _with_all_else(
    fitted: FittedModel,
    log: TrainingLog,
    on_event: Callable[[ProgressRecord], None],
    first: FittedModel | None,
) -> tuple[FittedModel, Tensor]:
    """The model with what is learned after the steps, and what direct forecasts gain."""
    config = fitted.config
    direct = _fit_direct(fitted.model, log, config, first)
    if config.model.refine:
        _prepare_refinement(log, fitted)
    if config.train.fit_prior:
        fitted = _with_fitted_prior(log.dataset, fitted, on_event)
    return _with_errors(log.dataset, fitted, first), direct


def _unheard(event: ProgressRecord) -> None:
    """Nobody is told."""


def fit_prior_to(
    dataset: TimeSeriesDataset, fitted: FittedModel, config: FlowFitConfig = PRIOR_FIT
) -> tuple[FittedModel, PriorReport]:
    """Fit a prior to the training part of a log, aligned with the schema; see `fit_prior`.

    Events are left out, as no encoder sees them and the log may have series that have none.

    Args:
        dataset: The log.
        fitted: The model; it is not changed.
        config: Steps of the fit.

    Returns:
        A model with the better prior, and the comparison.

    Raises:
        DataError: If a part of the log has no window.
        SolverError: If the field that was learned cannot be solved as it was trained.
    """
    log = TrainingLog(dataset).with_schema(fitted.schema)
    train, validation = (log.sampler(part, fitted.config) for part in ("train", "validation"))
    return fit_prior(fitted, train, validation, config)


def _with_fitted_prior(
    dataset: TimeSeriesDataset,
    fitted: FittedModel,
    on_event: Callable[[ProgressRecord], None],
) -> FittedModel:
    """The model with a fitted prior, or as it is where none can be had."""
    try:
        fitted, report = fit_prior_to(dataset, fitted)
        text = str(report)
    except (DataError, SolverError) as error:
        text = f"the prior stays as it is: {error}"
    on_event({"event": "note", "text": text})
    return fitted


def _with_errors(
    dataset: TimeSeriesDataset, fitted: FittedModel, first: FittedModel | None
) -> FittedModel:
    """The model with what is known of its errors, or of those of the first one."""
    if first is None:
        return with_errors_learned(dataset, fitted)
    return replace(fitted, calibration=first.calibration, copula=first.copula)


def _fit_beforehand(
    model: LatentODEModel,
    log: TrainingLog,
    judged: TrainingLog | None,
    config: LatentODEConfig,
    first: FittedModel | None,
) -> None:
    """Fit what is not learned by steps: to training windows, and as labels judge in validation."""
    fit_memory(model, log.sampler("train", config), config.train)
    size, seed = config.train.batch_size, (config.train.seed, 12)

    def windows(log: TrainingLog | None, part: Part) -> Iterator[SeriesBatch]:
        if log is not None:
            sampler = log.sampler(part, config)
            rows = evenly(sampler.eligible_rows(), _LABEL_WINDOWS)
            yield from batches_of(sampler, rows, size, seed, 0.0)

    if model.label_head is not None and first is not None:
        assert first.model.label_head is not None
        model.label_head.take_prepared(first.model.label_head)
    elif model.label_head is not None:
        model.label_head.prepare(windows(log, "train"), windows(judged, "validation"))


def _fit_direct(
    model: LatentODEModel, log: TrainingLog, config: LatentODEConfig, first: FittedModel | None
) -> Tensor:
    """Fit direct forecasts on windows that show all they have; each channel's gain, in nats."""
    train, seed = config.train, (config.train.seed, 13)
    assert train.steps_per_epoch is not None
    device, size = device_of(train.device), train.batch_size
    steps = train.max_epochs * train.steps_per_epoch

    def windows(part: Part) -> list[SeriesBatch]:
        sampler = log.sampler(part, config)
        rows = evenly(sampler.eligible_rows(), min(_DIRECT_WINDOWS[part], steps * size))
        # any order but that of time, in which a step would see one series
        rows = np.random.default_rng(seed).permutation(rows)
        return [batch.to(device) for batch in batches_of(sampler, rows, size, seed, 0.0)]

    if model.direct is None:
        return torch.zeros(0)
    if first is not None:
        refit_direct(model, first.model, windows("train"), seed=seed_of(*seed), most_steps=steps)
        return torch.zeros(0)
    try:
        held_out = windows("validation")
    except DataError:
        held_out = []  # nothing to judge by
    shown = windows("train") if held_out else []
    return fit_direct(model, shown, held_out, seed=seed_of(*seed), most_steps=steps)


def _prepare_refinement(log: TrainingLog, fitted: FittedModel) -> None:
    """States to search from, and the scale that fits refined posteriors of validation windows."""
    train, model = fitted.config.train, fitted.model.eval()

    def windows(part: Part, most: int, size: int) -> list[SeriesBatch]:
        sampler = log.sampler(part, fitted.config)
        rows = evenly(sampler.eligible_rows(), most)
        batches = batches_of(sampler, rows, size, (train.seed, 10))
        return [batch.to(device_of(train.device)) for batch in batches]

    choose_starts(model, windows("train", 2 * _SCALE_WINDOWS, 2 * _SCALE_WINDOWS)[0])
    try:
        held_out = windows("validation", _SCALE_WINDOWS, 16)
    except DataError:
        return  # nothing to judge a scale by
    fit_scale(model, held_out, seed=train.seed)


def _validation(
    log: TrainingLog, config: LatentODEConfig, head: ClassHead | None
) -> tuple[WindowValidator | None, str]:
    """What judges a training, and the score of it that counts."""
    validator = _validator(log, config)
    if validator is not None and not can_judge(validator, head, log.labels):
        log = replace(log, labels=None)
        validator = _validator(log, config)
    return validator, "validation_crps" if log.labels is None else LABEL_LOSS


def _validator(log: TrainingLog, config: LatentODEConfig) -> WindowValidator | None:
    assert log.schema is not None
    scaler, train = log.schema.scaler, config.train
    try:
        return WindowValidator(
            log.sampler("validation", config),
            scaler.scale / scaler.std,
            seed=train.seed,
            device=device_of(train.device),
        )
    except DataError:
        return None  # a log of a few readings: train to the end of the schedule


def _event_rates(log: TrainingLog) -> Tensor | None:
    """Mean rate of each mark in the training part, per unit of model time; None without events."""
    if log.events is None:
        return None
    assert log.schema is not None
    streams = log.events.streams
    training = streams.clipped(*log.part("train"))
    if training.num_scored == 0:
        raise DataError(
            f"events: expected at least one in the training part, got {len(streams.times)} "
            "elsewhere. Check --split, --windows and the clock of the events."
        )
    return torch.from_numpy(training.rates(log.schema.time_scale.unit_ns))

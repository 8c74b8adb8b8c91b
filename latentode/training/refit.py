"""Train again on all of a log, its held-out end too, as long as validation told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latentode.config import LatentODEConfig, TrainConfig
from latentode.config.durations import parse_duration
from latentode.data.dataset import TimeSeriesDataset, positions
from latentode.data.reading.second_look.log_rows import short_instant
from latentode.errors import ConfigError, DataError
from latentode.files import atomic_folder
from latentode.models.fitted.device import rank
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.later_training import LaterTraining
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import LABEL_LOSS, fit_model
from latentode.training.state_folder import has_states
from latentode.training.stopping import stops_early
from latentode.training.trainer import ProgressRecord

#: Folder in that of a run where the checkpoints of its refit lie.
REFIT = "refit"
#: Said before the first training.
FIRST_OF_TWO = (
    "first of two trainings, with half of --max-time; it is scored, and then all of the log learned"
)


def refit_model(
    first: FittedModel,
    dataset: TimeSeriesDataset,
    *,
    scores: Mapping[str, Any],
    run_dir: Path | None = None,
    resume: bool = False,
    on_event: Callable[[ProgressRecord], None] | None = None,
) -> FittedModel:
    """Train a model anew on all of the log that its first training held a part of back from.

    Sizes, lengths and steps are those of the first training: it goes as many steps as validation
    chose there, the learning rate along. Scales and network are learned from all readings. What
    only a held-out part can tell is taken over: the calibration of the bands and the joint
    distribution of errors, which are those of the first model on readings that it had not seen.

    Args:
        first: The model, of a first training; it is not changed.
        dataset: The whole log of that training, channels in the order of the schema.
        scores: Of the first model on what was held out (`latentode.evaluation.backtest`), of which
            the main ones are kept beside the new one.
        run_dir: Folder of the run, where the model takes the place of the first; see
            `replace_model`. Checkpoints and metrics go into its folder "refit". None keeps
            everything in memory.
        resume: Go on from the last checkpoint there, if there is one.
        on_event: See `fit_model`.

    Returns:
        The new model.

    Raises:
        DataError: If a series of that training is not in the log.
        ConfigError: If the model was trained on parts.
    """
    refuse_without_series(first, "refit")
    log = _of_training(first, dataset)
    config = first.config.model_copy(update={"train": _as_long(first, log)})
    fitted = fit_model(
        log,
        config,
        run_dir=None if run_dir is None else run_dir / REFIT,
        resume=resume and run_dir is not None and has_states(run_dir / REFIT),
        on_event=on_event,
        first=first,
    )
    refit = LaterTraining(
        "refit",
        until=newest_time(log, fitted),
        readings=log.dataset.readings.num_readings,
        steps=int(fitted.history[-1]["step"]),
        scores=_in_short(scores),
    )
    # how long it may take, and the epochs, are of the first training, which alone was validated
    config = fitted.config.model_copy(update={"train": first.config.train})
    fitted = replace(fitted, config=config, history=first.history, later=(refit,))
    if run_dir is not None and rank() == 0:
        replace_model(fitted, run_dir)
    return fitted


def refuse_without_series(fitted: FittedModel, what: str) -> None:
    """Refuse what rests on the series that a model was trained on, where it remembers none.

    Args:
        fitted: The model.
        what: What is asked.

    Raises:
        ConfigError: With what to do instead.
    """
    if not len(fitted.context):
        raise ConfigError(
            f"{what}: expected a model that remembers its series, got one that was trained on "
            "parts and remembers none. Train again on parts of the whole log, with `train`."
        )


def replace_model(fitted: FittedModel, run_dir: Path) -> Path:
    """Put a model in the place of the last one of a run, which is kept in its folder "earlier".

    Args:
        fitted: The model.
        run_dir: Folder of the run.

    Returns:
        Where the last one lies now.
    """
    kept = run_dir / "earlier" / f"model-{len(fitted.later)}"
    kept.parent.mkdir(exist_ok=True)
    with atomic_folder(kept) as fresh:
        shutil.copytree(run_dir / "model", fresh, dirs_exist_ok=True)
    fitted.save(run_dir / "model")
    return kept


def half_as_long(config: LatentODEConfig) -> LatentODEConfig:
    """Settings of the first of two trainings that share a budget of time.

    Args:
        config: Settings of both.
    """
    if config.train.max_time is None:
        return config
    half = parse_duration(config.train.max_time, "s") / 2e9
    return config.updated(**{"train.max_time": f"{half:g}s"})


def newest_time(log: TrainingLog, fitted: FittedModel) -> str:
    """The time of the newest reading of a log, in words."""
    return short_instant(int(log.dataset.readings.times.max()), fitted.schema.clock)


def _as_long(first: FittedModel, log: TrainingLog) -> TrainConfig:
    """Settings for as many epochs as the first training took to its best weights."""
    epochs = len(first.history)
    if stops_early(log.with_schema(first.schema)):
        name = LABEL_LOSS if LABEL_LOSS in first.history[0] else "validation_crps"
        scores = np.nan_to_num([record.get(name, np.inf) for record in first.history], nan=np.inf)
        epochs = int(np.argmin(scores)) + 1
    return first.config.train.model_copy(update={"max_epochs": epochs, "max_time": None})


def _of_training(first: FittedModel, dataset: TimeSeriesDataset) -> TrainingLog:
    """The series of the first training, with their events and labels."""
    ids = first.context.series_ids
    found = positions(ids, dataset.series_ids)
    if (found < 0).any():
        raise DataError(
            f"log: expected the series that the model was trained on, {ids[int(found.argmin())]!r} "
            "is not there. Give the log of the training; a later one is for update."
        )
    return replace(first.log, dataset=dataset.select_series(found))


def _in_short(scores: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Main scores of the model by task, errors in standard deviations of the training."""
    found: dict[str, dict[str, float]] = {}
    for task in ("forecast", "interpolation"):
        numbers = scores.get(task, {}).get("overall", {}).get("model", {})
        kept = {key: numbers.get(key) for key in ("mae", "crps", "coverage_90")}
        found[task] = {key: float(value) for key, value in kept.items() if value is not None}
    return {task: numbers for task, numbers in found.items() if numbers}

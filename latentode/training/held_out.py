"""What the validation part shows of errors: how wide bands must be, and how paths hang together.

The last step of a training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import DataError
from latentode.evaluation.tasks import Task, forecast_task, interpolation_task
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.predictor import Predictor
from latentode.training.calibration import Errors, errors_of_windows, fit_calibration
from latentode.training.copula_fit import Stretches, fit_copula

_DRAWS = 64  # of a posterior
_ORIGINS, _TARGETS = 256, 12_000  # most of each: what a few seconds judge
_SHARE_FOR_CALIBRATION = 0.4  # of these, where no joint distribution of errors is learned
_FEWEST_ORIGINS = 32  # of a log whose windows alone hold more targets


def with_errors_learned(dataset: TimeSeriesDataset, fitted: FittedModel) -> FittedModel:
    """A model with the calibration and the copula that its errors on the validation part ask for.

    Args:
        dataset: The log, aligned with the schema.
        fitted: The model; it is not changed.
    """
    found = [errors_of(fitted, task) for task in _tasks(dataset, fitted)]
    if not found:
        return fitted
    errors, stretches = zip(*found, strict=True)
    size, device = len(fitted.schema.channels), next(fitted.model.parameters()).device
    lengths = fitted.schema.lengths
    horizon = lengths.horizon_ns / fitted.schema.time_scale.unit_ns
    train = fitted.config.train
    assert train.steps_per_epoch is not None
    steps = train.max_epochs * train.steps_per_epoch
    copula = fit_copula(Stretches.joined(list(stretches)), size, horizon, steps)
    return replace(_calibrated(fitted, list(errors)), copula=copula.to(device))


def with_calibration_learned(dataset: TimeSeriesDataset, fitted: FittedModel) -> FittedModel:
    """A model with the calibration alone, from fewer windows: what an update has the time for.

    Args:
        dataset: The log, aligned with the schema.
        fitted: The model; it is not changed.
    """
    tasks = _tasks(dataset, fitted, share=_SHARE_FOR_CALIBRATION)
    errors = [errors_of(fitted, task)[0] for task in tasks]
    return _calibrated(fitted, errors) if errors else fitted


def _calibrated(fitted: FittedModel, errors: list[Errors]) -> FittedModel:
    device = next(fitted.model.parameters()).device
    found = fit_calibration(Errors.joined(errors), len(fitted.schema.channels))
    return replace(fitted, calibration=found.to(device))


@torch.no_grad()
def errors_of(fitted: FittedModel, task: Task) -> tuple[Errors, Stretches]:
    """How far the targets of a task are from what the model says of them, not calibrated."""
    predictor = replace(Predictor.of(fitted, _DRAWS), calibration=None)
    seed = fitted.config.train.seed
    noise = torch.Generator(predictor.device).manual_seed(seed)
    choice = torch.Generator().manual_seed(seed)
    errors, stretches = [], []
    for part in predictor.solve(task.visible, task.targets):
        errors.append(errors_of_windows(predictor, part, noise))
        stretches.append(Stretches.of(predictor.model, part, choice))
    return Errors.joined(errors), Stretches.joined(stretches)


def _tasks(dataset: TimeSeriesDataset, fitted: FittedModel, share: float = 1.0) -> Iterator[Task]:
    """Forecasts from rolling origins of the validation part, and hidden readings of it.

    Args:
        dataset: The log.
        fitted: The model.
        share: Of the windows that would be looked at.
    """
    schema, seed = fitted.schema, fitted.config.train.seed
    starts, stops = schema.split.bounds(dataset, "validation")
    first, last = dataset.readings.first_and_last()
    context = schema.lengths.context_ns
    origins = starts
    if schema.split.kind == "series":  # an origin at the first reading would have no context
        origins = starts + np.minimum(context, (last - first) // 2)

    def forecasts(most: int) -> Task:
        horizon = schema.lengths.horizon_ns
        return forecast_task(
            dataset,
            context_ns=context,
            horizon_ns=horizon,
            start_ns=origins,
            stop_ns=stops,
            max_windows=most,
        )

    try:
        kept = min(1.0, share * _TARGETS / len(forecasts(_ORIGINS).targets))
        yield forecasts(max(_FEWEST_ORIGINS, int(kept * _ORIGINS)))
    except DataError:
        pass  # no origin has a whole horizon
    try:
        hidden = interpolation_task(
            dataset, start_ns=starts, stop_ns=stops, context_ns=context, seed=seed
        )
        yield _thinned(hidden, context, int(share * _TARGETS))
    except DataError:
        pass  # no reading


def _thinned(task: Task, context_ns: int, most: int) -> Task:
    """A task of about so many targets at most, of some stretches: fewer windows are solved."""
    targets = task.targets
    every = max(1, round(len(targets) / most))
    stretch = targets.times // context_ns + targets.window
    return Task(task.visible, targets.select(stretch % every == 0))

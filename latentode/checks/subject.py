"""The model that is checked: small, of the parts asked for, with weights off their start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Clock, Float64, Readings, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.estimators.inputs import Log
from latentode.estimators.latent_ode import LatentODE
from latentode.estimators.reading_predictions import ReadingPredictions
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel, build_model
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.latent_ode import LatentODEModel
from latentode.training.repeatable import evenly

SECOND_NS = 1_000_000_000
_START_NS = 1_700_000_000 * SECOND_NS  # whole seconds, so that any unit can say them
_MINUTE_NS, _SPAN_MINUTES = 60 * SECOND_NS, 120 * 60  # five days: three contexts
_READINGS = (60, 40, 30, 50)  # rows of each series
_CHANNELS = ("level", "flow")
_MOVED = 0.1  # how far weights are off their start, where some parts have no effect
_WINDOWS, _FEWEST_ROWS = 8, 3  # of each channel: what is rare has rules of its own
DRAWS = 6
_SIZES = {"latent_dim": 3, "hidden_dim": 8, "dropout": 0.0}
_OF_THE_LOG = {
    "windows.context": "36h",
    "windows.horizon": "12h",
    "windows.split": "time",
    "data.columns.id": "series",
    "data.columns.time": "time",
    "train.seed": 5,
}


def settings_for(config: LatentODEConfig) -> LatentODEConfig:
    """The parts and the solver of some settings, sizes and step chosen where they are open.

    Args:
        config: Settings, of which the rest is that of the log of the checks.
    """
    open_sizes = {k: v for k, v in _SIZES.items() if getattr(config.model, k) is None}
    chosen = {f"model.{name}": size for name, size in open_sizes.items()}
    if config.solver.step_size is None:  # else each batch chooses, by all its windows
        chosen["solver.step_size"] = 0.25
    own = LatentODEConfig(model=config.model, solver=config.solver).updated(**_OF_THE_LOG, **chosen)
    return own.model_copy(update={"model": own.model.resolved()})


def log_of_checks() -> TimeSeriesDataset:
    """Series of two channels at irregular times, each read in two rows of three."""
    draw = np.random.default_rng(0)
    series = np.repeat(np.arange(len(_READINGS)), _READINGS)
    minutes = [np.sort(draw.choice(_SPAN_MINUTES, count, replace=False)) for count in _READINGS]
    times = _START_NS + np.concatenate(minutes).astype(np.int64) * _MINUTE_NS
    phase = (times - _START_NS)[:, None] / (9 * 60 * _MINUTE_NS) + series[:, None]
    values = 20.0 + 3.0 * np.sin(phase + np.arange(len(_CHANNELS)))
    values += 0.1 * draw.normal(size=values.shape)
    seen = draw.random(values.shape) < 2 / 3
    seen[np.arange(len(seen)), draw.integers(len(_CHANNELS), size=len(seen))] = True
    row, channel = np.nonzero(seen)
    readings = Readings.from_triplets(
        series[row],
        times[row],
        channel,
        values[seen],
        num_series=len(_READINGS),
        channels=_CHANNELS,
    )
    names = tuple(f"series-{index}" for index in range(len(_READINGS)))
    return TimeSeriesDataset(names, readings, Clock("calendar", "UTC"))


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed the generators that all share, and put them back."""
    numbers = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numbers)


@dataclass(frozen=True, eq=False)
class Subject:
    """A model that was never trained, its log, and windows of it.

    Attributes:
        config: Settings.
        log: The log.
        fitted: The model.
        batch: Training windows, in which every channel was read.
        noise: Of posterior draws of them, shape (draw, batch, latent).
        export: Whether the exported model is looked at.
    """

    config: LatentODEConfig
    log: TimeSeriesDataset
    fitted: FittedModel
    batch: SeriesBatch
    noise: Tensor
    export: bool

    @classmethod
    def of(cls, config: LatentODEConfig, *, export: bool) -> Subject:
        """Build a model, the same of the same settings; see `settings_for`."""
        log = log_of_checks()
        schema = DataSchema.fit(log, config)
        with seeded(), torch.no_grad():
            model = build_model(config, schema)
            for parameter in model.parameters():
                parameter.add_(_MOVED * torch.randn_like(parameter))
            noise = torch.randn(2, _WINDOWS, config.model.latent_dim)
        kept = TrainingLog(last_context(log, schema))
        fitted = FittedModel.untrained(config, schema, model.eval(), kept)
        sampler = TrainingLog(log).with_schema(schema).sampler("train", config)
        every = sampler.batch(sampler.eligible_rows(), (0,))
        full = torch.nonzero(every.mask.sum(dim=1).amin(dim=-1) >= _FEWEST_ROWS).flatten()
        batch = every.select(torch.from_numpy(evenly(full.numpy(), _WINDOWS)))
        return cls(config, log, fitted, batch, noise, export)

    @cached_property
    def usual(self) -> Float64:
        """The forecast of the log."""
        return self.forecast()

    def forecast(self, log: Log | None = None, *, fitted: FittedModel | None = None) -> Float64:
        """Draws of a forecast, shape (draw, series, step, channel).

        Args:
            log: Log in any form; None is that of the checks.
            fitted: Model; None is that of the checks.
        """
        asked = self.log if log is None else log
        with seeded():
            return ahead(estimator_of(fitted or self.fitted), asked)

    def outputs(
        self, batch: SeriesBatch, noise: Tensor, *, model: LatentODEModel | None = None
    ) -> dict[str, Tensor]:
        """What a model makes of windows, by name; the second axis is that of the batch.

        Args:
            batch: Windows, which are copied.
            noise: As in `LatentODEModel.solve`.
            model: Model; None is that of the checks.
        """
        network = self.fitted.model if model is None else model
        with seeded(), torch.no_grad():
            windows = batch.clone()
            solved = network.solve(windows, noise, density=True)
            evidence = network.evidence(solved, windows)
        return {
            "location": solved.decoded.location,
            "scale": solved.decoded.scale,
            "log-likelihood": evidence.log_likelihood,
            "log-ratio": evidence.log_ratio,
        }


def ahead(estimator: ReadingPredictions[Any], log: Log, *, allow_missing: bool = False) -> Float64:
    """Draws of a forecast of six hours, shape (draw, series, step, channel).

    Args:
        estimator: What forecasts.
        log: Log in any form.
        allow_missing: As in `LatentODE.forecast`.
    """
    found = estimator.forecast(
        log, horizon="6h", every="1h", num_draws=DRAWS, allow_missing_channels=allow_missing
    )
    return np.asarray(found["value"])


def estimator_of(fitted: FittedModel) -> LatentODE:
    """A model as users call it."""
    estimator = LatentODE(config=fitted.config)
    estimator.config_, estimator.fitted_ = fitted.config, fitted
    return estimator

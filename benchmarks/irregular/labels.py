"""Labels of whole series: models with a head for them, trained by the package's trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.irregular.task import Draw
from benchmarks.irregular.training import Build, Fitted, epoch_of, initial, trained
from benchmarks.irregular.windows import Floats, Scale, Windows
from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.evaluation.classification import area_under_curve, brier
from latentode.models.fitted.history import Record

_CHUNK = 100
_SCORE = "1 - AUC"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Windows with a label each.

    Attributes:
        windows: The windows.
        labels: 0 or 1, shape (window,).
    """

    windows: Windows
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelTask:
    """Labelled series to learn from, and fixed windows that choose.

    Attributes:
        draw: Windows of some training series, drawn anew at each call; see `SeriesTask.draw`.
        labels: Of the training series, shape (series,).
        validation: Windows that choose.
        scale: Scales of the training part.
    """

    draw: Draw
    labels: NDArray[np.int64]
    validation: Labelled
    scale: Scale


@dataclass(frozen=True, eq=False)
class LabelSampler:
    """Training windows of a task with their labels, as the trainer takes them.

    Attributes:
        task: The task.
        anchor: Where model time 0 is.
    """

    task: LabelTask
    anchor: str

    def eligible_rows(self) -> NDArray[np.int64]:
        """Numbers of the training series."""
        return np.arange(len(self.task.labels))

    def epoch(
        self, rows: NDArray[np.int64], num_batches: int, batch_size: int, seed: tuple[int, ...]
    ) -> NDArray[np.int64]:
        """Series of the batches; see `epoch_of`."""
        return epoch_of(rows, num_batches, batch_size, seed)

    def batch(
        self, rows: NDArray[np.int64], seed: tuple[int, ...], *, first: int = 0
    ) -> SeriesBatch:
        """Windows of some series, drawn from the stream of `seed` and `first`."""
        windows = self.task.draw(rows, np.random.default_rng((*seed, first)))
        batch = windows.batch(self.task.scale, self.anchor)
        return replace(batch, labels=torch.from_numpy(self.task.labels[rows]))


@dataclass(frozen=True, eq=False)
class LabelValidator:
    """One minus the area under the curve, which chooses, and the Brier score."""

    task: LabelTask
    num_draws: int

    def __call__(self, model: nn.Module) -> Record:
        """Scores by name."""
        chosen = self.task.validation
        found = probabilities(model, chosen.windows, self.task.scale, self.num_draws, seed=1)
        area = area_under_curve(found, chosen.labels)
        return {_SCORE: 1.0 - area, "Brier": brier(found, chosen.labels)}


def fit(
    task: LabelTask,
    config: LatentODEConfig,
    build: Build,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Train a model on a task, and keep the weights that were best in validation.

    Args:
        task: The task.
        config: Settings.
        build: Makes the model from settings, numbers of channels and covariates, and scales.
        on_event: As in `Trainer`.
    """
    model = initial(build, config, task.validation.windows, task.scale)
    sampler = LabelSampler(task, config.model.anchor)
    began = time.process_time()
    rows, held_out = sampler.eligible_rows(), task.validation
    shown = held_out.windows.batch(task.scale, config.model.anchor)
    held = replace(shown, labels=torch.from_numpy(held_out.labels))
    model.label_head.prepare([sampler.batch(rows, (config.train.seed, 12))], [held])
    before = time.process_time() - began
    fitted = trained(
        model,
        task.scale,
        sampler,
        LabelValidator(task, num_draws=4),
        config,
        score=_SCORE,
        on_event=on_event,
    )
    return replace(fitted, seconds=fitted.seconds + before)


def probabilities(
    model: nn.Module, windows: Windows, scale: Scale, num_draws: int, *, seed: int
) -> Floats:
    """Probability of a positive label, shape (window,).

    Args:
        model: A model with a head for labels, on the contract of `LatentODEModel`.
        windows: Windows.
        scale: Scales that it was trained with.
        num_draws: Draws of the latent state.
        seed: Seed of the draws.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    found = []
    for start in range(0, len(windows), _CHUNK):
        batch = windows.take(slice(start, start + _CHUNK)).batch(scale, model.config.anchor)
        noise = torch.randn((num_draws, batch.size, model.config.latent_dim), generator=generator)
        with torch.no_grad():
            batch = batch.to(device)
            chosen = model.label_head.probabilities(model.solve(batch, noise.to(device)), batch)
        found.append(chosen[:, 1].double().cpu().numpy())
    return np.concatenate(found)

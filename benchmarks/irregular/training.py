"""The package's model and trainer on a task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.irregular.gru_decay import of_equal_size
from benchmarks.irregular.task import SeriesTask
from benchmarks.irregular.windows import Floats, Scale, Windows
from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import Sampler
from latentode.models.decoders.readout import Decoded
from latentode.models.fitted.device import device_of
from latentode.models.fitted.history import Record
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.training import Trainer
from latentode.training.direct_fit import fit_direct
from latentode.training.refinement import choose_starts, fit_scale
from latentode.training.validation import Validator

Build = Callable[[LatentODEConfig, int, int, Scale], nn.Module]
_CHUNK = 100
_FITTED = 4096  # windows, by which direct forecasts are fitted
_STARTS_OF = 256


def epoch_of(
    rows: NDArray[np.int64], num_batches: int, batch_size: int, seed: tuple[int, ...]
) -> NDArray[np.int64]:
    """Series of the batches, (batch, window): every series once before any comes again."""
    generator, wanted = np.random.default_rng(seed), num_batches * batch_size
    rounds = [generator.permutation(rows) for _ in range(-(-wanted // len(rows)))]
    return np.concatenate(rounds)[:wanted].reshape(num_batches, batch_size)


@dataclass(frozen=True, eq=False)
class TaskSampler:
    """Training windows of a task, as the trainer takes them.

    Attributes:
        task: The task.
        scale: Scales of its training part.
        anchor: Where model time 0 is.
        ask_seen: Whether visible readings are targets too. A model that remembers readings would
            only learn to repeat them.
    """

    task: SeriesTask
    scale: Scale
    anchor: str
    ask_seen: bool

    def eligible_rows(self) -> NDArray[np.int64]:
        """Numbers of the training series."""
        return np.arange(self.task.train_size)

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
        asked = windows if self.ask_seen else windows.without_seen()
        return asked.batch(self.scale, self.anchor)


@dataclass(frozen=True, eq=False)
class TaskValidator:
    """Metrics of the mean prediction on the validation windows."""

    task: SeriesTask
    scale: Scale
    num_draws: int

    def __call__(self, model: nn.Module) -> Record:
        """Metrics by name; the first one counts."""
        windows = self.task.validation
        parts = predict(model, windows, self.scale, self.num_draws, seed=1)
        return self.task.metrics(np.concatenate([part.mean for part in parts]), windows)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model trained on a task.

    Attributes:
        model: The model, with the weights that were best in validation.
        scale: Scales of the training part.
        history: One record an epoch.
        seconds: What training took: CPU seconds of the process, or of the wall on a GPU.
    """

    model: nn.Module
    scale: Scale
    history: list[Record]
    seconds: float

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.model.parameters())


def settings(
    protocol: Mapping[str, Any], name: str, train_size: int, seed: int, device: str
) -> Any:
    """Settings of a run: the package's defaults, the protocol's schedule, and its changes.

    Args:
        protocol: "epochs" (passes over the training series, a number or one by name of task),
            "batch", and "config", changed settings by dotted name.
        name: Name of the task.
        train_size: Number of training series.
        seed: Seed of everything.
        device: Device.
    """
    batch, epochs = min(protocol["batch"], train_size), protocol["epochs"]
    epochs = epochs[name] if isinstance(epochs, Mapping) else epochs
    schedule = {
        "train.max_time": None,
        "train.max_epochs": epochs,
        "train.steps_per_epoch": max(1, train_size // batch),
        "train.batch_size": batch,
        "train.patience": epochs,
        "train.seed": seed,
        "train.device": device,
    }
    config = LatentODEConfig().updated(**schedule, **protocol["config"])
    return config.model_copy(update={"model": config.model.resolved(train_size)})


def gru_decay(
    config: LatentODEConfig, channels: int, static: int, scale: Scale, *, num_classes: int = 0
) -> nn.Module:
    """A GRU with decay of the same size, freshly initialised."""
    return of_equal_size(
        latent_ode(config, channels, static, scale, num_classes=num_classes),
        config,
        num_channels=channels,
        input_dim=scale.input_dim,
        static_dim=static,
        scale_floor=torch.from_numpy(scale.scaler.density_floor),
        num_classes=num_classes,
    )


def latent_ode(
    config: LatentODEConfig, channels: int, static: int, scale: Scale, *, num_classes: int = 0
) -> nn.Module:
    """The package's model, freshly initialised."""
    return LatentODEModel(
        config.model,
        config.solver,
        num_channels=channels,
        input_dim=scale.input_dim,
        static_dim=static,
        scale_floor=torch.from_numpy(scale.scaler.density_floor),
        num_classes=num_classes,
    )


def fit(
    task: SeriesTask,
    scale: Scale,
    config: LatentODEConfig,
    build: Build = latent_ode,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Train a model on a task, and keep the weights that were best in validation.

    Args:
        task: The task.
        scale: Scales of its training part.
        config: Settings.
        build: Makes the model from settings, numbers of channels and covariates, and scales.
        on_event: As in `Trainer`.
    """
    windows, anchor = task.validation, config.model.anchor
    model = initial(build, config, windows, scale)
    alone = isinstance(model, LatentODEModel) and not config.model.memory
    sampler = TaskSampler(task, scale, anchor, ask_seen=alone)
    fitted = trained(
        model,
        scale,
        sampler,
        TaskValidator(task, scale, num_draws=4),
        config,
        score=next(iter(task.metrics(windows.targets, windows))),
        on_event=on_event,
    )
    if not isinstance(model, LatentODEModel):
        return fitted
    clock = _clock(config)
    began = clock()
    fit_direct(model, *_parts(task, sampler, config), seed=config.train.seed)
    if not config.model.refine:
        return replace(fitted, seconds=fitted.seconds + clock() - began)
    device, seed = device_of(config.train.device), config.train.seed
    some = sampler.batch(np.arange(min(_STARTS_OF, task.train_size)), (seed, 10)).to(device)
    choose_starts(model.eval(), some)
    fit_scale(model, [windows.without_seen().batch(scale, anchor).to(device)], seed=seed)
    return replace(fitted, seconds=fitted.seconds + clock() - began)


def _parts(
    task: SeriesTask, sampler: TaskSampler, config: LatentODEConfig
) -> tuple[list[SeriesBatch], list[SeriesBatch]]:
    """Windows of training and validation, a batch at a time, for what is fitted after the steps."""
    device, size = device_of(config.train.device), config.train.batch_size
    rows = np.random.default_rng(config.train.seed).permutation(task.train_size)[:_FITTED]
    train = [
        sampler.batch(rows[first : first + size], (config.train.seed, 13), first=first).to(device)
        for first in range(0, len(rows), size)
    ]
    held_out = task.validation
    judged = [
        held_out.take(slice(first, first + size)).batch(sampler.scale, sampler.anchor).to(device)
        for first in range(0, min(len(held_out), _FITTED), size)
    ]
    return train, judged


def initial(build: Build, config: LatentODEConfig, windows: Windows, scale: Scale) -> nn.Module:
    """A model for windows of some shape, initialised from the seed of the settings."""
    with torch.random.fork_rng():
        torch.manual_seed(config.train.seed)
        return build(config, windows.values.shape[-1], windows.static.shape[-1], scale)


def trained(
    model: nn.Module,
    scale: Scale,
    sampler: Sampler,
    validator: Validator,
    config: LatentODEConfig,
    *,
    score: str,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Run the trainer.

    Args:
        model: The model, trained in place.
        scale: Scales of the training part.
        sampler: Training windows.
        validator: Scores of the validation windows.
        config: Settings.
        score: Name of the score that chooses the weights, lower is better.
        on_event: As in `Trainer`.
    """
    trainer = Trainer(model, sampler, validator, config.train, on_event=on_event, score=score)
    clock = _clock(config)
    began = clock()
    history = trainer.fit()
    return Fitted(model, scale, history, clock() - began)


def _clock(config: LatentODEConfig) -> Callable[[], float]:
    on_cpu = device_of(config.train.device).type == "cpu"
    return time.process_time if on_cpu else time.monotonic


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of some windows.

    Attributes:
        windows: The windows.
        mean: Mean prediction in the protocol's unit, shape (window, step, channel).
        draw: Gives predictive draws, one for each draw of the latent state, float32, shape (draw,
            window, step, channel).
        median: Median prediction, where a model has one that differs, as `mean`.
    """

    windows: Windows
    mean: Floats
    draw: Callable[[], Floats]
    median: Floats | None = None


def predict(
    model: nn.Module,
    windows: Windows,
    scale: Scale,
    num_draws: int,
    *,
    seed: int,
    refine: bool = False,
) -> Iterator[Prediction]:
    """Predict some windows at a time, as the draws of all would not fit into memory.

    Args:
        model: A model on the contract of `LatentODEModel`.
        windows: Windows.
        scale: Scales that it was trained with.
        num_draws: Draws of the latent state.
        seed: Seed of the draws.
        refine: Whether posteriors are refined first where the model is set to, which takes long.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(windows), _CHUNK):
        part = windows.take(slice(start, start + _CHUNK))
        batch = part.batch(scale, model.config.anchor).to(device)
        noise = torch.randn((num_draws, batch.size, model.config.latent_dim), generator=generator)
        with torch.no_grad():
            posterior = infer(model, batch, refine=refine and isinstance(model, LatentODEModel))
            decoded = model.solve(batch, noise.to(device), posterior=posterior).decoded

        def draw(decoded: Decoded = decoded) -> Floats:
            shape = decoded.location.shape
            noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(device)
            with torch.no_grad():
                drawn = model.likelihood.transform(noise, decoded.location, decoded.scale)
            return scale.scaler.inverse(drawn.cpu().numpy()).astype(np.float32)

        mean = decoded.location.mean(0).double().cpu().numpy()
        yield Prediction(part, scale.scaler.inverse(mean), draw)

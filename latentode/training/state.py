"""Everything that a training run must remember to go on exactly as if it had not stopped."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentode.errors import CheckpointError
from latentode.files import atomic_write, clean_stray
from latentode.model import LatentODEModel
from latentode.training.checkpoint import load_folder, load_strictly, read_json, save_folder
from latentode.training.history import Record, to_csv
from latentode.training.optimizer import WeightAverage, optimizer_tensors, restore_optimizer

_STEM = "state"


@dataclass
class Progress:
    """Counters of a run. Random streams are functions of (seed, step) and need no state.

    Attributes:
        step: Optimiser steps taken.
        epoch: Epochs finished.
        step_in_epoch: Steps taken of the current epoch.
        total_epochs: Epochs of the schedule; 0 until the time of a step is known.
        epoch_sums: Running sums of the current epoch's loss, KL, gradient norm and number of steps.
        best_score: Lowest validation score so far.
        best_step: Step of the best weights.
        epochs_since_best: Epochs without a better score.
        skipped: Steps and windows that were not taken, in all.
        failures: Non-finite steps in a row.
        rollbacks: Returns to the last good state.
        lr_factor: Factor on the learning rate, halved by a rollback.
        history: One record an epoch.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    total_epochs: int = 0
    epoch_sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    best_score: float | None = None
    best_step: int = -1
    epochs_since_best: int = 0
    skipped: int = 0
    failures: int = 0
    rollbacks: int = 0
    lr_factor: float = 1.0
    history: list[Record] = field(default_factory=list)


class Checkpoints:
    """The folder ``checkpoints/`` of a run: the last state and the best.

    Args:
        run_dir: Run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.folder = run_dir / "checkpoints"
        self.folder.mkdir(parents=True, exist_ok=True)
        clean_stray(self.folder)

    def save(
        self,
        progress: Progress,
        model: LatentODEModel,
        average: WeightAverage,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """Write the state, point "last" (and "best") at it, and remove states nothing points at."""
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in average.tensors.items()}
        tensors |= optimizer_tensors(optimizer)
        name = f"{progress.step:06d}"
        save_folder(self.folder / name, _STEM, tensors, {"progress": asdict(progress)})
        self._point("last", name)
        if progress.best_step == progress.step:
            self._point("best", name)
        atomic_write(self.run_dir / "metrics.csv", to_csv(progress.history))
        self._prune()

    def restore(
        self, model: LatentODEModel, average: WeightAverage, optimizer: torch.optim.Optimizer
    ) -> Progress:
        """Load the last state into its owners."""
        tensors, meta = self._load("last")
        where = self.folder / f"{_STEM}.safetensors"
        load_strictly(model, _under("model", tensors), where)
        average.tensors = _under("average", tensors)
        restore_optimizer(optimizer, tensors)
        try:
            return Progress(**meta["progress"])
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"{self.folder}: progress is not readable ({error}).") from None

    def best_weights(self) -> dict[str, Tensor]:
        """Averaged weights of the best state."""
        return _under("average", self._load("best")[0])

    def _load(self, pointer: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        name = read_json(self.folder / f"{pointer}.json").get("checkpoint")
        if not isinstance(name, str) or not name.isdigit():
            raise CheckpointError(f"{self.folder / pointer}.json: expected a step, got {name!r}.")
        return load_folder(self.folder / name, _STEM)

    def _point(self, pointer: str, name: str) -> None:
        atomic_write(self.folder / f"{pointer}.json", f'{{"checkpoint": "{name}"}}\n'.encode())

    def _prune(self) -> None:
        kept = {
            read_json(path).get("checkpoint")
            for path in (self.folder / "last.json", self.folder / "best.json")
            if path.exists()
        }
        for path in self.folder.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in kept:
                shutil.rmtree(path)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

"""Everything that a training run must remember to go on exactly as if it had not stopped."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from latentode.errors import CheckpointError
from latentode.files import atomic_write, clean_stray
from latentode.flows.adam import AdamW
from latentode.models.fitted.history import Record, from_json, to_csv, to_json
from latentode.models.fitted.model_folder import (
    check_tensors,
    load_folder,
    load_strictly,
    read_json,
    save_folder,
)
from latentode.models.latent_ode import LatentODEModel
from latentode.training.optimizer import WeightAverage

_STEM = "state"


@dataclass
class Progress:
    """Counters of a run. Random streams are functions of (seed, step) and need no state.

    Attributes:
        step: Optimiser steps taken.
        epoch: Epochs finished.
        step_in_epoch: Steps taken of the current epoch.
        total_epochs: Epochs of the schedule; 0 until the time of a step is known.
        epoch_sums: Running sums of what the good steps of the current epoch gave, by name.
        epoch_count: Number of these steps.
        best_score: Lowest validation score so far.
        best_step: Step of the best weights.
        epochs_since_best: Epochs without a better score.
        skipped: Windows left out of steps, and steps refused, in all.
        failures: Non-finite steps in a row.
        rollbacks: Returns to the last good state.
        lr_factor: Factor on the learning rate, halved by a rollback.
        solver_method: Method of the solver; "" as the settings have it.
        step_size: Its step in model time; 0 as the settings have it.
        tolerance: Its tolerance; 0 as the settings have it.
        history: One record an epoch.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    total_epochs: int = 0
    epoch_sums: dict[str, float] = field(default_factory=dict)
    epoch_count: int = 0
    best_score: float | None = None
    best_step: int = -1
    epochs_since_best: int = 0
    skipped: int = 0
    failures: int = 0
    rollbacks: int = 0
    lr_factor: float = 1.0
    solver_method: str = ""
    step_size: float = 0.0
    tolerance: float = 0.0
    history: list[Record] = field(default_factory=list)

    def add(self, values: Mapping[str, float]) -> None:
        """Count what a good step gave."""
        for name, value in values.items():
            self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + value
        self.epoch_count += 1

    def epoch_means(self) -> Record:
        """Means over the good steps of the current epoch so far."""
        return {name: total / self.epoch_count for name, total in self.epoch_sums.items()}

    def next_epoch(self) -> None:
        """Close the current epoch."""
        self.epoch, self.step_in_epoch = self.epoch + 1, 0
        self.epoch_sums, self.epoch_count = {}, 0


class Checkpoints:
    """The folder ``checkpoints/`` of a run: the last state and the best.

    Args:
        run_dir: Run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.folder = run_dir / "checkpoints"

    def prepare(self) -> None:
        """Make the folder, and remove what a killed process left half-written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        clean_stray(self.folder)

    def save(
        self,
        progress: Progress,
        model: LatentODEModel,
        average: WeightAverage,
        optimizer: AdamW,
    ) -> None:
        """Write the state, point "best" and "last" at theirs, and remove all other states.

        Killed at any moment, it leaves "last" on a whole state whose best one is there as well.
        """
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in average.tensors.items()}
        tensors |= {f"optimizer.{k}": v for k, v in optimizer.tensors().items()}
        name = _name(progress.step)
        state = asdict(progress) | {"history": to_json(progress.history)}
        save_folder(self.folder / name, _STEM, tensors, {"progress": state})
        kept = {name}
        if progress.best_step >= 0:
            kept.add(_name(progress.best_step))
            self._point("best", _name(progress.best_step))
        self._point("last", name)
        atomic_write(self.run_dir / "metrics.csv", to_csv(progress.history))
        for path in self.folder.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in kept:
                shutil.rmtree(path)

    def restore(
        self, model: LatentODEModel, average: WeightAverage, optimizer: AdamW
    ) -> tuple[Progress, dict[str, Tensor] | None]:
        """Load the last state into its owners.

        Returns:
            Its counters, and the averaged weights of the best state, if there was one.

        Raises:
            CheckpointError: If a state is missing, broken, tampered with or of another model.
        """
        tensors, meta = self._load(self._last())
        where = self.folder / self._last() / f"{_STEM}.safetensors"
        load_strictly(model, _under("model", tensors), where)
        average.load(_checked(model, _under("average", tensors), where))
        try:
            optimizer.load(_under("optimizer", tensors))
            progress = _progress(meta["progress"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{where.parent}: not a state of this run ({error}).") from None
        if progress.best_step < 0:
            return progress, None
        # by number: a process killed between two writes leaves the pointer one state ahead
        best = _name(progress.best_step)
        return progress, _checked(model, _under("average", self._load(best)[0]), self.folder / best)

    def _last(self) -> str:
        path = self.folder / "last.json"
        name = read_json(path).get("checkpoint")
        if not isinstance(name, str) or not (name.isascii() and name.isdigit()):
            raise CheckpointError(f"{path}: expected the number of a step, got {name!r}.")
        return name

    def _load(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, meta = load_folder(self.folder / name, _STEM, {"progress"})
        for key in tensors:
            if key.split(".")[0] not in ("model", "average", "optimizer"):
                raise CheckpointError(f"{self.folder / name}: unknown tensor {key!r}.")
        return tensors, meta

    def _point(self, pointer: str, name: str) -> None:
        atomic_write(self.folder / f"{pointer}.json", f'{{"checkpoint": "{name}"}}\n'.encode())


def _name(step: int) -> str:
    return f"{step:06d}"


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _checked(model: LatentODEModel, tensors: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    check_tensors(model, tensors, where)
    return tensors


def _progress(values: Mapping[str, Any]) -> Progress:
    progress = Progress(**{**values, "history": from_json(values["history"])})
    blank = Progress(best_score=0.0)
    for name, default in vars(blank).items():
        found = getattr(progress, name)
        number = isinstance(default, float) and isinstance(found, int)
        none = name == "best_score" and found is None
        if not (isinstance(found, type(default)) or number or none):
            raise TypeError(f"{name}: expected {type(default).__name__}, got {found!r}")
    return progress

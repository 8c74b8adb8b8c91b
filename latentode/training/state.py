"""Everything that a training run must remember to go on exactly as if it had not stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from latentode.files import atomic_write, recover
from latentode.models.fitted.history import Record, from_json, to_csv, to_json
from latentode.models.fitted.model_folder import check_tensors, shed_absent
from latentode.training.optimizer import Learner
from latentode.training.state_folder import StateFolder, fits_this_run


@dataclass
class Progress:
    """Counters of a run. Random streams are functions of (seed, step) and need no state.

    Attributes:
        step: Optimiser steps taken.
        epoch: Epochs finished.
        step_in_epoch: Steps taken of the current epoch.
        total_steps: Steps of the schedule; 0 until the time of a step is known.
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
    total_steps: int = 0
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
    """The last state of a run and the best, and metrics.csv beside them.

    Args:
        run_dir: Run folder.

    Attributes:
        states: The folder of the states.
    """

    def __init__(self, run_dir: Path) -> None:
        self._metrics = run_dir / "metrics.csv"
        self.states = StateFolder(run_dir, ("model", "average", "optimizer"), "progress")

    def prepare(self) -> None:
        """Make the folder, and remove what a killed process left half-written."""
        self.states.prepare()
        recover(self._metrics)

    def save(self, progress: Progress, learner: Learner) -> None:
        """Write the state and the metrics; see `StateFolder.save`."""
        values = asdict(progress) | {"history": to_json(progress.history)}
        best = progress.best_step if progress.best_step >= 0 else None
        self.states.save(progress.step, learner.parts(), values, best=best)
        atomic_write(self._metrics, to_csv(progress.history))

    def restore(self, learner: Learner) -> tuple[Progress, dict[str, Tensor] | None]:
        """Load the last state into its owners.

        Returns:
            Its counters, and the averaged weights of the best state, if there was one.

        Raises:
            CheckpointError: If a state is missing, broken, tampered with or of another model.
        """
        folder, parts, values = self.states.load()
        shed_absent(learner.model, parts["model"])
        check_tensors(learner.model, parts["model"], folder)
        check_tensors(learner.model, parts["average"], folder)
        with fits_this_run(folder):
            learner.load(parts)
            progress = _progress(values)
        if progress.best_step < 0:
            return progress, None
        # by number: a process killed between two writes leaves the pointer one state ahead
        folder, parts, _ = self.states.load(progress.best_step)
        check_tensors(learner.model, parts["average"], folder)
        return progress, parts["average"]


def _progress(values: Mapping[str, Any]) -> Progress:
    # earlier states knew epochs of the schedule, which is planned anew
    values = {name: value for name, value in values.items() if name != "total_epochs"}
    progress = Progress(**{**values, "history": from_json(values["history"])})
    blank = Progress(best_score=0.0)
    for name, default in vars(blank).items():
        value = getattr(progress, name)
        number = isinstance(default, float) and isinstance(value, int)
        none = name == "best_score" and value is None
        if not (isinstance(value, type(default)) or number or none):
            raise TypeError(f"{name}: expected {type(default).__name__}, got {value!r}")
    return progress

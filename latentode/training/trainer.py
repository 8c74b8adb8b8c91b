"""The training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentode.config import TrainConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import Sampler
from latentode.data.dataset import Int64
from latentode.errors import SolverError, TrainingError
from latentode.models.fitted.device import device_of, rank, world_size
from latentode.models.fitted.history import Record
from latentode.models.latent_ode import LatentODEModel
from latentode.training.execution.distributed import largest
from latentode.training.execution.interrupt import StopRequest, stop_on_signal
from latentode.training.execution.pace import Pace
from latentode.training.optimizer import Learner, learning_rate
from latentode.training.solver_watch import SolverWatch
from latentode.training.state import Checkpoints, Progress
from latentode.training.step import GradientStep
from latentode.training.validation import Validator

ProgressRecord = dict[str, Any]
_OTHER = 0.2  # a plan that differs by more is said again
_MAX_FAILURES = 3  # steps in a row without a finite loss, before weights go back
_MAX_ROLLBACKS = 3  # each halves the learning rate: what an eighth does not mend is refused


class Trainer:
    """Trains a model on random windows, stops by validation score, and survives interruptions.

    The weights that are kept are the exponential average at the best validation score. A step whose
    loss or gradient is not finite is never taken. With `run_dir`, the state is saved after every
    epoch and on SIGINT, SIGTERM or SIGHUP, and a resumed run gives the same bits on the same
    machine and thread count (after a rollback, only if it was stopped between epochs).

    Args:
        model: Model to train, in place.
        sampler: Training windows.
        validator: Scores of the validation part; None trains to the end of the schedule.
        config: Settings.
        run_dir: Where checkpoints and metrics.csv go; None keeps everything in memory.
        on_event: Called on rank 0 with {"event": "note" | "step" | "epoch" | "done", ...}; a few
            times a second with a step, which has step, total_steps, train_loss and eta_seconds.
        stop_early: Stop by the validation score, and keep the weights that were best by it;
            otherwise train to the end of the schedule and keep the last.
        score: Name of the validation score that counts; lower is better.
        first: What all processes draw the first windows from alike; None takes `sampler`.
        spans: Model time before and after an anchor that the step of the solver has to hold for,
            as far as no window of training lies there; see `DataSchema.around_anchor`.
        clock: Seconds since any moment, against which the budget is held.

    Attributes:
        progress: Counters and history.
    """

    def __init__(
        self,
        model: LatentODEModel,
        sampler: Sampler,
        validator: Validator | None,
        config: TrainConfig,
        *,
        run_dir: Path | None = None,
        on_event: Callable[[ProgressRecord], None] | None = None,
        stop_early: bool = True,
        score: str = "validation_crps",
        first: Sampler | None = None,
        spans: tuple[float, float] = (0.0, 0.0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stop_early = stop_early
        self.score = score
        self._clock = clock
        self.model = model
        self._tolerance = model.solver.tolerance
        self.sampler = sampler
        self._first = first
        self._spans = spans
        self.validator = validator
        self.config = config.resolved()
        self.device = device_of(config.device)
        self.progress = Progress()
        self._checkpoints = None if run_dir is None else Checkpoints(run_dir)
        if self._checkpoints is not None and rank() == 0:
            self._checkpoints.prepare()
        self._on_event = on_event if rank() == 0 else None
        self._best: dict[str, Tensor] | None = None

    def fit(self, *, resume: bool = False) -> list[Record]:
        """Train, and leave the best averaged weights in the model.

        Args:
            resume: Go on from the last checkpoint of `run_dir`.

        Returns:
            One record an epoch.

        Raises:
            Interrupted: After SIGINT, SIGTERM or SIGHUP, once the state is saved.
            TrainingError: If the loss stays non-finite after recovery.
        """
        self.model.to(self.device).train()
        self._learner = Learner(self.model, self.config.optimizer)
        if resume:
            self._restore()
        rows = self.sampler.eligible_rows()
        first = self._first_windows(rows)
        self._watch = SolverWatch(self.model, first, self._note, self._tolerance)
        targets, adam = float(first.target_mask.sum()) / first.size, self._learner.optimizer
        self._step = GradientStep(
            self.model, self.sampler, adam, self.config, self.device, max(1.0, targets)
        )
        self._pace = Pace(self.config, self.progress.step, self._clock)
        first_epoch = self.progress.epoch
        self._good = copy.deepcopy(self._learner.parts())
        with stop_on_signal() as stop:
            while not self._finished(first_epoch):
                self._run_epoch(rows, stop)
        self._load_best()
        self._emit(event="done", epochs=self.progress.epoch, steps=self.progress.step)
        return self.progress.history

    def _first_windows(self, rows: Int64) -> SeriesBatch:
        """Windows that all processes and resumed runs draw alike."""
        sampler, seed = self._first or self.sampler, (self.config.seed, 0)
        rows = rows if self._first is None else self._first.eligible_rows()
        size = self.config.batch_size * world_size()
        batch = sampler.batch(sampler.epoch(rows, 1, size, seed)[0], seed).to(self.device)
        # windows that are read in bursts alone are far shorter than what predictions go over
        before, after = self._spans
        return replace(batch, lower=min(batch.lower, before), upper=max(batch.upper, after))

    def _run_epoch(self, rows: Int64, stop: StopRequest) -> None:
        p, config = self.progress, self.config
        size, seed = config.batch_size * world_size(), (config.seed, 1, p.epoch)
        batches = self.sampler.epoch(rows, config.steps_per_epoch, size, seed)
        while p.step_in_epoch < len(batches) and p.step < self._total_steps():
            self._take_step(batches[p.step_in_epoch])
            self._plan()
            if self._pace.is_report_due():
                self._tell("step", step=p.step, train_loss=p.epoch_means().get("train_loss"))
            if self._must_stop(stop):
                break
        if stop.number:
            self._save()
            stop.raise_if_asked()
        self._close_epoch()

    def _take_step(self, rows: Int64) -> None:
        p = self.progress
        outcome = self._step(rows, p.step, self._learning_rate(p.step))
        p.skipped += outcome.skipped_windows if outcome.finite else 1
        p.step += 1
        p.step_in_epoch += 1
        if not outcome.finite:
            self._recover(outcome.reason)
            return
        p.failures = 0
        p.add(outcome.figures())
        self._learner.average.update(self.model, p.step)

    def _learning_rate(self, step: int) -> float:
        total = self._total_steps()
        return learning_rate(self.config.optimizer, step, total) * self.progress.lr_factor

    def _recover(self, reason: str) -> None:
        """A non-finite step was not taken: count it, and go back if they do not end."""
        p, policy = self.progress, self.config.on_nan
        p.failures += 1
        if policy == "stop":
            raise TrainingError(
                f"training step {p.step}: {reason}. Lower --lr, or use on_nan='rollback'."
            )
        if p.failures < _MAX_FAILURES:
            return
        if policy == "skip" or p.rollbacks == _MAX_ROLLBACKS:
            raise TrainingError(
                f"training step {p.step}: {reason}, {p.failures} times in a row after "
                f"{p.rollbacks} rollbacks (learning rate factor {p.lr_factor:g}). Lower --lr or "
                "check the data."
            )
        self._learner.load(self._good)
        p.failures, p.rollbacks, p.lr_factor = 0, p.rollbacks + 1, p.lr_factor / 2
        self._note(
            f"{reason} at step {p.step}: back to the last good weights, learning rate halved"
        )

    def _close_epoch(self) -> None:
        p = self.progress
        record: Record = {"epoch": p.epoch + 1, "step": p.step}
        record |= dict.fromkeys(("train_loss", "kl", "grad_norm"), 0.0) | p.epoch_means()
        record |= {"lr": self._learning_rate(p.step - 1), "skipped": p.skipped}
        if self.validator is not None:
            record |= self._validate()
        record |= self._check_solver()
        p.history.append(record)
        p.next_epoch()
        best = self._note_best(record.get(self.score))
        self._plan(closed=True)
        self._save()
        if not p.failures and math.isfinite(record.get(self.score, 0.0)):
            self._good = copy.deepcopy(self._learner.parts())
        total_epochs = -(-self._total_steps() // self.config.steps_per_epoch)
        seconds = self._pace.elapsed
        self._tell("epoch", **record, total_epochs=total_epochs, best=best, seconds=seconds)

    def _check_solver(self) -> Record:
        record = self._watch.check()
        solver, p = self.model.solver, self.progress
        p.solver_method, p.step_size = solver.method, solver.step_size or 0.0
        p.tolerance = solver.tolerance
        return record

    def _tell(self, event: str, **facts: Any) -> None:
        """Emit an event that says how far the training is."""
        total = self._total_steps()
        left = self._pace.seconds_left(self.progress.step, total)
        self._emit(event=event, **facts, total_steps=total, eta_seconds=left)

    def _total_steps(self) -> int:
        planned = self.progress.total_steps
        return planned or self.config.max_epochs * self.config.steps_per_epoch

    def _validate(self) -> Record:
        assert self.validator is not None
        self._learner.average.swap(self.model)
        self.model.eval()
        try:
            with torch.no_grad():
                return self.validator(self.model)
        except SolverError as error:
            self._note(f"validation: {error}")
            return {self.score: math.nan}
        finally:
            self.model.train()
            self._learner.average.swap(self.model)

    def _note_best(self, score: float | None) -> bool:
        p = self.progress
        # a score that is not finite comes from weights that predict nothing
        better = score is None or (
            math.isfinite(score)
            and (not self.stop_early or p.best_score is None or score < p.best_score)
        )
        p.epochs_since_best = 0 if better else p.epochs_since_best + 1
        if better:
            p.best_score, p.best_step = score, p.step
            self._best = copy.deepcopy(self._learner.average.tensors)
        return better

    def _plan(self, *, closed: bool = False) -> None:
        """Fit the schedule to the time budget, so that it ends in time, learning rate and all.

        Args:
            closed: Whether an epoch has just been closed.
        """
        p = self.progress
        most = self.config.max_epochs * self.config.steps_per_epoch
        steps = self._pace.steps_that_fit(p.step, most, closed=closed)
        if steps is None:
            return
        # the slowest process decides for all
        steps = -int(largest(-steps, device=self.device)[0])
        if p.step >= p.total_steps > 0 and steps < (1 + _OTHER) * p.step:
            return  # the schedule has ended, and little could follow
        if abs(steps - p.total_steps) > _OTHER * p.total_steps:
            self._emit(event="note", **self._pace.plan(p.step, steps, most))
        p.total_steps = steps

    def _must_stop(self, stop: StopRequest) -> bool:
        number, late = largest(stop.number, self._pace.is_over, device=self.device)
        stop.number = int(number)
        return bool(number or late)

    def _finished(self, first_epoch: int) -> bool:
        p = self.progress
        if p.epoch and p.epochs_since_best >= self.config.patience:
            self._note(f"no better {self.score} for {p.epochs_since_best} epochs: stopped")
            return True
        # however short its budget, each call closes an epoch
        late = p.epoch > first_epoch and self._pace.is_over
        late = bool(largest(late, device=self.device)[0])
        ended = p.step >= self._total_steps() and p.step_in_epoch == 0  # that epoch is closed
        if late and not ended:
            self._note(f"--max-time {self.config.max_time} is over: stopped")
        return late or ended

    def _save(self) -> None:
        if self._checkpoints is not None and rank() == 0:
            self._checkpoints.save(self.progress, self._learner)

    def _restore(self) -> None:
        if self._checkpoints is None:
            raise TrainingError("resume: expected a run folder with checkpoints, got none.")
        largest(0, device=self.device)  # by then the first process has put the folder in order
        self.progress, self._best = self._checkpoints.restore(self._learner)
        p = self.progress
        if p.step_size:
            self.model.set_solver(p.solver_method, p.step_size, p.tolerance)

    def _load_best(self) -> None:
        average = self._learner.average.tensors
        self.model.load_state_dict(average if self._best is None else self._best)
        self.model.eval()
        self._check_solver()  # these weights may be of an epoch with another step
        self._note(self._watch.summary())

    def _note(self, text: str) -> None:
        self._emit(event="note", text=text)

    def _emit(self, **event: Any) -> None:
        if self._on_event is not None:
            self._on_event(event)

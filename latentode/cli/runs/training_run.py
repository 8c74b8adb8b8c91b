"""A training run from the command line: folder, lock, plan, training, what to type next."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from latentode.cli.options import flags_of
from latentode.cli.runs.event_files import EventFile
from latentode.cli.runs.events_run import continue_events
from latentode.cli.runs.label_files import LabelFile
from latentode.cli.runs.progress import Display, training_display
from latentode.cli.runs.provenance import fingerprint
from latentode.cli.runs.run_folder import RunFolder, new_folder, proposing_resume, start_new
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config import LatentODEConfig
from latentode.errors import DataError
from latentode.files import RunLock


@dataclass(frozen=True)
class Job:
    """What a run is given.

    Attributes:
        logs: The log.
        config: Settings, resolved.
        threads: Threads of torch; None leaves torch's own choice.
        resume: Whether training goes on from a checkpoint of the folder.
        events: Events of the same series; None for readings alone.
        model_times: Whether the report times of the log are modelled.
        labels: Labels of its series; None for none.
    """

    logs: Path
    config: LatentODEConfig
    threads: int | None = None
    resume: bool = False
    events: EventFile | None = None
    model_times: bool = False
    labels: LabelFile | None = None


def run_new(session: Session, job: Job, *, out: Path | None, name: str | None) -> Outcome:
    """Train in a new folder."""
    if not _is_first_rank():
        session.silent = True
        return _fit(session, job, None)
    path = new_folder(name or _stem(job.logs), out)
    with RunLock(path):
        folder = start_new(path)
        session.run_dir = path
        with proposing_resume(session, folder), folder.recorded(**_facts(session, job)):
            folder.write_config(job.config)
            return _fit(session, job, folder)


def run_again(
    session: Session,
    path: Path,
    *,
    logs: Path | None,
    changes: Mapping[str, Any],
    threads: int | None,
) -> Outcome:
    """Continue the run of a folder with the settings it was started with.

    Args:
        session: Session of the call.
        path: The run folder.
        logs: Where the log lies now; None where it has not moved.
        changes: Settings to change, by dotted name.
        threads: Threads; None takes those of the run, which its bits depend on.
    """
    folder = RunFolder.open(path)
    first = _is_first_rank()
    session.silent, session.run_dir = not first, path
    config = LatentODEConfig.from_toml(folder.config_path).updated(**changes)
    if folder.record.get("status") == "done":  # its schedule has come to its end
        _say_done(session, path, [*flags_of(changes), *(["--threads"] if threads else [])], logs)
        return Outcome(run_dir=path)
    if folder.record.get("kind") == "events":
        if logs is not None:
            raise click.UsageError("a run on events alone has no LOGS; leave them out.")
        return continue_events(session, folder, config, threads)
    job = Job(
        logs=logs or folder.log_path,
        config=config,
        threads=threads or folder.record.get("threads"),
        resume=folder.has_checkpoint,
        events=EventFile.recorded(folder.record["events"]) if folder.record.get("events") else None,
        model_times=bool(folder.record.get("model_times")),
        labels=LabelFile.recorded(folder.record["labels"]) if folder.record.get("labels") else None,
    )
    if not job.logs.exists():
        raise DataError(f"{job.logs}: the log of this run has gone. Name its new place: RUN LOGS.")
    if not first:
        return _fit(session, job, folder)
    with folder.held():
        folder.check_log_unchanged(job.logs)
        with proposing_resume(session, folder), folder.recorded(**_facts(session, job)):
            folder.write_config(config)
            return _fit(session, job, folder)


def _say_done(session: Session, path: Path, flags: list[str], logs: Path | None) -> None:
    unused = ", ".join([*flags, *([str(logs)] if logs else [])])
    session.note(
        f"{path}: the run is done, there is nothing to continue"
        + (f": {unused} had no effect." if unused else ".")
    )


def _fit(session: Session, job: Job, folder: RunFolder | None) -> Outcome:
    _prepare_torch(job)
    from latentode.data.reading.log import read_log
    from latentode.estimators import LatentODE
    from latentode.training import Interrupted

    dataset, report = read_log(job.logs, job.config.data)
    session.lines("plan", report.plan())
    # what was detected now holds for every log that the model will be given
    config = job.config.model_copy(update={"data": report.pinned(job.config.data)})
    owned = folder if _is_first_rank() else None  # the other ranks write nothing
    if owned is not None:
        owned.write_json("data_report.json", report.to_dict())
        owned.write_config(config)
        owned.update(threads=_threads())
    run_dir = None if folder is None else folder.path
    with training_display(session) as display:
        listener = _Listener(session, owned, display)
        try:
            LatentODE(config=config).fit(
                dataset, run_dir=run_dir, resume=job.resume, on_event=listener, **_beside(job)
            )
        except Interrupted as stop:
            raise Stopped(int(stop.signal), saved=True) from stop
    if run_dir is not None:
        _propose_next(session, run_dir, job)
    return Outcome(run_dir=run_dir, metrics=listener.metrics())


class _Listener:
    """Says what the trainer reports, and keeps the figures for the answer."""

    def __init__(self, session: Session, folder: RunFolder | None, display: Display) -> None:
        self._session = session
        self._folder = folder
        self._display = display
        self._best: Mapping[str, Any] = {}
        self._last: Mapping[str, Any] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind = str(event["event"])
        if self._folder is not None and kind != "step":
            self._folder.append_log(event)
        tell: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "plan": lambda e: self._session.lines("plan", e.get("lines", [])),
            "step": self._display,
            "epoch": self._epoch,
        }
        tell.get(kind, self._other)(event)

    def _epoch(self, event: Mapping[str, Any]) -> None:
        self._last = event
        if event.get("best"):
            self._best = event
        self._display(event)

    def _other(self, event: Mapping[str, Any]) -> None:
        text = event.get("text") or event.get("message") or event.get("reason")
        if text:
            self._session.note(str(text), kind=str(event["event"]), facts=event)

    def metrics(self) -> dict[str, Any]:
        """Figures of the best and of the last epoch."""
        best, last = self._best, self._last
        if not last:
            return {}
        return {
            "validation_crps": best.get("validation_crps"),
            **({"label_loss": best["label_loss"]} if "label_loss" in best else {}),
            "best_epoch": best.get("epoch"),
            "epochs": last.get("epoch"),
            "steps": last.get("step"),
            "train_loss": last.get("train_loss"),
        }


def _beside(job: Job) -> dict[str, Any]:
    """What `LatentODE.fit` is told of events and labels: nothing for readings alone."""
    labels = {} if job.labels is None else job.labels.arguments()
    if job.events is None:
        return labels | ({"model_times": True} if job.model_times else {})
    return {
        "events": job.events.path,
        "mark_column": job.events.mark_column,
        "windows": job.events.windows,
        **labels,
    }


def _propose_next(session: Session, path: Path, job: Job) -> None:
    words: list[tuple[object, ...]] = [
        ("forecast", path), ("evaluate", path, job.logs), ("plot", path)
    ]  # fmt: skip
    if job.events is not None or job.model_times:
        words.append(("events", path, job.logs))
    if job.labels is not None:
        words.append(("classify", path))
    session.lines("next", ["next:", *(f"  {session.command_line(*line)}" for line in words)])


def _facts(session: Session, job: Job) -> dict[str, Any]:
    return {
        "command": [*session.program.split(), *session.args],
        "log": fingerprint(job.logs),
        "events": None if job.events is None else job.events.record(),
        "model_times": job.model_times,
        "labels": None if job.labels is None else job.labels.record(),
        "seed": job.config.train.seed,
        "threads": job.threads,
    }


def _stem(logs: Path) -> str:
    return logs.resolve().name.split(".")[0] or "run"


def _is_first_rank() -> bool:
    """True outside torchrun, and for its rank 0."""
    return int(os.environ.get("WORLD_SIZE", "1")) < 2 or int(os.environ.get("RANK", "0")) == 0


def _prepare_torch(job: Job) -> None:
    import torch

    from latentode.models.fitted.device import device_of

    if job.threads is not None:
        torch.set_num_threads(job.threads)
    device_of(job.config.train.device)  # refused before a long log is read


def _threads() -> int:
    import torch

    return torch.get_num_threads()

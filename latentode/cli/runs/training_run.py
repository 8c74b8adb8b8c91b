"""A training run from the command line: folder, lock, plan, training, what to type next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import flags_of
from latentode.cli.runs.elastic import (
    begun_by_same_call,
    doubt_of_restarts,
    is_first_rank,
    num_processes,
)
from latentode.cli.runs.events_run import fit_events, settings_as_begun
from latentode.cli.runs.job import HeadFiles, Job, command_of
from latentode.cli.runs.listener import Listener
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.part_training import fit_parts
from latentode.cli.runs.progress import training_display
from latentode.cli.runs.proposals import proposals
from latentode.cli.runs.run_folder import RunFolder, new_folder, recording
from latentode.cli.runs.run_report import report_after_training
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config import LatentODEConfig
from latentode.errors import DataError
from latentode.files.spool import is_spooled

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE

_NUMBER = re.compile(r"-\d+$")  # of the second file of a name, and on


def run_new(
    session: Session, job: Job, *, out: Path | None, name: str | None, report: bool
) -> Outcome:
    """Train in a new folder; in that of a group of processes that torchrun starts again.

    Args:
        session: Session of the call.
        job: What is trained on what.
        out: Folder of the run.
        name: First part of its name, where `out` is None.
        report: Whether a page about the run is written at its end.
    """
    begun = begun_by_same_call(out, command_of(session))
    if begun is not None and begun.has_checkpoint:
        return run_again(
            session, begun.path, logs=job.logs, changes={}, threads=job.threads, report=report
        )
    if begun is not None and is_first_rank():
        with begun.held():
            begun.clear()  # nothing was saved before the restart
    if not is_first_rank():
        session.silent = True
        return _fit(session, job, None).outcome
    try:
        with new_folder(name or job.stem, out) as folder, recording(session, folder, job):
            done = _fit(session, job, folder)
        return _close(session, folder, done, report=report)
    finally:
        if session.run_dir is not None and not (session.run_dir / "run.json").exists():
            session.run_dir = None  # the run was refused


def run_again(
    session: Session,
    path: Path,
    *,
    logs: Logs | None,
    changes: Mapping[str, Any],
    threads: int | None,
    report: bool,
) -> Outcome:
    """Continue the run of a folder with the settings it was started with.

    Args:
        session: Session of the call.
        path: The run folder.
        logs: Where the log lies now; None where it has not moved.
        changes: Settings to change, by dotted name.
        threads: Threads; None takes those of the run, which its bits depend on.
        report: Whether a page about the run is written at its end.

    Raises:
        UsageError: If a log is named for a run without one.
        DataError: If a file of the run has gone or changed.
    """
    folder = RunFolder.open(path)
    first = is_first_rank()
    session.silent, session.run_dir = not first, path
    folder.check_begun()
    config = LatentODEConfig.from_toml(folder.config_path).updated(**changes)
    if folder.record.get("status") == "done":  # its schedule has come to its end
        others = {"--threads": threads, "--no-report": not report}
        typed = [*flags_of(changes), *(flag for flag, given in others.items() if given)]
        _say_done(session, path, typed, logs)
        return Outcome()
    alone = folder.record.get("kind") == "events"
    if alone and logs is not None:
        raise click.UsageError("a run on events alone has no LOGS; leave them out.")
    job = Job(
        logs=None if alone else logs or Logs.recorded(folder.record.get("log") or {}),
        config=settings_as_begun(config) if alone else config,
        heads=HeadFiles.recorded(folder.record),
        threads=threads or folder.record.get("threads"),
    )
    if job.logs is not None and (gone := job.logs.gone()) is not None:
        raise DataError(
            f"{gone}: the log of this run has gone. Name its new place, or pipe the same again: "
            f"{session.command_line('resume', path)} LOGS."
        )
    if not first:
        return _fit(session, job, folder).outcome
    with folder.held():
        if job.logs is not None:
            job.logs.check_unchanged(folder.record.get("log") or {})
        with recording(session, folder, job):
            done = _fit(session, job, folder)
    return _close(session, folder, done, report=report)


def _say_done(session: Session, path: Path, flags: list[str], logs: Logs | None) -> None:
    unused = ", ".join([*flags, *([str(logs)] if logs else [])])
    session.note(
        f"{path}: the run is done, there is nothing to continue"
        + (f": {unused} had no effect." if unused else ".")
    )


@dataclass(frozen=True)
class _Done:
    """What a training leaves.

    Attributes:
        outcome: Its figures.
        model: What was trained; None where it was trained on parts, or on events alone.
        log: The log that was read; None where it was none, or in parts.
    """

    outcome: Outcome
    model: LatentODE | None
    log: TimeSeriesDataset | None


def _close(session: Session, folder: RunFolder, done: _Done, *, report: bool) -> Outcome:
    """Write the report of a run that is done, and say what comes next."""
    if report:
        report_after_training(session, folder, done.model, done.log)
    lines = (f"  {session.command_line(*line)}" for line in proposals(folder.path, folder.record))
    session.lines("next", ["next:", *lines])
    return done.outcome


def _fit(session: Session, job: Job, folder: RunFolder | None) -> _Done:
    import torch

    from latentode.models.fitted.device import device_of
    from latentode.training import Interrupted

    if job.threads is not None:
        torch.set_num_threads(job.threads)
    device_of(job.config.train.device)  # refused before a long log is read
    owned = folder if is_first_rank() else None  # the other ranks write nothing
    if owned is not None:
        _say_processes(session, owned)
        _say_pipe(session, job)
        owned.update(threads=torch.get_num_threads(), processes=num_processes())
    model = log = None
    try:
        if job.logs is None:
            metrics = fit_events(session, job, folder)
        elif job.logs.are_parts:
            metrics = fit_parts(session, job, job.logs, folder, owned)
        else:
            metrics, model, log = _fit_log(session, job, job.logs, folder, owned)
    except Interrupted as stop:
        raise Stopped(int(stop.signal), saved=True) from stop
    return _Done(Outcome(metrics=metrics), model, log)


def _say_processes(session: Session, folder: RunFolder) -> None:
    """Say that a run has another number of processes than it had, or cannot be restarted."""
    if (doubt := doubt_of_restarts()) is not None:
        session.warn(doubt)
    before, now = folder.record.get("processes", 1), num_processes()
    if folder.has_checkpoint and before != now:
        session.note(
            f"begun by {before} processes, continued by {now}: a batch is now {now} times "
            "train.batch_size windows, so this is another training than with as many as before"
        )


def _say_pipe(session: Session, job: Job) -> None:
    """Say that what came through a pipe has to be given again."""
    if job.logs is not None and job.logs.piped:
        session.note(
            f"{job.logs} is a pipe, which is read once: `resume`, `evaluate` and `update` of this "
            "run need LOGS again, the same bytes from a file or a pipe"
        )


def _say_series(session: Session, logs: Logs, dataset: TimeSeriesDataset) -> None:
    """Say which series have their names of pipes: files with other names hold other series."""
    stems = {Path(part).stem for part in logs.parts if is_spooled(Path(part))}
    if named := [name for name in dataset.series_ids if _NUMBER.sub("", name) in stems]:
        session.note(
            f"series of pipes, where no column names them: {', '.join(named)}; later logs are "
            "theirs where they come the same way, in the same order, or as files of these names"
        )


def _fit_log(
    session: Session, job: Job, logs: Logs, folder: RunFolder | None, owned: RunFolder | None
) -> tuple[dict[str, Any], LatentODE, TimeSeriesDataset]:
    from latentode.data.reading.log import read_log
    from latentode.data.reading.second_look.look_lines import suggested_counters
    from latentode.estimators import LatentODE

    dataset, report = read_log(logs.source, job.config.data)
    session.lines("plan", report.plan())
    if owned is not None and logs.piped:
        _say_series(session, logs, dataset)
    session.lines("plan", suggested_counters(report.look, job.config.channels.counters))
    report.settle("training")
    # what was detected now holds for every log that the model will be given
    config = job.config.model_copy(update={"data": report.pinned(job.config.data)})
    time = job.config.data.time  # its bounds hold for this log, which a resumed run reads again
    bounds = {"data.time.start": time.start, "data.time.end": time.end}
    if owned is not None:
        source = {"source": str(logs)} if logs.piped else {}
        owned.write_json("data_report.json", {**report.to_dict(), **source})
        owned.write_config(config.updated(**bounds))
    with training_display(session) as display:
        listener = Listener(session, owned, display)
        model = LatentODE(config=config).fit(
            dataset,
            run_dir=None if folder is None else folder.path,
            resume=folder is not None and folder.has_checkpoint,
            on_event=listener,
            **vars(job.heads),
        )
    if owned is not None:
        owned.write_card(model)
    return listener.metrics(), model, dataset

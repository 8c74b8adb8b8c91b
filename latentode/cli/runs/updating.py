"""An update from the command line: old and new logs, the lock, the model and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.runs.listener import Listener
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.models import config_for, load_model, own_bounds
from latentode.cli.runs.progress import training_display
from latentode.cli.runs.provenance import utc_now
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config.durations import parse_duration

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE


def update_run(
    session: Session,
    run: Path,
    logs: Logs,
    *,
    settings: Mapping[str, Any],
    max_time: str | None,
    threads: int | None,
    device: str,
) -> Outcome:
    """Update the model of a run.

    Args:
        session: Session of the call.
        run: The run folder.
        logs: Later readings.
        settings: How they are read, where it is not as the log of the run was; by dotted name.
        max_time: Wall-clock budget of the steps; None for none.
        threads: Threads of torch; None leaves torch's own choice.
        device: Where the model computes.

    Raises:
        UsageError: If there is no run folder around the model, which would be lost.
        DataError: If the logs cannot be read, or hold nothing that is new.
    """
    import torch

    from latentode.estimators.later_logs import check_channels
    from latentode.training import Interrupted
    from latentode.training.refit import replace_model

    if max_time is not None:
        parse_duration(max_time, "s")  # refused before a long log is read
    if threads is not None:
        torch.set_num_threads(threads)
    model, folder = load_model(run, session, device)
    if folder is None:
        raise click.UsageError(
            f"{run}: expected a run folder, which remembers its logs and keeps the model that was, "
            "got a model alone. Use LatentODE.update of Python for it."
        )
    with folder.held():
        old, known = _old_readings(session, model, folder, logs)
        new, others = _read(model, logs, settings, session)
        if "data.columns.channels" not in settings:
            check_channels(others, known)
        try:
            with training_display(session) as display:
                listener = Listener(session, folder, display)
                model.update(new, old_log=old, max_time=max_time, on_event=listener)
        except Interrupted as stop:
            raise Stopped(int(stop.signal), saved=False) from stop
        kept = replace_model(model.fitted_, folder.path)
        done = model.fitted_.later[-1]
        facts = {"log": logs.record(), "ended": utc_now(), "until": done.until}
        folder.update(updates=[*folder.record.get("updates", []), facts])
        folder.write_card(model)
    for line in done.lines():
        session.note(line)
    session.note(f"the model that was is kept in {kept}")
    words = [session.command_line(*line) for line in (("forecast", run), ("info", run))]
    session.lines("next", ["next:", *(f"  {line}" for line in words)])
    metrics = {"steps": done.steps, "readings": done.readings, "until": done.until}
    return Outcome(outputs=(run,), metrics=metrics)


def _old_readings(
    session: Session, model: LatentODE, folder: RunFolder, new: Logs
) -> tuple[TimeSeriesDataset | None, set[str]]:
    """All readings that the run remembers the logs of, and columns that it left out of them.

    A log that is named again is read once, as the new one. None where a log has gone, and where
    there is no other.
    """
    updates = folder.record.get("updates", [])
    found: TimeSeriesDataset | None = None
    known = folder.left_out
    read = {Logs.recorded(new.record())}
    for number, record in enumerate([folder.record.get("log"), *(each["log"] for each in updates)]):
        logs = Logs.recorded(record or {})
        gone = "a log of it" if logs is None else logs.gone()
        if logs is None or gone is not None:
            session.warn(
                f"{gone} has gone: of what {folder.path} has learned, the newest readings of each "
                "series stand beside the new ones, and it may forget more"
            )
            return None, known
        if logs in read:
            continue
        read.add(logs)
        if record.get("sha256") and not logs.are_as_in(record):
            session.warn(
                f"{logs} has changed since it was learned, and is not read: of what {folder.path} "
                "has learned, the newest readings of each series stand beside the new ones. To "
                "learn from it as it is now, name it beside the new log"
            )
            return None, known
        readings, others = _read(model, logs, own_bounds(folder) if number == 0 else {})
        later = model.fitted_.schema.in_order(readings)
        found = later if found is None else found.followed_by(later)
        known |= others
    return found, known


def _read(
    model: LatentODE, logs: Logs, settings: Mapping[str, Any], session: Session | None = None
) -> tuple[TimeSeriesDataset, set[str]]:
    """Readings of some logs, and what else in them could be channels.

    Args:
        model: The model, as whose log they are read.
        logs: The logs.
        settings: How they are read, where it is not as that log; by dotted name.
        session: Told what was read; None where it has been told before.
    """
    from latentode.data.reading.log import read_log
    from latentode.data.reading.report import OF_EVERY_LOG
    from latentode.estimators.later_logs import other_channels

    dataset, report = read_log(logs.source, config_for(model.config_, settings).data)
    if session is not None:
        session.lines("plan", report.plan())
    report.settle("training", about=OF_EVERY_LOG)
    return dataset, other_channels(report)

"""``train`` on a folder of parts: what is refused, what is said, and the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import flags_of, given_settings
from latentode.cli.runs.job import HeadFiles, Job
from latentode.cli.runs.listener import Listener
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.progress import training_display
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.config.data_options import DATA_OPTIONS

if TYPE_CHECKING:
    from latentode.scale import Parts


def refuse_with_parts(logs: Logs | None, options: Mapping[str, Any], heads: HeadFiles) -> None:
    """Refuse options that parts have no place for.

    Args:
        logs: What is trained on.
        options: What was typed.
        heads: What is to be modelled beside the readings.

    Raises:
        UsageError: With the options.
    """
    if logs is None or not logs.are_parts:
        return
    about_reading = {setting for setting, _ in DATA_OPTIONS.values()} - {
        "data.min_obs",
        "data.far_readings",
    }
    flags = flags_of(about_reading & given_settings(options).keys())
    if flags:
        raise click.UsageError(
            f"{', '.join(flags)}: how a log is read, and {logs} was read by `partition`. Leave "
            "them out, or give them to `partition`."
        )
    beside = [f"--{name.replace('_', '-')}" for name, value in vars(heads).items() if value]
    if beside:
        raise click.UsageError(
            f"{', '.join(beside)}: modelled beside a log in memory alone, and {logs} is a folder "
            "of parts. Train on the log itself, or leave them out."
        )


def fit_parts(
    session: Session, job: Job, logs: Logs, folder: RunFolder | None, owned: RunFolder | None
) -> dict[str, Any]:
    """Train on parts.

    Args:
        session: Session of the call.
        job: What is trained.
        logs: The folder of parts.
        folder: Folder of the run; None where there is none.
        owned: The same on the process that writes.

    Returns:
        Figures of the best and of the last epoch.
    """
    from latentode.scale import Parts, fit
    from latentode.scale.training import as_read

    parts = Parts.open(logs.parts[0])
    session.lines("plan", [_line(parts)])
    config = as_read(job.config, parts)
    if owned is not None:
        owned.write_json("data_report.json", _report(parts))
        owned.write_config(config)
    with training_display(session) as display:
        listener = Listener(session, owned, display)
        model = fit(
            parts,
            config,
            run_dir=None if folder is None else folder.path,
            resume=folder is not None and folder.has_checkpoint,
            on_event=listener,
        )
    if owned is not None:
        owned.write_card(model)
    return listener.metrics()


def _line(parts: Parts) -> str:
    from latentode.data.reading.second_look.log_rows import short_instant

    manifest = parts.manifest
    first, last = (
        short_instant(moment, manifest.clock_of) for moment in (manifest.first_ns, manifest.last_ns)
    )
    return (
        f"{parts.folder}: {len(parts):,} parts, {manifest.readings:,} readings of "
        f"{manifest.series:,} series, {first} to {last}, channels {', '.join(parts.channels)}"
    )


def _report(parts: Parts) -> dict[str, Any]:
    """What the manifest says of the log, without its parts."""
    return {"parts": len(parts), **parts.manifest.model_dump(exclude={"parts", "reading"})}

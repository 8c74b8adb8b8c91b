"""``train LOGS``: from a log to a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.options import (
    RESUMABLE,
    config_options,
    data_options,
    flags_of,
    given_settings,
    resolve_options,
    train_options,
)
from latentode.cli.runs.event_files import mark_option, run_windows_option
from latentode.cli.runs.events_run import event_settings
from latentode.cli.runs.job import HeadFiles, Job
from latentode.cli.runs.label_files import label_column_option, run_labels_option
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.part_training import refuse_with_parts
from latentode.cli.runs.training_run import run_again, run_new
from latentode.cli.session import Outcome, Session

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Threads of torch; results depend on it."
)
report_option = click.option(
    "--no-report", is_flag=True, help="Write no report.html into the run folder at the end."
)


@command("train")
@logs_argument()
@train_options
@click.option("--out", type=click.Path(path_type=Path), help="Run folder: absent or empty.")
@click.option("--name", help="First part of the name of the run folder in runs/.")
@threads_option
@report_option
@click.option(
    "--resume",
    metavar="RUN",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Continue this run.",
)
@click.option(
    "--events",
    type=InputFile(again=True),
    help="CSV of id,time,mark: model these events, alone or beside LOGS.",
)
@mark_option
@run_windows_option
@click.option(
    "--model-times", is_flag=True, help="Model when LOGS report: the times carry information."
)
@run_labels_option
@label_column_option
@click.option("--dry-run", is_flag=True, help="Print the resolved settings as TOML, and stop.")
@data_options
@config_options
def train_command(
    session: Session,
    logs: Logs | None,
    out: Path | None,
    name: str | None,
    threads: int | None,
    no_report: bool,
    resume: Path | None,
    dry_run: bool,
    **options: Any,
) -> Outcome:
    """Train a model on LOGS and leave a run folder, whose path is printed.

    LOGS alone is enough: format, clock, history (look-back) and horizon are detected and said. With
    --events the rates of events are modelled beside the readings; with --events and no LOGS, the
    events alone. With --labels the model also learns the class of a series.

    LOGS may be a folder that `partition` wrote, of any size. Under torchrun the processes share the
    work, each its own parts of such a folder; with --out, a group that torchrun restarts goes on
    from the last checkpoint.
    """
    heads = HeadFiles(**{field.name: options.pop(field.name) for field in fields(HeadFiles)})
    if resume is not None:
        _refuse_with_resume(options, out=out, name=name, dry_run=dry_run, **vars(heads))
        changes = given_settings(options)
        return run_again(
            session, resume, logs=logs, changes=changes, threads=threads, report=not no_report
        )
    heads.check(logs)
    refuse_with_parts(logs, options, heads)
    if out is not None and name is not None:
        raise click.UsageError("--out names the whole folder; --name has no place beside it.")
    config = event_settings(options) if logs is None else resolve_options(options)
    if dry_run:
        _say_left_alone(
            session, out=out, name=name, threads=threads, no_report=no_report, **vars(heads)
        )
        return Outcome(data=config.to_dict(), text=config.to_toml())
    job = Job(logs, config, heads, threads)
    return run_new(session, job, out=out, name=name, report=not no_report)


def _refuse_with_resume(options: dict[str, Any], **others: Any) -> None:
    fixed = flags_of(given_settings(options).keys() - RESUMABLE)
    if options["assignments"]:
        fixed.append("--set")
    if options["config_file"]:
        fixed.append("--config")
    fixed += _flags_of(others)
    if fixed:
        raise click.UsageError(
            f"--resume takes the settings from the run folder; {', '.join(fixed)} cannot be given."
        )


def _say_left_alone(session: Session, **others: Any) -> None:
    flags = _flags_of(others)
    if flags:
        session.note(f"dry run: {', '.join(flags)} would be used, and are not looked at")


def _flags_of(options: Mapping[str, Any]) -> list[str]:
    """The options that were given, as they were typed."""
    return [f"--{name.replace('_', '-')}" for name, value in options.items() if value]

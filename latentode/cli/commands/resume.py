"""``resume RUN``: ``train --resume RUN``, which takes everything from the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.commands.train import report_option, threads_option
from latentode.cli.options import given_settings, resume_options
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.training_run import run_again
from latentode.cli.session import Outcome, Session


@command("resume")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@logs_argument()
@resume_options
@threads_option
@report_option
def resume_command(
    session: Session,
    run: Path,
    logs: Logs | None,
    threads: int | None,
    no_report: bool,
    **options: Any,
) -> Outcome:
    """Continue the interrupted RUN; LOGS only if the log has moved."""
    changes = given_settings(options)
    return run_again(
        session, run, logs=logs, changes=changes, threads=threads, report=not no_report
    )

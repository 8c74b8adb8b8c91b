"""``update RUN LOGS``: go on training on later readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.commands.train import threads_option
from latentode.cli.options import data_options, flags_of, given_settings
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.models import device_option, run_argument
from latentode.cli.runs.updating import update_run
from latentode.cli.session import Outcome, Session

# which series are trained on, and what a prediction sees
_OF_OTHER_COMMANDS = {"data.min_obs", "data.far_readings"}


@command("update")
@run_argument
@logs_argument(required=True)
@click.option("--max-time", help="Wall-clock budget of the steps, e.g. 5min.")
@threads_option
@device_option
@data_options
def update_command(
    session: Session,
    run: Path,
    logs: Logs,
    max_time: str | None,
    threads: int | None,
    device: str,
    **options: Any,
) -> Outcome:
    """Go on training the model of RUN on LOGS, later readings than it knows.

    LOGS may hold old readings too. Half of what it trains on is new; of the old ones, those of the
    logs that RUN remembers stand beside them. The model takes the place of the last one, which is
    kept in RUN/earlier.
    """
    settings = given_settings(options)
    unused = flags_of(settings.keys() & _OF_OTHER_COMMANDS)
    if unused:
        raise click.UsageError(
            f"{', '.join(unused)}: an update learns from all series and readings of LOGS. Leave it "
            "out."
        )
    return update_run(
        session, run, logs, settings=settings, max_time=max_time, threads=threads, device=device
    )

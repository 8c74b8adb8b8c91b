"""``inspect LOGS``: what the reader understood, without training anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.options import config_options, data_options, resolve_options
from latentode.cli.session import Outcome, Session


@command("inspect")
@click.argument("logs", type=click.Path(exists=True, path_type=Path))
@data_options
@config_options
def inspect_command(session: Session, logs: Path, **options: Any) -> Outcome:
    """Show what the reader understands of LOGS: columns, clock, series, gaps and problems."""
    del session
    config = resolve_options(options)

    from latentode.data.reading.log import read_log

    _, report = read_log(logs, config.data)
    return Outcome(data=report.to_dict(), text="\n".join(report.plan()))

"""``inspect LOGS``: what the reader understood, without training anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

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
    other = [text for text in options["assignments"] if not text.strip().startswith("data.")]
    if other:
        raise click.UsageError(f"--set {other[0]}: expected a setting of the data, data.NAME.")
    config = resolve_options(options)

    from latentode.data.reading.log import read_log

    dataset, report = read_log(logs, config.data)
    counts = np.diff(dataset.readings.row_starts[dataset.readings.series_starts])
    short = int((counts < config.data.min_obs).sum())
    left_out = (
        f"left out of training: {short} series with fewer than {config.data.min_obs} readings"
    )
    lines = [*report.plan(), *([left_out] if short else [])]
    return Outcome(data={**report.to_dict(), "num_short_series": short}, text="\n".join(lines))

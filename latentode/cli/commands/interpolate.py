"""``interpolate RUN LOGS``: between the readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.options import data_options
from latentode.cli.runs.models import (
    check_reading,
    load_model,
    missing_option,
    read_for,
    run_argument,
)
from latentode.cli.runs.prediction import check_request, deliver, prediction_options
from latentode.cli.session import Outcome, Session


@command("interpolate")
@run_argument
@click.argument("logs", type=click.Path(exists=True, path_type=Path))
@click.option("--at-missing", is_flag=True, help="At the empty cells of LOGS.")
@prediction_options
@missing_option
@data_options
def interpolate_command(
    session: Session,
    run: Path,
    logs: Path,
    at_missing: bool,
    times: Path | None,
    every: str | None,
    samples: int,
    quantiles: tuple[float, ...] | None,
    device: str,
    output: Path | None,
    overwrite: bool,
    allow_missing: bool,
    **options: Any,
) -> Outcome:
    """Fill in between the readings of LOGS with the model of RUN.

    The path of the result is printed; by default it lies in RUN/forecasts.
    """
    if sum((times is not None, every is not None, at_missing)) > 1:
        raise click.UsageError("--times, --every and --at-missing exclude each other.")
    check_request(session, output, overwrite=overwrite, quantiles=quantiles, samples=samples)
    check_reading(options)
    model, folder = load_model(run, session, device)
    log = read_for(model, logs, options, session, allow_missing=allow_missing)
    result = model.interpolate(
        log, every=every, times=times, at_missing=at_missing, num_draws=samples
    )
    return deliver(
        result,
        kind="interpolation",
        folder=folder,
        output=output,
        quantiles=quantiles,
        overwrite=overwrite,
    )

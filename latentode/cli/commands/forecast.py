"""``forecast RUN [LOGS]``: beyond the end of the readings."""

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
from latentode.cli.runs.prediction import check_request, count_steps, deliver, prediction_options
from latentode.cli.session import Outcome, Session


@command("forecast")
@run_argument
@click.argument("logs", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--horizon", help="How far beyond the last reading, e.g. 6h.")
@prediction_options
@missing_option
@data_options
def forecast_command(
    session: Session,
    run: Path,
    logs: Path | None,
    horizon: str | None,
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
    """Forecast with the model of RUN, from the end of LOGS or of the log it was trained on.

    The path of the result is printed; by default it lies in RUN/forecasts.
    """
    if times is not None and (horizon or every):
        raise click.UsageError("--times names all times; --horizon and --every have no place.")
    steps = count_steps(horizon, every)
    check_request(
        session, output, overwrite=overwrite, quantiles=quantiles, samples=samples, steps=steps
    )
    check_reading(options, has_logs=logs is not None, allow_missing=allow_missing)
    model, folder = load_model(run, session, device)
    log = (
        None
        if logs is None
        else read_for(model, logs, options, session, allow_missing=allow_missing)
    )
    result = model.forecast(log, horizon=horizon, every=every, times=times, num_draws=samples)
    return deliver(
        result,
        kind="forecast",
        folder=folder,
        output=output,
        quantiles=quantiles,
        overwrite=overwrite,
    )

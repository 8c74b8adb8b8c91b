"""``forecast RUN [LOGS]``: beyond the end of the readings."""

from __future__ import annotations

from pathlib import Path

import click

from latentode.cli.command import command
from latentode.cli.runs.prediction import check_request, count_steps, deliver, prediction_options
from latentode.cli.runs.request import Request, request_options
from latentode.cli.session import Outcome


@command("forecast")
@click.option("--horizon", help="How far beyond the last reading, e.g. 6h.")
@prediction_options
@request_options()
def forecast_command(
    request: Request,
    horizon: str | None,
    times: Path | None,
    every: str | None,
    samples: int,
    quantiles: tuple[float, ...] | None,
) -> Outcome:
    """Forecast with the model of RUN, from the end of LOGS or of the log it was trained on.

    The path of the result is printed; by default it lies in RUN/forecasts.
    """
    if times is not None and (horizon or every):
        raise click.UsageError("--times names all times; --horizon and --every have no place.")
    steps = count_steps(horizon, every)
    check_request(request, quantiles=quantiles, samples=samples, steps=steps)
    model, folder = request.load()
    log = request.read(model)
    result = model.forecast(log, horizon=horizon, every=every, times=times, num_draws=samples)
    return deliver(result, request, kind="forecast", folder=folder, quantiles=quantiles)

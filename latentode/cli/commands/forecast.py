"""``forecast RUN [LOGS]``: beyond the end of the readings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from latentode.cli.command import command
from latentode.cli.runs.appending import append_logs
from latentode.cli.runs.part_predictions import forecast_parts
from latentode.cli.runs.part_runs import PartRun, part_options, parts_of
from latentode.cli.runs.path_questions import Aggregate, PathQuestions
from latentode.cli.runs.plans import plan_option
from latentode.cli.runs.prediction import (
    check_request,
    count_steps,
    deliver,
    prediction_options,
    say_step,
)
from latentode.cli.runs.request import Request, request_options
from latentode.cli.session import Outcome


@command("forecast")
@click.option("--horizon", help="How far beyond the last reading, e.g. 6h.")
@click.option(
    "--from",
    "origin",
    metavar="TIME",
    help="When series without a reading begin, which are forecast from the prior, e.g. 2024-05-01; "
    "by default at their first planned input.",
)
@click.option(
    "--append",
    is_flag=True,
    help="LOGS are later readings alone: add them to those that the model of RUN remembers.",
)
@plan_option
@prediction_options
@part_options(formats=True)
@request_options()
def forecast_command(
    request: Request,
    horizon: str | None,
    origin: str | None,
    append: bool,
    times: Path | None,
    every: str | None,
    align: Literal["clock", "origin"] | None,
    plan: Path | dict[str, Path] | None,
    samples: int,
    quantiles: tuple[float, ...] | None,
    aggregates: tuple[Aggregate, ...],
    exceeds: tuple[str, ...],
    how: PartRun,
) -> Outcome:
    """Forecast with the model of RUN, from the end of LOGS or of the log it was trained on.

    Times are full steps of the clock (--every 1h: 01:00, 02:00, ... in the zone of the log), the
    same for all series.

    Planned inputs are as in --plan; what is not planned is held, which is said.

    With --append, LOGS hold only what is new: the model of RUN remembers the newest readings of
    every series, is given these too, and remembers them from then on. Nothing is learned.

    Series of LOGS without a reading, of which planned inputs or static columns are given, are
    forecast from the prior.

    The path of the result is printed; by default it lies in RUN/forecasts. Answers to --aggregate
    and --exceeds are printed, and lie beside it: forecast-sum-by-day.csv, forecast-exceeds.csv.

    LOGS that `partition` wrote are forecast part by part into the folder -o, which has to be named,
    and where the same command goes on after it was ended.
    """
    parts = parts_of(request)
    if parts is not None:
        return forecast_parts(
            request,
            how,
            parts,
            samples=samples,
            quantiles=quantiles,
            every=every,
            horizon=horizon,
            align=align or "clock",
        )
    if times is not None and (horizon or every or align):
        raise click.UsageError(
            "--times names all times; --horizon, --every and --align have no place."
        )
    steps, questions = count_steps(horizon, every), PathQuestions(aggregates, exceeds)
    check_request(request, questions, quantiles=quantiles, samples=samples, steps=steps)
    model, folder = append_logs(request) if append else request.load_either()
    questions.check(model.fitted_.schema)
    log = None if append else request.read(model, allow_unread=True)
    result = model.forecast(
        log,
        horizon=horizon,
        every=every,
        times=times,
        origin=origin,
        align=align or "clock",
        plan=plan,
        num_draws=samples,
    )
    say_step(result, request, every)
    return deliver(result, request, questions, kind="forecast", folder=folder, quantiles=quantiles)

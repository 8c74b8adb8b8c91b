"""``interpolate RUN LOGS``: between the readings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from latentode.cli.command import command
from latentode.cli.runs.part_predictions import interpolate_parts
from latentode.cli.runs.part_runs import PartRun, part_options, parts_of
from latentode.cli.runs.path_questions import Aggregate, PathQuestions
from latentode.cli.runs.prediction import (
    check_request,
    deliver,
    prediction_options,
    say_step,
)
from latentode.cli.runs.request import Request, request_options
from latentode.cli.session import Outcome


@command("interpolate")
@click.option("--at-missing", is_flag=True, help="At the empty cells of LOGS.")
@prediction_options
@part_options(formats=True)
@request_options(logs_required=True)
def interpolate_command(
    request: Request,
    at_missing: bool,
    times: Path | None,
    every: str | None,
    align: Literal["clock", "origin"] | None,
    samples: int,
    quantiles: tuple[float, ...] | None,
    aggregates: tuple[Aggregate, ...],
    exceeds: tuple[str, ...],
    how: PartRun,
) -> Outcome:
    """Fill in between the readings of LOGS with the model of RUN.

    The path of the result is printed; by default it lies in RUN/forecasts. Answers to --aggregate
    and --exceeds are printed, and lie beside it.

    LOGS that `partition` wrote are filled in part by part into the folder -o, where the same
    command goes on after it was ended.
    """
    if sum((times is not None, every is not None, at_missing)) > 1:
        raise click.UsageError("--times, --every and --at-missing exclude each other.")
    if align is not None and (times is not None or at_missing):
        raise click.UsageError("--times or --at-missing name all times; --align has no place.")
    parts = parts_of(request)
    if parts is not None:
        return interpolate_parts(
            request,
            how,
            parts,
            samples=samples,
            quantiles=quantiles,
            every=every,
            at_missing=at_missing,
            align=align or "clock",
        )
    questions = PathQuestions(aggregates, exceeds)
    check_request(request, questions, quantiles=quantiles, samples=samples)
    model, folder = request.load_either()
    questions.check(model.fitted_.schema)
    log = request.read_or_own(model, folder)
    result = model.interpolate(
        log,
        every=every,
        times=times,
        at_missing=at_missing,
        align=align or "clock",
        num_draws=samples,
    )
    say_step(result, request, every)
    return deliver(
        result, request, questions, kind="interpolation", folder=folder, quantiles=quantiles
    )

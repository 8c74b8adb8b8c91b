"""What ``forecast`` and ``interpolate`` share: options, limits, and the way out of a result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.failures import UsageFailure
from latentode.cli.inputs import InputFile
from latentode.cli.options import Parsed
from latentode.cli.outputs import RESULTS, STDOUT, check_output
from latentode.cli.runs.path_questions import PathQuestions, question_options
from latentode.cli.runs.provenance import utc_stamp
from latentode.cli.runs.request import Request
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome
from latentode.config.durations import parse_duration
from latentode.config.levels import parse_levels
from latentode.config.memory import check_drawn

if TYPE_CHECKING:
    import xarray as xr


def prediction_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of where to predict, and how finely."""
    for option in (
        click.option(
            "--quantiles",
            type=Parsed("quantiles", parse_levels),
            show_default="0.05,0.5,0.95",
            help="Columns of a table; a .nc file holds every sample path instead.",
        ),
        click.option(
            "--samples",
            type=click.IntRange(1),
            default=200,
            show_default=True,
            help="Sample paths of each series.",
        ),
        click.option(
            "--align",
            type=click.Choice(["clock", "origin"]),
            show_default="clock",
            help="Times at full steps of the clock, or counted from each series' last reading "
            "(interpolate: its first).",
        ),
        click.option(
            "--every",
            show_default="round, near that of the readings",
            help="Time step of the output, e.g. 5min.",
        ),
        click.option(
            "--times",
            type=InputFile(),
            help="File of times (and ids) to predict at, in its order.",
        ),
    ):
        function = option(function)
    return question_options(function)


def check_request(
    request: Request,
    questions: PathQuestions,
    *,
    quantiles: tuple[float, ...] | None,
    samples: int,
    steps: int = 1,
) -> None:
    """Refuse what cannot succeed, before a model is loaded.

    Args:
        request: What is asked of which model.
        questions: What is asked of the sample paths.
        quantiles: Columns of a table; None for the usual ones.
        samples: Sample paths.
        steps: Predicted times, as far as they are known.

    Raises:
        UsageFailure: If the output has no known ending or no quantiles, or stdout is wanted twice.
        OutputExistsError: If the output exists, or a file of the answers beside it.
        ResourceError: If the output cannot be written, or the draws would take too much memory.
    """
    request.check_output(*RESULTS)
    request.check_home("forecasts")
    output = request.output
    if questions and output == STDOUT:
        raise UsageFailure(
            "--aggregate, --exceeds: expected a file, beside which the answers lie, got -o -. Name "
            "one as in -o forecast.csv, or leave -o out."
        )
    for path in questions.paths(output) if output is not None else ():
        check_output(path, suffixes=RESULTS, overwrite=request.overwrite)
    if quantiles and output is not None and output.suffix.lower() == ".nc":
        raise UsageFailure(
            f"--quantiles: expected a table, got {str(output)!r}, which holds every sample path. "
            "Write "
            ".csv, .parquet or .json, or leave --quantiles out."
        )
    check_drawn(steps, samples)


def count_steps(span: str | None, every: str | None) -> int:
    """Number of predicted times that two durations ask for; 1 where one of them is open.

    Plain numbers are in a unit that only the model knows, so that they can be compared with each
    other but not with a duration that has a unit.

    Args:
        span: Horizon.
        every: Time step of the output.

    Raises:
        ConfigError: If one of them is not a duration.
    """
    lengths = [None if text is None else parse_duration(text, "s") for text in (span, every)]
    if span is None or every is None or span[-1:].isalpha() is not every[-1:].isalpha():
        return 1
    return math.ceil(lengths[0] / lengths[1])  # type: ignore[operator]


def deliver(
    result: xr.Dataset,
    request: Request,
    questions: PathQuestions,
    *,
    kind: str,
    folder: RunFolder | None,
    quantiles: tuple[float, ...] | None,
) -> Outcome:
    """Write a result to the output, to stdout, or into the run folder.

    Args:
        result: Draws, dims (draw, series, step, channel).
        request: What was asked.
        questions: What is asked of the sample paths; the answers lie beside the output.
        kind: "forecast" or "interpolation", first part of the default file name.
        folder: Run folder; None for a model outside of one, whose output goes beside the caller.
        quantiles: Levels to summarise the draws by; None for the usual ones.
    """
    from latentode import results

    levels = quantiles or results.DEFAULT_QUANTILES
    facts: Mapping[str, Any] = {str(name): int(size) for name, size in result.sizes.items()}
    output = request.output
    if output == STDOUT:
        text = results.render(result, "csv", quantiles=levels).decode()
        return Outcome(data=facts, text=text)
    if output is None:
        parent = folder.subfolder("forecasts") if folder else Path()
        output = free_name(parent, kind)
    answers, outputs = questions.answers(result, levels), (output, *questions.paths(output))
    found = Outcome(data=facts)
    if questions:
        text = questions.text(answers, levels)
        found = Outcome(data={**facts, **questions.facts(answers)}, text=text)
    request.session.found = found
    for content, path in zip((result, *answers), outputs, strict=True):
        results.write(content, path, quantiles=levels, overwrite=request.overwrite)
    return replace(found, outputs=outputs)


def say_step(result: xr.Dataset, request: Request, every: str | None) -> None:
    """Say which time step was chosen, where none was asked for.

    Args:
        result: What was predicted.
        request: What was asked.
        every: What was given as --every.
    """
    if every is None and "every" in result.attrs:
        request.session.note(
            f"--every {result.attrs['every']}: a round time step near that of the readings"
        )


def free_name(parent: Path, kind: str) -> Path:
    """``<kind>-<UTC stamp>.csv``, numbered where two calls fall into one second."""
    stem = f"{kind}-{utc_stamp()}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(p for name in names if not (p := parent / f"{name}.csv").exists())

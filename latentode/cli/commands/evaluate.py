"""``evaluate RUN [LOGS]``: what the model is worth, beside naive baselines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.options import data_options
from latentode.cli.outputs import (
    STDOUT,
    check_output,
    check_stdout_free,
    output_option,
    overwrite_option,
)
from latentode.cli.runs.event_files import event_lines, events_option, streams_for, windows_option
from latentode.cli.runs.label_files import (
    LabelFile,
    label_column_option,
    label_lines,
    labels_option,
)
from latentode.cli.runs.models import (
    check_reading,
    device_option,
    load_model,
    missing_option,
    own_log,
    read_for,
    run_argument,
)
from latentode.cli.session import Outcome, Session, jsonable
from latentode.cli.table import aligned
from latentode.files import atomic_write


@command("evaluate")
@run_argument
@click.argument("logs", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "all"]),
    default="test",
    show_default=True,
    help="The part of LOGS held out in training, or all of LOGS (for a log of its own).",
)
@click.option("--samples", type=click.IntRange(2), default=200, show_default=True)
@click.option(
    "--rolling",
    type=click.IntRange(1),
    metavar="N",
    default=400,
    show_default=True,
    help="Most moments to forecast from, spread over the part.",
)
@events_option
@windows_option
@labels_option
@label_column_option
@device_option
@output_option
@overwrite_option
@missing_option
@data_options
def evaluate_command(
    session: Session,
    run: Path,
    logs: Path | None,
    split: str,
    samples: int,
    rolling: int,
    events: Path | None,
    windows: Path | None,
    labels: Path | None,
    label_column: str | None,
    device: str,
    output: Path | None,
    overwrite: bool,
    allow_missing: bool,
    **options: Any,
) -> Outcome:
    """Score the model of RUN on LOGS (default: the log it was trained on) beside naive baselines.

    The table is printed; all numbers go to RUN/metrics.json, or to the output named.
    """
    check_stdout_free(output, session.json_output)
    check_output(output, suffixes=(".json",), overwrite=overwrite, stdout=True)
    check_reading(options)
    classes = LabelFile.given(labels, label_column)
    model, folder = load_model(run, session, device)
    log = read_for(
        model, logs or own_log(run, folder), options, session, allow_missing=allow_missing
    )
    streams = streams_for(model, log, events, windows)
    scores = model.evaluate(
        log,
        events=streams,
        split=split,
        max_windows=rolling,
        num_draws=samples,
        **(classes.arguments() if classes else {}),
    )
    text = json.dumps(jsonable(scores), indent=2, allow_nan=False) + "\n"
    run_dir = folder.path if folder else None
    if output == STDOUT:
        return Outcome(run_dir=run_dir, metrics=scores, text=text)
    target = output or (run_dir / "metrics.json" if run_dir else None)
    if target is not None:
        atomic_write(target, text.encode())
    written = () if target is None else (target,)
    return Outcome(run_dir=run_dir, outputs=written, metrics=scores, text=describe(scores))


def describe(scores: Mapping[str, Any]) -> str:
    """Tables and sentences about the tasks of an evaluation."""
    return "\n".join(line for task, result in scores.items() for line in _task(task, result))


def _task(name: str, result: Any) -> Iterator[str]:
    if name == "events":
        yield from event_lines(result)
        yield ""
    if name == "labels":
        yield from label_lines(result)
        yield ""
    if not isinstance(result, Mapping) or "overall" not in result:
        return

    from latentode.evaluation.summary import table

    counts = ", ".join(
        f"{result[key]:,} {key.removeprefix('num_')}"
        for key in ("num_windows", "num_targets")
        if key in result
    )
    yield f"{name}" + (f" ({counts})" if counts else "")
    yield aligned(table(result), numbers=True)
    yield from result.get("sentences", ())
    yield ""

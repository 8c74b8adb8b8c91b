"""``classify RUN [LOGS]``: the class of every series, or at every time."""

from __future__ import annotations

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
from latentode.cli.runs.models import (
    check_reading,
    device_option,
    load_model,
    missing_option,
    read_for,
    run_argument,
)
from latentode.cli.runs.prediction import free_name
from latentode.cli.session import Outcome, Session
from latentode.files import atomic_write


@command("classify")
@run_argument
@click.argument("logs", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--samples", type=click.IntRange(1), default=200, show_default=True)
@click.option(
    "--times",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of times (and ids) to classify at, in its order; for labels of times.",
)
@device_option
@output_option
@overwrite_option
@missing_option
@data_options
def classify_command(
    session: Session,
    run: Path,
    logs: Path | None,
    samples: int,
    times: Path | None,
    device: str,
    output: Path | None,
    overwrite: bool,
    allow_missing: bool,
    **options: Any,
) -> Outcome:
    """Write the probability of each class of each series, from its newest context.

    RUN was trained with --labels. Series are those of LOGS, or of the log it was trained on. If
    labels were of times, the table has a row for every time stamp of LOGS (by default of the newest
    context of every series), or of --times. The path of the table is printed; by default it lies in
    RUN/labels. `evaluate` judges it.
    """
    check_stdout_free(output, session.json_output)
    check_output(output, suffixes=(".csv",), overwrite=overwrite, stdout=True)
    check_reading(options, has_logs=logs is not None, allow_missing=allow_missing)
    model, folder = load_model(run, session, device)
    log = (
        None
        if logs is None
        else read_for(model, logs, options, session, allow_missing=allow_missing)
    )
    table = model.classify(log, times=times, num_draws=samples)
    table.insert(0, "label", table.idxmax(axis=1), allow_duplicates=True)
    text = table.to_csv()
    run_dir = folder.path if folder else None
    if output == STDOUT:
        return Outcome(run_dir=run_dir, text=text.rstrip("\n"))
    target = output or free_name(folder.subfolder("labels") if folder else Path(), "labels")
    atomic_write(target, text.encode())
    return Outcome(run_dir=run_dir, outputs=(target,), data={"rows": len(table)})

"""``classify RUN [LOGS]``: the class of every series, or at every time."""

from __future__ import annotations

from pathlib import Path

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.outputs import STDOUT
from latentode.cli.runs.prediction import free_name
from latentode.cli.runs.request import Request, request_options
from latentode.cli.session import Outcome
from latentode.files import atomic_write


@command("classify")
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Samples of the latent state that are averaged over.",
)
@click.option(
    "--times",
    type=InputFile(),
    help="File of times (and ids) to classify at, in its order; for labels of times.",
)
@request_options()
def classify_command(request: Request, samples: int, times: Path | None) -> Outcome:
    """Write the probability of each class of each series, from its newest history.

    RUN was trained with --labels. Series are those of LOGS, or of the log it was trained on. If
    labels were of times, the table has a row for every time stamp of LOGS (by default of the newest
    history of every series), or of --times. The path of the table is printed; by default it lies in
    RUN/labels. `evaluate` judges it.
    """
    request.check_output(".csv")
    request.check_home("labels")
    model, folder = request.load()
    table = model.classify(request.read(model), times=times, num_draws=samples)
    table.insert(0, "label", table.idxmax(axis=1), allow_duplicates=True)
    from latentode.results.csv_text import csv_of

    content = csv_of(table, index=True)
    if request.output == STDOUT:
        return Outcome(text=content.decode().rstrip("\n"))
    target = request.output or free_name(folder.subfolder("labels") if folder else Path(), "labels")
    atomic_write(target, content)
    return Outcome(outputs=(target,), data={"rows": len(table)})

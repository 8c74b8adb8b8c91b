"""``data list|make``: synthetic logs whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.outputs import STDOUT, check_output, overwrite_option
from latentode.cli.session import Outcome, Session
from latentode.cli.table import aligned
from latentode.errors import ConfigError
from latentode.files import atomic_write


@click.group("data")
def data_command() -> None:
    """List or make synthetic logs."""


@command("list")
def list_command(session: Session) -> Outcome:
    """List the synthetic logs that can be made."""
    del session
    from latentode.data.synthetic.catalogue import GENERATORS

    meanings = {
        name: (generator.__doc__ or "").strip().splitlines()[0]
        for name, generator in GENERATORS.items()
    }
    return Outcome(data=meanings, text=aligned([[name, text] for name, text in meanings.items()]))


@command("make")
@click.argument("name")
@click.option(
    "-o", "--output", default="-", type=click.Path(path_type=Path), help="CSV file; - is stdout."
)
@overwrite_option
@click.option("--layout", type=click.Choice(["wide", "long"]), default="wide", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--option",
    "assignments",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Size of the set, e.g. num_series=20; an unknown name lists those there are.",
)
def make_command(
    session: Session,
    name: str,
    output: Path,
    overwrite: bool,
    layout: str,
    seed: int,
    assignments: tuple[str, ...],
) -> Outcome:
    """Make the synthetic log NAME, the same bytes for the same seed."""
    check_output(output, suffixes=(".csv",), overwrite=overwrite, stdout=session)

    from latentode.data.frames import to_frame
    from latentode.data.synthetic.catalogue import make

    options = dict(_option(text) for text in assignments)
    dataset = make(name, **options, random_state=seed).dataset
    text = to_frame(dataset, layout=layout).to_csv(index=False)  # type: ignore[arg-type]
    if dataset.clock.kind == "elapsed":
        session.note(f"its times are elapsed: read it with --time-unit {dataset.clock.unit}")
    facts = {"series": len(dataset), "readings": dataset.readings.num_readings}
    if output == STDOUT:
        return Outcome(metrics=facts, text=text)
    atomic_write(output, text.encode())
    return Outcome(metrics=facts, outputs=(output,))


for _each in (list_command, make_command):
    data_command.add_command(_each)


def _option(text: str) -> tuple[str, Any]:
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        equals = ""
    if not equals:
        raise ConfigError(f"--option: expected NAME=NUMBER, got {text!r}.")
    return name.strip(), int(value) if value.is_integer() and "." not in number else value

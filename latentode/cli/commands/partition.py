"""``partition LOGS PARTS``: any log, in one pass, as parts of whole series."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.options import config_options, data_options, resolve_options
from latentode.cli.outputs import overwrite_option
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.progress import reading_display
from latentode.cli.session import Outcome, Session

if TYPE_CHECKING:
    from latentode.scale import Parts


@command("partition")
@logs_argument(required=True)
@click.argument("parts", type=click.Path(path_type=Path))
@click.option(
    "--parts",
    "number",
    type=click.IntRange(1, 65_536),
    default=256,
    show_default=True,
    help="Number of parts.",
)
@overwrite_option
@data_options
@config_options
def partition_command(
    session: Session, logs: Logs, parts: Path, number: int, overwrite: bool, **options: Any
) -> Outcome:
    """Write LOGS to the folder PARTS: Parquet files of whole series, and manifest.json.

    A log of any length: it is read once, in blocks of 64 MB, and memory holds a block and the
    largest part. The first block tells what columns, times and cells mean. PARTS is there whole or
    not at all.
    """
    other = [text for text in options["assignments"] if not text.strip().startswith("data.")]
    if other:
        raise click.UsageError(f"--set {other[0]}: expected a setting of the data, data.NAME.")
    if options["far_readings"] is not None:
        raise click.UsageError("--far-readings: is about predictions, and there are none here.")
    config, started = resolve_options(options).data, perf_counter()

    from latentode.scale import partition

    with reading_display(session) as display:
        made = partition(
            logs.source,
            parts,
            number,
            config,
            overwrite=overwrite,
            say=lambda lines: session.lines("plan", lines),
            on_progress=display,
        )
    seconds = perf_counter() - started
    facts = made.manifest
    session.note(
        f"{facts.series:,} series, {facts.rows:,} rows, {facts.readings:,} readings in "
        f"{len(made):,} of {number:,} parts" + (f", {seconds:,.0f} s" if seconds >= 1 else ""),
        kind="plan",
    )
    return Outcome(outputs=(parts,), data=_answer(made))


def _answer(made: Parts) -> dict[str, Any]:
    facts = made.manifest.model_dump(mode="json", exclude={"parts", "reading"})
    return {"folder": str(made.folder), "num_parts": len(made), **facts}

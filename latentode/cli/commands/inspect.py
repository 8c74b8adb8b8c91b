"""``inspect LOGS``: what was detected in a log, without training anything."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from latentode.cli.command import command
from latentode.cli.log_picture import log_picture
from latentode.cli.options import config_options, data_options, resolve_options, typed_flags
from latentode.cli.outputs import PICTURES, check_output, overwrite_option
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.parts_description import describe_parts
from latentode.cli.session import Outcome, Session
from latentode.config import DataConfig
from latentode.errors import DataError

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.data.reading.column_profile import ColumnProfile
    from latentode.data.reading.report import DataReport
    from latentode.data.reading.second_look.look import Look

_WIDTH = 80  # characters of a line where there is no terminal


@command("inspect")
@logs_argument(required=True)
@click.option("--profile", is_flag=True, help="Show what each column of the file holds, too.")
@click.option(
    "--plot",
    "picture",
    type=click.Path(path_type=Path),
    help="Draw the readings of all series and channels into this file (.png, .svg or .pdf).",
)
@overwrite_option
@data_options
@config_options
def inspect_command(
    session: Session,
    logs: Logs,
    profile: bool,
    picture: Path | None,
    overwrite: bool,
    **options: Any,
) -> Outcome:
    """Show what is detected in LOGS: columns, clock, series, ranges, gaps, and what train will ask.

    Of a folder of parts, what its manifest says. Ends with a picture of the readings over time: in
    the terminal, or with --plot in a file.
    """
    other = [text for text in options["assignments"] if not text.strip().startswith("data.")]
    if other:
        raise click.UsageError(f"--set {other[0]}: expected a setting of the data, data.NAME.")
    if options["far_readings"] is not None:
        raise click.UsageError("--far-readings: is about predictions, and there are none here.")
    if logs.are_parts:
        return describe_parts(Path(logs.parts[0]), typed_flags(but=("as_json",)))
    check_output(picture, suffixes=PICTURES, overwrite=overwrite)
    config = resolve_options(options).data
    columns = _profile(logs, config) if profile else []
    try:
        dataset, report = _read(logs, config)
    except DataError:  # what the columns hold may show why
        session.lines("profile", [str(column) for column in columns])
        raise
    counts = np.diff(dataset.readings.row_starts[dataset.readings.series_starts])
    short = int((counts < config.min_obs).sum())
    lines = [*report.plan(), *map(str, columns)]
    lines += [f"train will ask: {question.message}" for question in report.questions]
    suggested = _suggested(report)
    lines += suggested
    if short:
        lines.append(
            f"left out of training: {short} series with fewer than {config.min_obs} readings"
        )
    if picture is not None:
        _draw(dataset, report.look, picture)
    elif not session.json_output:
        lines += _picture(dataset, report.look)
    data = {**report.to_dict(), "num_short_series": short, "suggestions": suggested}
    if profile:
        data["profile"] = [column.to_dict() for column in columns]
    return Outcome(outputs=() if picture is None else (picture,), data=data, text="\n".join(lines))


def _profile(logs: Logs, config: DataConfig) -> list[ColumnProfile]:
    from latentode.data.reading.log import profile_log

    return profile_log(logs.source, config)


def _read(logs: Logs, config: DataConfig) -> tuple[TimeSeriesDataset, DataReport]:
    from latentode.data.reading.log import read_log

    return read_log(logs.source, config)


def _suggested(report: DataReport) -> list[str]:
    from latentode.data.reading.second_look.look_lines import suggested_counters
    from latentode.data.reading.second_look.usual_bounds import usual_bounds

    bounds = usual_bounds(report.look.channels, report.units)
    return [*suggested_counters(report.look), *bounds]


def _picture(dataset: TimeSeriesDataset, look: Look) -> list[str]:
    """The picture for stdout: as wide as the terminal, in ASCII where it shows nothing else."""
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
    return log_picture(dataset, look, width=width, plain=not _shows_blocks())


def _shows_blocks() -> bool:
    try:
        "▁█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _draw(dataset: TimeSeriesDataset, look: Look, path: Path) -> None:
    from latentode import plot

    ranges = {
        facts.name: (facts.low, facts.high)
        for facts in look.channels
        if facts.low is not None and facts.high is not None
    }
    span = look.strays[0].bulk if look.strays else None
    plot.save(plot.readings(dataset, span=span, ranges=ranges), path)

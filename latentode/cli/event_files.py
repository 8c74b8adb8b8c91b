"""Event files of commands: windows beside them, and the model that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentode.cli.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.errors import CheckpointError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from latentode.data.events import EventStreams

windows_option = click.option(
    "--windows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of id,start,end[,mark]: when each series was observed.",
)
mark_option = click.option("--mark-column", help="Column of kinds of event.")


@dataclass(frozen=True)
class EventFile:
    """Events as a command was given them.

    Attributes:
        path: The file.
        mark_column: Column of kinds; None finds it.
        windows: File of windows.
    """

    path: Path
    mark_column: str | None = None
    windows: Path | None = None


def read_windows(path: Path | None) -> pd.DataFrame | None:
    """Windows of observation from a CSV file; ids and times stay as they are written."""
    if path is None:
        return None
    import pandas as pd

    try:
        frame = pd.read_csv(path, dtype={"id": str, "mark": str})
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}). Correct --windows.") from None
    return frame


def describe(streams: EventStreams) -> list[str]:
    """What was understood of event streams, in a few lines."""
    counts = streams.counts().sum(0)
    kinds = ", ".join(
        f"{name} {count:,}" for name, count in zip(streams.mark_names, counts, strict=True)
    )
    empty = int((streams.counts().sum(1) == 0).sum())
    return [
        f"events: {streams.num_scored:,} in {streams.num_series:,} series"
        + (f" ({empty:,} without any)" if empty else ""),
        f"kinds: {kinds}",
        f"clock: {streams.clock.kind}, zone {streams.clock.zone or 'none'}",
    ]


def find_events_model(path: Path, session: Session) -> tuple[Path, RunFolder | None]:
    """The folder of a model of events in a run folder, or such a folder as it is.

    Raises:
        CheckpointError: If there is none.
    """
    if (path / "events.json").is_file():
        return path, None
    folder = RunFolder.open(path)
    session.run_dir = path
    if not (folder.model_path / "events.json").is_file():
        raise CheckpointError(
            f"{path}: expected a trained model of events, got a run without one "
            f"({folder.record.get('status')}). Train one with --events."
        )
    return folder.model_path, folder

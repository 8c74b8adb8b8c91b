"""Later readings for the model of a run to remember."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from latentode.cli.runs.models import find_model
from latentode.cli.runs.request import Request
from latentode.cli.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from latentode.estimators import LatentODE


def append_logs(request: Request) -> tuple[LatentODE, RunFolder]:
    """Add the readings of LOGS to those that the model of a run forecasts from, and keep them.

    Args:
        request: Run and LOGS.

    Returns:
        The model with them, and the folder of its run.

    Raises:
        UsageError: If there are no LOGS, or no run folder around the model.
        DataError: If LOGS cannot be read.
    """
    if request.logs is None:
        raise click.UsageError("--append: adds the readings of LOGS, and none were given.")
    path, folder = request.run, None
    if path.is_dir():
        path, folder = find_model(path, request.session)
    if folder is None:
        raise click.UsageError(
            f"{path}: expected a run folder, got a model alone. Without --append, LOGS with all "
            "readings of the last context give the same forecast."
        )
    with folder.held():  # from reading the model on: another process may replace it
        model, _ = request.load()
        later = request.read(model)
        assert later is not None
        model = model.append(later, allow_missing_channels=request.allow_missing)
        model.save(path)
    readings = later.readings
    request.session.note(
        f"appended {readings.num_readings:,} readings of {len(later):,} series to what the model "
        f"in {path} remembers"
    )
    return model, folder

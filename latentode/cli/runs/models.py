"""From the RUN or MODEL that was named to the model, and from LOGS to what the model reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.inputs import InputFile
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.cli.settings import resolve
from latentode.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from latentode.config import LatentODEConfig
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import ExportedLatentODE, LatentODE

run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
# or a file that `export` wrote
run_or_file_argument = click.argument("run", type=InputFile(dir_okay=True))
device_option = click.option(
    "--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1."
)


def find_model(path: Path, session: Session) -> tuple[Path, RunFolder | None]:
    """Find the model folder in a run folder, or take a model folder as it is.

    Args:
        path: ``RUN`` or ``RUN/model``, or a model folder saved elsewhere.
        session: Session of the call, which learns the run folder.

    Returns:
        The model folder, and the run folder where there is one.

    Raises:
        CheckpointError: If there is no model, with what the run is doing instead.
    """
    if path.is_file():
        raise CheckpointError(
            f"{path}: expected the folder of a run or a model, got a file. Files that `export` "
            "wrote, which end in .onnx, are for forecast, interpolate and evaluate."
        )
    if (path / "model.json").is_file():
        is_run = path.name == "model" and (path.parent / "run.json").is_file()
        folder = RunFolder.open(path.parent) if is_run else None
        session.run_dir = folder.path if folder else None
        return path, folder
    folder = RunFolder.open(path)
    session.run_dir = path
    if not (folder.model_path / "model.json").is_file():
        if (folder.model_path / "events.json").is_file():
            raise CheckpointError(
                f"{path}: expected a model of readings, got a model of events. "
                f"Use `{session.command_line('events', path)}`."
            )
        folder.check_begun()
        status, goes_on = folder.record.get("status"), session.command_line("resume", path)
        advice = "Wait for it" if status == "running" else f"Continue it with `{goes_on}`"
        raise CheckpointError(
            f"{path}: expected a trained model, got a run that is {status}. {advice}."
        )
    return folder.model_path, folder


def load_exported(path: Path, device: str) -> ExportedLatentODE:
    """Load a model that was exported to one file.

    Args:
        path: The file.
        device: Where the caller wants it to compute.

    Raises:
        UsageError: If that is not the CPU.
    """
    if device != "cpu":
        raise click.UsageError(
            f"--device: expected cpu for an exported model, got {device!r}. Leave it out."
        )

    from latentode.estimators import ExportedLatentODE

    return ExportedLatentODE.load(path)


def load_model(path: Path, session: Session, device: str) -> tuple[LatentODE, RunFolder | None]:
    """Load the model of a run, or a model folder.

    Args:
        path: As in `find_model`.
        session: As in `find_model`.
        device: Where the model computes.
    """
    model_path, folder = find_model(path, session)

    from latentode.estimators import LatentODE

    return LatentODE.load(model_path, device=device), folder


def read_for(
    model: LatentODE | ExportedLatentODE,
    logs: Logs,
    session: Session,
    *,
    settings: Mapping[str, Any] | None = None,
    allow_missing: bool = False,
    allow_unread: bool = False,
) -> TimeSeriesDataset:
    """Read a log as the model's own log was read, but for the settings that were given.

    Args:
        model: The model.
        logs: The log.
        session: Told what was read.
        settings: Settings of the data that were given, by dotted name; None for none.
        allow_missing: Whether channels of the model may be absent, but for one.
        allow_unread: Whether no series need have a reading.

    Raises:
        DataError: If it cannot be read, or its times have to be settled first.
    """
    from latentode.data.reading.log import read_log
    from latentode.data.reading.report import OF_EVERY_LOG

    config = config_for(model.config_, settings or {}).data
    dataset, report = read_log(
        logs.source, config, allow_missing=allow_missing, allow_unread=allow_unread
    )
    session.lines("plan", report.plan())
    report.settle("training", about=OF_EVERY_LOG)
    for question in report.questions:
        if question.about != "length":  # a forecast needs little
            session.warn(f"{report.source}: {question.message}")
    if not allow_missing:
        return dataset
    schema = model.fitted_.schema
    absent = [name for name in schema.channels if name not in dataset.channels]
    if absent:
        session.warn(f"channels that this log does not have: {', '.join(absent)}")
    return schema.align(dataset, allow_missing=True)


def own_log(run: Path, folder: RunFolder | None) -> Logs:
    """The log that the model of a run was trained on.

    Raises:
        DataError: If the run, or a model outside of one, has none.
    """
    if folder is None or folder.logs is None:
        raise DataError(
            f"{run}: expected the log that the model was trained on, as it was then, got none: it "
            "has gone or changed, is a database or a pipe, or never was. Name LOGS."
        )
    return folder.logs


def own_bounds(folder: RunFolder | None) -> dict[str, Any]:
    """Settings within which the log of a run was read, and which hold for no later log."""
    if folder is None:
        return {}
    from latentode.config import LatentODEConfig
    from latentode.data.reading.report import OF_ONE_LOG

    time = LatentODEConfig.from_toml(folder.config_path).data.time
    bounds = {f"data.time.{name}": getattr(time, name) for name in OF_ONE_LOG}
    return {name: value for name, value in bounds.items() if value is not None}


def config_for(trained: LatentODEConfig, settings: Mapping[str, Any]) -> LatentODEConfig:
    """Settings to read a further log with: those of training, but for some.

    The columns of one layout mean nothing in another, so with another layout they are detected.
    """
    base = trained.to_dict()
    if settings.get("data.layout", trained.data.layout) != trained.data.layout:
        base["data"]["columns"] |= dict.fromkeys(("time", "id", "channel", "value"))
    return resolve(base=base, options=settings, environment={})

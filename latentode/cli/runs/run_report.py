"""The report of a run: gathered from its files, its model and its log, and written as one page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import flags_of, typed_flags
from latentode.cli.runs.event_files import streams_for
from latentode.cli.runs.event_models import EventModel
from latentode.cli.runs.progress import scoring_display
from latentode.cli.runs.proposals import proposals, told
from latentode.cli.runs.request import Request
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session, jsonable
from latentode.errors import DataError, ResourceError
from latentode.files import atomic_write

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE
    from latentode.report import Records

NAME = "report.html"
_ORIGINS, _DRAWS = 400, 200  # as many as `evaluate` takes


def records_of(request: Request, home: Path) -> Records:
    """Everything of a run; what it was not scored on yet is scored now, as `evaluate` does.

    Args:
        request: The run and its log.
        home: Folder of the run.

    Raises:
        UsageError: If options are given that nothing heeds.
    """
    session, folder = request.session, RunFolder.open(home)
    alone = EventModel.find(home, session)
    if alone is not None:
        return _of_events(request, alone, folder)
    if not folder.model_path.is_dir():
        return _without_model(request, folder)

    from latentode.report import add_model

    model, _ = request.load(reads_own=True)
    log, why = _log_of(request, model, folder)
    unscored = None
    if log is not None and (request.logs is not None or not _has_scores(folder)):
        unscored = _score(request, model, log, folder)
    records = _of_files(session, folder)
    add_model(records, model, log)
    if why:
        records.lack(why, session.command_line("report", home, "LOGS"))
    if unscored:
        records.lack(unscored)
    return records


def write_page(records: Records, path: Path) -> Path:
    """Write the page of a report.

    Args:
        records: What it tells.
        path: The file.
    """
    return atomic_write(path, page_text(records).encode("utf-8", "replace"))


def page_text(records: Records) -> str:
    """The page of a report.

    Args:
        records: What it tells.
    """
    from latentode.report import page_of

    values: dict[str, Any] = jsonable(records.to_dict())
    return page_of(values)


def report_after_training(
    session: Session,
    folder: RunFolder,
    model: LatentODE | None,
    log: TimeSeriesDataset | None,
) -> None:
    """Write what a training leaves to be looked at; a failure costs the report, not the training.

    No scores are computed: they take as long as `evaluate` does, and the page says how to get them.

    Args:
        session: Session of the call.
        folder: Folder of the run, which is done.
        model: What was trained; None where it was trained on parts, or on events alone.
        log: The log that was read; None where it was none, or in parts.
    """
    began, again = time.monotonic(), session.command_line("report", folder.path)
    try:
        path = write_page(_after_training(session, folder, model, log, again), folder.path / NAME)
    except Exception as error:  # whatever it is: the model is trained and saved
        reason = str(error).rstrip(".") or type(error).__name__
        session.warn(f"the report was not written ({reason}). The model is; try again: {again}")
        return
    seconds = time.monotonic() - began
    session.note(f"report: {path} ({seconds:.1f} s)", kind="report", facts={"path": str(path)})


def _after_training(
    session: Session,
    folder: RunFolder,
    model: LatentODE | None,
    log: TimeSeriesDataset | None,
    again: str,
) -> Records:
    from latentode.report import add_events, add_model

    alone, records = EventModel.find(folder.path, session), _of_files(session, folder)
    if alone is not None:
        from latentode.estimators.event_forecaster import EventForecaster

        add_events(records, EventForecaster.load(alone.path, device="cpu"))
    else:
        from latentode.estimators import LatentODE

        model = model or LatentODE.load(folder.path, device="cpu")
        add_model(records, model, None if log is None else model.fitted_.schema.align(log))
    if "scores" not in records.sections:
        in_parts = alone is None and log is None
        why = "; parts of a log are scored with `evaluate`, below" if in_parts else ""
        records.lack(
            f"Scores beside naive forecasts, on what was held out{why}.", "" if in_parts else again
        )
    return records


def _of_files(session: Session, folder: RunFolder) -> Records:
    from latentode.report import RunFiles, of_run

    files, words = RunFiles.read(folder.path), proposals(folder.path, folder.record)
    if files.scores_trainings == 1 + len(folder.record.get("updates") or ()):
        words = [each for each in words if each[0] not in ("evaluate", "report")]  # done
    return of_run(files, told(session, words))


def _of_events(request: Request, alone: EventModel, folder: RunFolder) -> Records:
    """What a run on events alone tells; LOGS are other events to score it on."""
    from latentode.cli.commands.evaluate import scores_of_events
    from latentode.estimators.event_forecaster import EventForecaster
    from latentode.report import add_events

    session = request.session
    if request.logs is not None or not _has_scores(folder):
        _keep(session, folder, scores_of_events(request, alone, None))
    elif unused := flags_of(request.settings):
        raise click.UsageError(f"{', '.join(unused)}: how EVENTS are read, and none were named.")
    records = _of_files(session, folder)
    add_events(records, EventForecaster.load(alone.path, device=request.device))
    return records


def _without_model(request: Request, folder: RunFolder) -> Records:
    """What a run that has not come to a model tells."""
    folder.check_begun()
    unused = flags_of(request.settings) + typed_flags(only=("logs", "device", "allow_missing"))
    if unused:
        raise click.UsageError(
            f"{', '.join(unused)}: of no use to a run that has no model yet. Leave it out."
        )
    session = request.session
    records = _of_files(session, folder)
    status = folder.record.get("status")
    records.sections["next"] = []
    advice = "" if status == "running" else session.command_line("resume", folder.path)
    records.lack(f"The model, and all that it foretells: the run is {status}.", advice)
    return records


def _has_scores(folder: RunFolder) -> bool:
    return (folder.path / "metrics.json").is_file()


def _log_of(
    request: Request, model: LatentODE, folder: RunFolder
) -> tuple[TimeSeriesDataset | None, str]:
    """The log, or why there is none."""
    logs = request.logs or folder.logs
    if logs is None:
        return None, (
            "When what was read, how the log was split, and forecasts beside what came later: the "
            "log that the model was trained on has gone or changed, or is a database or a pipe."
        )
    if logs.are_parts:
        return None, (
            "When what was read, and forecasts beside what came later: the log is in parts, which "
            "are scored part by part. Name a log of some of its series."
        )
    log = request.read_or_own(model, folder)
    return model.fitted_.schema.align(log, allow_missing=request.allow_missing), ""


def _score(
    request: Request, model: LatentODE, log: TimeSeriesDataset, folder: RunFolder
) -> str | None:
    """Score a model and keep the scores in its run; or say why it has none."""
    from latentode.cli.commands.evaluate import what_is_scored
    from latentode.model_card import SCORED

    streams = streams_for(model, log, None, None)
    try:
        with scoring_display(request.session) as show:
            scores = model.evaluate(
                log, events=streams, max_windows=_ORIGINS, num_draws=_DRAWS, on_progress=show
            )
    except DataError as error:
        return f"Scores beside naive forecasts: {error}"
    about = what_is_scored(request, "test", model, folder)
    if _keep(request.session, folder, {**scores, SCORED: about}):
        folder.write_card(model)  # as `evaluate` does
    return None


def _keep(session: Session, folder: RunFolder, scores: dict[str, Any]) -> bool:
    """Write scores into the run; whether they could be."""
    try:
        path = folder.write_json("metrics.json", scores)
    except (OSError, ResourceError) as error:
        session.warn(f"the scores were not kept in the run: {error}")
        return False
    session.note(f"scored, as `evaluate` does: {path}")
    return True

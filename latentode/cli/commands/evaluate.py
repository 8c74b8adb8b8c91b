"""``evaluate RUN [LOGS]``: what the model is worth, beside naive baselines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.options import typed_flags
from latentode.cli.outputs import STDOUT
from latentode.cli.runs.event_files import event_lines, events_option, streams_for, windows_option
from latentode.cli.runs.event_models import EventModel, scores_of, unread_by_events
from latentode.cli.runs.label_files import (
    check_labels,
    label_column_option,
    label_lines,
    labels_option,
)
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.part_runs import PartRun, part_options, parts_of
from latentode.cli.runs.part_scores import evaluate_parts
from latentode.cli.runs.progress import scoring_display
from latentode.cli.runs.request import Request, request_options
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome, jsonable
from latentode.cli.table import aligned
from latentode.files import atomic_write
from latentode.model_card import SCORED

if TYPE_CHECKING:
    from latentode.estimators import LatentODE

# options that a model of events alone has no use for
_OF_LOGS = (
    "split", "samples", "rolling", "events", "labels", "label_column", "allow_missing", "against",
)  # fmt: skip
# and those that have nothing to do with forecasts made elsewhere
_UNCOMPARED = ("events", "windows", "labels", "label_column")


@command("evaluate")
@click.option(
    "--split",
    type=click.Choice(["test", "all"]),
    default="test",
    show_default=True,
    help="The part of LOGS held out in training, or all of LOGS (for a log of its own).",
)
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="Sample paths of each forecast.",
)
@click.option(
    "--rolling",
    type=click.IntRange(1),
    metavar="N",
    default=400,
    show_default=True,
    help="Most forecast start points, spread over the part; bands that adapt to the errors "
    "before them are judged too.",
)
@click.option(
    "--against",
    type=InputFile(),
    metavar="MINE",
    help="CSV of id,origin,time,channel and value or q0.05,q0.5,q0.95: forecasts of your own, "
    "scored beside the model on the same readings; see docs/comparing.md.",
)
@events_option
@windows_option
@labels_option
@label_column_option
@part_options(formats=False)
@request_options()
def evaluate_command(
    request: Request,
    split: str,
    samples: int,
    rolling: int,
    against: Path | None,
    events: Path | None,
    windows: Path | None,
    labels: Path | None,
    label_column: str | None,
    how: PartRun,
) -> Outcome:
    """Score the model of RUN on LOGS (default: the log it was trained on) beside naive forecasts.

    Tables are printed, scaled over all channels and in the unit of each channel by lead time; all
    numbers go to RUN/metrics.json, or to the output named. Naive forecasts have bands from their
    errors in the training part. With --against, forecasts of your own are scored beside them, into
    RUN/comparison.json. A model of events alone is scored on a file of events in the place of LOGS,
    beside constant rates, and on many events ahead beside naive forecasts.

    LOGS that `partition` wrote are scored part by part into the folder -o; the scores of all are
    merged, and printed.
    """
    parts = parts_of(request)
    if parts is not None:
        out, merged = evaluate_parts(
            request, how, parts, split=split, samples=samples, rolling=rolling
        )
        text = None if merged is None else describe(merged)
        return Outcome(outputs=(out,), metrics=dict(merged or {}), text=text)
    request.check_output(".json")
    request.check_home()
    alone = EventModel.find(request.run, request.session)
    if alone is not None:
        return _deliver(request, scores_of_events(request, alone, windows), alone.home)
    if against is not None:
        _refuse_beside_own()
    check_labels(labels, label_column)
    from latentode.estimators import ExportedLatentODE

    model, folder = request.load_either(reads_own=True)
    log = request.read_or_own(model, folder)
    asked: dict[str, Any] = {"split": split, "max_windows": rolling, "num_draws": samples}
    home = folder.path if folder else None
    with scoring_display(request.session) as show:
        if against is not None:
            compared = model.score_forecasts(log, against, on_progress=show, **asked)
            return _deliver(request, {"comparison": compared}, home, "comparison.json")
        if isinstance(model, ExportedLatentODE):
            _refuse_beside_exported()
            return _deliver(request, model.evaluate(log, on_progress=show, **asked), home)
        streams = streams_for(model, log, events, windows)
        scores = model.evaluate(
            log,
            events=streams,
            labels=labels,
            label_column=label_column,
            on_progress=show,
            **asked,
        )
    return _deliver_with_card(request, scores, split, model, folder)


def _refuse_beside_own() -> None:
    unused = typed_flags(only=_UNCOMPARED)
    if unused:
        raise click.UsageError(
            f"{', '.join(unused)}: of no use to --against, which scores forecasts of readings. "
            "Leave it out."
        )


def _refuse_beside_exported() -> None:
    unused = typed_flags(only=_UNCOMPARED)
    if unused:
        raise click.UsageError(
            f"{', '.join(unused)}: of no use to an exported model, which is of readings alone. "
            "Leave it out."
        )


def scores_of_events(request: Request, alone: EventModel, windows: Path | None) -> dict[str, Any]:
    """Scores of a model of events alone.

    Args:
        request: What is asked; its LOGS are a file of events.
        alone: The model.
        windows: When each series of the file was observed.

    Raises:
        UsageError: If options are given that such a model has no use for.
    """
    unused = [*typed_flags(only=_OF_LOGS), *unread_by_events(request.settings)]
    if unused:
        raise click.UsageError(
            f"{', '.join(unused)}: expected a model of readings, got one of events alone, which "
            "has no use for it. Leave it out; a file of events is named after RUN."
        )
    file = None if request.logs is None else _file_of_events(request.logs)
    from latentode.evaluation.event_summary import event_sentences

    model, streams = alone.read(
        request.session, file, windows, device=request.device, settings=request.settings
    )
    if file is None:
        request.session.warn(
            "no EVENTS named: these scores are of the events that the model was trained on, which "
            "it fits better than later ones. Name a file of other events after RUN to judge it."
        )
    scores = {**scores_of(model, streams), "long_horizon": model.long_horizon(streams)}
    return {"events": {**scores, "sentences": event_sentences(scores)}}


def _file_of_events(logs: Logs) -> Path:
    file = Path(logs.parts[0])
    if len(logs.parts) > 1 or not file.is_file():
        raise click.UsageError(
            f"{logs}: expected one file of events, as the model of RUN is of events alone. Name it."
        )
    return file


def _deliver_with_card(
    request: Request,
    scores: Mapping[str, Any],
    split: str,
    model: LatentODE,
    folder: RunFolder | None,
) -> Outcome:
    """Deliver scores with what was scored, and write the card of the run anew where they are."""
    own = None if folder is None else Logs.recorded(folder.record.get("log") or {})
    log = request.logs or own
    about = {
        "split": split,
        "log": None if log is None else str(log),
        "trainings": 1 + len(model.fitted_.later),
    }
    done = _deliver(request, scores, None if folder is None else folder.path, about=about)
    if folder is not None and request.output is None:
        folder.write_card(model)
    return done


def _deliver(
    request: Request,
    scores: Mapping[str, Any],
    home: Path | None,
    name: str = "metrics.json",
    about: Mapping[str, Any] | None = None,
) -> Outcome:
    """Write scores to the output, to stdout, or into the run folder, and print their table."""
    whole = scores if about is None else {**scores, SCORED: about}
    text = json.dumps(jsonable(whole), indent=2, allow_nan=False) + "\n"
    if request.output == STDOUT:
        return Outcome(metrics=scores, text=text)
    target = request.output or (home / name if home else None)
    found = Outcome(metrics=scores, text=describe(scores))
    if target is None:
        return found
    request.session.found = found
    atomic_write(target, text.encode())
    return replace(found, outputs=(target,))


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

    from latentode.evaluation.summary import path_table, table
    from latentode.evaluation.unit_tables import unit_tables

    window = "observed period" if name == "interpolation" else "forecast start point"
    count = result["num_windows"]
    yield (
        f"{name} ({count:,} {window}{'' if count == 1 else 's'}, {result['num_targets']:,} "
        "readings scored; errors are scaled: 1 is a channel's standard deviation)"
    )
    yield aligned(table(result), numbers=True)
    for title, rows in unit_tables(result):
        yield title
        if rows:
            yield aligned(rows, numbers=True)
    if result.get("paths"):
        yield aligned(path_table(result), numbers=True)
    yield from result.get("sentences", ())
    yield ""

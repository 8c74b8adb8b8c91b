"""``events RUN [FILE]``: intensities, what comes next, and whether the process fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.outputs import check_folder, make_folder
from latentode.cli.runs.event_files import (
    describe,
    event_lines,
    events_option,
    streams_for,
    windows_option,
)
from latentode.cli.runs.event_models import EventModel, scores_of
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.models import (
    device_option,
    find_model,
    load_model,
    own_bounds,
    own_log,
    read_for,
    run_argument,
)
from latentode.cli.session import Outcome, Session
from latentode.cli.table import aligned
from latentode.files import atomic_write

if TYPE_CHECKING:
    import xarray as xr

    from latentode.data.events import EventStreams

_MEAN_GAPS = 10  # a stream is followed this many mean gaps ahead, unless told


@dataclass(frozen=True)
class _Question:
    """What was asked: the file, and the options of the command."""

    file: Path | None
    events: Path | None
    windows: Path | None
    every: str | None
    horizon: str | None
    samples: int
    device: str


@dataclass(frozen=True)
class _Answer:
    """What a model says of event streams.

    Attributes:
        streams: The events.
        scores: Nats per event and tests of fit.
        quantiles: Exponential quantiles and rescaled gaps.
        following: What comes next.
        intensity: Rates on a grid.
        origin: From when next events count.
    """

    streams: EventStreams
    scores: dict[str, Any]
    quantiles: tuple[Any, Any]
    following: xr.Dataset
    intensity: xr.Dataset
    origin: str


@command("events")
@run_argument
@click.argument("file", required=False, type=InputFile(dir_okay=True))
@events_option
@windows_option
@click.option("--every", help="Time step of the rates, e.g. 5min.")
@click.option("--horizon", help="How far ahead to look, e.g. 6h; ten mean gaps by default.")
@click.option(
    "--samples", type=click.IntRange(2), default=100, show_default=True, help="Sample paths."
)
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results.")
def events_command(session: Session, run: Path, out: Path | None, **options: Any) -> Outcome:
    """Show rates of events, what comes next, and whether the model of RUN fits them.

    FILE is LOGS for a model of events beside a log (or of its report times), and EVENTS for a model
    of events alone; the default is what RUN was trained on. The table is printed. intensity.csv,
    next_event.csv and two pictures go to RUN/events, or to the folder named.
    """
    question = _Question(**options)
    alone = EventModel.find(run, session)
    if alone is not None and question.events is not None:
        raise click.UsageError("--events belongs to a model of events beside LOGS.")
    home = find_model(run, session)[0].parent if alone is None else alone.home or alone.path.parent
    folder = out or home / "events"
    check_folder(folder)
    if alone is None:
        answer = _of_log(session, run, question)
    else:
        answer = _of_streams(session, alone, question)
    session.found = Outcome(metrics=answer.scores, text=_text(answer))
    written = _write(make_folder(folder, "Choose --out."), answer)
    return replace(session.found, outputs=written)


def _of_streams(session: Session, alone: EventModel, question: _Question) -> _Answer:
    model, streams = alone.read(session, question.file, question.windows, device=question.device)
    horizon = question.horizon or _default_horizon(streams, model.fitted_.unit_ns)
    return _Answer(
        streams,
        scores_of(model, streams),
        model.rescaled_quantiles(streams),
        model.next_event(streams, horizon=horizon, num_draws=question.samples),
        model.intensity(streams, every=question.every),
        "the end of the window",
    )


def _of_log(session: Session, run: Path, question: _Question) -> _Answer:
    from latentode.config.durations import NS_PER_UNIT

    model, folder = load_model(run, session, question.device)
    view = model.events
    named = None if question.file is None else Logs((str(question.file),))
    bounds = {} if named else own_bounds(folder)
    log = read_for(model, named or own_log(run, folder), session, settings=bounds)
    streams = streams_for(model, log, question.events, question.windows)
    assert streams is not None
    session.lines("plan", describe(streams))
    horizon = question.horizon or _default_horizon(streams, NS_PER_UNIT[view.unit])
    # of the log of the training, only the test part was not seen
    split = "test" if question.file is None else "all"
    blocks = view.blocks(log, events=streams, split=split, num_draws=question.samples)
    return _Answer(
        streams,
        blocks.summary(),
        blocks.rescaled_quantiles(),
        view.next_event(log, horizon=horizon, num_draws=question.samples),
        view.intensity(
            log, every=question.every, horizon=question.horizon, num_draws=question.samples
        ),
        "the last reading",
    )


def _default_horizon(streams: EventStreams, unit_ns: int) -> float:
    return _MEAN_GAPS / float(streams.rates(unit_ns).sum())


def _write(target: Path, answer: _Answer) -> tuple[Path, ...]:
    from latentode import plot
    from latentode.results.csv_text import csv_of
    from latentode.results.events import intensity_frame, next_event_frame

    frames = {
        "intensity.csv": intensity_frame(answer.intensity),
        "next_event.csv": next_event_frame(answer.following),
    }
    pictures = {
        "intensity.png": plot.intensity(answer.intensity, observed=answer.streams),
        "rescaled_gaps.png": plot.rescaled_gaps(*answer.quantiles),
    }
    return (
        *(atomic_write(target / name, csv_of(frame)) for name, frame in frames.items()),
        *(plot.save(axes, target / name) for name, axes in pictures.items()),
    )


def _text(answer: _Answer) -> str:
    from latentode.results.events import next_event_frame

    frame = next_event_frame(answer.following).head(20)
    table = [
        [str(cell) if isinstance(cell, str) else f"{cell:.4g}" for cell in row]
        for row in frame.itertuples(index=False)
    ]
    return "\n".join(
        [
            *event_lines(answer.scores),
            "",
            f"next event, time from {answer.origin} in {answer.scores['unit']}:",
            aligned([[str(name) for name in frame.columns], *table], numbers=True),
        ]
    )

"""Events of commands: their files, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.inputs import InputFile
from latentode.cli.table import aligned

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.data.events import EventStreams
    from latentode.estimators import LatentODE

events_option = click.option(
    "--events",
    type=InputFile(),
    help="CSV of id,time,mark: the events beside LOGS (default: those of the training).",
)


def _windows(file: InputFile) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--windows",
        type=file,
        help="CSV of id,start,end[,mark]: when each series was observed.",
    )


windows_option, run_windows_option = _windows(InputFile()), _windows(InputFile(again=True))
mark_option = click.option("--mark-column", help="Column of marks of events.")


def describe(streams: EventStreams) -> list[str]:
    """What was understood of event streams, in a few lines."""
    counts = streams.counts().sum(0)
    marks = ", ".join(
        f"{name} {count:,}" for name, count in zip(streams.mark_names, counts, strict=True)
    )
    empty = int((streams.counts().sum(1) == 0).sum())
    return [
        f"events: {streams.num_scored:,} in {streams.num_series:,} series"
        + (f" ({empty:,} without any)" if empty else ""),
        f"marks: {marks}",
        f"clock: {streams.clock.kind}, zone {streams.clock.zone or 'none'}",
    ]


def streams_for(
    model: LatentODE, log: TimeSeriesDataset, events: Path | None, windows: Path | None
) -> EventStreams | None:
    """Events beside a log for a model of both; None for a model of readings alone.

    Args:
        model: The model.
        log: The log, as the model reads it.
        events: File of events; None takes those of the training.
        windows: File of when each series was observed.

    Raises:
        UsageError: If windows are named without events.
        ConfigError: If files are named that the model has no use for.
    """
    if model.fitted_.log.events is None and events is None and windows is None:
        return None
    if windows is not None and events is None:
        raise click.UsageError("--windows belongs to --events.")
    return model.events.read(log, events, windows)


def event_lines(scores: Mapping[str, Any]) -> list[str]:
    """Scores and tests of fit of a process, as lines of text.

    Args:
        scores: "events", "nats_per_event", "gain_per_event", "unit" and "tests"; perhaps
            "long_horizon".
    """
    from latentode.evaluation.event_summary import event_sentences

    rows = [["", "p of the gaps", "p of the times", "spread of counts (1: right)", "p"]]
    for group, tests in scores["tests"].items():
        rescaling, uniform, spread = (
            tests[name] for name in ("time_rescaling", "uniformity", "dispersion")
        )
        numbers = (
            rescaling["p_value"], uniform["p_value"], spread["statistic"], spread["p_value"]
        )  # fmt: skip
        rows.append([group, *(f"{number:.3g}" for number in numbers)])
    return [
        f"{scores['events']:,} events",
        *event_sentences(scores),
        f"log-likelihood: {scores['nats_per_event']:.4f} nats per event (rates per "
        f"{scores['unit']})",
        "",
        "tests of fit (time rescaling, uniformity, dispersion; p > 0.05: nothing against it)",
        *aligned(rows, numbers=True).splitlines(),
        *_lines_ahead(scores.get("long_horizon") or {}),
    ]


def _lines_ahead(scores: Mapping[str, Any]) -> list[str]:
    """Scores of many events ahead, or nothing where there are none."""
    if not scores:
        return []
    rows = [["ten mean gaps ahead", "OTD (less is better)", "T-mAP (more is better)"]]
    for name, precision in scores["t_map"].items():
        distance = scores["otd"][name]
        rows.append([name, "" if distance is None else f"{distance:.3g}", f"{precision:.3g}"])
    return ["", *aligned(rows, numbers=True).splitlines()]

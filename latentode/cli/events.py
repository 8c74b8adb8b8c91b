"""``events RUN [EVENTS]``: intensities, what comes next, and whether the process fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.event_files import describe, find_events_model, read_windows, windows_option
from latentode.cli.models import run_argument
from latentode.cli.outputs import check_stdout_free
from latentode.cli.session import Outcome, Session
from latentode.cli.table import aligned
from latentode.errors import ResourceError
from latentode.files import atomic_write

if TYPE_CHECKING:
    import xarray as xr

    from latentode.event_estimator import EventForecaster


@command("events")
@run_argument
@click.argument("events", required=False, type=click.Path(exists=True, path_type=Path))
@windows_option
@click.option("--every", help="Spacing of the intensity grid, e.g. 5min.")
@click.option("--horizon", help="How far ahead to look, e.g. 6h; ten mean gaps by default.")
@click.option("--samples", type=click.IntRange(1), default=100, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results.")
def events_command(
    session: Session,
    run: Path,
    events: Path | None,
    windows: Path | None,
    every: str | None,
    horizon: str | None,
    samples: int,
    out: Path | None,
) -> Outcome:
    """Rates, next events and goodness of fit of RUN's model on EVENTS (default: its own events).

    The table is printed. intensity.csv, next_event.csv and two pictures go to RUN/events, or to
    the folder named.
    """
    check_stdout_free(None, session.json_output)
    model_path, folder = find_events_model(run, session)

    from latentode.event_estimator import EventForecaster

    model = EventForecaster.load(model_path)
    streams = model.read(events, read_windows(windows))
    session.lines("plan", describe(streams))
    target = _folder(
        out or (folder.subfolder("events") if folder else model_path.parent / "events")
    )
    unit = model.fitted_.unit
    ahead = horizon or 10 / float(streams.rates(model.fitted_.unit_ns).sum())
    scores, tests = model.score(streams), model.goodness_of_fit(streams)
    following = model.next_event(streams, horizon=ahead, num_draws=samples)
    intensity = model.intensity(streams, every=every)
    written = _write(target, model, streams, intensity, following)
    metrics = {
        **scores,
        "unit": unit,
        "tests": {
            group: {name: vars(test) for name, test in found.items()}
            for group, found in tests.items()
        },
    }
    return Outcome(
        run_dir=session.run_dir,
        outputs=written,
        metrics=metrics,
        text=_text(scores, tests, following, unit),
    )


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be made ({error.strerror}). Choose --out.") from None
    return path


def _write(
    target: Path,
    model: EventForecaster,
    streams: Any,
    intensity: xr.Dataset,
    following: xr.Dataset,
) -> tuple[Path, ...]:
    from latentode import plot
    from latentode.results.events import intensity_frame, next_event_frame

    frames = {
        "intensity.csv": intensity_frame(intensity),
        "next_event.csv": next_event_frame(following),
    }
    paths = [
        atomic_write(target / name, frame.to_csv(index=False).encode())
        for name, frame in frames.items()
    ]
    expected, observed = model.rescaled_quantiles(streams)
    paths.append(plot.save(plot.intensity(intensity, observed=streams), target / "intensity.png"))
    paths.append(plot.save(plot.rescaled_gaps(expected, observed), target / "rescaled_gaps.png"))
    return tuple(paths)


def _text(scores: dict[str, float], tests: Any, following: xr.Dataset, unit: str) -> str:
    from latentode.results.events import next_event_frame

    rows = [["", "time rescaling p", "uniformity p", "dispersion", "p"]]
    for group, found in tests.items():
        kinds = (found[name] for name in ("time_rescaling", "uniformity", "dispersion"))
        rescaling, uniform, spread = kinds
        numbers = (rescaling.p_value, uniform.p_value, spread.statistic, spread.p_value)
        rows.append([group, *(f"{number:.3g}" for number in numbers)])
    frame = next_event_frame(following).head(20)
    table = [
        [str(cell) if isinstance(cell, str) else f"{cell:.4g}" for cell in row]
        for row in frame.itertuples(index=False)
    ]
    return "\n".join(
        [
            f"{scores['events']:,} events: {scores['nats_per_event']:.4f} nats an event (rates per "
            f"{unit}), {scores['gain_per_event']:+.4f} over constant rates",
            "",
            aligned(rows, numbers=True),
            "",
            f"next event, time from the end of the window in {unit}:",
            aligned([[str(name) for name in frame.columns], *table], numbers=True),
        ]
    )

"""``plot RUN|FILE.nc``: pictures of a run or of a result."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.options import NAMES
from latentode.cli.outputs import PICTURES, check_output, output_option, overwrite_option
from latentode.cli.runs.logs import LogPart, Logs
from latentode.cli.runs.models import load_model, own_bounds, read_for
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome, Session
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError

if TYPE_CHECKING:
    import xarray as xr

    from latentode.data.dataset import TimeSeriesDataset

_LATENT = "latent_trajectory"
_EXCEEDANCE = "exceedance"


@command("plot")
@click.argument("source", metavar="RUN|FILE.nc", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--log",
    type=LogPart(),
    callback=lambda _ctx, _param, part: None if part is None else Logs((part,)),
    help="Readings to draw beside the prediction in FILE.nc.",
)
@click.option("--series", type=NAMES, help="Series to draw, as a,b; default the first.")
@click.option("--channels", type=NAMES, help="Channels to draw, as a,b; default the first 8.")
@output_option
@overwrite_option
def plot_command(
    session: Session,
    source: Path,
    log: Logs | None,
    series: tuple[str, ...] | None,
    channels: tuple[str, ...] | None,
    output: Path | None,
    overwrite: bool,
) -> Outcome:
    """Draw the prediction in FILE.nc, or the training and a forecast of RUN.

    The paths of the pictures are printed. Those of a RUN lie in RUN/plots and replace older ones;
    with -o only the forecast is drawn, into that file (.png, .svg or .pdf).
    """
    chosen = {"series": series, "channels": channels}
    if source.is_file():
        picture = output or source.with_suffix(".png")
        check_output(picture, suffixes=PICTURES, overwrite=overwrite)
        return _plot_file(session, source, log, picture, chosen)
    if log is not None:
        raise click.UsageError("--log belongs to FILE.nc: a RUN is drawn with its own log.")
    check_output(output, suffixes=PICTURES, overwrite=overwrite)
    return _plot_run(session, source, output, chosen)


def _plot_file(
    session: Session, source: Path, log: Logs | None, output: Path, chosen: dict[str, Any]
) -> Outcome:
    from latentode import results

    result = results.read(source)
    if result.attrs.get("kind") == _LATENT and (log is not None or chosen["channels"]):
        raise click.UsageError(
            f"--log and --channels: {source} holds latent states, which are not of channels."
        )
    if result.attrs.get("kind") == _EXCEEDANCE and (log is not None or chosen["channels"]):
        raise click.UsageError(
            f"--log and --channels: {source} holds probabilities of limits, which are drawn alone."
        )
    if "aggregate" in result.attrs and log is not None:
        raise click.UsageError(
            f"--log: {source} holds {result.attrs['aggregate']}, beside which readings say nothing."
        )
    observed = None if log is None else _observed(session, source, result, log)
    return Outcome(outputs=(_draw(result, observed, output, chosen),))


def _observed(session: Session, source: Path, result: xr.Dataset, log: Logs) -> TimeSeriesDataset:
    """Read a log as the run read its own whose result this is; elsewhere, on the result's clock."""
    from latentode.data.reading.log import read_log

    run = source.resolve().parent.parent
    if (run / "run.json").is_file():
        bounds = {"data.time.start": None, "data.time.end": None}  # those of the run's own log
        config = LatentODEConfig.from_toml(RunFolder.open(run).config_path).updated(**bounds)
    else:
        time = result["time"].attrs
        zone = time.get("timezone", "naive")
        config = LatentODEConfig().updated(
            **{
                "data.time.unit": time.get("units", "auto"),
                "data.time.tz": None if zone == "naive" else zone,
            }
        )
    try:
        dataset, report = read_log(log.source, config.data, allow_missing=True)
    except ConfigError:
        raise ConfigError(
            f"--log: expected a log on the clock of {source}, got {log} on another. Name the log "
            "that was forecast."
        ) from None
    session.lines("plan", report.plan())
    drawn = [str(name) for name in result["series"].values]
    if len(drawn) == len(dataset) == 1:  # without a column of ids, a series is named by its file
        return replace(dataset, series_ids=tuple(drawn))
    if not set(drawn) & set(dataset.series_ids):
        session.warn(f"{log}: has no series of {source}, so no reading is drawn.")
    return dataset


def _plot_run(
    session: Session, source: Path, output: Path | None, chosen: dict[str, Any]
) -> Outcome:
    model, folder = load_model(source, session, "cpu")
    logs = folder.logs if folder is not None else None
    observed = None if logs is None else read_for(model, logs, session, settings=own_bounds(folder))
    forecast = model.forecast()
    if output is not None:
        return Outcome(outputs=(_draw(forecast, observed, output, chosen),))
    if folder is None:
        raise click.UsageError("A model folder has no place for plots: name a file with -o.")
    plots = folder.subfolder("plots")
    fan = _draw(forecast, observed, plots / "forecast.png", chosen)
    return Outcome(outputs=(*_draw_history(folder, plots), fan))


def _draw(
    result: xr.Dataset, observed: TimeSeriesDataset | None, path: Path, chosen: dict[str, Any]
) -> Path:
    from latentode import plot

    kind = result.attrs.get("kind")
    if kind == _LATENT:
        return _saved(plot.latent_trajectory(result, series=chosen["series"]), path)
    if kind == _EXCEEDANCE:
        return _saved(plot.crossings(result, series=chosen["series"]), path)
    draw = plot.interpolation if kind == "interpolation" else plot.forecast
    return _saved(draw(result, observed=observed, **chosen), path)


def _saved(axes: Any, path: Path) -> Path:
    """Write a picture, and name it as the caller did."""
    from latentode import plot

    plot.save(axes, path)
    return path


def _draw_history(folder: RunFolder, plots: Path) -> Iterator[Path]:
    """Draw what training and evaluation left behind, where they did."""
    from latentode import plot

    history = _history(folder.path / "metrics.csv")
    if history:
        yield _saved(plot.training_curves(history), plots / "training.png")
    scores = folder.path / "metrics.json"
    if scores.is_file():
        report = json.loads(scores.read_text(encoding="utf-8")).get("forecast", {})
        if report.get("pit"):
            yield _saved(plot.calibration(report), plots / "calibration.png")


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]

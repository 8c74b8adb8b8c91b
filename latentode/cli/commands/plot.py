"""``plot RUN|FILE.nc [LOGS]``: pictures of a run or of a result."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.options import NAMES, flags_of, given_settings, shown_options
from latentode.cli.outputs import PICTURES, check_output, output_option, overwrite_option
from latentode.cli.runs.logs import logs_argument
from latentode.cli.runs.models import own_bounds, read_for
from latentode.cli.runs.request import Request
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome
from latentode.errors import ConfigError, DataError

if TYPE_CHECKING:
    import xarray as xr

    from latentode.cli.session import Session
    from latentode.data.dataset import TimeSeriesDataset

_LATENT = "latent_trajectory"
_EXCEEDANCE = "exceedance"
_RESULT, _EXPORTED = ".nc", ".onnx"


@command("plot")
@click.argument("source", metavar="RUN|FILE.nc", type=InputFile(dir_okay=True))
@logs_argument()
@click.option("--series", type=NAMES, help="Series to draw, as a,b, or all; default the first.")
@click.option(
    "--channels", type=NAMES, help="Channels to draw, as a,b, or all; default the first 8."
)
@click.option("--from", "first", metavar="TIME", help="First time shown, e.g. 2025-11-01.")
@click.option("--to", "last", metavar="TIME", help="Last time shown.")
@output_option
@overwrite_option
@shown_options
def plot_command(
    session: Session,
    source: Path,
    logs: Any,
    series: tuple[str, ...] | None,
    channels: tuple[str, ...] | None,
    first: str | None,
    last: str | None,
    output: Path | None,
    overwrite: bool,
    **reader: Any,
) -> Outcome:
    """Draw the training and a forecast of RUN, or the prediction in FILE.nc.

    A forecast of RUN begins at the end of LOGS, or of the log of its training. Beside the
    prediction in FILE.nc the readings of LOGS are drawn.

    The paths of the pictures are printed. Those of a RUN lie in RUN/plots and replace older ones;
    with -o only the forecast is drawn, into that file (.png, .svg or .pdf).
    """
    request = Request(
        session=session,
        run=source,
        logs=logs,
        device="cpu",
        output=output,
        overwrite=overwrite,
        allow_missing=logs is not None,  # a panel says what the log does not have
        settings=given_settings(reader),
    )
    chosen = {"series": series, "channels": channels, "window": _window(first, last)}
    if source.is_file():
        return _plot_file(request, chosen)
    check_output(output, suffixes=PICTURES, overwrite=overwrite)
    if output is None and request.home is None and (source / "model.json").is_file():
        raise click.UsageError("A model folder has no place for plots: name a file with -o.")
    request.check_home("plots")
    return _plot_run(request, chosen)


def _window(first: str | None, last: str | None) -> tuple[str | None, str | None] | None:
    return None if first is None and last is None else (first, last)


def _plot_file(request: Request, chosen: dict[str, Any]) -> Outcome:
    from latentode import results

    source, command_line = request.run, request.session.command_line
    if source.suffix.lower() == _EXPORTED:
        raise DataError(
            f"{source}: expected a RUN folder, or a prediction in a file that ends in .nc, got a "
            f"model in one file. Type `{command_line('forecast', source)} -o forecast.nc`, then "
            f"`{command_line('plot', 'forecast.nc')}`."
        )
    if source.suffix.lower() != _RESULT:
        raise DataError(
            f"{source}: expected a RUN folder, or a prediction in a file that ends in .nc, got "
            f"another file. To draw a log, type `{command_line('inspect', source)} --plot "
            f"{source.stem}.png`; to draw a forecast, `{command_line('forecast', 'RUN')} -o "
            f"forecast.nc` and `{command_line('plot', 'forecast.nc')}`."
        )
    picture = request.output or source.with_suffix(".png")
    check_output(picture, suffixes=PICTURES, overwrite=request.overwrite)
    if request.settings and request.logs is None:
        flags = ", ".join(flags_of(request.settings))
        raise click.UsageError(f"{flags}: how LOGS are read, and none were given.")
    result = results.read(source)
    _check_file(request, result, chosen)
    return Outcome(
        outputs=(_draw(request.session, result, _beside(request, result), picture, chosen),)
    )


def _check_file(request: Request, result: xr.Dataset, chosen: dict[str, Any]) -> None:
    """Refuse what a result of this kind has no place for.

    Raises:
        UsageError: With the names of what was given.
    """
    kind, source = result.attrs.get("kind"), request.run
    if kind == _LATENT and (request.logs or chosen["channels"] or chosen["window"]):
        raise click.UsageError(
            f"LOGS, --channels, --from and --to: {source} holds latent states, which are neither "
            "of channels nor drawn over time."
        )
    if kind == _EXCEEDANCE and (request.logs or chosen["channels"]):
        raise click.UsageError(
            f"LOGS and --channels: {source} holds probabilities of limits, which are drawn alone."
        )
    if "aggregate" in result.attrs and request.logs:
        raise click.UsageError(
            f"LOGS: {source} holds {result.attrs['aggregate']}, beside which readings say nothing."
        )


def _beside(request: Request, result: xr.Dataset) -> TimeSeriesDataset | None:
    """Read LOGS as the log that was predicted was read, but for the options that were given."""
    if request.logs is None:
        return None
    from latentode.config import LatentODEConfig
    from latentode.data.reading.log import read_log
    from latentode.data.reading.report import OF_EVERY_LOG
    from latentode.plot.observed import named_as, reading_settings

    data = LatentODEConfig(data=reading_settings(result)).updated(**request.settings).data
    try:
        dataset, report = read_log(request.logs.source, data, allow_missing=True)
    except ConfigError:
        if request.settings:
            raise
        raise ConfigError(
            f"LOGS: expected a log on the clock of {request.run}, got {request.logs} on "
            "another. Name the log that was forecast."
        ) from None
    request.session.lines("plan", report.plan())
    report.settle("training", about=OF_EVERY_LOG)
    for question in report.questions:
        if question.about != "length":  # a picture needs little
            request.session.warn(f"{report.source}: {question.message}")
    dataset = named_as(result, dataset)
    if not {str(name) for name in result["series"].values} & set(dataset.series_ids):
        request.session.warn(f"{request.logs}: has no series of {request.run}.")
    return dataset


def _plot_run(request: Request, chosen: dict[str, Any]) -> Outcome:
    model, folder = request.load()
    observed = log = request.read(model, allow_unread=True)
    if log is None and folder is not None and folder.logs is not None:
        bounds = own_bounds(folder)
        observed = read_for(model, folder.logs, request.session, settings=bounds)
    forecast = model.forecast(log)
    if request.output is not None:
        return Outcome(
            outputs=(_draw(request.session, forecast, observed, request.output, chosen),)
        )
    assert folder is not None, "a model outside of one is refused before it is loaded"
    plots = folder.subfolder("plots")
    fan = _draw(request.session, forecast, observed, plots / "forecast.png", chosen)
    return Outcome(outputs=(*_draw_history(folder, plots), fan))


def _draw(
    session: Session,
    result: xr.Dataset,
    observed: TimeSeriesDataset | None,
    path: Path,
    chosen: dict[str, Any],
) -> Path:
    from latentode import plot

    kind, series, window = result.attrs.get("kind"), chosen["series"], chosen["window"]
    if kind == _LATENT:
        return _saved(plot.latent_trajectory(result, series=series), path)
    if kind == _EXCEEDANCE:
        return _saved(plot.crossings(result, series=series, window=window), path)
    if series is None and result.sizes["series"] > 1:
        session.note(
            f"drawn: series {result['series'].values[0]}, the first of "
            f"{result.sizes['series']:,}. For others pass --series with their names, or all."
        )
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

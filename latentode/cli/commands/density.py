"""``density RUN [LOGS]``: how likely a log is under a model, by series and by reading."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from latentode.cli.command import command
from latentode.cli.outputs import PICTURES, RESULTS, check_output
from latentode.cli.runs.part_predictions import density_of_parts
from latentode.cli.runs.part_runs import PartRun, part_options, parts_of
from latentode.cli.runs.request import Request, request_options
from latentode.cli.session import Outcome
from latentode.cli.table import aligned

if TYPE_CHECKING:
    import xarray as xr

    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE

_SHOWN = 10  # readings of the greatest surprise that are told


@command("density")
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="Samples of the latent state that are averaged over.",
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(path_type=Path),
    help="Picture of the latent space: prior, encoded windows, both a horizon later.",
)
@click.option(
    "--components",
    nargs=2,
    type=click.IntRange(0),
    help="Latent coordinates of the picture, as 0 3; default the two that vary most.",
)
@click.option("--series", help="Series whose planned inputs drive the picture; default the first.")
@part_options(formats=True)
@request_options()
def density_command(
    request: Request,
    samples: int,
    picture: Path | None,
    components: tuple[int, int] | None,
    series: str | None,
    how: PartRun,
) -> Outcome:
    """Say how well LOGS (default: the log of RUN) fit the model, and which readings fit worst.

    Two tables are printed: the log-likelihood of each series, in nats of the log's units, with its
    standard error; and the readings with the highest anomaly scores. The anomaly score of each
    reading (minus its log-likelihood given what came before) goes to the output. With --plot, the
    density of the latent states is drawn, with samples, field and trajectories.

    Of LOGS that `partition` wrote, both go to the folder -o, part by part; the same command goes on
    there after it was ended.
    """
    in_parts = parts_of(request)
    if in_parts is not None:
        return density_of_parts(request, how, in_parts, samples=samples)
    if picture is None and (components is not None or series is not None):
        raise click.UsageError("--components and --series belong to --plot.")
    output, overwrite = request.output, request.overwrite
    if picture is not None:
        check_output(picture, suffixes=PICTURES, overwrite=overwrite)
    if output is not None or picture is None:
        check_output(output, suffixes=RESULTS, overwrite=overwrite)
    model, folder = request.load(reads_own=True)
    log = request.read_or_own(model, folder)
    scores = model.score(log, num_draws=samples)
    surprise = model.surprise(log, num_draws=samples)
    rows = _series(scores)
    worst = _worst(surprise)
    names = ("prior", "posterior", "likelihood")
    parts = {name: getattr(model.config_.model, name) for name in names}
    # a flow in evaluation mode takes no estimate, so there is no error of a trace to state
    trace = "exact" if {"cnf", "flow"} & set(parts.values()) else "none needed"
    found = Outcome(
        data={"series": rows, "surprising": worst, "trace": trace, **parts},
        text="\n".join(_lines(rows, worst, trace)),
    )
    request.session.found = found
    if output is not None:
        from latentode import results

        results.write(surprise, output, quantiles=(), overwrite=overwrite)
    if picture is not None:
        _draw(model, log, picture, components, series)
    written = tuple(path for path in (output, picture) if path is not None)
    return replace(found, outputs=written)


def _draw(
    model: LatentODE,
    log: TimeSeriesDataset,
    path: Path,
    components: tuple[int, int] | None,
    series: str | None,
) -> None:
    """Draw the latent space of a model under the windows of a log."""
    from latentode import plot

    plane = model.latent.plane(log, components=components, series=series)
    how = "" if plane.exact else ", kernel estimate"
    views = {
        f"prior and its draws{how}": vars(plane.prior),
        "prior and encoded windows": vars(plane.encoded),
        "one horizon later": vars(plane.later),
    }
    one, other = plane.components
    plot.save(plot.densities(views, labels=(f"latent {one}", f"latent {other}")), path)


def _series(scores: xr.Dataset) -> list[dict[Hashable, Any]]:
    frame = scores[["log_prob", "standard_error", "num_readings"]].to_dataframe()
    return frame.reset_index().to_dict("records")


def _worst(surprise: xr.Dataset) -> list[dict[str, Any]]:
    """The readings of the greatest surprise, greatest first."""
    values = surprise["value"].values[0]  # (series, step, channel)
    order = np.argsort(np.where(np.isnan(values), -np.inf, values), axis=None)[::-1]
    worst = []
    for index in order[: min(_SHOWN, int(np.isfinite(values).sum()))]:
        series, step, channel = np.unravel_index(index, values.shape)
        worst.append(
            {
                "series": str(surprise["series"].values[series]),
                "time": str(surprise["time"].values[series, step]),
                "channel": str(surprise["channel"].values[channel]),
                "surprise": float(values[series, step, channel]),
            }
        )
    return worst


def _lines(series: list[dict[Hashable, Any]], worst: list[dict[str, Any]], trace: str) -> list[str]:
    head = ("series", "log-likelihood", "se", "readings", "nats per reading")
    rows = [
        (
            row["series"],
            f"{row['log_prob']:.1f}",
            f"{row['standard_error']:.2g}",
            f"{row['num_readings']}",
            f"{row['log_prob'] / max(row['num_readings'], 1):.3f}",
        )
        for row in series
    ]
    odd = [(r["series"], r["time"], r["channel"], f"{r['surprise']:.1f}") for r in worst]
    return [
        aligned([head, *rows], numbers=True),
        "",
        f"trace: {trace}",
        "",
        aligned([("series", "time", "channel", "anomaly score (nats)"), *odd]),
    ]

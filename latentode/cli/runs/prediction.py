"""What ``forecast`` and ``interpolate`` share: options, limits, and the way out of a result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.outputs import (
    STDOUT,
    check_output,
    check_stdout_free,
    output_option,
    overwrite_option,
)
from latentode.cli.runs.models import device_option
from latentode.cli.runs.provenance import utc_stamp
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome, Session
from latentode.config.durations import parse_duration
from latentode.errors import ResourceError

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".csv", ".nc", ".parquet", ".json")
MAX_DRAWN = 200_000_000  # values drawn at once: 1.6 GB of float64


class Quantiles(click.ParamType):
    """Probabilities between 0 and 1, ``0.05,0.5,0.95``."""

    name = "quantiles"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read increasing probabilities."""
        if isinstance(value, tuple):
            return value
        try:
            levels = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected numbers as in 0.05,0.5,0.95, got {value!r}.", param, ctx)
        if not all(0 < level < 1 for level in levels):
            self.fail(f"expected probabilities between 0 and 1, got {value!r}.", param, ctx)
        return tuple(sorted(set(levels)))


def prediction_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of where to predict, how finely, and where the result goes."""
    for option in (
        overwrite_option,
        output_option,
        device_option,
        click.option("--quantiles", type=Quantiles(), default="0.05,0.5,0.95", show_default=True),
        click.option("--samples", type=click.IntRange(1), default=200, show_default=True),
        click.option("--every", help="Distance of the predicted times, e.g. 5min."),
        click.option(
            "--times",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File of times (and ids) to predict at, in its order.",
        ),
    ):
        function = option(function)
    return function


def check_request(
    session: Session, output: Path | None, *, overwrite: bool, samples: int, steps: int = 1
) -> None:
    """Refuse what cannot succeed, before a model is loaded.

    Raises:
        UsageFailure: If the output has no known ending, or stdout is wanted twice.
        OutputExistsError: If the output exists.
        ResourceError: If the output cannot be written, or too many values would be drawn.
    """
    check_stdout_free(output, session.json_output)
    if output is not None and output != STDOUT:
        check_output(output, suffixes=SUFFIXES, overwrite=overwrite)
    check_size(samples, steps)


def check_size(samples: int, points: int) -> None:
    """Refuse more drawn values than `MAX_DRAWN`.

    Raises:
        ResourceError: With the number asked for and the limit.
    """
    if samples * points > MAX_DRAWN:
        raise ResourceError(
            f"prediction: expected at most {MAX_DRAWN:.0e} drawn values, got {samples} samples x "
            f"{points} points. Use fewer --samples, a coarser --every or a shorter --horizon."
        )


def count_steps(span: str | None, every: str | None) -> int:
    """Number of predicted times that two durations ask for; 1 where one of them is open.

    Plain numbers are in a unit that only the model knows, so that they can be compared with each
    other but not with a duration that has a unit.

    Args:
        span: Horizon.
        every: Distance of the predicted times.

    Raises:
        ConfigError: If one of them is no duration.
    """
    lengths = [None if text is None else parse_duration(text, "s") for text in (span, every)]
    if span is None or every is None or span[-1:].isalpha() is not every[-1:].isalpha():
        return 1
    return math.ceil(lengths[0] / lengths[1])  # type: ignore[operator]


def deliver(
    result: xr.Dataset,
    *,
    kind: str,
    folder: RunFolder | None,
    output: Path | None,
    quantiles: tuple[float, ...],
    overwrite: bool,
) -> Outcome:
    """Write a result to the output, to stdout, or into the run folder.

    Args:
        result: Draws, dims (draw, series, step, channel).
        kind: "forecast" or "interpolation", first part of the default file name.
        folder: Run folder; None for a model outside of one, whose output goes beside the caller.
        output: Where the caller wants it; None for the default.
        quantiles: Levels to summarise the draws by.
        overwrite: Whether an existing output may be replaced.
    """
    from latentode import results

    facts: Mapping[str, Any] = {str(name): int(size) for name, size in result.sizes.items()}
    run_dir = folder.path if folder else None
    if output == STDOUT:
        text = results.render(result, "csv", quantiles=quantiles).decode()
        return Outcome(run_dir=run_dir, data=facts, text=text)
    if output is None:
        parent = folder.subfolder("forecasts") if folder else Path()
        output = free_name(parent, kind)
    results.write(result, output, quantiles=quantiles, overwrite=overwrite)
    return Outcome(run_dir=run_dir, outputs=(output,), data=facts)


def free_name(parent: Path, kind: str) -> Path:
    """``<kind>-<UTC stamp>.csv``, numbered where two calls fall into one second."""
    stem = f"{kind}-{utc_stamp()}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(p for name in names if not (p := parent / f"{name}.csv").exists())

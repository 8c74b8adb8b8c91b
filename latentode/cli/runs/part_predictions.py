"""Forecasts, interpolations and densities of LOGS in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from latentode.cli.runs.part_runs import PartRun, do_parts, model_of, outcome_of
from latentode.cli.runs.request import Request
from latentode.cli.session import Outcome

if TYPE_CHECKING:
    from latentode.scale import Parts
    from latentode.scale.model_file import ModelFile

Levels = tuple[float, ...] | None


def forecast_parts(
    request: Request,
    how: PartRun,
    parts: Parts,
    *,
    samples: int,
    quantiles: Levels,
    every: str | None,
    horizon: str | None,
    **asked: Any,
) -> Outcome:
    """Forecast a log in parts.

    Args:
        request: What is asked.
        how: How the parts are done.
        parts: The parts.
        samples: Sample paths.
        quantiles: Columns of a table; None for the usual ones.
        every: Time step; None takes a round one near that of the readings.
        horizon: How far; None is that of the training.
        **asked: Other arguments of `PartForecast`.
    """
    from latentode.scale.predictions import PartForecast

    out = how.check(request, allowed=("horizon", "every", "align", "samples", "quantiles"))
    model = _checked(request, parts)
    function = PartForecast(
        every=every or _step(request, model, parts, horizon=horizon),
        horizon=horizon,
        **_common(request, how, model, samples, quantiles),
        **asked,
    )
    return outcome_of(do_parts(request, how, parts, out, function, function.request()))


def interpolate_parts(
    request: Request,
    how: PartRun,
    parts: Parts,
    *,
    samples: int,
    quantiles: Levels,
    every: str | None,
    at_missing: bool,
    **asked: Any,
) -> Outcome:
    """Interpolate a log in parts.

    Args:
        request: What is asked.
        how: How the parts are done.
        parts: The parts.
        samples: Sample paths.
        quantiles: Columns of a table; None for the usual ones.
        every: Time step; None takes a round one near that of the readings.
        at_missing: Whether empty cells are filled in, at no step.
        **asked: Other arguments of `PartInterpolation`.
    """
    from latentode.scale.predictions import PartInterpolation

    out = how.check(request, allowed=("at_missing", "every", "align", "samples", "quantiles"))
    model = _checked(request, parts)
    if every is None and not at_missing:
        every = _step(request, model, parts, inside=True)
    function = PartInterpolation(
        every=every,
        at_missing=at_missing,
        **_common(request, how, model, samples, quantiles),
        **asked,
    )
    return outcome_of(do_parts(request, how, parts, out, function, function.request()))


def density_of_parts(request: Request, how: PartRun, parts: Parts, *, samples: int) -> Outcome:
    """Anomaly scores of a log in parts.

    Args:
        request: What is asked.
        how: How the parts are done.
        parts: The parts.
        samples: Samples of the latent state.
    """
    from latentode.scale.predictions import PartDensity

    out = how.check(request, allowed=("samples",))
    if request.run.is_file():
        request.load()  # says that exported models have no densities
    model = _checked(request, parts)
    function = PartDensity(**_common(request, how, model, samples, ()))
    return outcome_of(do_parts(request, how, parts, out, function, function.request()))


def _checked(request: Request, parts: Parts) -> ModelFile:
    """The model, which can read the parts."""
    from latentode.scale.predictions import check_channels

    model = model_of(request)
    check_channels(model.loaded(), parts, allow_missing=request.allow_missing)
    return model


def _common(
    request: Request, how: PartRun, model: ModelFile, samples: int, quantiles: Levels
) -> dict[str, Any]:
    """Arguments of every `PartPrediction`."""
    from latentode.results import DEFAULT_QUANTILES

    if quantiles and how.form == "nc":
        raise click.UsageError(
            "--quantiles: expected a table, got --format nc, which holds every sample path. Leave "
            "one of them out."
        )
    return {
        "model": model,
        "num_draws": samples,
        "quantiles": tuple(DEFAULT_QUANTILES) if quantiles is None else quantiles,
        "allow_missing": request.allow_missing,
    }


def _step(request: Request, model: ModelFile, parts: Parts, **asked: Any) -> str:
    """The time step for all parts, which is said: that of the results that are gone on with."""
    from latentode.scale import Shard
    from latentode.scale.output_folder import OutputFolder
    from latentode.scale.predictions import usual_step

    assert request.output is not None, "a folder was named"
    begun = {} if request.overwrite else OutputFolder(request.output, Shard()).known_request
    step = begun.get("every") or usual_step(model.loaded(), parts, **asked)
    request.session.note(
        f"--every {step}: a round time step near that of the readings, for all parts alike"
    )
    return step

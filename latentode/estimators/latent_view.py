"""The latent space of a fitted estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from latentode import results
from latentode.config.durations import DurationLike, parse_duration
from latentode.errors import ConfigError
from latentode.estimators.inputs import Log, aligned
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.latent_density import (
    SOURCES,
    LatentPlane,
    Source,
    density_paths,
    latent_plane,
)
from latentode.prediction.latent_paths import path_offsets


@dataclass(frozen=True)
class LatentSpace:
    """Densities of latent states; `LatentODE.latent` makes one.

    Attributes:
        fitted: The model.
    """

    fitted: FittedModel

    def density(
        self,
        log: Log,
        *,
        source: Source = "posterior",
        every: DurationLike | None = None,
        num_draws: int = 200,
    ) -> xr.Dataset:
        r"""Latent states and their log-densities around the newest window of every series.

        .. math:: \log p_t(z(t)) = \log p_0(z(0)) - \int_0^t \mathrm{tr}\,\partial_z f\,ds

        with the exact divergence, on the solve that gives the states; t = 0 is the anchor of the
        window. Volumes are in latent units, so compare densities of one model, not across models.

        Args:
            log: Readings.
            source: "posterior" (given the window, see `infer`) or "prior".
            every: Spacing of the times, from one context before the anchor to one horizon after it;
                None is a fiftieth of that.
            num_draws: Draws.

        Returns:
            ``value`` (draw, series, step, latent) and ``log_prob`` (draw, series, step) in nats,
            with ``time`` (series, step).

        Raises:
            ConfigError: If the source is unknown.
            SolverError: If a solve fails.
        """
        if source not in SOURCES:
            raise ConfigError(
                f"source: expected {' or '.join(SOURCES)}, got {source!r}. Choose one of these."
            )
        fitted = self.fitted
        schema, clock = fitted.schema, fitted.schema.clock
        windows = last_context(aligned(fitted, log), schema)
        unit = clock.unit if clock.kind == "elapsed" else None
        spacing = None if every is None else parse_duration(every, unit)
        offsets = path_offsets(schema, spacing, len(windows) * num_draws)
        seed = fitted.config.train.seed
        states, log_prob, times = density_paths(
            fitted.model,
            schema,
            windows,
            offsets,
            source=source,
            num_draws=num_draws,
            seed=seed,
        )
        dataset = results.to_dataset(
            states,
            times,
            series_ids=windows.series_ids,
            channels=None,
            clock=clock,
            kind="latent_density",
            dim="latent",
            attrs={"source": source, "num_draws": num_draws, "seed": seed},
        )
        return dataset.assign(log_prob=(("draw", "series", "step"), log_prob, {"units": "nats"}))

    def plane(
        self,
        log: Log,
        *,
        components: Sequence[int] | None = None,
        series: str | None = None,
        num_draws: int = 4_000,
    ) -> LatentPlane:
        """Prior, encoded windows and dynamics over two latent coordinates, for a picture.

        Args:
            log: Readings; the newest window of every series is encoded.
            components: Two coordinates; None takes those whose posterior means vary most.
            series: Series whose planned inputs drive the dynamics; None takes the first.
            num_draws: Draws.

        Raises:
            ConfigError: If there are no such coordinates, or no such series.
            SolverError: If a solve fails.
        """
        fitted = self.fitted
        windows = last_context(aligned(fitted, log), fitted.schema)
        ids = windows.series_ids
        if series is not None and series not in ids:
            raise ConfigError(f"series: expected one of {', '.join(ids[:5])}, got {series!r}.")
        return latent_plane(
            fitted.model,
            fitted.schema,
            windows,
            components=components,
            driver=0 if series is None else ids.index(series),
            num_draws=num_draws,
            seed=fitted.config.train.seed,
        )

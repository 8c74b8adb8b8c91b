"""What a fitted model says of a data set, labelled: between tensors and the estimator's frames."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode import results
from latentode.config.durations import DurationLike, exact_duration, parse_duration
from latentode.config.memory import check_drawn
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.errors import ConfigError, DataError, LatentODEWarning
from latentode.models.fitted.context import last_context
from latentode.prediction.answers import Wanted
from latentode.prediction.doubtful import doubtful_lines
from latentode.prediction.grids import (
    Align,
    Grid,
    default_spacing,
    forecast_grid,
    span_grid,
    span_spacing,
    usual_gap,
)
from latentode.prediction.known_model import KnownModel
from latentode.prediction.origins import begins_of, origins_of, prior_line, without_begin
from latentode.prediction.planned_inputs import (
    assumed_line,
    differing_line,
    unusual_line,
    with_plan,
)
from latentode.prediction.queries import Queries

if TYPE_CHECKING:
    import xarray as xr

    from latentode.data.reading.keyed_rows import Source
    from latentode.models.latent_ode import LatentODEModel
    from latentode.prediction.predictor import Predictor


@dataclass(frozen=True)
class ArrayPredictor:
    """Predictions of a fitted model in original units, under the names of series and channels.

    Every data set that it is given is aligned with the model's schema.

    Attributes:
        fitted: The model.
        predictor: What answers queries with it.
        plan: Name of the plan of the planned inputs, where there are several.
    """

    fitted: KnownModel
    predictor: Queries
    plan: str = ""

    def planned(self, dataset: TimeSeriesDataset, source: Source) -> TimeSeriesDataset:
        """A data set with its planned inputs as they are planned; see `planned_inputs.with_plan`.

        Args:
            dataset: Readings.
            source: File or frame of the plan, see `read_plan`.
        """
        from latentode.data.reading.plans import read_plan

        schema = self.fitted.schema
        plan = read_plan(
            source,
            series_ids=dataset.series_ids,
            inputs=schema.input_channels,
            clock=schema.clock,
            config=self.fitted.config.data,
        )
        planned = with_plan(dataset, plan)
        assert schema.input_scaler is not None, "a plan is read for models with inputs alone"
        lines = [
            f"it names no series, and holds for all {len(dataset):,}." if plan.for_all else None,
            differing_line(dataset, planned),
            unusual_line(dataset, planned, schema.input_scaler),
        ]
        name = f"plan {self.plan!r}" if self.plan else "plan"
        for line in filter(None, lines):
            warnings.warn(f"{name}: {line}", LatentODEWarning, stacklevel=3)
        return planned

    def ahead(
        self,
        dataset: TimeSeriesDataset,
        horizon: DurationLike | None,
        every: DurationLike | None,
        origin: Any = None,
        align: Align = "clock",
    ) -> xr.Dataset:
        """Forecast on a grid after the last reading of every series; see `grids.forecast_grid`.

        A series without a reading is forecast from the prior, after its origin; where nothing says
        when it begins, it is left out with a warning.

        Args:
            dataset: Readings.
            horizon: How far; None is that of the training.
            every: From step to step; None is a round step near the typical gap between readings, of
                the training where there are none.
            origin: When series without a reading begin; None takes their first planned input.
            align: As in `grids.forecast_grid`.
        """
        schema, origins = self.fitted.schema, self._origins(dataset, origin)
        if line := without_begin(dataset, origins, learned=schema.has_covariates):
            warnings.warn(line, LatentODEWarning, stacklevel=3)
        visible = last_context(dataset, schema)
        length = self._duration(horizon) or schema.lengths.horizon_ns
        spacing = self._duration(every)
        if spacing is None:  # without readings the gaps of training count
            usual = visible if visible.readings.num_rows else self.fitted.context
            spacing = default_spacing(usual, length)
        grid = forecast_grid(visible, length, spacing, origins, align=align)
        self._say_doubts(dataset, grid)
        result = self.at(visible, grid, "forecast", origins)
        return result.assign_attrs(every=exact_duration(spacing), align=align)

    def inside(
        self,
        dataset: TimeSeriesDataset,
        every: DurationLike | None,
        kind: str,
        align: Align = "clock",
    ) -> xr.Dataset:
        """Predict on an even grid inside the span of every series; see `grids.span_grid`.

        Args:
            dataset: Readings.
            every: From step to step; None is a round step near the typical gap between readings.
            kind: As in `at`.
            align: As in `grids.span_grid`.
        """
        spacing = self._duration(every) or span_spacing(dataset)
        result = self.at(dataset, span_grid(dataset, spacing, align), kind)
        return result.assign_attrs(every=exact_duration(spacing), align=align)

    def usual_step(
        self, dataset: TimeSeriesDataset, horizon: DurationLike | None, rows: float | None
    ) -> str:
        """A step that `ahead` and `inside` may be given for several data sets alike.

        Args:
            dataset: Readings whose gaps count.
            horizon: As in `ahead`.
            rows: For `inside`, how many rows a series has that is to have 500 steps at most.
        """
        length = self._duration(horizon) or self.fitted.schema.lengths.horizon_ns
        if rows is not None:
            length = max(1, int(rows * usual_gap(dataset)))
        return exact_duration(default_spacing(dataset, length))

    def at(
        self, dataset: TimeSeriesDataset, grid: Grid, kind: str, origins: Int64 | None = None
    ) -> xr.Dataset:
        """Predict at some times of some series.

        Args:
            dataset: Readings that may be used.
            grid: Series index and time in nanoseconds of each query, any order.
            kind: What is predicted; "latent_trajectory" gives latent states, any other readings.
            origins: What `origins_of` gave; None for what is asked inside of spans that were read.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step).

        Raises:
            ResourceError: If they would take too much memory.
        """
        (series, times), schema = grid, self.fitted.schema
        latent = kind == "latent_trajectory"
        # series with fewer steps than the longest are padded
        longest = int(np.bincount(series).max(initial=0))
        width = self.fitted.config.model.resolved().latent_dim if latent else len(schema.channels)
        check_drawn(len(np.unique(series)) * longest, self.predictor.num_draws, width)
        wanted: Wanted = "latent" if latent else "readings"
        predictions = self.predictor.query(dataset, series, times, wanted=wanted, origins=origins)
        if latent:
            channels = {"channels": None, "dim": "latent"}
            return self._labelled(predictions.latent, dataset, grid, kind=kind, **channels)
        result = self._labelled(predictions.draws, dataset, grid, kind=kind)
        if kind != "interpolation" and (line := assumed_line(dataset, *grid, self.plan)):
            warnings.warn(line, LatentODEWarning, stacklevel=4)
        begins = {} if origins is None else begins_of(dataset, origins, series)
        if not begins:
            return result
        line = prior_line(begins, learned=schema.has_covariates)
        warnings.warn(line, LatentODEWarning, stacklevel=4)
        return result.assign_attrs(from_prior=json.dumps(begins, ensure_ascii=False))

    def at_times(
        self, dataset: TimeSeriesDataset, times: Any, kind: str, origin: Any = None
    ) -> xr.Dataset:
        """Predict at the times of a frame or file, in its order.

        Args:
            dataset: Readings that may be used.
            times: Frame or file of ids and times.
            kind: As in `at`.
            origin: As in `ahead`.
        """
        from latentode.data.reading.query_times import read_query_times

        grid = read_query_times(
            times,
            series_ids=dataset.series_ids,
            clock=self.fitted.schema.clock,
            config=self.fitted.config.data,
        )
        if kind != "interpolation":
            self._say_doubts(dataset, grid)
        return self.at(dataset, grid, kind, self._origins(dataset, origin))

    def between(
        self,
        model: LatentODEModel,
        dataset: TimeSeriesDataset,
        ends: tuple[str, str],
        num_points: int,
        every: DurationLike | None,
    ) -> xr.Dataset:
        """Trajectories decoded from points between the latent states of two series.

        Args:
            model: The network.
            dataset: Readings of both.
            ends: Ids of the two series.
            num_points: Points, both ends included.
            every: Spacing of the trajectories; None is a fiftieth of context and horizon.

        Raises:
            DataError: If an id is not in the data set.
            ConfigError: If there are fewer than two points.
        """
        from latentode.prediction.latent_paths import interpolate_states, path_offsets

        fitted, ids = self.fitted, dataset.series_ids
        for name in ends:
            if name not in ids:
                known = ", ".join(ids[:5])
                raise DataError(f"series: expected an id of the log ({known}, ...), got {name!r}.")
        if num_points < 2:
            raise ConfigError(f"num_steps: expected at least 2 points, got {num_points}.")
        offsets = path_offsets(fitted.schema, self._duration(every), num_points)
        pair = last_context(dataset.select_series([ids.index(n) for n in ends]), fitted.schema)
        values, times = interpolate_states(model, fitted.schema, pair, offsets, num_points)
        return results.to_dataset(
            values[None],
            times,
            series_ids=[f"{share:.3g}" for share in np.linspace(0, 1, num_points)],
            channels=fitted.schema.channels,
            clock=fitted.schema.clock,
            units=fitted.schema.units,
            kind="latent_interpolation",
            attrs={"first": ends[0], "second": ends[1]},
        )

    def score(self, predictor: Predictor, dataset: TimeSeriesDataset) -> xr.Dataset:
        """Log-density of each series; see `log_densities.prequential_score`.

        Raises:
            ConfigError: If there is a single draw, which has no standard error.
        """
        from latentode.prediction.log_densities import prequential_score

        if self.predictor.num_draws < 2:
            raise ConfigError(
                f"num_draws: expected at least 2 for a score, got {self.predictor.num_draws}."
            )
        return results.from_scores(
            *prequential_score(predictor, dataset), series_ids=dataset.series_ids
        )

    def surprise(self, predictor: Predictor, dataset: TimeSeriesDataset) -> xr.Dataset:
        """Negative log-density of each reading; see `log_densities.reading_scores`."""
        from latentode.prediction.log_densities import reading_scores

        series, times, log_prob = reading_scores(predictor, dataset)
        # in the density of the logarithm there is no unit to name
        return self._labelled(-log_prob[None], dataset, (series, times), kind="surprise", units=())

    def _labelled(
        self, values: Float64, dataset: TimeSeriesDataset, grid: Grid, **labels: Any
    ) -> xr.Dataset:
        """Values (draw, query, channel) at some times of some series."""
        schema = self.fitted.schema
        facts: dict[str, Any] = {
            "num_draws": self.predictor.num_draws,
            "seed": self.fitted.config.train.seed,
            # so that logs beside the answer can be read alike
            "reading": self.fitted.config.data.model_dump(
                mode="json", exclude_defaults=True, exclude={"source"}
            ),
        }
        if kinds := schema.special_kinds():
            facts["kinds"] = kinds
        if schema.counters.names:
            facts["counters"] = schema.counters.names
        usual = {"channels": schema.channels, "dim": "channel", "units": schema.units}
        return results.from_queries(
            values,
            *grid,
            series_ids=dataset.series_ids,
            clock=schema.clock,
            attrs=facts,
            **usual | labels,
        )

    def _say_doubts(self, dataset: TimeSeriesDataset, grid: Grid) -> None:
        for line in doubtful_lines(self.fitted, dataset, *grid):
            warnings.warn(line, LatentODEWarning, stacklevel=4)

    def _origins(self, dataset: TimeSeriesDataset, given: Any) -> Int64:
        return origins_of(dataset, given, learned=self.fitted.schema.has_covariates)

    def _duration(self, text: DurationLike | None) -> int | None:
        clock = self.fitted.schema.clock
        unit = clock.unit if clock.kind == "elapsed" else None
        return None if text is None else parse_duration(text, unit)

"""What a model can be asked about readings, whatever computes the answers.

What reads logs, plans and times, and what scores, is loaded where it is asked for: a forecast from
the newest readings of the training waits for none of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from latentode import results
from latentode.config.durations import DurationLike
from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import ConfigError, NotFittedError
from latentode.estimators.inputs import Log, aligned, aligned_or_newest
from latentode.prediction.arrays import ArrayPredictor
from latentode.prediction.grids import Align, missing_grid
from latentode.prediction.known_model import KnownModel
from latentode.prediction.queries import Queries

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from latentode.data.reading.keyed_rows import Source


Model = TypeVar("Model", bound=KnownModel)


class ReadingPredictions(ABC, Generic[Model]):
    """Forecasts, interpolations and back-tests of logs.

    Attributes:
        fitted_: The model, once there is one.
    """

    fitted_: Model

    def set_far_readings(self, far: str) -> None:
        """Choose what predictions do with readings absurdly far from those of the training.

        Args:
            far: "drop", as at first, leaves them out of what predictions see, with a warning;
                "keep" follows them.

        Raises:
            ConfigError: If it is neither.
        """
        fitted = self._fitted()
        config = fitted.config.updated(**{"data.far_readings": far})
        self.fitted_ = replace(fitted, config=config)  # type: ignore[type-var]

    def forecast(
        self,
        log: Log | None = None,
        *,
        horizon: DurationLike | None = None,
        every: DurationLike | None = None,
        times: Any = None,
        origin: Any = None,
        align: Align = "clock",
        plan: Source | Mapping[str, Source] | None = None,
        allow_missing_channels: bool = False,
        num_draws: int = 200,
    ) -> xr.Dataset:
        """Forecast every series beyond its last reading; from the prior where it has none.

        `latentode.results.aggregate` and `latentode.results.exceedance` make totals, peaks and
        probabilities of limits of it.

        Args:
            log: Readings to forecast from; None takes the newest ones of training.
            horizon: How far beyond the last reading; None is the horizon of training.
            every: From step to step, such as "1h"; None is a round step near the typical spacing of
                the readings, named by the attribute ``every`` of the result.
            times: Instead of a grid: frame or file of ids and times, any order.
            origin: When series without a reading begin, a time of the log; None takes the first
                planned input of each. See docs/cold_start.md.
            align: "clock" forecasts full steps of it, such as 01:00, 02:00, ... in the zone of the
                log, which are the same for all series; see `latentode.data.clock_steps`. "origin"
                counts steps from the last reading of each series.
            plan: What the planned inputs will be: a frame or file of ids, times and values, each
                held until the next; or several by name, each a scenario. See
                docs/planned_inputs.md.
            allow_missing_channels: Whether the log may lack channels of the model, as if they were
                never read in it.
            num_draws: Predictive draws.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step), original units;
            the attribute ``from_prior`` names series without a reading. Several plans give a first
            dimension ``scenario``; a draw has the same random numbers in all of them.

        Raises:
            DataError: If no series has a reading, nor anything else that says when it begins; or a
                plan cannot be read.
            ConfigError: If there is no plan among several.
        """
        dataset = aligned_or_newest(self._fitted(), log, allow_missing=allow_missing_channels)

        def under(name: str, source: Source | None) -> xr.Dataset:
            predictor = replace(self._arrays(num_draws), plan=name)
            known = dataset if source is None else predictor.planned(dataset, source)
            if times is not None:
                return predictor.at_times(known, times, "forecast", origin)
            return predictor.ahead(known, horizon, every, origin, align)

        if not isinstance(plan, Mapping):
            return under("", plan)
        if not plan:
            raise ConfigError("plan: expected a plan, or several by name, got none. Name one.")
        return results.join_scenarios({str(name): under(str(name), p) for name, p in plan.items()})

    def interpolate(
        self,
        log: Log,
        *,
        every: DurationLike | None = None,
        times: Any = None,
        at_missing: bool = False,
        align: Align = "clock",
        allow_missing_channels: bool = False,
        num_draws: int = 200,
    ) -> xr.Dataset:
        """Fill in every series inside its observed span.

        Args:
            log: Readings.
            every: Spacing of the grid from the first reading to the last; None is a round step near
                the typical one.
            times: Instead of a grid: frame or file of ids and times.
            at_missing: Instead of a grid: the time stamps at which some channel was not read.
            align: As in `forecast`; "origin" counts steps from the first reading of each series.
            allow_missing_channels: As in `forecast`.
            num_draws: Predictive draws.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step), original units.
        """
        dataset = aligned(self._fitted(), log, allow_missing=allow_missing_channels)
        predictor = self._arrays(num_draws)
        if times is not None:
            return predictor.at_times(dataset, times, "interpolation")
        if at_missing:
            return predictor.at(dataset, missing_grid(dataset), "interpolation")
        return predictor.inside(dataset, every, "interpolation", align)

    def usual_step(self, *, horizon: DurationLike | None = None, rows: float | None = None) -> str:
        """A round time step near that of the readings of the training, for all logs alike.

        Given to `forecast` or `interpolate` as ``every``, it makes them answer at the same times
        for several logs, or parts of one.

        Args:
            horizon: Of the forecasts; None is that of training.
            rows: For interpolations, how many rows a typical series has: it gets 500 steps at most.
        """
        return self._arrays(1).usual_step(horizon, rows)

    def predict(
        self, log: Log, times: Any, *, origin: Any = None, num_draws: int = 200
    ) -> xr.Dataset:
        """Predict at any times of any series: the one primitive.

        Args:
            log: Readings that may be used.
            times: Frame or file with the id column and the time column of the log, any order.
            origin: As in `forecast`.
            num_draws: Predictive draws.

        Returns:
            As `forecast`; steps in the order of `times`.
        """
        dataset = aligned(self._fitted(), log, allow_unread=True)
        return self._arrays(num_draws).at_times(dataset, times, "prediction", origin)

    def backtest_windows(
        self, log: Log, *, split: str = "test", max_windows: int = 400
    ) -> pd.DataFrame:
        """What `evaluate` forecasts, for a forecaster of your own: origins and times.

        To forecast a row, use readings at or before its ``origin`` alone, of any series. See
        docs/comparing.md.

        Args:
            log: The log.
            split: "test", or "all" for the whole log.
            max_windows: Most forecast origins.

        Returns:
            A row for each reading to be forecast, without its value: ``id``, ``origin``, ``time``
            and ``channel``.

        Raises:
            DataError: If the part has no reading to forecast.

        Example:
            >>> from latentode import LatentODE, LatentODEConfig
            >>> from latentode.data import synthetic
            >>> log = synthetic.make("oscillator", num_series=6, random_state=0).dataset
            >>> brief = LatentODEConfig().updated(
            ...     **{"train.max_epochs": 1, "train.steps_per_epoch": 2}
            ... )
            >>> model = LatentODE(config=brief, latent_dim=2).fit(log)
            >>> asked = model.backtest_windows(log, max_windows=20)
            >>> list(asked.columns), bool((asked["time"] > asked["origin"]).all())
            (['id', 'origin', 'time', 'channel'], True)
            >>> scores = model.score_forecasts(
            ...     log, asked.assign(value=0.0), max_windows=20, num_draws=20
            ... )
            >>> scores["num_targets"] == len(asked), "yours" in scores["overall"]
            (True, True)
        """
        from latentode.estimators.comparison import windows_frame
        from latentode.evaluation.backtest import BacktestLog, check_split

        check_split(split)
        dataset, schema = self._aligned(log), self._fitted().schema
        return windows_frame(BacktestLog(dataset, schema).forecasts(split, max_windows))

    def score_forecasts(
        self,
        log: Log,
        forecasts: Source,
        *,
        split: str = "test",
        max_windows: int = 400,
        num_draws: int = 100,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Judge forecasts of your own beside the model and naive ones, on the same readings.

        Args:
            log: The log.
            forecasts: Frame or file with the columns of `backtest_windows` and ``value``, or
                quantiles such as ``q0.05``, ``q0.5``, ``q0.95``, in the unit of the log; any order,
                and not all rows are needed.
            split: As in `backtest_windows`.
            max_windows: Likewise.
            num_draws: Predictive draws of the model.
            on_progress: Called with how many readings are scored, and how many there are.

        Returns:
            As "forecast" of `evaluate` on the readings that both forecast, with a row "yours" and
            what "matched"; see docs/comparing.md.

        Raises:
            DataError: If the forecasts cannot be read, or are of none of these readings.
        """
        from latentode.estimators.comparison import score_own
        from latentode.evaluation.backtest import check_split

        check_split(split)
        return score_own(
            self._fitted(),
            self.reading_predictor(num_draws),
            self._aligned(log),
            forecasts,
            split=split,
            max_windows=max_windows,
            on_progress=on_progress,
        )

    def _back_tested(
        self,
        dataset: TimeSeriesDataset,
        *,
        split: str,
        max_windows: int,
        num_draws: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> dict[str, Any]:
        """Scores of forecasts and interpolations, see `backtest`."""
        from latentode.evaluation.backtest import backtest

        return backtest(
            dataset,
            self._fitted().schema,
            self.reading_predictor(num_draws),
            split=split,
            max_windows=max_windows,
            on_progress=on_progress,
        )

    def _fitted(self) -> Model:
        if not hasattr(self, "fitted_"):
            raise NotFittedError("LatentODE: expected a fitted model. Call fit or load first.")
        return self.fitted_

    def _aligned(self, log: Log) -> TimeSeriesDataset:
        return aligned(self._fitted(), log)

    @abstractmethod
    def reading_predictor(self, num_draws: int) -> Queries:
        """What answers queries with the model, as `latentode.evaluation.evaluate_task` calls it.

        Args:
            num_draws: Predictive draws.
        """

    def _arrays(self, num_draws: int) -> ArrayPredictor:
        return ArrayPredictor(self._fitted(), self.reading_predictor(num_draws))

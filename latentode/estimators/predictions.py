"""What a fitted estimator can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from latentode import results
from latentode.config.durations import DurationLike
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.keyed_rows import Source
from latentode.errors import ConfigError, NotFittedError
from latentode.estimators.comparison import score_own, windows_frame
from latentode.estimators.event_view import EventView
from latentode.estimators.inputs import (
    Events,
    Labels,
    Log,
    aligned,
    aligned_or_newest,
    asked_times,
    labels_of,
)
from latentode.estimators.latent_view import LatentSpace
from latentode.evaluation.backtest import BacktestLog, backtest, check_split
from latentode.evaluation.event_summary import event_sentences
from latentode.evaluation.label_scores import score_labels, scored_labels
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.arrays import ArrayPredictor
from latentode.prediction.class_probabilities import classify, classify_times, known_classes
from latentode.prediction.grids import Align, missing_grid
from latentode.prediction.predictor import Predictor


class Predictions:
    """Forecasts, interpolations, latent states and scores of logs, by a fitted model.

    Attributes:
        fitted_: The model, once there is one.
    """

    fitted_: FittedModel

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
        self.fitted_ = replace(fitted, config=config)

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

    def latent_trajectory(
        self,
        log: Log,
        *,
        every: DurationLike | None = None,
        align: Align = "clock",
        num_draws: int = 50,
    ) -> xr.Dataset:
        """Posterior draws of the latent state, (draw, series, step, latent), in the observed span.

        Each window has its own latent state; where one window hands over to the next, it may jump.

        Args:
            log: Readings.
            every: Spacing of the times; None is a round one near that of the readings.
            align: As in `interpolate`.
            num_draws: Draws of the latent state.
        """
        dataset = self._aligned(log)
        return self._arrays(num_draws).inside(dataset, every, "latent_trajectory", align)

    def interpolate_latent(
        self,
        first: str,
        second: str,
        log: Log,
        *,
        num_steps: int = 8,
        every: DurationLike | None = None,
    ) -> xr.Dataset:
        """Trajectories decoded from points between the latent states of two series.

        Args:
            first: Id of the series at the one end.
            second: Id of the series at the other.
            log: Readings of both.
            num_steps: Points, both ends included.
            every: Spacing of the decoded trajectories; None is a fiftieth of context and horizon.

        Returns:
            ``value`` (draw, series, step, channel): one draw, the mean; "series" runs over the
            points, "0" at `first` to "1" at `second`; times are those of `first`.

        Raises:
            DataError: If an id is not in the log.
            ConfigError: If there are fewer than two points.
        """
        return self._arrays(1).between(self._aligned(log), (first, second), num_steps, every)

    @property
    def events(self) -> EventView:
        """Intensities, next events and tests of fit of a model that was trained with events."""
        return EventView(self._fitted())

    def score(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Log-density of each series, nats, with standard error: low means unlike the training log.

        It is of the readings; `events` scores the events beside them.

        Args:
            log: Readings.
            num_draws: Posterior draws, at least 2.

        Returns:
            ``log_prob``, ``standard_error`` and ``num_readings`` by series; see
            `latentode.prediction.log_densities.prequential_score`.
        """
        return self._arrays(num_draws).score(self._aligned(log))

    def surprise(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Anomaly score of each reading: minus its log-density given what came before, in nats.

        Args:
            log: Readings.
            num_draws: Draws, which share few latent paths: densities are of the mixture of these.

        Returns:
            ``value`` (draw of 1, series, step, channel), NaN where nothing was read, with ``time``;
            see `latentode.prediction.log_densities.reading_scores`.
        """
        return self._arrays(num_draws).surprise(self._aligned(log))

    def evaluate(
        self,
        log: Log,
        *,
        events: Events | None = None,
        labels: Labels | None = None,
        label_column: str | None = None,
        split: str = "test",
        max_windows: int = 400,
        allow_missing_channels: bool = False,
        num_draws: int = 100,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Back-test rolling forecasts and interpolations of hidden readings, beside baselines.

        Numbers of channels are in their own units, of forecasts by lead time too; naive forecasts
        have bands from their errors in the training part. `score_forecasts` judges forecasts of
        your own beside them.

        Args:
            log: The log; the part that the split of training calls test is scored.
            events: Its events, for a model that was trained with events; None takes those of the
                training.
            labels: Labels of its series, for a model that was trained with labels; None takes those
                of the training, as far as it has not seen them.
            label_column: Column of labels.
            split: "test", or "all" to score the whole log.
            max_windows: Most forecast origins.
            allow_missing_channels: As in `forecast`.
            num_draws: Predictive draws.
            on_progress: Called with how many readings are scored, and how many there are.

        Returns:
            {"forecast": scores, "interpolation": scores}, see `evaluate_task`;
            with events also "events", see `EventView.score`, and sentences; with labels "labels",
            see `score_labels`.
        """
        fitted = self._fitted()
        dataset, known = aligned(fitted, log, allow_missing=allow_missing_channels), None
        if fitted.log.labels is not None or labels is not None or label_column is not None:
            known = labels_of(fitted, dataset, labels, label_column)
            if labels is None and not len(scored_labels(fitted, dataset, known, split)):
                known = None
        predictor = Predictor.of(fitted, num_draws)
        scores = backtest(
            dataset,
            fitted.schema,
            predictor,
            split=split,
            max_windows=max_windows,
            on_progress=on_progress,
        )
        if fitted.log.events is not None or events is not None:
            found = self.events.score(dataset, events=events, split=split, num_draws=num_draws)
            scores["events"] = {**found, "sentences": event_sentences(found)}
        if known is not None:
            scores["labels"] = score_labels(
                fitted, dataset, known, split=split, num_draws=num_draws
            )
        return scores

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
        check_split(split)
        return score_own(
            self._fitted(),
            self._aligned(log),
            forecasts,
            split=split,
            max_windows=max_windows,
            num_draws=num_draws,
            on_progress=on_progress,
        )

    def classify(
        self, log: Log | None = None, *, times: Any = None, num_draws: int = 100
    ) -> pd.DataFrame:
        """Probability of each class of each series, from its newest context; or at each time.

        Args:
            log: Readings; None takes the newest ones of training.
            times: For a model with labels of times, as in `forecast`; None takes every row of the
                log. Readings before and after a time count.
            num_draws: Posterior draws.

        Returns:
            One row per series, by its id, or per time, by id and time; one column per class.

        Raises:
            ConfigError: If the model was trained without labels, or times are given to one with
                labels of series.
        """
        fitted = self._fitted()
        dataset = aligned_or_newest(fitted, log)
        columns, labels = pd.Index(known_classes(fitted), name="class"), fitted.log.labels
        if labels is not None and labels.timed:
            grid, index = asked_times(fitted, dataset, times)
            return pd.DataFrame(classify_times(fitted, dataset, *grid, num_draws), index, columns)
        if times is not None:
            raise ConfigError("times: expected a model with labels of times, got one of series.")
        probabilities = classify(fitted, dataset, num_draws)
        return pd.DataFrame(probabilities, pd.Index(dataset.series_ids, name="series"), columns)

    def score_labels(
        self,
        log: Log,
        labels: Labels | None = None,
        *,
        label_column: str | None = None,
        split: str = "test",
        num_draws: int = 100,
    ) -> dict[str, Any]:
        """Judge `classify` by known labels: AUC, accuracy, log loss, Brier score and calibration.

        Args:
            log: The log.
            labels: Its labels, as in `fit`; None takes those of the training.
            label_column: Column of labels.
            split: "test" for series whose label training has not seen (or times in the test part of
                the log), or "all".
            num_draws: Posterior draws.

        Returns:
            Numbers by name, see `latentode.evaluation.label_scores.score_labels`.

        Raises:
            ConfigError: If the model was trained without labels.
            DataError: If no label is left to judge by.
        """
        dataset, fitted = self._aligned(log), self._fitted()
        known = labels_of(fitted, dataset, labels, label_column)
        return score_labels(fitted, dataset, known, split=split, num_draws=num_draws)

    @property
    def latent(self) -> LatentSpace:
        """Densities of the latent states at any time, and what a picture of them shows."""
        return LatentSpace(self._fitted())

    def _fitted(self) -> FittedModel:
        if not hasattr(self, "fitted_"):
            raise NotFittedError("LatentODE: expected a fitted model. Call fit or load first.")
        return self.fitted_

    def _aligned(self, log: Log) -> TimeSeriesDataset:
        return aligned(self._fitted(), log)

    def _arrays(self, num_draws: int) -> ArrayPredictor:
        return ArrayPredictor(self._fitted(), num_draws)

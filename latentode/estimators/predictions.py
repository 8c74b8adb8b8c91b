"""What a fitted estimator can be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import xarray as xr

from latentode.config.durations import DurationLike
from latentode.errors import ConfigError
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
from latentode.estimators.reading_predictions import ReadingPredictions
from latentode.evaluation.event_summary import event_sentences
from latentode.evaluation.label_scores import score_labels, scored_labels
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.class_probabilities import classify, classify_times, known_classes
from latentode.prediction.grids import Align
from latentode.prediction.predictor import Predictor


class Predictions(ReadingPredictions[FittedModel]):
    """Forecasts, interpolations, latent states and scores of logs, by a fitted model.

    Attributes:
        fitted_: The model, once there is one.
    """

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
        return self._arrays(1).between(
            self._fitted().model, self._aligned(log), (first, second), num_steps, every
        )

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
        predictor = self.reading_predictor(num_draws)
        return self._arrays(num_draws).score(predictor, self._aligned(log))

    def surprise(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Anomaly score of each reading: minus its log-density given what came before, in nats.

        Args:
            log: Readings.
            num_draws: Draws, which share few latent paths: densities are of the mixture of these.

        Returns:
            ``value`` (draw of 1, series, step, channel), NaN where nothing was read, with ``time``;
            see `latentode.prediction.log_densities.reading_scores`.
        """
        return self._arrays(num_draws).surprise(
            self.reading_predictor(num_draws), self._aligned(log)
        )

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
        scores = self._back_tested(
            dataset,
            split=split,
            max_windows=max_windows,
            num_draws=num_draws,
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

    def reading_predictor(self, num_draws: int) -> Predictor:
        """What answers queries with the model, as `latentode.evaluation.evaluate_task` calls it.

        Args:
            num_draws: Predictive draws.
        """
        return Predictor.of(self._fitted(), num_draws)

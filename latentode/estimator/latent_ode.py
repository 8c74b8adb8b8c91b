"""`LatentODE`: fit, forecast, interpolate, score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pandas as pd
import xarray as xr

from latentode.config import LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.errors import NotFittedError
from latentode.estimator.event_view import EventView
from latentode.estimator.latent_space import LatentSpace
from latentode.estimator.logs import (
    Events,
    Log,
    aligned,
    events_for_training,
    read,
    resolved,
)
from latentode.flows import FlowFitConfig
from latentode.grids import missing_grid
from latentode.labelled import LabelledPredictor
from latentode.training.fitted import FittedModel
from latentode.training.fitting import fit_model, fit_prior_to, plan_lines
from latentode.training.prior_fitting import PRIOR_FIT, PriorReport
from latentode.training.trainer import Event


class LatentODE:
    """Latent ODE for logs: fit, then forecast, interpolate, score.

    Settings that are not given keep the value of `config`, or the default. `fit` learns; what it
    learned ends in an underscore.

    Args:
        latent_dim: Size of the latent state.
        encoder: "rnn", "ode_rnn" or "attention".
        prior: "normal" or "cnf" (learned) density of the latent state.
        posterior: "normal" or "cnf" (bent by a flow) approximate posterior.
        likelihood: "student_t" (robust), "gaussian", or "flow" (joint over channels).
        context: What the encoder reads, for example "48h"; None is chosen from the data.
        horizon: What is predicted ahead; None is chosen from the data.
        max_time: Wall-clock budget of `fit`, for example "10min".
        device: "cpu" or "cuda".
        random_state: Seed of everything.
        config: All other settings.

    Attributes:
        config_: Settings of the last fit.
        fitted_: Network, schema and history of the last fit.
        prior_report_: Old and new prior on the validation part, after `fit_prior`.

    Example:
        >>> from latentode.data import synthetic
        >>> log = synthetic.make("oscillator", random_state=0).dataset
        >>> model = LatentODE(max_time="2s", random_state=0)
        >>> model.latent_dim is None
        True
    """

    def __init__(
        self,
        *,
        latent_dim: int | None = None,
        encoder: str | None = None,
        prior: str | None = None,
        posterior: str | None = None,
        likelihood: str | None = None,
        context: str | None = None,
        horizon: str | None = None,
        max_time: str | None = None,
        device: str | None = None,
        random_state: int | None = None,
        config: LatentODEConfig | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.encoder = encoder
        self.prior = prior
        self.posterior = posterior
        self.likelihood = likelihood
        self.context = context
        self.horizon = horizon
        self.max_time = max_time
        self.device = device
        self.random_state = random_state
        self.config = config

    def fit(
        self,
        log: Log,
        *,
        id_column: str | None = None,
        time_column: str | None = None,
        channel_column: str | None = None,
        value_column: str | None = None,
        events: Events | None = None,
        mark_column: str | None = None,
        windows: pd.DataFrame | None = None,
        model_times: bool = False,
        run_dir: str | Path | None = None,
        resume: bool = False,
        on_event: Callable[[Event], None] | None = None,
    ) -> Self:
        """Learn from a log; a second call starts afresh.

        Args:
            log: Data frame, path or data set; wide, or long with channel and value columns.
            id_column: Column with the series' ids.
            time_column: Column with the time stamps.
            channel_column: Long layout: column with the channel's name.
            value_column: Long layout: column with the value.
            events: Events of the same series (file or frame of id, time, mark): the latent state
                then drives their rates too.
            mark_column: Column of kinds of event.
            windows: When each series was watched for events (id, start, end), by default while it
                was read; see `latentode.data.log_events.read_log_events`.
            model_times: Take the report times of the log itself for events.
            run_dir: Folder for checkpoints, metrics.csv and the model.
            resume: Go on from the last checkpoint of `run_dir`.
            on_event: Called with a dictionary for the plan, notes, some steps and every epoch.

        Returns:
            The estimator itself.

        Raises:
            DataError: If the log cannot be used; the message says where and why.
            ConfigError: If a setting is unknown or out of range.
        """
        columns = {
            "data.columns.id": id_column,
            "data.columns.time": time_column,
            "data.columns.channel": channel_column,
            "data.columns.value": value_column,
        }
        config = resolved(self.config, vars(self), columns)
        dataset, self.config_ = read(log, config)
        given = events_for_training(dataset, config, events, mark_column, windows, model_times)
        self.fitted_ = fit_model(
            dataset,
            self.config_,
            events=given,
            run_dir=None if run_dir is None else Path(run_dir),
            resume=resume,
            on_event=on_event,
        )
        return self

    def fit_prior(self, log: Log, *, fit_config: FlowFitConfig = PRIOR_FIT) -> Self:
        """Fit a flow to the latent states of the training part, as prior of a model that is fitted.

        It takes the place of the prior, whichever that was, if its log-density of the states of the
        validation part is higher; `latentode.training.prior_fitting.fit_prior` says when this
        raises the likelihood of a log.

        Args:
            log: The log of training, whose split is known.
            fit_config: Steps of the fit.

        Returns:
            The estimator, with the comparison in `prior_report_`.

        Raises:
            DataError: If the training or the validation part of the log has no window.
            SolverError: If the flow that was learned cannot be solved as it was trained.
        """
        dataset = self._aligned(log)
        self.fitted_, report = fit_prior_to(dataset, self._fitted(), fit_config)
        self.prior_report_: PriorReport = report
        return self

    def forecast(
        self,
        log: Log | None = None,
        *,
        horizon: str | None = None,
        every: str | None = None,
        times: Any = None,
        num_draws: int = 200,
    ) -> xr.Dataset:
        """Forecast every series beyond its last reading.

        Args:
            log: Readings to forecast from; None takes the newest ones of training.
            horizon: How far; None is the horizon of training.
            every: Spacing of the forecast; None is the typical spacing of the readings.
            times: Instead of a grid: frame or file of ids and times, any order.
            num_draws: Predictive draws.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step), original units.
        """
        dataset = self._given(log)
        if times is not None:
            return self._labelled(num_draws).at_times(dataset, times, "forecast")
        return self._labelled(num_draws).ahead(dataset, horizon, every)

    def interpolate(
        self,
        log: Log,
        *,
        every: str | None = None,
        times: Any = None,
        at_missing: bool = False,
        num_draws: int = 200,
    ) -> xr.Dataset:
        """Fill in every series inside its observed span.

        Args:
            log: Readings.
            every: Spacing of the grid from the first reading to the last; None is the typical
                spacing.
            times: Instead of a grid: frame or file of ids and times.
            at_missing: Instead of a grid: the time stamps at which some channel was not read.
            num_draws: Predictive draws.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step), original units.
        """
        dataset = self._aligned(log)
        if times is not None:
            return self._labelled(num_draws).at_times(dataset, times, "interpolation")
        predictor = self._labelled(num_draws)
        if at_missing:
            return predictor.at(dataset, missing_grid(dataset), "interpolation")
        return predictor.inside(dataset, every, "interpolation")

    def predict(self, log: Log, times: Any, *, num_draws: int = 200) -> xr.Dataset:
        """Predict at any times of any series: the one primitive.

        Args:
            log: Readings that may be used.
            times: Frame or file with the id column and the time column of the log, any order.
            num_draws: Predictive draws.

        Returns:
            As `forecast`; steps in the order of `times`.
        """
        return self._labelled(num_draws).at_times(self._aligned(log), times, "prediction")

    def latent_trajectory(
        self, log: Log, *, every: str | None = None, num_draws: int = 50
    ) -> xr.Dataset:
        """Posterior draws of the latent state, (draw, series, step, latent), in the observed span.

        Each window has its own latent state; where one window hands over to the next, it may jump.
        """
        dataset = self._aligned(log)
        return self._labelled(num_draws).inside(dataset, every, "latent_trajectory")

    def interpolate_latent(
        self, first: str, second: str, log: Log, *, num_steps: int = 8, every: str | None = None
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
        return self._labelled(1).between(self._aligned(log), (first, second), num_steps, every)

    @property
    def events(self) -> EventView:
        """Intensities, next events and tests of fit of a model that was trained with events."""
        return EventView(self._fitted())

    def score(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Log-density of each series, nats, with standard error: low means unlike the training log.

        Args:
            log: Readings.
            num_draws: Posterior draws, at least 2.

        Returns:
            ``log_prob``, ``standard_error`` and ``num_readings`` by series; see
            `latentode.scoring.prequential_score`.
        """
        return self._labelled(num_draws).score(self._aligned(log))

    def surprise(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Anomaly score of each reading: minus its log-density given what came before, in nats.

        Args:
            log: Readings.
            num_draws: Posterior draws.

        Returns:
            ``value`` (draw of 1, series, step, channel), NaN where nothing was read, with ``time``;
            see `latentode.scoring.reading_scores`.
        """
        return self._labelled(num_draws).surprise(self._aligned(log))

    def evaluate(
        self,
        log: Log,
        *,
        events: Events | None = None,
        split: str = "test",
        max_windows: int = 400,
        num_draws: int = 100,
    ) -> dict[str, Any]:
        """Back-test rolling forecasts and interpolations of hidden readings, beside baselines.

        Args:
            log: The log; the part that the split of training calls test is scored.
            events: Its events, for a model that was trained with events; None takes those of the
                training.
            split: "test", or "all" to score the whole log.
            max_windows: Most forecast origins.
            num_draws: Predictive draws.

        Returns:
            {"forecast": scores, "interpolation": scores}, see `latentode.evaluation.evaluate_task`;
            with events also "events", see `EventView.score`.
        """
        dataset = self._aligned(log)
        found = self._labelled(num_draws).backtest(dataset, split=split, max_windows=max_windows)
        if self._fitted().events is not None or events is not None:
            found["events"] = self.events.score(
                dataset, events=events, split=split, num_draws=num_draws
            )
        return found

    def save(self, folder: str | Path) -> None:
        """Write the model: safetensors and JSON, no pickle."""
        self._fitted().save(Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Read a model that `save` or a training run wrote.

        Raises:
            CheckpointError: If the folder is broken, tampered with or of another version.
            ConfigError: If there is no such device.
        """
        fitted = FittedModel.load(Path(folder), device)
        estimator = cls(config=fitted.config)
        estimator.config_, estimator.fitted_ = fitted.config, fitted
        return estimator

    def plan_lines(self) -> list[str]:
        """What was chosen from the data, in a few lines."""
        return plan_lines(self._fitted())

    def describe(self) -> dict[str, Any]:
        """Card of the model, JSON types."""
        return self._fitted().describe()

    @property
    def latent(self) -> LatentSpace:
        """Densities of the latent states at any time, and what a picture of them shows."""
        return LatentSpace(self._fitted())

    def _fitted(self) -> FittedModel:
        fitted: FittedModel | None = getattr(self, "fitted_", None)
        if fitted is None:
            raise NotFittedError("LatentODE: expected a fitted model. Call fit or load first.")
        return fitted

    def _given(self, log: Log | None) -> TimeSeriesDataset:
        return self._fitted().context if log is None else self._aligned(log)

    def _aligned(self, log: Log) -> TimeSeriesDataset:
        return aligned(self._fitted(), log)

    def _labelled(self, num_draws: int) -> LabelledPredictor:
        return LabelledPredictor(self._fitted(), num_draws)

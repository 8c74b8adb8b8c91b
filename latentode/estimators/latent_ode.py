"""`LatentODE`: fit, forecast, interpolate, score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from latentode.config import LatentODEConfig
from latentode.config.durations import DurationLike
from latentode.data.reading.keyed_rows import Source
from latentode.estimators.inputs import (
    Events,
    Labels,
    Log,
    aligned,
    events_for_training,
    labels_for_training,
    read,
    resolved,
    said_of_log,
)
from latentode.estimators.predictions import Predictions
from latentode.flows import FlowFitConfig
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import fit_model, fit_prior_to, plan_lines
from latentode.training.prior_fitting import PRIOR_FIT
from latentode.training.trainer import ProgressRecord


@dataclass(kw_only=True, eq=False, repr=False)
class LatentODE(Predictions):
    """Latent ODE for logs: fit, then forecast, interpolate, score.

    Settings that are not given keep the value of `config`, or the default. `fit` learns; what it
    learned ends in an underscore.

    Args:
        latent_dim: Size of the latent state.
        encoder: "rnn_attention", "rnn", "ode_rnn" or "attention".
        prior: "normal" or "cnf" (learned) density of the latent state.
        posterior: "normal" or "cnf" (a flow of a normal) approximate posterior.
        likelihood: "student_t" (robust), "gaussian", or "flow" (joint over channels).
        context: What the encoder reads, for example "48h"; None is chosen from the data.
        horizon: What is predicted ahead; None is chosen from the data.
        max_time: Wall-clock budget of `fit`, for example "10min".
        device: "cpu" or "cuda".
        random_state: Seed of everything.
        config: All other settings.

    Attributes:
        config_: Settings of the last fit, with what was chosen in it.
        fitted_: Network, schema and history of the last fit.
        prior_report_: Old and new prior on the validation part, after `fit_prior`.

    Example:
        >>> from latentode.data import synthetic
        >>> log = synthetic.make("oscillator", random_state=0).dataset
        >>> model = LatentODE(max_time="2s", random_state=0)
        >>> model.latent_dim is None
        True
    """

    latent_dim: int | None = None
    encoder: str | None = None
    prior: str | None = None
    posterior: str | None = None
    likelihood: str | None = None
    context: DurationLike | None = None
    horizon: DurationLike | None = None
    max_time: DurationLike | None = None
    device: str | None = None
    random_state: int | None = None
    config: LatentODEConfig | None = None

    def fit(
        self,
        log: Log,
        *,
        id_column: str | None = None,
        time_column: str | None = None,
        channel_column: str | None = None,
        value_column: str | None = None,
        future_columns: Sequence[str] | None = None,
        events: Events | None = None,
        mark_column: str | None = None,
        windows: Source | None = None,
        model_times: bool = False,
        labels: Labels | None = None,
        label_column: str | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        on_event: Callable[[ProgressRecord], None] | None = None,
    ) -> Self:
        """Learn from a log; a second call starts afresh.

        Args:
            log: Data frame, path or data set; wide, or long with channel and value columns.
            id_column: Column with the series' ids.
            time_column: Column with the time stamps.
            channel_column: Long layout: column with the channel's name.
            value_column: Long layout: column with the value.
            future_columns: Inputs whose future is known or planned (future covariates), such as set
                points: no channels, see docs/planned_inputs.md.
            events: Events of the same series (file or frame of id, time, mark): the latent state
                then drives their rates too.
            mark_column: Column of marks.
            windows: When each series was observed for events (id, start, end), by default while it
                was read; see `latentode.data.reading.log_events.read_log_events`.
            model_times: Take the report times of the log itself for events.
            labels: A class for each series, or for some: file or frame of id and label, or a
                mapping or pandas series by id. Every window of a series learns its label, and
                unless the split is given, it is then by series; see docs/labels.md.
            label_column: Column of labels.
            run_dir: Folder for checkpoints, metrics.csv and the model.
            resume: Go on from the last checkpoint of `run_dir`.
            on_event: Called with a dictionary for the plan, notes, some steps and every epoch.

        Returns:
            The estimator itself.

        Raises:
            DataError: If the log cannot be used; the message says where and why.
            ConfigError: If a setting is unknown or out of range.
        """
        columns = (id_column, time_column, channel_column, value_column)
        config = resolved(self.config, vars(self), columns, future_columns)
        dataset, config = read(log, config, training=True)
        with said_of_log(log, training=True):
            training_log = TrainingLog(
                dataset,
                events_for_training(dataset, config, events, mark_column, windows, model_times),
                labels_for_training(dataset, config, labels, label_column),
            )
        self.fitted_ = fit_model(
            training_log,
            config,
            run_dir=None if run_dir is None else Path(run_dir),
            resume=resume,
            on_event=on_event,
        )
        self.config_ = self.fitted_.config
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
        dataset = aligned(self._fitted(), log)
        self.fitted_, self.prior_report_ = fit_prior_to(dataset, self._fitted(), fit_config)
        return self

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

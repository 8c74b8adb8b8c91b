"""`LatentODE`: fit, forecast, interpolate, score."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, Unpack

from latentode.config import LatentODEConfig
from latentode.config.durations import DurationLike
from latentode.config.reading_arguments import ReadingArguments
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.keyed_rows import Source
from latentode.errors import ConfigError, DataError
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
from latentode.estimators.later_logs import check_channels, in_order, remembering
from latentode.estimators.predictions import Predictions
from latentode.flows import FlowFitConfig
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.progress_bar import bar_unless
from latentode.training.fit import fit_model, fit_prior_to
from latentode.training.lines import plan_lines
from latentode.training.prior_fitting import PRIOR_FIT
from latentode.training.refit import FIRST_OF_TWO, half_as_long, refit_model
from latentode.training.trainer import ProgressRecord
from latentode.training.update import update_model


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
        events: Events | None = None,
        mark_column: str | None = None,
        windows: Source | None = None,
        model_times: bool = False,
        labels: Labels | None = None,
        label_column: str | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        on_event: Callable[[ProgressRecord], None] | None = None,
        **reading: Unpack[ReadingArguments],
    ) -> Self:
        """Learn from a log; a second call starts afresh.

        Args:
            log: Data frame, path or data set; wide, or long with channel and value columns.
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
            on_event: Called with a dictionary for the plan, notes, some steps and every epoch; None
                shows a bar, on a terminal and in notebooks.
            **reading: How the log is read, for example ``id_column="pump", tz="Europe/Berlin",
                na=-9999``: the options of the program, all in `ReadingArguments`.

        Returns:
            The estimator itself.

        Raises:
            DataError: If the log cannot be used; the message says where and why.
            ConfigError: If a setting is unknown or out of range.
        """
        dataset, config = read(log, resolved(self.config, vars(self), reading), training=True)
        with said_of_log(log, training=True):
            training_log = TrainingLog(
                dataset,
                events_for_training(dataset, config, events, mark_column, windows, model_times),
                labels_for_training(dataset, config, labels, label_column),
            )
        folder = None if run_dir is None else Path(run_dir)
        if config.train.refit and on_event is not None:
            on_event({"event": "note", "text": FIRST_OF_TWO})
        with bar_unless(on_event) as told:
            self.fitted_ = fit_model(
                training_log,
                half_as_long(config) if config.train.refit else config,
                run_dir=folder,
                resume=resume,
                on_event=told,
            )
        self.config_ = self.fitted_.config
        if config.train.refit:
            self.refit(dataset, run_dir=run_dir, resume=resume, on_event=on_event)
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

    def refit(
        self,
        log: Log,
        *,
        run_dir: str | Path | None = None,
        resume: bool = False,
        on_event: Callable[[ProgressRecord], None] | None = None,
    ) -> Self:
        """Train again on all of the log of `fit`, its held-out end too.

        The model is first scored on what was held out, as `evaluate` does; the scores stay beside
        it, in `describe`. Then it is trained anew for as many steps as validation chose in `fit`;
        how wide its bands are it takes over, as only readings that it has not learned can tell.

        Args:
            log: The log of `fit`.
            run_dir: Folder of the run, whose model is replaced.
            resume: Go on from the last checkpoint of an interrupted refit there.
            on_event: As in `fit`.

        Returns:
            The estimator itself.

        Raises:
            ConfigError: If the model learned all of its log before.
        """
        first = self._fitted()
        if first.later:
            raise ConfigError(
                "refit: expected a model that held a part of its log back, got one that was "
                f"{first.later[-1].kind} before. Give later readings to update."
            )
        dataset, _ = in_order(first, log)
        scores = self._held_out_scores(dataset)
        if on_event is not None:
            on_event({"event": "scores", "scores": scores})
        folder = None if run_dir is None else Path(run_dir)
        with bar_unless(on_event) as told:
            self.fitted_ = refit_model(
                first, dataset, scores=scores, run_dir=folder, resume=resume, on_event=told
            )
        self.config_ = self.fitted_.config
        return self

    def _held_out_scores(self, dataset: TimeSeriesDataset) -> dict[str, Any]:
        """Scores of the test part, nothing where there is none."""
        try:
            return self.evaluate(dataset)
        except DataError:
            return {}

    def update(
        self,
        log: Log,
        *,
        old_log: Log | None = None,
        max_time: DurationLike | None = None,
        on_event: Callable[[ProgressRecord], None] | None = None,
    ) -> Self:
        """Go on training on later readings, at a small share of the time of `fit`.

        Half of what it trains on is new: all that the model has not learned yet. Scales and units
        stay as they are; series may be new. The width of the bands is learned from how the model
        before the update forecasts the new readings.

        Args:
            log: Later readings; it may hold the old ones too.
            old_log: The log of `fit`, and of updates since, unless `log` holds it: what the model
                knows is then kept better. Without, the newest readings of each series that the
                model keeps stand for it.
            max_time: Wall-clock budget of the steps; None takes a sixth of the steps of `fit`.
            on_event: As in `fit`.

        Returns:
            The estimator itself.

        Raises:
            DataError: If the log has a channel that the model does not know, or nothing new.
            ConfigError: If the model explains events or labels, too.
        """
        fitted = self._fitted()
        old, known = (fitted.context, set()) if old_log is None else in_order(fitted, old_log)
        new, others = in_order(fitted, log)
        check_channels(others, known)
        dataset = old.followed_by(new)
        with bar_unless(on_event) as told:
            self.fitted_ = update_model(fitted, dataset, max_time=max_time, on_event=told)
        return self

    def append(self, log: Log, *, allow_missing_channels: bool = False) -> Self:
        """A copy that forecasts from later readings, as if it had been given the whole log.

        Nothing is learned, see `update`; this estimator stays as it is. The newest context of every
        series is kept, so that only what is new has to be read.

        Args:
            log: Later readings. One of a moment and channel that is known takes its place; series
                may be new.
            allow_missing_channels: As in `forecast`.

        Returns:
            The copy, whose ``forecast()`` without a log goes on from the newest readings.

        Raises:
            DataError: If the log cannot be read.
            ConfigError: If the model explains events or labels, too.

        Example:
            >>> from latentode import LatentODE, LatentODEConfig
            >>> from latentode.data import synthetic
            >>> log = synthetic.make("oscillator", num_series=6, random_state=0).dataset
            >>> brief = LatentODEConfig().updated(
            ...     **{"train.max_epochs": 1, "train.steps_per_epoch": 2}
            ... )
            >>> model = LatentODE(config=brief, latent_dim=2).fit(log)
            >>> model.append(log.select_series([0, 1])).forecast(num_draws=2).sizes["series"]
            6
        """
        later = aligned(self._fitted(), log, allow_missing=allow_missing_channels)
        appended = copy.copy(self)
        appended.fitted_ = remembering(self._fitted(), later)
        return appended

    def save(self, folder: str | Path) -> None:
        """Write the model: safetensors and JSON, no pickle."""
        self._fitted().save(Path(folder))

    def export(self, file: str | Path) -> None:
        """Write the model as one file for programs without it; see docs/export.md.

        Args:
            file: File to write: .onnx for `ExportedLatentODE` and ``forecast``, ``interpolate`` and
                ``evaluate`` of the program, which then need no torch; .pt2 for
                `torch.export.load`.

        Raises:
            ConfigError: If the ending is neither, or a part of the model cannot be exported.
            ResourceError: If the file cannot be written.
        """
        from latentode.export.files import export  # here, as it takes seconds to load

        export(self._fitted(), Path(file))

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Read a model that `save` or a training run wrote.

        Args:
            folder: Its folder, or that of the run.
            device: Where it computes.

        Raises:
            CheckpointError: If the folder is broken, tampered with or of another version.
            ConfigError: If there is no such device.
        """
        path = Path(folder)
        within = path / "model"
        is_run = not (path / "model.json").exists() and (within / "model.json").exists()
        fitted = FittedModel.load(within if is_run else path, device)
        estimator = cls(config=fitted.config)
        estimator.config_, estimator.fitted_ = fitted.config, fitted
        return estimator

    def __repr__(self) -> str:
        """What it is of, once it is fitted; else the settings that were given."""
        if hasattr(self, "fitted_"):
            return f"LatentODE({self.fitted_.in_short()})"
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "config"}
        said = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"LatentODE({', '.join([*said, 'not fitted'])})"

    def plan_lines(self) -> list[str]:
        """What was chosen from the data, in a few lines."""
        return plan_lines(self._fitted())

    def describe(self, run_dir: str | Path | None = None) -> dict[str, Any]:
        """What the model is of, JSON types; "model_card" holds its card, "card" the card as a page.

        Args:
            run_dir: Its run folder, which knows how the log was read, versions, time and scores.
        """
        return self._fitted().describe(None if run_dir is None else Path(run_dir))

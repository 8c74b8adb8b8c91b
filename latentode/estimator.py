"""The estimator: data frames in, labelled predictions out, in original units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from latentode import results
from latentode.backtest import backtest
from latentode.config import LatentODEConfig, parse_duration
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, ragged_arange
from latentode.data.frame import read_log, read_query_times
from latentode.errors import DataError, NotFittedError
from latentode.grids import (
    Grid,
    check_size,
    default_spacing,
    first_and_last,
    forecast_grid,
    missing_grid,
    span_grid,
)
from latentode.prediction import Predictor
from latentode.scoring import interpolate_states, prequential_score
from latentode.training.fitted import FittedModel, last_context
from latentode.training.fitting import fit_model, plan_lines
from latentode.training.trainer import Event

Log = TimeSeriesDataset | pd.DataFrame | str | Path


class LatentODE:
    """Latent ODE for logs: fit, then forecast, interpolate, score.

    Settings that are not given keep the value of `config`, or the default. `fit` learns; what it learned
    ends in an underscore.

    Args:
        latent_dim: Size of the latent state.
        encoder: "rnn" or "ode_rnn".
        prior: "normal".
        likelihood: "student_t" (robust) or "gaussian".
        context: What the encoder reads, for example "48h"; None is chosen from the data.
        horizon: What is predicted ahead; None is chosen from the data.
        max_time: Wall-clock budget of `fit`, for example "10min".
        device: "cpu" or "cuda".
        random_state: Seed of everything.
        config: All other settings.

    Attributes:
        config_: Settings of the last fit.
        fitted_: Network, schema and history of the last fit.

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
            run_dir: Folder for checkpoints, metrics.csv and the model.
            resume: Go on from the last checkpoint of `run_dir`.
            on_event: Called with a dictionary for the plan, notes and every epoch.

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
        config = self._resolved().updated(**{k: v for k, v in columns.items() if v is not None})
        self.config_ = config
        self.fitted_ = fit_model(
            self._dataset(log),
            config,
            run_dir=None if run_dir is None else Path(run_dir),
            resume=resume,
            on_event=on_event,
        )
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
        fitted = self._fitted()
        dataset = fitted.context if log is None else self._aligned(log)
        if times is not None:
            return self._at(dataset, times, num_draws, "forecast")
        visible = last_context(dataset, fitted.schema)
        length = fitted.schema.lengths.horizon_ns if horizon is None else self._duration(horizon)
        grid = forecast_grid(visible, length, self._spacing(visible, every, length))
        return self._labelled(visible, grid, num_draws, "forecast")

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
            every: Spacing of the grid from the first reading to the last; None is the typical spacing.
            times: Instead of a grid: frame or file of ids and times.
            at_missing: Instead of a grid: the time stamps at which some channel was not read.
            num_draws: Predictive draws.

        Returns:
            ``value`` (draw, series, step, channel) with ``time`` (series, step), original units.
        """
        dataset = self._aligned(log)
        if times is not None:
            return self._at(dataset, times, num_draws, "interpolation")
        grid = missing_grid(dataset) if at_missing else self._span_grid(dataset, every)
        return self._labelled(dataset, grid, num_draws, "interpolation")

    def predict(self, log: Log, times: Any, *, num_draws: int = 200) -> xr.Dataset:
        """Predict at any times of any series: the one primitive.

        Args:
            log: Readings that may be used.
            times: Frame or file with the id column and the time column of the log, any order.
            num_draws: Predictive draws.

        Returns:
            As `forecast`; steps in the order of `times`.
        """
        return self._at(self._aligned(log), times, num_draws, "prediction")

    def latent_trajectory(
        self, log: Log, *, every: str | None = None, num_draws: int = 50
    ) -> xr.Dataset:
        """Posterior draws of the latent state inside the observed span, (draw, series, step, latent).

        Each window has its own latent state; where one window hands over to the next, it may jump.
        """
        dataset = self._aligned(log)
        grid = self._span_grid(dataset, every)
        return self._labelled(dataset, grid, num_draws, "latent_trajectory")

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
            ``value`` (draw, series, step, channel): one draw, the mean; "series" runs over the points,
            "0" at `first` to "1" at `second`; times are those of `first`.
        """
        fitted, dataset = self._fitted(), self._aligned(log)
        for name in (first, second):
            if name not in dataset.series_ids:
                known = ", ".join(dataset.series_ids[:5])
                raise DataError(f"series: expected an id of the log ({known}, ...), got {name!r}.")
        pair = dataset.select_series([dataset.series_ids.index(n) for n in (first, second)])
        lengths = fitted.schema.lengths
        span = lengths.context_ns + lengths.horizon_ns
        spacing = max(1, span // 50) if every is None else self._duration(every)
        offsets = np.arange(-lengths.context_ns, lengths.horizon_ns + 1, spacing)
        visible = last_context(pair, fitted.schema)
        values = interpolate_states(fitted.model, fitted.schema, visible, offsets, num_steps)
        anchors = first_and_last(visible)[int(fitted.config.model.anchor == "origin")]
        times = np.broadcast_to(anchors[0] + offsets, (num_steps, len(offsets)))
        names = [f"{share:.3g}" for share in np.linspace(0, 1, num_steps)]
        return results.to_dataset(
            values[None],
            times,
            series_ids=names,
            channels=fitted.schema.channels,
            clock=fitted.schema.clock,
            units=fitted.schema.units,
            kind="latent_interpolation",
            attrs={"first": first, "second": second},
        )

    def score(self, log: Log, *, num_draws: int = 200) -> xr.Dataset:
        """Log-density of each series, nats, with standard error: low means unlike the training log.

        Returns:
            ``log_prob``, ``standard_error`` and ``num_readings`` by series; see
            `latentode.scoring.prequential_score`.
        """
        dataset = self._aligned(log)
        predictor = self._predictor(num_draws)
        log_prob, error, count = prequential_score(predictor, dataset)
        return xr.Dataset(
            {
                "log_prob": ("series", log_prob, {"units": "nats"}),
                "standard_error": ("series", error, {"units": "nats"}),
                "num_readings": ("series", count),
            },
            coords={"series": list(dataset.series_ids)},
        )

    def evaluate(
        self, log: Log, *, split: str = "test", max_windows: int = 400, num_draws: int = 100
    ) -> dict[str, Any]:
        """Back-test forecasts from rolling origins and interpolate hidden readings, beside baselines.

        Args:
            log: The log; the part that the split of training calls test is scored.
            split: "test", or "all" to score the whole log.
            max_windows: Most forecast origins.
            num_draws: Predictive draws.

        Returns:
            {"forecast": scores, "interpolation": scores}; see `latentode.evaluation.evaluate_task`.
        """
        dataset = self._aligned(log)
        return backtest(
            dataset,
            self._fitted().schema,
            self._predictor(num_draws),
            split=split,
            max_windows=max_windows,
        )

    def save(self, folder: str | Path) -> None:
        """Write the model: safetensors and JSON, no pickle."""
        self._fitted().save(Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Read a model that `save` or a training run wrote.

        Raises:
            CheckpointError: If the folder is broken, tampered with or of another version.
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
        fitted = self._fitted()
        data = fitted.schema.to_dict()
        return {
            "parameters": fitted.num_parameters,
            "epochs": len(fitted.history),
            "config": fitted.config.to_dict(),
            "channels": data["channels"],
            "clock": data["clock"],
            "lengths": data["lengths"],
            "split": data["split"]["kind"],
            "card": fitted.card(),
        }

    def _fitted(self) -> FittedModel:
        fitted: FittedModel | None = getattr(self, "fitted_", None)
        if fitted is None:
            raise NotFittedError("LatentODE: expected a fitted model. Call fit or load first.")
        return fitted

    def _resolved(self) -> LatentODEConfig:
        given = {
            "model.latent_dim": self.latent_dim,
            "model.encoder": self.encoder,
            "model.prior": self.prior,
            "model.likelihood": self.likelihood,
            "windows.context": self.context,
            "windows.horizon": self.horizon,
            "train.max_time": self.max_time,
            "train.device": self.device,
            "train.seed": self.random_state,
        }
        base = self.config or LatentODEConfig()
        return base.updated(**{k: v for k, v in given.items() if v is not None})

    def _dataset(self, log: Log) -> TimeSeriesDataset:
        return log if isinstance(log, TimeSeriesDataset) else read_log(log, self.config_.data)[0]

    def _aligned(self, log: Log) -> TimeSeriesDataset:
        return self._fitted().schema.align(self._dataset(log))

    def _duration(self, text: str) -> int:
        clock = self._fitted().schema.clock
        return parse_duration(text, clock.unit if clock.kind == "elapsed" else None)

    def _spacing(self, dataset: TimeSeriesDataset, every: str | None, length_ns: int) -> int:
        return default_spacing(dataset, length_ns) if every is None else self._duration(every)

    def _span_grid(self, dataset: TimeSeriesDataset, every: str | None) -> Grid:
        first, last = first_and_last(dataset)
        return span_grid(dataset, self._spacing(dataset, every, int((last - first).max(initial=1))))

    def _predictor(self, num_draws: int) -> Predictor:
        fitted = self._fitted()
        return Predictor(
            fitted.model,
            fitted.schema,
            seed=fitted.config.train.seed,
            num_draws=num_draws,
            max_rows=fitted.config.windows.max_rows,
        )

    def _at(self, dataset: TimeSeriesDataset, times: Any, num_draws: int, kind: str) -> xr.Dataset:
        grid = read_query_times(
            times,
            series_ids=dataset.series_ids,
            clock=self._fitted().schema.clock,
            config=self.config_.data,
        )
        return self._labelled(dataset, grid, num_draws, kind)

    def _labelled(
        self, dataset: TimeSeriesDataset, grid: Grid, num_draws: int, kind: str
    ) -> xr.Dataset:
        schema, (series, times) = self._fitted().schema, grid
        check_size(len(series), num_draws, len(schema.channels))
        found = self._predictor(num_draws).query(dataset, series, times)
        latent = kind == "latent_trajectory"
        asked, row = np.unique(series, return_inverse=True)
        draws, stamps, valid = _pad(found.latent if latent else found.draws, row, times)
        return results.to_dataset(
            draws,
            stamps,
            series_ids=[dataset.series_ids[i] for i in asked],
            channels=None if latent else schema.channels,
            clock=schema.clock,
            units=schema.units,
            valid=valid,
            kind=kind,
            dim="latent" if latent else "channel",
            attrs={"num_draws": num_draws, "seed": self._fitted().config.train.seed},
        )


def _pad(flat: Float64, row: Int64, times: Int64) -> tuple[Float64, Int64, np.ndarray]:
    """From (draw, query, channel) to (draw, series, step, channel), times and validity."""
    order = np.argsort(row, kind="stable")
    counts = np.bincount(row)
    step = np.empty(len(row), dtype=np.int64)
    step[order] = ragged_arange(np.zeros_like(counts), counts)
    shape = (len(counts), int(counts.max(initial=0)))
    draws = np.full((flat.shape[0], *shape, flat.shape[2]), np.nan)
    stamps = np.zeros(shape, dtype=np.int64)
    valid = np.zeros(shape, dtype=bool)
    draws[:, row, step], stamps[row, step], valid[row, step] = flat, times, True
    return draws, stamps, valid

"""Predictions of a fitted model at any times of any series, in original units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets
from latentode.errors import ConfigError
from latentode.models.calibration import Calibration
from latentode.models.copula import GaussianCopula
from latentode.models.decoders.smooth_kriging import DEPTH
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.heads.time_labels import head_of_times
from latentode.models.inference import process_of
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.answers import Predictions, SolvedWindows, Wanted
from latentode.prediction.counter_totals import CounterTotals
from latentode.prediction.far_readings import without_faults
from latentode.prediction.normal_table import Float32
from latentode.prediction.query_windows import QueryWindows, windows_of_queries
from latentode.prediction.reading_noise import ReadingNoise
from latentode.prediction.window_readings import WindowReadings
from latentode.prediction.window_solver import WindowSolver


@dataclass(frozen=True, eq=False)
class Predictor:
    """Answers queries with a model: reads each window once, solves once, reads everywhere.

    Every number is a function of seed, series, visible readings and query alone: not of the batch,
    of other queries, or of their order.

    Attributes:
        model: Fitted model.
        schema: Its data schema.
        seed: Seed of posterior and observation noise.
        num_draws: Draws.
        max_rows: Newest rows of a window that the encoder reads.
        calibration: What its bands are corrected by; None leaves them as they were trained.
        copula: What is common to the noise of its readings; None takes it for independent.
        keeps_far: Whether readings absurdly far from those of the training are followed.

    Raises:
        ConfigError: If there is no draw.
    """

    model: LatentODEModel
    schema: DataSchema
    seed: int
    num_draws: int
    max_rows: int = 512
    calibration: Calibration | None = None
    copula: GaussianCopula | None = None
    keeps_far: bool = False

    def __post_init__(self) -> None:
        if self.num_draws < 1:
            raise ConfigError(f"num_draws: expected at least 1, got {self.num_draws}.")

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @classmethod
    def of(cls, fitted: FittedModel, num_draws: int) -> Predictor:
        """For a fitted model, with the seed and the rows of its settings."""
        config = fitted.config
        seed, max_rows = config.train.seed, config.windows.max_rows
        keeps_far = config.data.far_readings == "keep"
        return cls(
            fitted.model,
            fitted.schema,
            seed,
            num_draws,
            max_rows=max_rows,
            calibration=fitted.calibration,
            copula=fitted.copula,
            keeps_far=keeps_far,
        )

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target) and log densities (target,), as in `evaluation.evaluate`."""
        series, times, values, cells = self._queries(targets)
        predictions = self.query(visible, series, times, values)
        return predictions.draws[:, *cells], predictions.log_prob[cells]

    def solve(self, visible: TimeSeriesDataset, targets: Targets) -> Iterator[SolvedWindows]:
        """Solve windows of about one size at a time for some targets, which their batches hold.

        Args:
            visible: Readings that may be used, channels in the order of the schema.
            targets: Readings that are not visible.
        """
        series, times, values, _ = self._queries(targets)
        visible = self._sensible(visible)
        values, _ = self.schema.counters.rates_at(visible.readings, series, times, values)
        visible = self.schema.modelled(visible)
        asked, number = self._windows(visible, series, times)
        distinct = self._unknown(len(asked.times))
        distinct[number] = values
        return self._solved(visible, asked, distinct)

    def _queries(self, targets: Targets) -> tuple[Int64, Int64, Float64, tuple[Int64, Int64]]:
        """Series and time of the queries of some targets, their readings, and where each lies."""
        key = np.stack([targets.window, targets.times])
        pairs, number = np.unique(key, axis=1, return_inverse=True)
        cells = number.reshape(-1), targets.channel  # numpy 2.0 keeps an axis
        values = self._unknown(pairs.shape[1])
        values[cells] = targets.values
        return pairs[0], pairs[1], values, cells

    @torch.no_grad()
    def query(
        self,
        visible: TimeSeriesDataset,
        series: Int64,
        times: Int64,
        values: Float64 | None = None,
        *,
        wanted: Wanted = "readings",
        origins: Int64 | None = None,
    ) -> Predictions:
        """Predict at some times.

        Args:
            visible: Readings that may be used, channels in the order of the schema.
            series: Series of each query, shape (query,).
            times: Time of each query in nanoseconds, any order, duplicates allowed, shape (query,).
            values: Readings whose density is wanted, original units, NaN elsewhere, (query,
                channel).
            wanted: What is predicted. Draws of readings share few latent paths; latent states and
                what they drive are of as many paths as draws.
            origins: When series begin that were never read, as in `windows_of_queries`.

        Returns:
            Predictions in the order of the queries.
        """
        visible, counters, count = self._sensible(visible), self.schema.counters, len(times)
        # rates are drawn in between to add up to totals: what is no reading has none
        counted = slice(None if wanted == "readings" else 0)
        totals = CounterTotals.of(counters, visible, series[counted], times[counted])
        padded = self._unknown(count + len(totals.times))
        log_spans = np.zeros_like(padded[:count])
        if values is not None:
            padded[:count], log_spans = counters.rates_at(visible.readings, series, times, values)
        answers = self._query(
            self.schema.modelled(visible),
            np.concatenate([series, totals.series]),
            np.concatenate([times, totals.times]),
            padded,
            wanted=wanted,
            origins=origins,
        )
        return Predictions(
            draws=totals.from_rates(answers.draws, count),
            latent=answers.latent[:, :count],
            log_prob=answers.log_prob[:count] - log_spans,
            rates=answers.rates[:, :count],
            classes=answers.classes[:count],
        )

    def _query(
        self,
        visible: TimeSeriesDataset,
        series: Int64,
        times: Int64,
        values: Float64,
        *,
        wanted: Wanted,
        origins: Int64 | None,
    ) -> Predictions:
        """`query` of readings as the model sees them, of rates of counters."""
        asked, number = self._windows(visible, series, times, origins)
        distinct = self._unknown(len(asked.times))
        given = np.isfinite(values).any(axis=1)  # a cell may end where a reading is asked for
        distinct[number[given]] = values[given]
        out = self._unanswered(len(asked.times), wanted)
        of_readings = wanted in ("readings", "densities")
        for part in self._solved(visible, asked, distinct, few=of_readings):
            self._answer(part, asked.times[part.queries], wanted, out)
        # the queries are the last axis but one of all
        return Predictions(**{name: part[..., number, :] for name, part in vars(out).items()})

    def _unanswered(self, size: int, wanted: Wanted) -> Predictions:
        """Room for the answers to some queries."""

        def room(name: Wanted, width: int, *draws: int) -> Float64:
            return np.empty((*draws, size, width if wanted == name else 0))

        draws, model = self.num_draws, self.model
        marks = len(process_of(model).mean_rates) if wanted == "rates" else 0
        classes = head_of_times(model.label_head).num_classes if wanted == "classes" else 0
        return Predictions(
            draws=room("readings", len(self.schema.channels), draws),
            latent=room("latent", model.config.latent_dim, draws),
            log_prob=self._unknown(size),
            rates=room("rates", marks, draws),
            classes=room("classes", classes),
        )

    def follow(
        self, visible: TimeSeriesDataset, begins: Int64, ends: Int64
    ) -> Iterator[SolvedWindows]:
        """Solve windows of about one size at a time, from what is visible of them onward.

        Args:
            visible: One window a series, no reading after its begin.
            begins: Until when it was read, nanoseconds, shape (window,).
            ends: Until when it is followed, shape (window,).
        """
        every = np.arange(len(visible))
        times = np.stack([begins, ends], axis=1).ravel()
        starts = begins - self.schema.lengths.context_ns
        asked = QueryWindows(every, starts, begins, np.repeat(every, 2), times)
        seen = self.schema.modelled(self._sensible(visible))
        return self._solved(seen, asked, self._unknown(len(times)))

    @torch.no_grad()
    def log_weights(
        self, visible: TimeSeriesDataset, series: Int64, times: Int64, values: Float64
    ) -> Float64:
        """Joint log-density of the readings ahead of each window, for every latent draw.

        Args:
            visible: One window a series.
            series: Window of each row of readings, shape (row,).
            times: Times of the rows, after the last visible one of their window, shape (row,).
            values: Readings in original units, NaN where missing, shape (row, channel).

        Returns:
            log p(readings | z_k, visible) in nats of original units, shape (draw, window).
        """
        visible = self._sensible(visible)
        counters = self.schema.counters
        values, log_spans = counters.rates_at(visible.readings, series, times, values)
        visible = self.schema.modelled(visible)
        asked, number = self._windows(visible, series, times)
        distinct = self._unknown(len(asked.times))
        distinct[number] = values
        weights = np.zeros((self.num_draws, len(visible)))
        for part in self._solved(visible, asked, distinct):
            # a window without a visible row is answered once for every one of its queries
            total = self._readings(part).joint()
            np.add.at(weights.T, asked.series[part.windows], total.T)
        np.subtract.at(weights.T, series, log_spans.sum(axis=1)[:, None])
        return weights

    def _windows(
        self, visible: TimeSeriesDataset, series: Int64, times: Int64, origins: Int64 | None = None
    ) -> tuple[QueryWindows, Int64]:
        lengths, sides = self.schema.lengths, 0 if self.model.smooth is None else DEPTH
        return windows_of_queries(
            visible, series, times, lengths, self.max_rows, sides=sides, origins=origins
        )

    def _sensible(self, visible: TimeSeriesDataset) -> TimeSeriesDataset:
        return visible if self.keeps_far else without_faults(visible, self.schema)

    def _unknown(self, num_queries: int) -> Float64:
        """Readings at queries of which none is known, shape (query, channel)."""
        return np.full((num_queries, len(self.schema.channels)), np.nan)

    def _solved(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, *, few: bool = False
    ) -> Iterator[SolvedWindows]:
        """Solve windows of about one size at a time.

        Args:
            visible: Readings as the model sees them.
            asked: Windows, and queries of each.
            values: Readings at the queries.
            few: Whether few latent paths are enough.
        """
        solver = WindowSolver(self.model, self.schema, self.seed, self.num_draws, self.max_rows)
        return solver.solved(visible, asked, values, few=few)

    def _answer(self, part: SolvedWindows, times: Int64, wanted: Wanted, out: Predictions) -> None:
        """Fill in the answers of some windows to their queries at some times."""
        queries = part.queries
        if wanted in ("readings", "densities"):
            readings = self._readings(part)
            if bool(part.batch.target_mask.any()):
                out.log_prob[queries] = readings.log_prob()
            if wanted == "readings":
                noise = self._noise(part, times - self.schema.origin_ns)
                out.draws[:, queries] = readings.drawn(noise)
        elif wanted == "classes":
            head = head_of_times(self.model.label_head)
            logits = head.logits_at(part.batch.query_times, part.solved)
            out.classes[queries] = part.at_queries(logits.softmax(-1).mean(0))
        else:
            states = part.solved.trajectory.at(part.batch.query_times, check=False)
            found = states if wanted == "latent" else self._rates(part, states)
            (out.latent if wanted == "latent" else out.rates)[:, queries] = part.at_queries(found)

    def _rates(self, part: SolvedWindows, states: Tensor) -> Tensor:
        """Intensities at the queries of some windows, given the states there."""
        covariates = part.solved.decoded.rate_covariates(part.batch.query_times, states)
        rates: Tensor = process_of(self.model).log_intensity(states, covariates).exp()
        return rates

    def _readings(self, part: SolvedWindows) -> WindowReadings:
        return WindowReadings.of(self.model, self.schema, self.calibration, part)

    def _noise(self, part: SolvedWindows, times: Int64) -> Float32:
        """Noise of the readings at queries, at some times since the start of training.

        Returns:
            Shape (query, channel, draw).
        """
        copula = self.copula or GaussianCopula(len(self.schema.channels))
        unit_ns = self.schema.time_scale.unit_ns
        return ReadingNoise.of(copula, self.seed, self.num_draws, unit_ns, part, times).drawn()

"""Predictions of a fitted model at any times of any series, in original units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.config.memory import check_drawn
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
from latentode.prediction.answers import DRAWN, Predictions, Wanted
from latentode.prediction.noise import series_keys
from latentode.prediction.normal_table import Float32
from latentode.prediction.queries import Queries
from latentode.prediction.query_windows import QueryWindows
from latentode.prediction.reading_noise import ReadingNoise
from latentode.prediction.solved_windows import SolvedWindows
from latentode.prediction.window_readings import WindowReadings
from latentode.prediction.window_solver import WindowSolver

_OF_READINGS = (*DRAWN, "densities")  # what few latent paths are enough for


@dataclass(frozen=True, eq=False)
class Predictor(Queries):
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
    def sides(self) -> int:
        """See `Queries`."""
        return 0 if self.model.smooth is None else DEPTH

    @property
    def path_reach(self) -> float:
        """See `Queries`."""
        solver, knots = self.model.solver, self.model.shooting
        if knots is not None and solver.step_size is not None:
            solver = knots.between(solver)
        return solver.reach

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

    @torch.no_grad()
    def answered(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, wanted: Wanted
    ) -> Predictions:
        """See `Queries`.

        Args:
            visible: Readings that may be used.
            asked: Windows, and distinct queries of each.
            values: Readings whose density is wanted, NaN elsewhere, shape (query, channel).
            wanted: What is predicted.
        """
        model = self.model
        out = Predictions.unanswered(
            values.shape,
            self.num_draws,
            drawn=wanted in DRAWN,
            latent=model.config.latent_dim if wanted == "latent" else 0,
            marks=len(process_of(model).mean_rates) if wanted == "rates" else 0,
            classes=head_of_times(model.label_head).num_classes if wanted == "classes" else 0,
        )
        for part in self._solved(visible, asked, values, few=wanted in _OF_READINGS):
            self._answer(part, asked.times[part.queries], wanted, out)
        return out

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

        Raises:
            ResourceError: If they would take too much memory.
        """
        check_drawn(len(visible), self.num_draws)
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
        if wanted in _OF_READINGS:
            readings = self._readings(part)
            if bool(part.batch.target_mask.any()):
                out.log_prob[queries] = readings.log_prob()
            if wanted in DRAWN:
                noise = self._noise(part, times - self.schema.origin_ns, wanted)
                np.moveaxis(out.draws, 0, -1)[queries] = readings.drawn(noise)
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

    def _noise(self, part: SolvedWindows, times: Int64, wanted: Wanted) -> Float32:
        """Noise of the readings at queries, at some times since the start of training.

        Args:
            part: The windows.
            times: Shape (query,).
            wanted: What is predicted.

        Returns:
            Shape (query, channel, draw).
        """
        copula = self.copula or GaussianCopula(len(self.schema.channels))
        gaps, readings = part.nearest(self.schema.time_scale.unit_ns)
        keys = series_keys(self.seed, part.series)[part.row]
        unit_ns, asked = self.schema.time_scale.unit_ns, None
        # totals are of rates at other times than those of their readings
        together = self.schema.counters.names or self.model.likelihood.joins_channels
        if wanted == "targets" and not together:
            asked = part.at_queries(part.batch.target_mask) > 0
        of = copula.arrays(), self.num_draws, unit_ns, keys, times, gaps, readings
        return ReadingNoise(*of).drawn(asked)

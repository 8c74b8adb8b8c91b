"""Rates of events that the latent state of a log drives: intensities, what comes next, tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from latentode.config.durations import NS_PER_UNIT, DurationLike, parse_duration
from latentode.config.memory import check_drawn
from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset, ragged_arange
from latentode.data.events import EventStreams
from latentode.data.windows import cut
from latentode.models.fitted.context import last_context
from latentode.models.fitted.events import unit_of
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.inference import process_of
from latentode.models.point_processes import goodness_of_fit
from latentode.models.point_processes.compensator import cumulative
from latentode.models.point_processes.event_scores import EventScores
from latentode.ode.trajectory import Trajectory
from latentode.prediction.event_mixture import NextOfMixture, increments_between, mixture_scores
from latentode.prediction.grids import Align, forecast_grid, span_grid, span_spacing
from latentode.prediction.predictor import Predictor
from latentode.prediction.solved_windows import SolvedWindows
from latentode.results.events import intensity_dataset, next_event_dataset

if TYPE_CHECKING:
    import xarray as xr

_REFINE = 4  # parts of a step of the state: rates move faster than it


@dataclass(frozen=True, eq=False)
class BlockScores:
    """What a model says of events, block by block in order of series and time.

    Attributes:
        scores: Scores of each block.
        events: The events of each block.
        series: Series of each block, shape (block,).
        constant: Log-likelihood of each block under the constant rates of the training, (block,).
        model_ns: Nanoseconds in the unit of model time, which rates are counted in.
        unit: Unit of time for people.
        mark_names: Names of the marks.
    """

    scores: EventScores
    events: EventBatch
    series: Int64
    constant: Float64
    model_ns: int
    unit: str
    mark_names: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Nats per event for events per "unit", the gain over constant rates, tests of fit."""
        events = int(self.events.scored.sum())
        per_event = float(self.scores.log_prob().sum()) / max(1, events)
        tests = goodness_of_fit.goodness_of_fit(self.scores, self.events, self.mark_names)
        return {
            "nats_per_event": per_event + float(np.log(NS_PER_UNIT[self.unit] / self.model_ns)),
            "gain_per_event": per_event - float(self.constant.sum()) / max(1, events),
            "events": events,
            "unit": self.unit,
            "tests": goodness_of_fit.as_numbers(tests),
        }

    def rescaled_quantiles(self) -> tuple[Float64, Float64]:
        """Points of the QQ plot: exponential quantiles and sorted rescaled gaps."""
        return goodness_of_fit.quantiles(goodness_of_fit.rescale(self.scores, self.events))


@dataclass(frozen=True)
class LatentRates:
    """Rates of events of a fitted model of a log, by the names of series and marks.

    Every data set that it is given is aligned with the model's schema, and streams with the data
    set.

    Attributes:
        fitted: A model that was trained with events.
        num_draws: Draws of the latent state.

    Raises:
        ConfigError: If there is no draw, or the model knows no events.
    """

    fitted: FittedModel
    num_draws: int

    def __post_init__(self) -> None:
        process_of(self._predictor.model)  # a predictor refuses to have no draw

    @property
    def unit(self) -> str:
        """Unit of rates: that of an elapsed clock, hours on a calendar."""
        return unit_of(self.fitted.schema.clock)

    @property
    def unit_ns(self) -> int:
        """Nanoseconds in it."""
        return NS_PER_UNIT[self.unit]

    @property
    def mark_names(self) -> tuple[str, ...]:
        """Names of the marks."""
        assert self.fitted.log.events is not None
        return self.fitted.log.events.streams.mark_names

    def intensity(
        self,
        dataset: TimeSeriesDataset,
        every: DurationLike | None,
        horizon: DurationLike | None,
        align: Align = "clock",
    ) -> xr.Dataset:
        """Draws of the rate of each mark on an even grid.

        Inside the span of a series they are given the readings on both sides; beyond its last
        reading they are forecasts. Events themselves are not looked at.

        Args:
            dataset: Readings.
            every: Spacing of the grid; None is a round one near that of the readings.
            horizon: How far beyond the last reading; None stays inside.
            align: As in `grids.forecast_grid` and `grids.span_grid`.

        Returns:
            ``intensity`` (draw, series, step, mark) in events per `unit`.
        """
        spacing = span_spacing(dataset) if every is None else parse_duration(every, self.unit)
        series, times = span_grid(dataset, spacing, align)
        if horizon is not None:
            length = parse_duration(horizon, self.unit)
            ahead = forecast_grid(dataset, length, spacing, align=align)
            series, times = np.concatenate([series, ahead[0]]), np.concatenate([times, ahead[1]])
            order = np.lexsort((times, series))
            series, times = series[order], times[order]
        counts = np.bincount(series, minlength=len(dataset))
        check_drawn(len(dataset) * int(counts.max(initial=0)), self.num_draws, len(self.mark_names))
        predictions = self._predictor.query(dataset, series, times, wanted="rates")
        scale = self.unit_ns / self.fitted.schema.time_scale.unit_ns
        column = ragged_arange(np.zeros_like(counts), counts)
        shape = (len(dataset), int(counts.max(initial=0)))
        rates = np.full((self.num_draws, *shape, len(self.mark_names)), np.nan)
        rates[:, series, column] = predictions.rates * scale
        stamps = np.zeros(shape, dtype=np.int64)
        stamps[series, column] = times
        return intensity_dataset(
            rates, stamps, real=np.arange(shape[1]) < counts[:, None], mark_names=self.mark_names,
            series_ids=dataset.series_ids, clock=self.fitted.schema.clock, unit=self.unit,
        )  # fmt: skip

    @torch.no_grad()
    def next_event(
        self, dataset: TimeSeriesDataset, horizon: DurationLike, levels: Sequence[float]
    ) -> xr.Dataset:
        """What comes after the last reading of each series, given the readings.

        Args:
            dataset: Readings.
            horizon: How far ahead; a number counts in `unit`.
            levels: Probabilities of the quantiles.

        Returns:
            As `EventForecaster.next_event`; series without a reading are left out.
        """
        first, last = dataset.readings.first_and_last()
        dataset = dataset.select_series(np.flatnonzero(last >= first))
        begins = dataset.readings.first_and_last()[1]
        ends = begins + parse_duration(horizon, self.unit)
        visible = last_context(dataset, self.fitted.schema)
        parts: list[tuple[Any, ...]] = []
        rows = []
        for part in self._predictor.follow(visible, begins, ends):
            span = (self._model_time(edge[part.windows], part.anchors) for edge in (begins, ends))
            following = NextOfMixture(self._expected(part), *span)
            parts.append(self._of_next(following, levels))
            rows.append(part.windows)
        order = np.argsort(np.concatenate(rows))
        quantiles, mean, survival, marks, expected = (
            np.concatenate(column)[order] for column in zip(*parts, strict=True)
        )
        rng = np.random.default_rng(self.fitted.config.train.seed)
        expected = expected.swapaxes(0, 1)  # (draw, series, mark)
        return next_event_dataset(
            quantiles, levels, mean, survival, marks, expected.mean(0), rng.poisson(expected),
            series_ids=dataset.series_ids, mark_names=self.mark_names, unit=self.unit,
        )  # fmt: skip

    def _of_next(self, following: NextOfMixture, levels: Sequence[float]) -> tuple[Any, ...]:
        """Numbers of some series, series first, times in `unit`."""
        scale = self.fitted.schema.time_scale.unit_ns / self.unit_ns
        median = following.quantile(torch.tensor([0.5]))[:, 0] + following.begin
        numbers = (
            scale * following.quantile(torch.tensor(list(levels), dtype=torch.float64)),
            scale * following.mean(),
            following.survival(following.end[:, None])[:, 0],
            following.marks(torch.minimum(median, following.end)),
            following.expected().movedim(0, 1),
        )
        return tuple(number.double().cpu().numpy() for number in numbers)

    @torch.no_grad()
    def score(
        self, dataset: TimeSeriesDataset, streams: EventStreams, starts: Int64, stops: Int64
    ) -> BlockScores:
        r"""Score events by blocks of one horizon, each given the readings before it.

        .. math:: \log p(N) = \sum_b \log \tfrac1K \sum_k p(N_b \mid z_k),\quad
                  z_k \sim q(z \mid x_{<b})

        a proper density of the events, to which readings inside a block add nothing.

        Args:
            dataset: Readings.
            streams: Events of its series.
            starts: Exclusive start of what is scored of each series, nanoseconds, shape (series,).
            stops: Inclusive end, shape (series,).
        """
        predictor, schema = self._predictor, self.fitted.schema
        unit = schema.time_scale.unit_ns
        series, low, high = _blocks(streams, starts, stops, schema.lengths.horizon_ns)
        visible = cut(dataset, series, low - schema.lengths.context_ns, low)
        anchors = np.zeros(len(series), dtype=np.int64)
        scored: list[tuple[Int64, EventScores]] = []
        for part in predictor.follow(visible, low, high):
            rows = part.windows
            anchors[rows] = part.anchors
            events = EventBatch.cut(
                streams, series[rows], low[rows], high[rows], part.anchors, unit
            ).to(predictor.device)
            scored.append((rows, self._scores(part, events)))
        whole = EventBatch.cut(streams, series, low, high, anchors, unit)
        constant = process_of(self.fitted.model).constant_log_prob(whole.to(predictor.device))
        return BlockScores(
            _joined(scored, whole, streams.num_marks), whole, series, constant.cpu().numpy(), unit,
            self.unit, self.mark_names,
        )  # fmt: skip

    def _scores(self, part: SolvedWindows, events: EventBatch) -> EventScores:
        process, solved = process_of(self.fitted.model), part.solved
        covariates = solved.decoded.rate_covariates
        log_rates = process.log_rates_of(events, solved.trajectory, covariates).double()
        increments = increments_between(self._expected(part), events).double()
        return mixture_scores(log_rates, increments.clamp(min=0.0), events.scored)

    @property
    def _predictor(self) -> Predictor:
        return Predictor.of(self.fitted, self.num_draws)

    def _expected(self, part: SolvedWindows) -> Trajectory:
        rate = process_of(self.fitted.model).rate(part.solved.decoded.rate_covariates)
        return cumulative(part.solved.trajectory, rate, refine=_REFINE)

    def _model_time(self, times: Int64, anchors: Int64) -> torch.Tensor:
        shifted = self.fitted.schema.time_scale.to_model(times, anchors)
        return torch.from_numpy(shifted).to(self._predictor.device)


def _blocks(
    streams: EventStreams, starts: Int64, stops: Int64, length: int
) -> tuple[Int64, Int64, Int64]:
    """Series, exclusive start and inclusive end of blocks that tile what was observed of a part."""
    low = np.maximum(starts, streams.windows[..., 0].min(1) - 1)
    high = np.minimum(stops, streams.windows[..., 1].max(1))
    counts = np.where(high > low, -(-(high - low) // length), 0)
    series = np.repeat(np.arange(len(low)), counts)
    begins = low[series] + ragged_arange(np.zeros_like(counts), counts) * length
    return series, begins, np.minimum(begins + length, high[series])


def _joined(
    scored: Sequence[tuple[Int64, EventScores]], whole: EventBatch, num_marks: int
) -> EventScores:
    """Scores of all blocks in their order."""
    width = whole.times.shape[1]
    log_intensity = torch.zeros(whole.times.shape, dtype=torch.float64)
    increments = torch.zeros(len(whole.times), width + 1, num_marks, dtype=torch.float64)
    for rows, part in scored:
        size = part.log_intensity.shape[1]
        log_intensity[rows, :size] = part.log_intensity.cpu()
        increments[rows, :size] = part.increments[:, :-1].cpu()
        increments[rows, -1] = part.increments[:, -1].cpu()
    return EventScores(log_intensity, increments, whole.scored)

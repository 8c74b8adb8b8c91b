"""Predictions of a fitted model at any times of any series, in original units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.batch import Rows, SeriesBatch
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets
from latentode.data.windows import cut
from latentode.errors import ConfigError
from latentode.models.decoders.readout import Decoded
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.heads import head_of_times
from latentode.models.inference import infer, process_of
from latentode.models.latent_ode import LatentODEModel
from latentode.models.solved import Solved
from latentode.prediction.noise import latent_noise, path_noise
from latentode.prediction.query_windows import QueryWindows, windows_of_queries

# elements of (draw, window, row, channel) at a time: hidden layers are up to ten times as wide
_MAX_ELEMENTS, _HIDDEN = 2_000_000, 10
_SEARCHED = 128  # draws that a search by gradients counts for, in memory
_TINY = 1e-15  # uniform numbers of 0 or 1 would be infinite draws


@dataclass(frozen=True)
class Predictions:
    """Predictions at flat queries.

    Attributes:
        draws: Predictive draws in original units, shape (draw, query, channel).
        latent: Latent states, shape (draw, query, latent); no columns where they were not wanted.
        log_prob: Log of the mean density over draws, nats, of each given reading in original units,
            NaN where none was given, shape (query, channel).
        rates: Intensities in events per unit of model time, shape (draw, query, kind); no kinds
            where they were not wanted.
        classes: Probability of each class at each query, shape (query, class); no classes where
            they were not wanted.
    """

    draws: Float64
    latent: Float64
    log_prob: Float64
    rates: Float64
    classes: Float64


@dataclass(frozen=True, eq=False)
class Followed:
    """Windows that were solved from what is visible to an end of their own.

    Attributes:
        windows: Which ones, shape (batch,).
        batch: What the model has seen of them.
        anchors: Time that is model time 0 of each, nanoseconds, shape (batch,).
        solved: Posterior draws of their latent states, and what is read of them.
    """

    windows: Int64
    batch: SeriesBatch
    anchors: Int64
    solved: Solved


class Predictor:
    """Answers queries with a model: reads each window once, solves once, reads everywhere.

    Every number is a function of seed, series, visible readings and query alone: not of the batch,
    of other queries, or of their order.

    Args:
        model: Fitted model.
        schema: Its data schema.
        seed: Seed of posterior and observation noise.
        num_draws: Draws.
        max_rows: Newest rows of a window that the encoder reads.

    Raises:
        ConfigError: If there is no draw.
    """

    def __init__(
        self,
        model: LatentODEModel,
        schema: DataSchema,
        *,
        seed: int,
        num_draws: int,
        max_rows: int = 512,
    ) -> None:
        if num_draws < 1:
            raise ConfigError(f"num_draws: expected at least 1, got {num_draws}.")
        self.model = model
        self.schema = schema
        self.seed = seed
        self.num_draws = num_draws
        self.max_rows = max_rows
        self.device = next(model.parameters()).device

    @classmethod
    def of(cls, fitted: FittedModel, num_draws: int) -> Predictor:
        """For a fitted model, with the seed and the rows of its settings."""
        config = fitted.config
        return cls(
            fitted.model,
            fitted.schema,
            seed=config.train.seed,
            num_draws=num_draws,
            max_rows=config.windows.max_rows,
        )

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target) and log densities (target,), as in `evaluation.evaluate`."""
        key = np.stack([targets.window, targets.times])
        pairs, place = np.unique(key, axis=1, return_inverse=True)
        place = place.reshape(-1)  # numpy 2.0 keeps an axis
        values = np.full((pairs.shape[1], len(self.schema.channels)), np.nan)
        values[place, targets.channel] = targets.values
        found = self.query(visible, pairs[0], pairs[1], values, latent=False)
        return found.draws[:, place, targets.channel], found.log_prob[place, targets.channel]

    @torch.no_grad()
    def query(
        self,
        visible: TimeSeriesDataset,
        series: Int64,
        times: Int64,
        values: Float64 | None = None,
        *,
        latent: bool = True,
        rates: bool = False,
        classes: bool = False,
    ) -> Predictions:
        """Predict every channel at some times.

        Args:
            visible: Readings that may be used, channels in the order of the schema.
            series: Series of each query, shape (query,).
            times: Time of each query in nanoseconds, any order, duplicates allowed, shape (query,).
            values: Readings whose density is wanted, original units, NaN elsewhere, (query,
                channel).
            latent: Whether latent states are wanted too.
            rates: Whether intensities of events are wanted too.
            classes: Whether probabilities of classes at the queries are wanted too.

        Returns:
            Predictions in the order of the queries.
        """
        asked, place = windows_of_queries(visible, series, times, self.schema.lengths)
        channels = len(self.schema.channels)
        distinct = np.full((len(asked.times), channels), np.nan)
        if values is not None:
            distinct[place] = values
        shape = self.num_draws, len(asked.times)
        out = Predictions(
            draws=np.empty((*shape, channels)),
            latent=np.empty((*shape, self.model.config.latent_dim if latent else 0)),
            log_prob=np.full((len(asked.times), channels), np.nan),
            rates=np.empty((*shape, len(process_of(self.model).mean_rates) if rates else 0)),
            classes=np.empty((len(asked.times), self._num_classes() if classes else 0)),
        )
        self.model.eval()
        for chunk in self._chunks(asked, visible):
            queries = np.flatnonzero(np.isin(asked.window, chunk))
            batch, own, _ = self._batch(visible, asked, chunk, queries, distinct)
            self._answer(batch, visible, asked, chunk, queries, own, out)
        draws, states, intensity = (p[:, place] for p in (out.draws, out.latent, out.rates))
        return Predictions(draws, states, out.log_prob[place], intensity, out.classes[place])

    @torch.no_grad()
    def follow(self, visible: TimeSeriesDataset, begins: Int64, ends: Int64) -> Iterator[Followed]:
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
        nothing = np.full((len(times), len(self.schema.channels)), np.nan)
        self.model.eval()
        for chunk in self._chunks(asked, visible):
            queries = np.flatnonzero(np.isin(asked.window, chunk))
            batch, _, anchors = self._batch(visible, asked, chunk, queries, nothing)
            batch = batch.to(self.device)
            solved = self._solved(batch, [visible.series_ids[i] for i in chunk])
            yield Followed(chunk, batch, anchors, solved)

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
        asked, place = windows_of_queries(visible, series, times, self.schema.lengths)
        distinct = np.full((len(asked.times), len(self.schema.channels)), np.nan)
        distinct[place] = values
        weights = np.zeros((self.num_draws, len(visible)))
        self.model.eval()
        for chunk in self._chunks(asked, visible):
            queries = np.flatnonzero(np.isin(asked.window, chunk))
            batch, _, _ = self._batch(visible, asked, chunk, queries, distinct)
            batch = batch.to(self.device)
            names = [visible.series_ids[i] for i in asked.series[chunk]]
            decoded = self._solved(batch, names).decoded
            given = batch.targets.masked_fill(~batch.target_mask, 0.0)
            density = self.model.likelihood.joint(
                given, decoded.location, decoded.scale, batch.target_mask
            )
            total = density.double().cpu().numpy()
            scales = batch.target_mask.sum(dim=1).cpu().numpy() @ np.log(self.schema.scaler.scale)
            # a window without a visible row is answered once for every one of its queries
            np.add.at(weights.T, asked.series[chunk], (total - scales).T)
        return weights

    def _chunks(self, asked: QueryWindows, visible: TimeSeriesDataset) -> Iterator[Int64]:
        """Windows in groups of similar length and bounded size."""
        queries = np.bincount(asked.window, minlength=len(asked.series))
        starts = cut(visible, asked.series, asked.starts, asked.stops).readings.series_starts
        width = max(len(self.schema.channels), self.model.config.hidden_dim // _HIDDEN)
        rows = np.minimum(np.diff(starts), self.max_rows) + self.model.config.knots
        load = (queries + rows) * width
        # a search keeps what its gradient needs
        draws = max(self.num_draws, _SEARCHED) if self.model.config.refine else self.num_draws
        group: list[int] = []
        for window in np.argsort(load, kind="stable"):
            # the largest comes last, and padding makes all as large
            if group and (len(group) + 1) * load[window] * draws > _MAX_ELEMENTS:
                yield np.array(sorted(group))
                group = []
            group.append(int(window))
        if group:
            yield np.array(sorted(group))

    def _batch(
        self,
        visible: TimeSeriesDataset,
        asked: QueryWindows,
        chunk: Int64,
        queries: Int64,
        values: Float64,
    ) -> tuple[SeriesBatch, Int64, Int64]:
        """The batch of some asked, the column of each query in it, and the anchors."""
        windows = cut(visible, asked.series[chunk], asked.starts[chunk], asked.stops[chunk])
        size, readings = len(chunk), windows.readings
        own = np.searchsorted(chunk, asked.window[queries])
        counts = np.diff(readings.series_starts)
        last = readings.series_starts[1:] - 1
        first = np.maximum(readings.series_starts[:-1], last - self.max_rows + 1)
        # a window without a visible row has one query, and that is its model time 0
        first_query = np.searchsorted(own, np.arange(size))
        anchors = asked.times[queries][first_query]
        end = last if self.model.config.anchor == "origin" else first
        anchors[counts > 0] = readings.times[end[counts > 0]]
        builder = self.schema.builder()
        rows = builder.rows(readings, anchors)
        newest = np.arange(readings.num_rows) >= first[rows.window]
        rows = Rows(rows.window[newest], rows.times[newest], rows.values[newest])
        asked_times = builder.time_scale.to_model(asked.times[queries], anchors[own])
        scaled = self.schema.scaler.transform(values[queries])
        query_times, targets, lengths = Rows(own, asked_times, scaled).pad(size)
        column = np.arange(len(queries)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return builder.build(windows, anchors, rows, (query_times, targets)), column, anchors

    def _answer(
        self,
        batch: SeriesBatch,
        visible: TimeSeriesDataset,
        asked: QueryWindows,
        chunk: Int64,
        queries: Int64,
        column: Int64,
        out: Predictions,
    ) -> None:
        batch = batch.to(self.device)
        names = [visible.series_ids[i] for i in asked.series[chunk]]
        solved, row = self._solved(batch, names), np.searchsorted(chunk, asked.window[queries])
        decoded = solved.decoded
        density = self.model.likelihood.log_prob(batch.targets, decoded.location, decoded.scale)
        mixture = torch.logsumexp(density, dim=0) - np.log(self.num_draws)
        mixture = mixture.masked_fill(~batch.target_mask, torch.nan).cpu().numpy()
        out.log_prob[queries] = mixture[row, column] - np.log(self.schema.scaler.scale)
        if out.latent.shape[-1] or out.rates.shape[-1]:
            states = solved.trajectory.at(batch.query_times, check=False)
        if out.latent.shape[-1]:
            out.latent[:, queries] = states.cpu().numpy()[:, row, column]
        if out.rates.shape[-1]:
            covariates = decoded.rate_covariates(batch.query_times, states)
            rates = process_of(self.model).log_intensity(states, covariates).exp()
            out.rates[:, queries] = rates.cpu().numpy()[:, row, column]
        if out.classes.shape[-1]:
            logits = head_of_times(self.model.label_head).logits_at(batch.query_times, solved)
            out.classes[queries] = logits.softmax(-1).mean(0).cpu().numpy()[row, column]
        for index, name in enumerate(names):
            asked_of_it = queries[row == index]
            times = asked.times[asked_of_it] - self.schema.origin_ns
            out.draws[:, asked_of_it] = self._readings(decoded, index, name, times)

    def _readings(self, decoded: Decoded, index: int, name: str, times: Int64) -> Float64:
        """Draws of the readings of one window at its queries, whose noise belongs to the times."""
        unit, shape = self.schema.time_scale.unit_ns, (self.num_draws, len(self.schema.channels))
        noise = torch.from_numpy(path_noise(self.seed, name, times, unit, shape))
        uniform = torch.special.ndtr(noise).clamp(_TINY, 1.0 - _TINY)
        sampled = self.model.likelihood.transform(
            uniform.to(self.device),
            decoded.location[:, index, : len(times)].double(),
            decoded.scale[:, index, : len(times)].double(),
        )
        scaler = self.schema.scaler
        return np.clip(scaler.inverse(sampled.cpu().numpy()), scaler.lower, scaler.upper)

    def _num_classes(self) -> int:
        return head_of_times(self.model.label_head).num_classes

    def _solved(self, batch: SeriesBatch, names: list[str]) -> Solved:
        """A batch on the device, solved once: what every prediction is read from."""
        posterior = infer(self.model, batch, refine=True)
        return self.model.solve(batch, self.noise(names), posterior=posterior)

    def noise(self, names: list[str]) -> Tensor:
        """Noise of posterior draws, which belongs to the series and to all its windows.

        Shape (draw, series, latent).
        """
        shape = (self.num_draws, self.model.config.latent_dim)
        noise = torch.from_numpy(latent_noise(self.seed, names, shape))
        return noise.to(next(self.model.parameters()))

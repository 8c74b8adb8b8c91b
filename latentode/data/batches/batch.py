"""Padded batches, made only when they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.data.batches.tensor_parts import TensorParts
from latentode.data.calendar import phases
from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.scaler import Scaler, TimeScale


@dataclass(frozen=True)
class SeriesBatch(TensorParts):
    """Windows of a log as padded tensors, times measured from each window's own anchor.

    Attributes:
        times: Times of the visible rows, float64 model time, padded by the last one, shape (batch,
            time).
        values: Scaled readings less `shift`, 0 where missing, shape (batch, time, channel).
        mask: True where a channel was read, shape (batch, time, channel).
        lengths: Number of visible rows, shape (batch,).
        query_times: Times asked for, any order, float64, shape (batch, step).
        inputs: Known inputs.
        static: Scaled static covariates, shape (batch, static).
        lower: Earliest time that the solve must cover, model time, at most 0.
        upper: Latest time, at least 0.
        targets: Readings at the query times, scaled and shifted alike, 0 where absent, shape
            (batch, step, channel).
        target_mask: True where there is a target, shape (batch, step, channel).
        shift: How far the newest visible reading of a channel lies beyond all readings of training,
            scaled float64, shape (batch, 1, channel). A model that is told of the rest alone goes
            on from where a channel is, as it learned to from the extreme of training.
        events: Events beside the readings; None for a model without.
        labels: Class of each window, -1 where unknown, int64, shape (batch,); or classes at some
            times, as marks; None without.
    """

    times: Tensor
    values: Tensor
    mask: Tensor
    lengths: Tensor
    query_times: Tensor
    inputs: KnownInputs
    static: Tensor
    lower: float
    upper: float
    targets: Tensor
    target_mask: Tensor
    shift: Tensor
    events: EventBatch | None = None
    labels: Tensor | EventBatch | None = None

    @property
    def size(self) -> int:
        """Number of windows."""
        return self.times.shape[0]

    def select(self, windows: Tensor) -> SeriesBatch:
        """Keep some windows, by index."""
        return self._map(
            lambda part: part[windows] if isinstance(part, Tensor) else part.select(windows)
        )


@dataclass(frozen=True)
class Rows:
    """Rows (time stamps) of many windows, flat.

    Attributes:
        window: Window of each row, non-decreasing, shape (row,).
        times: Model time of each row, shape (row,).
        values: Scaled values, NaN where absent, shape (row, channel).
    """

    window: Int64
    times: Float64
    values: Float64

    def pad(self, size: int) -> tuple[Float64, Float64, Int64]:
        """Times (batch, time), NaN-padded values (batch, time, channel) and lengths (batch,)."""
        lengths = np.bincount(self.window, minlength=size).astype(np.int64)
        width = max(int(lengths.max(initial=0)), 1)
        position = np.arange(len(self.window)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        times = np.zeros((size, width))
        values = np.full((size, width, self.values.shape[1]), np.nan)
        times[self.window, position] = self.times
        values[self.window, position] = self.values
        # the last time again: a gap of zero, which no encoder or search can trip over
        last = times[np.arange(size), np.maximum(lengths - 1, 0)]
        padded = np.arange(width) >= lengths[:, None]
        return np.where(padded, last[:, None], times), values, lengths


@dataclass(frozen=True)
class BatchBuilder:
    """Turns windows into tensors with the scales of a fitted model.

    Attributes:
        scaler: Channel scales.
        time_scale: Unit of model time.
        periods_ns: Calendar periods in use, shape (period,).
        input_scaler: Scales of the known inputs, None without.
        static_mean: Training mean of the static covariates, shape (static,).
        static_std: Training standard deviation, shape (static,).
        least: Least scaled reading of training, -inf where it does not count, shape (channel,).
        greatest: Greatest, likewise.
    """

    scaler: Scaler
    time_scale: TimeScale
    periods_ns: Int64
    input_scaler: Scaler | None
    static_mean: Float64
    static_std: Float64
    least: Float64
    greatest: Float64

    def rows(self, readings: Readings, anchors: Int64) -> Rows:
        """Scaled rows of windows (one series of `readings` a window)."""
        window = readings.row_series()
        dense = readings.dense(slice(0, readings.num_rows))
        times = self.time_scale.to_model(readings.times, anchors[window])
        return Rows(window, times, self.scaler.transform(dense))

    def build(
        self,
        windows: TimeSeriesDataset,
        anchors: Int64,
        visible: Rows,
        queries: tuple[Float64, Float64],
        events: EventBatch | None = None,
        labels: Tensor | EventBatch | None = None,
    ) -> SeriesBatch:
        """Assemble a batch.

        Args:
            windows: One series a window; gives clock, known inputs and static covariates.
            anchors: Time that is model time 0 of each window, nanoseconds, shape (batch,).
            visible: Rows that the encoder may see.
            queries: Query times (batch, step) in model time, and target values (batch, step,
                channel), scaled, NaN where there is none.
            events: Events beside the readings; the solve covers their windows.
            labels: Class of each window, -1 where unknown, shape (batch,); or classes at times,
                whose windows the solve covers too.

        Returns:
            The batch, on the CPU, float32 values and float64 times.
        """
        size = len(windows)
        times, values, lengths = visible.pad(size)
        query_times, targets = queries
        mask, target_mask = ~np.isnan(values), ~np.isnan(targets)
        shift = self._beyond(values, mask)
        timed = [part for part in (events, labels) if isinstance(part, EventBatch)]
        reach = [0.0, *(float(edge) for p in timed for edge in (p.start.min(), p.end.max()))]
        return SeriesBatch(
            times=torch.from_numpy(times),
            values=_float32(values - shift),
            mask=torch.from_numpy(mask),
            lengths=torch.from_numpy(lengths),
            query_times=torch.from_numpy(query_times),
            inputs=self._known_inputs(windows, anchors),
            static=self._static(windows),
            lower=float(min(times.min(), query_times.min(initial=0.0), 0.0, *reach)),
            upper=float(max(times.max(), query_times.max(initial=0.0), 0.0, *reach)),
            targets=_float32(targets - shift),
            target_mask=torch.from_numpy(target_mask),
            shift=torch.from_numpy(shift),
            events=events,
            labels=labels,
        )

    def _beyond(self, values: Float64, mask: np.ndarray) -> Float64:
        """See `SeriesBatch.shift`; of values and mask (batch, time, channel)."""
        newest = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        read = np.take_along_axis(values, newest[:, None], axis=1)
        return np.nan_to_num(read - np.clip(read, self.least, self.greatest))

    def _known_inputs(self, windows: TimeSeriesDataset, anchors: Int64) -> KnownInputs:
        size = len(windows)
        if windows.inputs is None or self.input_scaler is None:
            knot_times, knots = np.zeros((size, 1)), np.zeros((size, 1, 0))
        else:
            inputs = windows.inputs
            dense = self.input_scaler.transform(inputs.dense(slice(0, inputs.num_rows)))
            window = inputs.row_series()
            times = self.time_scale.to_model(inputs.times, anchors[window])
            knot_times, knots, lengths = Rows(window, times, dense).pad(size)
            knots = _forward_fill(knots)
            knot_times[np.arange(knots.shape[1]) >= lengths[:, None]] = np.inf
        rates = 2 * np.pi * self.time_scale.unit_ns / self.periods_ns.astype(np.float64)
        return KnownInputs(
            phases=torch.from_numpy(phases(anchors, windows.clock, self.periods_ns)),
            rates=torch.from_numpy(rates),
            knot_times=torch.from_numpy(knot_times),
            knot_values=_float32(knots),
        )

    def _static(self, windows: TimeSeriesDataset) -> Tensor:
        if windows.static is None:
            return torch.zeros(len(windows), 0)
        return _float32((windows.static - self.static_mean) / self.static_std)


def _float32(values: Float64) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).nan_to_num_(nan=0.0)


def _forward_fill(values: Float64) -> Float64:
    """Repeat the last observed value along axis 1 of (batch, time, channel); 0 before the first."""
    seen = np.where(np.isnan(values), -1, np.arange(values.shape[1])[None, :, None])
    last = np.maximum.accumulate(seen, axis=1)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, filled, 0.0)

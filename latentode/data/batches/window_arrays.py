"""Windows as padded arrays: what a model reads, before they are tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.calendar import phases
from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.scaler import Scaler, TimeScale

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class KnownArrays:
    """What is known at any time, of some windows; see `KnownInputs`, whose tensors these are.

    Attributes:
        phases: Shape (batch, period).
        rates: Shape (period,).
        knot_times: Shape (batch, knot).
        knot_values: Shape (batch, knot, input).
    """

    phases: Float64
    rates: Float64
    knot_times: Float64
    knot_values: Float32


@dataclass(frozen=True, eq=False)
class WindowArrays:
    """Windows of a log, times measured from their own anchors; see `SeriesBatch`.

    Attributes:
        times: Float64, shape (batch, time).
        values: Shape (batch, time, channel).
        mask: Likewise.
        lengths: Shape (batch,).
        query_times: Float64, shape (batch, step).
        known: Known inputs.
        static: Shape (batch, static).
        lower: Earliest time of a row or query, at most 0.
        upper: Latest, at least 0.
        targets: Shape (batch, step, channel).
        target_mask: Likewise.
        shift: Shape (batch, 1, channel).
    """

    times: Float64
    values: Float32
    mask: NDArray[np.bool_]
    lengths: Int64
    query_times: Float64
    known: KnownArrays
    static: Float32
    lower: float
    upper: float
    targets: Float32
    target_mask: NDArray[np.bool_]
    shift: Float64


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
class ArrayBuilder:
    """Turns windows into padded arrays with the scales of a fitted model.

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
    ) -> WindowArrays:
        """Assemble the arrays of some windows.

        Args:
            windows: One series a window; gives clock, known inputs and static covariates.
            anchors: Time that is model time 0 of each window, nanoseconds, shape (batch,).
            visible: Rows that the encoder may see.
            queries: Query times (batch, step) in model time, and target values (batch, step,
                channel), scaled, NaN where there is none.
        """
        times, values, lengths = visible.pad(len(windows))
        query_times, targets = queries
        mask = ~np.isnan(values)
        shift = self._beyond(values, mask)
        return WindowArrays(
            times=times,
            values=_float32(values - shift),
            mask=mask,
            lengths=lengths,
            query_times=query_times,
            known=self._known(windows, anchors),
            static=self._static(windows),
            lower=float(min(times.min(), query_times.min(initial=0.0), 0.0)),
            upper=float(max(times.max(), query_times.max(initial=0.0), 0.0)),
            targets=_float32(targets - shift),
            target_mask=~np.isnan(targets),
            shift=shift,
        )

    def _beyond(self, values: Float64, mask: np.ndarray) -> Float64:
        """See `SeriesBatch.shift`; of values and mask (batch, time, channel)."""
        newest = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        read = np.take_along_axis(values, newest[:, None], axis=1)
        return np.nan_to_num(read - np.clip(read, self.least, self.greatest))

    def _known(self, windows: TimeSeriesDataset, anchors: Int64) -> KnownArrays:
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
        return KnownArrays(
            phases=phases(anchors, windows.clock, self.periods_ns),
            rates=rates,
            knot_times=knot_times,
            knot_values=_float32(knots),
        )

    def _static(self, windows: TimeSeriesDataset) -> Float32:
        if windows.static is None:
            return np.zeros((len(windows), 0), np.float32)
        return _float32((windows.static - self.static_mean) / self.static_std)


def _float32(values: Float64) -> Float32:
    return np.nan_to_num(values.astype(np.float32))


def _forward_fill(values: Float64) -> Float64:
    """Repeat the last observed value along axis 1 of (batch, time, channel); 0 before the first."""
    seen = np.where(np.isnan(values), -1, np.arange(values.shape[1])[None, :, None])
    last = np.maximum.accumulate(seen, axis=1)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, filled, 0.0)

"""Windows of irregular series with answers, as padded arrays in the units of a protocol."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.scaler import Scaler
from latentode.data.targets import Targets

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]

_NS = 1_000_000_000
_MOST_SCALED = 2_000
_LONG = 16.0  # model time; a window has 4


@dataclass(frozen=True, eq=False)
class Windows:
    """What is shown of some windows, and what is asked.

    Attributes:
        times: Times of the rows with a visible reading, increasing, padded by the last one, shape
            (window, time), in the unit of the protocol.
        values: Visible readings, NaN elsewhere, shape (window, time, channel).
        lengths: Number of visible rows, shape (window,).
        query_times: Times of the rows with a target, padded likewise, shape (window, step).
        targets: Readings to be predicted, NaN elsewhere, shape (window, step, channel).
        seen: True where a target is a visible reading too, shape (window, step, channel).
        static: Covariates, NaN where unknown, shape (window, static).
    """

    times: Floats
    values: Floats
    lengths: NDArray[np.int64]
    query_times: Floats
    targets: Floats
    seen: Flags
    static: Floats

    @classmethod
    def build(
        cls,
        times: Floats,
        values: Floats,
        shown: Flags,
        asked: Flags,
        static: Floats | None = None,
    ) -> Windows:
        """Part the readings of some windows into what is shown and what is asked.

        Args:
            times: Times of the rows, increasing where they hold readings, shape (window, time).
            values: Readings, NaN where there is none, shape (window, time, channel).
            shown: What is visible, broadcast to the shape of `values`; places without a reading do
                not count.
            asked: What is to be predicted, likewise; may overlap.
            static: Covariates, shape (window, static).

        Returns:
            The windows.
        """
        read = np.isfinite(values)
        shown, asked = shown & read, asked & read
        visible = _packed(times, shown.any(-1), np.where(shown, values, np.nan))
        wanted = _packed(times, asked.any(-1), np.where(asked, values, np.nan), shown & asked)
        return cls(
            times=visible[0],
            values=visible[2],
            lengths=visible[1],
            query_times=wanted[0],
            targets=wanted[2],
            seen=wanted[3],
            static=np.zeros((len(times), 0)) if static is None else static,
        )

    def __len__(self) -> int:
        return len(self.times)

    def take(self, index: NDArray[np.integer] | slice) -> Windows:
        """Keep some windows."""
        return Windows(*(getattr(self, field.name)[index] for field in fields(self)))

    def without_seen(self) -> Windows:
        """The same windows, visible readings no longer asked for."""
        hidden = np.where(self.seen, np.nan, self.targets)
        return replace(self, targets=hidden, seen=np.zeros_like(self.seen))

    def asked(self, *, held_out: bool = False) -> Flags:
        """True where there is a target (that is not visible), shape (window, step, channel)."""
        asked = np.isfinite(self.targets)
        return asked & ~self.seen if held_out else asked

    def dataset(self) -> tuple[TimeSeriesDataset, Targets]:
        """Visible readings and targets in the package's ragged form, a unit of time as a second.

        Targets are in the order of ``targets[asked()]``.
        """
        size, _, channels = self.values.shape
        window, row, channel = np.nonzero(np.isfinite(self.values))
        names = [str(index) for index in range(channels)]
        readings = Readings.from_triplets(
            window,
            _ns(self.times[window, row]),
            channel,
            self.values[window, row, channel].astype(np.float64),
            num_series=size,
            channels=names,
        )
        ids = tuple(str(index) for index in range(size))
        visible = TimeSeriesDataset(ids, readings, Clock("elapsed", None, "s"))
        window, row, channel = np.nonzero(self.asked())
        asked = self.targets[window, row, channel].astype(np.float64)
        return visible, Targets(window, _ns(self.query_times[window, row]), channel, asked)

    def batch(self, scale: Scale, anchor: str) -> SeriesBatch:
        """Tensors for the model, time measured from the anchor of each window.

        Args:
            scale: Scales of the training part.
            anchor: "origin": model time 0 is the last visible row; "start": the first, or the start
                of the window where networks know the time since it.
        """
        last = np.maximum(self.lengths - 1, 0) if anchor == "origin" else np.zeros(len(self), int)
        zero = np.take_along_axis(self.times, last[:, None], 1)
        if scale.dated and anchor == "start":
            zero = np.zeros_like(zero)
        times = (self.times - zero) / scale.unit
        queries = (self.query_times - zero) / scale.unit
        ends = np.concatenate([times, queries], axis=1)
        target_mask = np.isfinite(self.targets)
        return SeriesBatch(
            times=torch.from_numpy(times),
            values=_scaled(self.values, scale.scaler),
            mask=torch.from_numpy(np.isfinite(self.values)),
            lengths=torch.from_numpy(self.lengths),
            query_times=torch.from_numpy(queries),
            inputs=_clock(zero[:, 0] / scale.unit, dated=scale.dated),
            static=_float32((self.static - scale.static_mean) / scale.static_std),
            lower=float(min(ends.min(), 0.0)),
            upper=float(max(ends.max(), 0.0)),
            targets=_scaled(self.targets, scale.scaler),
            target_mask=torch.from_numpy(target_mask),
            shift=torch.zeros(len(self), 1, self.values.shape[-1], dtype=torch.float64),
        )


@dataclass(frozen=True, eq=False)
class Scale:
    """Scales of a training part.

    Attributes:
        scaler: Of the channels.
        unit: Unit of model time in the protocol's unit.
        static_mean: Means of the covariates, shape (static,).
        static_std: Their standard deviations, shape (static,).
        dated: Whether networks know the time since the start of a window.
    """

    scaler: Scaler
    unit: float
    static_mean: Floats
    static_std: Floats
    dated: bool = False

    @property
    def input_dim(self) -> int:
        """Features of what is known at any time."""
        return _clock(np.zeros(1), dated=self.dated).dim

    @classmethod
    def fit(cls, training: Windows, unit: float, *, dated: bool = False) -> Scale:
        """Learn the scales of training windows, of the first 2,000 at most."""
        few = training.take(slice(_MOST_SCALED))
        parts = (few.values, few.without_seen().targets)
        channels = parts[0].shape[-1]
        flat = np.concatenate([part.reshape(-1, channels) for part in parts])
        row, channel = np.nonzero(np.isfinite(flat))
        names = [str(index) for index in range(channels)]
        readings = Readings.from_triplets(
            np.zeros_like(row),
            row,
            channel,
            flat[row, channel].astype(np.float64),
            num_series=1,
            channels=names,
        )
        known = np.isfinite(training.static)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, training.static, 0.0).sum(0) / count
        square = np.where(known, training.static - mean, 0.0) ** 2
        std = np.sqrt(square.sum(0) / count)
        return cls(Scaler.fit(readings), unit, mean, np.where(std > 0, std, 1.0), dated)


def _packed(
    times: Floats, kept: Flags, *arrays: NDArray
) -> tuple[Floats, NDArray[np.int64], *tuple[NDArray, ...]]:
    """Times, lengths and arrays of the kept rows alone, (window, row), padded at the end."""
    lengths = kept.sum(1)
    width = max(int(lengths.max(initial=0)), 1)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :width]
    last = np.maximum(lengths - 1, 0)
    padded = np.arange(order.shape[1]) >= lengths[:, None]
    order = np.where(padded, np.take_along_axis(order, last[:, None], 1), order)
    moved = []
    for array in arrays:
        packed = np.take_along_axis(array, order[..., None], 1)
        packed[padded] = False if packed.dtype == bool else np.nan
        moved.append(packed)
    # the last time again: a gap of zero; a window without rows stands at 0
    packed_times = np.where(lengths[:, None] > 0, np.take_along_axis(times, order, 1), 0.0)
    return packed_times, lengths.astype(np.int64), *moved


def _ns(times: Floats) -> NDArray[np.int64]:
    return np.rint(times * _NS).astype(np.int64)


def _scaled(values: Floats, scaler: Scaler) -> torch.Tensor:
    return _float32(scaler.transform(values))


def _float32(values: Floats) -> torch.Tensor:
    return torch.from_numpy(np.nan_to_num(values.astype(np.float32), nan=0.0))


def _clock(zero: Floats, *, dated: bool) -> KnownInputs:
    """Time since the start, as the phase of a period four times as long as a window; or nothing."""
    rates = torch.full((int(dated),), 2.0 * torch.pi / _LONG, dtype=torch.float64)
    size = len(zero)
    return KnownInputs(
        phases=torch.from_numpy(zero.astype(np.float64))[:, None] * rates,
        rates=rates,
        knot_times=torch.zeros(size, 1, dtype=torch.float64),
        knot_values=torch.zeros(size, 1, 0),
    )

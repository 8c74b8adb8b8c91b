"""Scales fitted on training readings only: of each channel, and of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentode.data.channel_readings import by_channel
from latentode.data.dataset import Float64, Int64, Readings

# a spread below this share of the level is rounding: float64 keeps 16 digits
_RELATIVE_FLOOR = 4 * float(np.finfo(np.float64).eps)

# Least scale of a density over the step to which a channel is rounded: the density of a value that
# repeats has no bound, and would outweigh all other channels.
_FLOOR = 0.01

# readings at either end that never count for a scale, where there are so many for each
_OUTLIERS, _AMONG = 2, 20


@dataclass(frozen=True, eq=False)
class Scaler:
    r"""Centre and scale each channel: :math:`y = (x - m_c) / s_c`.

    The centre is the median. The scale is the larger of the interquartile range (as a normal
    standard deviation, :math:`/1.349`) and of half the standard deviation of the readings clipped
    to their 0.5 - 99.5 % quantiles and to their third least and greatest (of 40 or more; of 20 or
    more the second), so that neither an outlier nor a channel that rests most of the
    time spoils it. A channel that varies by no more than the rounding of float64 is flagged as
    constant and has scale 1 (or that rounding, where it is larger); a channel without readings has
    centre 0 and scale 1.

    Attributes:
        center: Centre in original units, shape (channel,).
        scale: Scale in original units, positive, shape (channel,).
        mean: Mean of the training readings, original units, shape (channel,).
        std: Standard deviation of the training readings (floored as `scale`), shape (channel,).
        resolution: Step to which the readings are rounded, 0 where none shows, shape (channel,).
        constant: True where a channel did not vary, shape (channel,).
    """

    center: Float64
    scale: Float64
    mean: Float64
    std: Float64
    resolution: Float64
    constant: np.ndarray

    @classmethod
    def fit(cls, readings: Readings) -> Scaler:
        """Learn centre and scale of every channel of some training readings."""
        return cls.of([channel_scale(channel.values) for channel in by_channel(readings)])

    @classmethod
    def of(cls, channels: Sequence[tuple[float, ...]]) -> Scaler:
        """Put channels together.

        Args:
            channels: What `channel_scale` says of each.
        """
        rows = np.array(channels, dtype=np.float64).reshape(-1, 6)
        center, scale, mean, std, resolution, constant = rows.T
        return cls(center, scale, mean, std, resolution, constant.astype(bool))

    @property
    def density_floor(self) -> Float64:
        """Least scale of a density in scaled units, as readings are rounded, shape (channel,)."""
        return _FLOOR * self.resolution / self.scale

    def transform(self, values: Float64, channel: np.ndarray | slice = slice(None)) -> Float64:
        """Scale values; `channel` gives the channel of each value, default: the last axis."""
        return (values - self.center[channel]) / self.scale[channel]

    def inverse(self, values: Float64, channel: np.ndarray | slice = slice(None)) -> Float64:
        """Return to original units."""
        return values * self.scale[channel] + self.center[channel]

    def to_dict(self) -> dict[str, list[Any]]:
        """Lists of JSON types."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, values: Mapping[str, list[Any]]) -> Scaler:
        """Rebuild from `to_dict`."""
        arrays = {
            name: np.asarray(values[name], dtype=bool if name == "constant" else np.float64)
            for name in cls.__dataclass_fields__
        }
        return cls(**arrays)


def channel_scale(values: Float64) -> tuple[float, ...]:
    """Centre, scale, mean, standard deviation, resolution and whether it is constant.

    Args:
        values: Training readings of a channel, shape (reading,).
    """
    if not len(values):
        return 0.0, 1.0, 0.0, 1.0, 0.0, 1.0
    low, q1, center, q3, high = np.quantile(values, [0.005, 0.25, 0.5, 0.75, 0.995])
    # of fewer than a few hundred readings an outlier is more than that share
    outer = min(_OUTLIERS, len(values) // _AMONG)
    ends = np.partition(values, [outer, len(values) - 1 - outer])[[outer, -1 - outer]]
    low, high = max(low, ends[0]), min(high, ends[1])
    # statistics of centred values: 1e12 with noise of 1e-3 would lose the noise otherwise
    centred = values - center
    floor = max(_RELATIVE_FLOOR * abs(center), np.finfo(np.float64).tiny)
    spread = max(
        (q3 - q1) / 1.349, 0.5 * float(np.clip(centred, low - center, high - center).std())
    )
    std = float(centred.std())
    constant = spread <= floor and std <= floor
    if constant:
        spread = std = max(1.0, floor)
    elif spread <= floor:
        spread = std
    mean = center + float(centred.mean())
    return center, spread, mean, std, _resolution(values), float(constant)


def _resolution(values: Float64) -> float:
    """Least gap that is common between distinct values; 0 if most readings are distinct."""
    distinct = np.unique(values)
    if len(distinct) < 2 or len(distinct) > len(values) / 2:
        return 0.0
    # a low quantile, not the minimum: sums of floats leave gaps of 1e-16
    return float(np.quantile(np.diff(distinct), 0.05))


@dataclass(frozen=True)
class TimeScale:
    """Affine map from nanoseconds to model time.

    The anchor of a window is subtracted in int64, so that a shift of the whole log changes nothing
    but labels: float64 would keep only 1e-7 s of an epoch time, float32 about 100 s.

    Attributes:
        unit_ns: Nanoseconds in one unit of model time.
    """

    unit_ns: int

    def to_model(self, times: Int64, anchors: Int64) -> Float64:
        """Model time of `times` measured from `anchors` (broadcast)."""
        return np.asarray(times - anchors, dtype=np.float64) / self.unit_ns

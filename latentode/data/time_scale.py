"""Between int64 nanoseconds and float64 model time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.data.dataset import Float64, Int64


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

"""How calibration moves what is predicted, as arrays; `latentode.models.calibration` learns it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64

_LEAST_LEAD = 1e-6  # model time: a reading of the same moment has a logarithm


@dataclass(frozen=True, eq=False)
class CalibrationArrays:
    """The numbers of a `Calibration`.

    Attributes:
        slopes: Shape (kind, lead, side, piece, channel).
        log_leads: Shape (kind, lead).
        knees: Shape (side, channel).
    """

    slopes: Float64
    log_leads: Float64
    knees: Float64

    def bands(
        self, location: Float64, scale: Float64, gaps: Float64, read: NDArray[np.bool_]
    ) -> BandArrays | None:
        """The map at some queries; None where there is nothing to correct.

        Args:
            location: Of each path in scaled units, shape (path, batch, step, channel).
            scale: Likewise.
            gaps: To the nearest readings before and after, shape (2, batch, step, channel).
            read: True for windows in which a reading is visible, shape (batch,).
        """
        if (self.slopes == 1.0).all():
            return None
        variance = np.square(scale).mean(axis=0) + location.var(axis=0)
        slopes = self._slopes_at(gaps, read)
        return BandArrays(np.median(location, axis=0), np.sqrt(variance), slopes, self.knees)

    def _slopes_at(self, gaps: Float64, read: NDArray[np.bool_]) -> Float64:
        """Shape (side, piece, batch, step, channel)."""
        between = np.isfinite(gaps).all(axis=0)
        with np.errstate(divide="ignore"):  # +inf where there is no reading
            log_leads = -np.log((1.0 / np.maximum(gaps, _LEAST_LEAD)).sum(axis=0))
        steps = np.diff(self.log_leads, axis=-1)
        passed = (log_leads[..., None, None] - self.log_leads[:, :-1]) / steps
        passed = np.clip(passed, 0.0, 1.0)  # (batch, step, channel, kind, lead - 1)
        ends = [(0, 0)] * (passed.ndim - 1)
        shares = np.pad(passed, [*ends, (1, 0)], constant_values=1.0) - np.pad(
            passed, [*ends, (0, 1)]
        )
        chosen = shares * np.stack([~between, between], axis=-1)[..., None]
        chosen *= read[:, None, None, None, None]
        slopes: Float64 = np.exp(np.einsum("btcnk,nkspc->spbtc", chosen, np.log(self.slopes)))
        return slopes


@dataclass(frozen=True, eq=False)
class BandArrays:
    """See `Bands`.

    Attributes:
        centre: Shape (batch, step, channel).
        width: Likewise.
        slopes: Shape (side, piece, batch, step, channel).
        knees: Shape (side, channel).
    """

    centre: Float64
    width: Float64
    slopes: Float64
    knees: Float64

    def at(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> BandArrays:
        """At some queries, by window and number; (query) in the place of (batch, step)."""
        where = ..., row, column, slice(None)
        return BandArrays(self.centre[where], self.width[where], self.slopes[where], self.knees)

    def moved(self, latent: Float64) -> Float64:
        """What draws of readings become."""
        error, reach = latent - self.centre, self.width * self.knees[:, None]
        gain = self.slopes - 1.0
        moved = latent + gain[0, 0] * np.maximum(np.minimum(error, 0.0), -reach[0])
        moved += gain[1, 0] * np.minimum(np.maximum(error, 0.0), reach[1])
        moved += gain[0, 1] * np.minimum(error + reach[0], 0.0)
        moved += gain[1, 1] * np.maximum(error - reach[1], 0.0)
        return moved

    def parameters(
        self, values: Float64, location: Float64, scale: Float64
    ) -> tuple[Float64, Float64]:
        """Location and scale with which a likelihood gives some readings their density.

        Args:
            values: Readings in scaled units.
            location: Of each path.
            scale: Likewise.
        """
        above = values > self.centre
        inner, outer = (np.where(above, self.slopes[1, i], self.slopes[0, i]) for i in (0, 1))
        reach = self.width * np.where(above, self.knees[1], self.knees[0])
        outside = np.abs(values - self.centre) > inner * reach
        slope = np.where(outside, outer, inner)
        gained = np.where(outside, (inner - outer) * reach, 0.0) * np.sign(values - self.centre)
        return location + (slope - 1.0) * (location - self.centre) + gained, slope * scale

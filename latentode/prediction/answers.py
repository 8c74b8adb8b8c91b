"""What a predictor answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from latentode.config.memory import check_drawn
from latentode.data.dataset import Float64, Int64

#: What is predicted: readings and their densities, everywhere or where values are given alone;
#: densities without draws; or what the state drives.
Wanted = Literal["readings", "targets", "densities", "latent", "rates", "classes"]
#: What draws of readings are wanted for.
DRAWN: tuple[Wanted, ...] = ("readings", "targets")


@dataclass(frozen=True)
class Predictions:
    """Predictions at flat queries; what was not wanted has no last axis.

    Attributes:
        draws: Predictive draws in original units, shape (draw, query, channel); in memory the draws
            of a reading stand beside each other.
        latent: Latent states, shape (draw, query, latent).
        log_prob: Log of the mean density over latent paths, nats, of each given reading in original
            units, NaN where none was given, shape (query, channel).
        rates: Intensities in events per unit of model time, shape (draw, query, mark).
        classes: Probability of each class at each query, shape (query, class).
    """

    draws: Float64
    latent: Float64
    log_prob: Float64
    rates: Float64
    classes: Float64

    @classmethod
    def unanswered(
        cls,
        shape: tuple[int, ...],
        draws: int,
        *,
        drawn: bool,
        latent: int = 0,
        marks: int = 0,
        classes: int = 0,
    ) -> Predictions:
        """Room for answers.

        Args:
            shape: Queries and channels.
            draws: Draws.
            drawn: Whether there are draws of readings.
            latent: Size of the states.
            marks: Marks of events.
            classes: Classes.

        Raises:
            ResourceError: If they would take too much memory.
        """
        size, channels = shape
        check_drawn(size, draws, max(channels if drawn else 0, latent, marks))
        return cls(
            draws=np.moveaxis(np.empty((size, channels if drawn else 0, draws)), -1, 0),
            latent=np.empty((draws, size, latent)),
            log_prob=np.full(shape, np.nan),
            rates=np.empty((draws, size, marks)),
            classes=np.empty((size, classes)),
        )

    def select(self, queries: Int64 | slice) -> Predictions:
        """Those of some queries, in their order."""
        return Predictions(
            draws=np.moveaxis(np.moveaxis(self.draws, 0, -1)[queries], -1, 0),
            latent=self.latent[:, queries],
            log_prob=self.log_prob[queries],
            rates=self.rates[:, queries],
            classes=self.classes[queries],
        )

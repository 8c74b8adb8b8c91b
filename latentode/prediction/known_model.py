"""What predictions ask of a model beside its numbers, whatever computes those."""

from __future__ import annotations

from typing import Protocol

from latentode.config import LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.schema import DataSchema


class KnownModel(Protocol):
    """A fitted model, or one that was exported."""

    @property
    def config(self) -> LatentODEConfig:
        """Settings that it was trained with."""

    @property
    def schema(self) -> DataSchema:
        """What was learned about the data."""

    @property
    def context(self) -> TimeSeriesDataset:
        """The newest readings of every series of the training."""

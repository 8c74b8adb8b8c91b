"""What a fitted `LatentODE` says of the events beside a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.config.durations import DurationLike
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.events import EventStreams
from latentode.data.reading.keyed_rows import Source
from latentode.errors import ConfigError
from latentode.estimators.inputs import Events, Log, aligned, aligned_or_newest, events_of
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.event_rates import BlockScores, LatentRates
from latentode.prediction.grids import Align

if TYPE_CHECKING:
    import xarray as xr


class EventView:
    """Intensities, next events and tests of fit; `LatentODE.events` makes it.

    Args:
        fitted: The model.

    Raises:
        ConfigError: If the model was trained on readings alone.
    """

    def __init__(self, fitted: FittedModel) -> None:
        self._fitted = fitted
        LatentRates(fitted, 1)  # refuses a model without events

    @property
    def unit(self) -> str:
        """Unit of rates: that of an elapsed clock, hours on a calendar."""
        return LatentRates(self._fitted, 1).unit

    def read(
        self, log: Log, events: Events | None = None, windows: Source | None = None
    ) -> EventStreams:
        """The events of a log, as those of the training were read.

        Args:
            log: The log.
            events: Streams, or a file or frame of id, time and mark; None takes the report times
                of the log or the events of the training, whichever the model was trained with.
            windows: When each series was observed.

        Raises:
            ConfigError: If windows are given of streams, or a file to a model of report times.
            DataError: If they are not events of these series and marks.
        """
        return events_of(self._fitted, aligned(self._fitted, log), events, windows)

    def intensity(
        self,
        log: Log | None = None,
        *,
        every: DurationLike | None = None,
        horizon: DurationLike | None = None,
        align: Align = "clock",
        num_draws: int = 100,
    ) -> xr.Dataset:
        """Rate of each mark on an even grid over every series, and beyond.

        Args:
            log: Readings; None takes the newest ones of training.
            every: Spacing; None is a round one near the typical spacing of the readings.
            horizon: How far beyond the last reading; None stays inside the span of the readings.
            align: Full steps of the "clock", or steps from an "origin", as in `LatentODE.forecast`.
            num_draws: Draws of the latent state.

        Returns:
            ``intensity`` (draw, series, step, mark) in events per unit of time; see
            `latentode.prediction.event_rates.LatentRates.intensity`.
        """
        dataset = aligned_or_newest(self._fitted, log)
        return LatentRates(self._fitted, num_draws).intensity(dataset, every, horizon, align)

    def next_event(
        self,
        log: Log | None = None,
        *,
        horizon: DurationLike,
        levels: Sequence[float] = (0.05, 0.5, 0.95),
        num_draws: int = 200,
    ) -> xr.Dataset:
        """What comes after the last reading of each series.

        Args:
            log: Readings; None takes the newest ones of training.
            horizon: How far ahead, for example "6h".
            levels: Probabilities of the quantiles.
            num_draws: Draws of the latent state.

        Returns:
            Quantiles and mean of the time to the next event, probability of none until the horizon,
            probability of each mark, expected and simulated counts until the horizon.
        """
        dataset = aligned_or_newest(self._fitted, log)
        return LatentRates(self._fitted, num_draws).next_event(dataset, horizon, levels)

    def score(
        self,
        log: Log,
        *,
        events: Events | None = None,
        split: str = "test",
        num_draws: int = 100,
    ) -> dict[str, Any]:
        """Nats per event of forecasts of one horizon at a time, and tests of fit.

        Args:
            log: The log.
            events: Its events, as in `read`.
            split: "test" for the part that the split of the training calls so, or "all".
            num_draws: Draws of the latent state.

        Returns:
            "nats_per_event" for events per "unit", "gain_per_event" over the constant rates of the
            training (free of units), the number of "events", and "tests" by mark.
        """
        return self.blocks(log, events=events, split=split, num_draws=num_draws).summary()

    def blocks(
        self,
        log: Log,
        *,
        events: Events | None = None,
        split: str = "test",
        num_draws: int = 100,
    ) -> BlockScores:
        """Scores of blocks of one horizon, each given the readings before it.

        For `latentode.models.point_processes.goodness_of_fit`.

        Args:
            log: The log.
            events: Its events, as in `read`.
            split: As in `score`.
            num_draws: Draws of the latent state.

        Raises:
            ConfigError: If `split` is neither "test" nor "all".
        """
        dataset = aligned(self._fitted, log)
        streams = self.read(dataset, events)
        rates = LatentRates(self._fitted, num_draws)
        return rates.score(dataset, streams, *self._bounds(dataset, streams, split))

    def _bounds(
        self, dataset: TimeSeriesDataset, streams: EventStreams, split: str
    ) -> tuple[Any, Any]:
        if split not in ("test", "all"):
            raise ConfigError(f"split: expected 'test' or 'all', got {split!r}.")
        if split == "test":
            return self._fitted.schema.split.bounds(dataset, "test")
        first, last = dataset.readings.first_and_last()
        return first - 1, np.maximum(last, streams.windows[..., 1].max(1))

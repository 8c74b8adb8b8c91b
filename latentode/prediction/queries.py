"""From queries to windows and back: what predictors share, whatever computes the answers."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod

import numpy as np

from latentode.config.durations import format_duration
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.frames import to_timestamps
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets
from latentode.errors import LatentODEWarning
from latentode.prediction.answers import DRAWN, Predictions, Wanted
from latentode.prediction.counter_totals import CounterTotals
from latentode.prediction.far_readings import without_faults
from latentode.prediction.finite import check_finite
from latentode.prediction.query_windows import NO_ORIGIN, QueryWindows, windows_of_queries

_FARTHEST = 1000.0  # model time, 250 windows: what is left of the readings there is a slow drift


class Queries(ABC):
    """Answers queries: reads each window once, solves once, reads everywhere.

    Every number is a function of seed, series, visible readings and query alone: not of the batch,
    of other queries, or of their order.

    Attributes:
        schema: Data schema of the model.
        num_draws: Draws.
        max_rows: Newest rows of a window that the encoder reads.
        keeps_far: Whether readings absurdly far from those of the training are followed.
    """

    schema: DataSchema
    num_draws: int
    max_rows: int
    keeps_far: bool

    @property
    @abstractmethod
    def sides(self) -> int:
        """Readings to either side of a query that count; 0 for the nearest row."""

    @property
    @abstractmethod
    def path_reach(self) -> float:
        """Model time that the solver can follow a latent path for."""

    @abstractmethod
    def answered(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, wanted: Wanted
    ) -> Predictions:
        """`query` of readings as the model sees them, of rates of counters.

        Args:
            visible: Readings that may be used.
            asked: Windows, and distinct queries of each.
            values: Readings whose density is wanted, NaN elsewhere, shape (query, channel).
            wanted: What is predicted.

        Returns:
            Predictions in the order of the distinct queries.
        """

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target) and log densities (target,), as in `evaluation.evaluate`."""
        series, times, values, cells = self._queries(targets)
        predictions = self.query(visible, series, times, values, wanted="targets")
        draws = np.moveaxis(predictions.draws, 0, -1)[cells]  # (target, draw)
        return draws.T, predictions.log_prob[cells]

    def query(
        self,
        visible: TimeSeriesDataset,
        series: Int64,
        times: Int64,
        values: Float64 | None = None,
        *,
        wanted: Wanted = "readings",
        origins: Int64 | None = None,
    ) -> Predictions:
        """Predict at some times.

        Args:
            visible: Readings that may be used, channels in the order of the schema.
            series: Series of each query, shape (query,).
            times: Time of each query in nanoseconds, any order, duplicates allowed, shape (query,).
            values: Readings whose density is wanted, original units, NaN elsewhere, (query,
                channel).
            wanted: What is predicted. Draws of readings share few latent paths; latent states and
                what they drive are of as many paths as draws. Of "targets" draws have noise where
                values are given alone.
            origins: When series begin that were never read, as in `windows_of_queries`.

        Returns:
            Predictions in the order of the queries.
        """
        visible, counters, count = self._sensible(visible), self.schema.counters, len(times)
        # rates are drawn in between to add up to totals: what is no reading has none
        counted = slice(None if wanted in DRAWN else 0)
        totals = CounterTotals.of(counters, visible, series[counted], times[counted])
        padded = self._unknown(count + len(totals.times))
        log_spans = np.zeros_like(padded[:count])
        if values is not None:
            padded[:count], log_spans = counters.rates_at(visible.readings, series, times, values)
        visible = self.schema.modelled(visible)
        asked, number = self._windows(
            visible,
            np.concatenate([series, totals.series]),
            np.concatenate([times, totals.times]),
            origins,
        )
        self._say_far(visible, asked, origins)
        distinct = self._unknown(len(asked.times))
        given = np.isfinite(padded).any(axis=1)  # a cell may end where a reading is asked for
        distinct[number[given]] = padded[given]
        answers = self.answered(visible, asked, distinct, wanted)
        names = [visible.series_ids[index] for index in asked.series[asked.window]]
        # draws of channels that training hardly read are NaN by intent
        told = slice(None) if wanted not in DRAWN or self.schema.known.all() else self.schema.known
        for drawn in (answers.draws[..., told], answers.latent, answers.rates):
            check_finite(drawn, 1, names)
        check_finite(answers.classes, 0, names)
        if not np.array_equal(number, np.arange(len(distinct))):
            answers = answers.select(number)
        return Predictions(
            draws=totals.from_rates(answers.draws, count),
            latent=answers.latent[:, :count],
            log_prob=answers.log_prob[:count] - log_spans,
            rates=answers.rates[:, :count],
            classes=answers.classes[:count],
        )

    def _queries(self, targets: Targets) -> tuple[Int64, Int64, Float64, tuple[Int64, Int64]]:
        """Series and time of the queries of some targets, their readings, and where each lies."""
        key = np.stack([targets.window, targets.times])
        pairs, number = np.unique(key, axis=1, return_inverse=True)
        cells = number.reshape(-1), targets.channel  # numpy 2.0 keeps an axis
        values = self._unknown(pairs.shape[1])
        values[cells] = targets.values
        return pairs[0], pairs[1], values, cells

    def _windows(
        self, visible: TimeSeriesDataset, series: Int64, times: Int64, origins: Int64 | None = None
    ) -> tuple[QueryWindows, Int64]:
        return windows_of_queries(
            visible,
            series,
            times,
            self.schema.lengths,
            self.max_rows,
            sides=self.sides,
            origins=origins,
            reach_ns=self._reach_ns,
        )

    @property
    def _reach_ns(self) -> int:
        """How far ahead of its readings a series is followed, in nanoseconds."""
        lengths = self.schema.lengths
        longest = min(self.path_reach, _FARTHEST) * self.schema.time_scale.unit_ns
        # the path may begin where the context does
        ahead = max(longest - lengths.context_ns, lengths.horizon_ns)
        return int(min(ahead, np.iinfo(np.int64).max // 2))

    def _say_far(
        self, visible: TimeSeriesDataset, asked: QueryWindows, origins: Int64 | None
    ) -> None:
        """Name a query that is so far ahead of its readings, or its origin, that none counts."""
        read = np.diff(visible.readings.series_starts) > 0
        begins = np.full(len(visible), NO_ORIGIN) if origins is None else origins
        since = np.where(read, visible.readings.first_and_last()[1], begins)
        owner = asked.series[asked.window]
        own = asked.stops[asked.window] == asked.times
        known = read | (begins != NO_ORIGIN)
        far = np.flatnonzero(own & known[owner] & (asked.times > since[owner]))
        if not len(far):
            return
        name = visible.series_ids[owner[far[0]]]
        time = to_timestamps(asked.times[far[:1]], visible.clock)[0]
        more = f" and {len(far) - 1:,} more" if len(far) > 1 else ""
        event = "its last reading" if read[owner[far[0]]] else "it begins"
        warnings.warn(
            f"series {name} at {time}{more}: more than {format_duration(self._reach_ns)} after "
            f"{event}, which is as far as its latent path is followed: answered as of a series "
            "that was never read. Ask for an earlier time.",
            LatentODEWarning,
            stacklevel=4,
        )

    def _sensible(self, visible: TimeSeriesDataset) -> TimeSeriesDataset:
        return visible if self.keeps_far else without_faults(visible, self.schema)

    def _unknown(self, num_queries: int) -> Float64:
        """Readings at queries of which none is known, shape (query, channel)."""
        return np.full((num_queries, len(self.schema.channels)), np.nan)

"""How a log is parted before anything is learned of its values: by its times alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.calendar import DAY_NS, WEEK_NS
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.splits import Split, split_log
from latentode.data.windows import WindowLengths, choose_lengths, typical_gap_and_span


@dataclass(frozen=True, eq=False)
class Parting:
    """Windows, split and calendar of a log.

    Attributes:
        lengths: Context and horizon.
        split: Training, validation and test parts.
        origin_ns: First time of the log.
        periods_ns: Calendar periods that repeat in it.
    """

    lengths: WindowLengths
    split: Split
    origin_ns: int
    periods_ns: Int64

    @classmethod
    def of(
        cls, log: TimeSeriesDataset, config: LatentODEConfig, split: Split | None = None
    ) -> Parting:
        """Choose lengths and split.

        Args:
            log: The log, of whose readings the times alone are looked at.
            config: Settings.
            split: The split; None is chosen.

        Raises:
            DataError: If no series has two rows to tell lengths by.
        """
        lengths = choose_lengths(log, config.windows)
        window = lengths.context_ns + lengths.horizon_ns
        split = split or split_log(log, config.windows, window, config.train.seed)
        times = log.readings.times
        return cls(lengths, split, int(times.min()) if len(times) else 0, _periods(log))

    @property
    def window_ns(self) -> int:
        """Context plus horizon."""
        return self.lengths.context_ns + self.lengths.horizon_ns

    @property
    def daily(self) -> bool:
        """Whether days repeat."""
        return DAY_NS in self.periods_ns


def _periods(dataset: TimeSeriesDataset) -> Int64:
    """Day and week, where the log spans at least three of them."""
    times = dataset.readings.times
    if dataset.clock.kind != "calendar" or not len(times):
        return np.zeros(0, dtype=np.int64)
    span = int(times.max() - times.min())
    _, typical = typical_gap_and_span(dataset)
    kept = [period for period in (DAY_NS, WEEK_NS) if min(span, 2 * typical) >= 3 * period]
    return np.array(kept, dtype=np.int64)

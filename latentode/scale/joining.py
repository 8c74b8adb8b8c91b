"""What blocks of a log hold of the series of a part, joined and sorted to a data set."""

from __future__ import annotations

from collections import Counter

import numpy as np

from latentode.data.dataset import Int64, Readings, TimeSeriesDataset, positions
from latentode.data.reading.assembly.merge import FEW_REPEATS, Triplets, one_each
from latentode.data.reading.blocks import LogBlocks
from latentode.data.reading.second_look.log_rows import instant
from latentode.errors import DataError
from latentode.scale.spill import Bucket, Flat, Spill

_ADVICE = "Pass --duplicates mean, --duplicates first or --duplicates last."


class Joiner:
    """Joins the blocks of a part; readings that repeat are merged by the policy of the log.

    Args:
        blocks: The log, whose blocks are all read.
        spill: What they hold.

    Attributes:
        counts: Readings that were merged, by reason.
    """

    def __init__(self, blocks: LogBlocks, spill: Spill) -> None:
        assert blocks.report is not None, "a block was read"
        self.counts: Counter[str] = Counter()
        self._name, self._policy = blocks.source_name, blocks.config.duplicates
        self._clock, self._units = blocks.report.clock, blocks.units
        self._channels, self._inputs = blocks.channels, blocks.config.columns.future
        self._codes = positions(spill.channels, self._channels)
        self._input_codes = positions(spill.inputs, self._inputs)
        self._static = blocks.static()
        self._read = 0
        self._first_merged = ""

    @property
    def like(self) -> TimeSeriesDataset:
        """A data set without series, with all else that all parts have."""
        nothing = Flat.empty()
        return self.joined(Bucket((), nothing, nothing))

    def joined(self, bucket: Bucket) -> TimeSeriesDataset:
        """The data set of a part.

        Args:
            bucket: What blocks hold of it.

        Raises:
            DataError: If a reading is repeated, and the policy is "error".
        """
        ids, static, inputs = bucket.series_ids, self._static.values, None
        if self._inputs:
            inputs = self._sorted(bucket.inputs, ids, self._inputs, self._input_codes)
        return TimeSeriesDataset(
            series_ids=ids,
            readings=self._sorted(bucket.readings, ids, self._channels, self._codes),
            clock=self._clock,
            inputs=inputs,
            static_columns=self._static.columns,
            static=None if static is None else static[[self._static.of[name] for name in ids]],
            units=self._units,
        )

    def ask_about_repeats(self) -> None:
        """Ask where many readings differ from another of the same series, channel and time.

        Raises:
            DataError: If the policy is "auto", and they are more than a few.
        """
        merged = self.counts["duplicates_merged"]
        if self._policy == "auto" and merged > FEW_REPEATS * self._read:
            raise DataError(
                f"{self._name}: {merged:,} readings ({100 * merged / self._read:.2g} %) have the "
                f"series, channel and time of another and a different value (first: "
                f"{self._first_merged}): several series may be mixed, or rows were written twice. "
                "Write which series a row is of into a column, and name it with --id-column NAME; "
                "or average them with --duplicates mean, or keep one with --duplicates last."
            )

    def _sorted(
        self, flat: Flat, ids: tuple[str, ...], channels: tuple[str, ...], codes: Int64
    ) -> Readings:
        rows = np.arange(len(flat.values), dtype=np.int32)
        channel = codes.astype(np.int32)[flat.channel]
        triplets = Triplets(ids, channels, flat.series, flat.times, channel, flat.values, rows)
        triplets = self._single(triplets.in_order())
        return Readings.from_triplets(
            triplets.series.astype(np.int64),
            triplets.times,
            triplets.channel,
            triplets.values,
            num_series=len(ids),
            channels=channels,
        )

    def _single(self, readings: Triplets) -> Triplets:
        """Readings without repeats."""
        policy = self._policy
        single, merged, identical = one_each(readings, "auto" if policy == "error" else policy)
        self._read += len(readings.values)
        self.counts["duplicates_merged"] += len(merged)
        self.counts["duplicates_identical"] += len(identical)
        some = np.sort(np.concatenate([merged, identical])) if policy == "error" else merged
        if len(some):
            at = int(some[0])
            place = (
                f"channel {readings.channels[readings.channel[at]]!r} of series "
                f"{readings.series_ids[readings.series[at]]!r} at "
                f"{instant(int(readings.times[at]), self._clock)}"
            )
            if policy == "error":
                raise DataError(f"{self._name}: two readings of {place}. {_ADVICE}")
            self._first_merged = self._first_merged or place
        return single

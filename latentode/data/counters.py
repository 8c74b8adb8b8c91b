"""Running totals, such as meters and rain gauges: as rises from one reading to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, positions
from latentode.errors import ConfigError

#: Where registers of 8 to 53 bits and counters of four to nine digits begin anew.
ROOMS = np.sort(
    [2.0**bits for bits in (8, 16, 24, 31, 32, 48, 53)] + [10.0**n for n in range(4, 10)]
)
# no rise is faster than so many times the 99 % quantile of those of the training: rain is heavy now
# and then, and a slip of the register leaps
_FASTEST, _QUANTILE = 20.0, 0.99
_RESET = 0.5  # of the total that is left at most after a reset; a smaller fall is jitter
_MOST_FALLS = 0.25  # of all changes


@dataclass(frozen=True, eq=False)
class Rises:
    """Readings of counters in order of counter, series and time.

    Attributes:
        index: Which reading each is, shape (rise,).
        counter: Its counter.
        series: Its series.
        times: Its time in nanoseconds.
        totals: What was read.
        rises: Rise since the reading before, NaN where there is none or it is not known.
        spans: Time since the reading before, in the unit of the rates; 0 for the first.
        first: Whether it is the first of its counter and series.
    """

    index: Int64
    counter: Int64
    series: Int64
    times: Int64
    totals: Float64
    rises: Float64
    spans: Float64
    first: NDArray[np.bool_]

    @property
    def rates(self) -> Float64:
        """Mean rate since the reading before, NaN where the rise is not known."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = self.rises / self.spans
        return np.where(self.spans > 0, rates, np.nan)

    @property
    def courses(self) -> Float64:
        """Totals without wraps and resets: the first reading, and all known rises since."""
        changes = np.diff(self.totals, prepend=self.totals[:1])
        # exactly 0 where a total rose, so that it stays as it was read
        added = np.cumsum(np.where(self.first, 0.0, np.nan_to_num(self.rises) - changes))
        begin = np.flatnonzero(self.first)[np.cumsum(self.first) - 1]
        return self.totals + (added - added[begin])


@dataclass(frozen=True, eq=False)
class Counters:
    """Channels that are running totals, which are modelled by their rates.

    The rate of a reading is the mean one since the reading before, so it is known when the total
    is. A fall across the end of a register counts on; another to less than half counts from zero;
    smaller ones are jitter, and no rise. What rises faster than a counter can has no rate.

    Attributes:
        names: Their channels.
        limits: Rates that nothing exceeds, shape (counter,).
        steps_ns: Typical time between readings in nanoseconds, shape (counter,).
        unit_ns: Time that rates are stated for, in nanoseconds.
    """

    names: tuple[str, ...]
    limits: Float64
    steps_ns: Int64
    unit_ns: int

    @classmethod
    def fit(cls, readings: Readings, names: Sequence[str], unit_ns: int) -> Counters:
        """Learn how fast counters rise.

        Args:
            readings: Readings of the training part.
            names: Channels that are counters.
            unit_ns: Time that rates are to be stated for, in nanoseconds.

        Raises:
            ConfigError: If there is no such channel, or it falls too often to be a counter.
        """
        check_counters(names, readings.channels)
        count = len(names)
        free = cls(tuple(names), np.full(count, np.inf), np.ones(count, np.int64), unit_ns)
        seen = free.rises(readings)
        of_each = [_learn(seen, each, name) for each, name in enumerate(names)]
        limits, steps = np.array(of_each).reshape(count, 2).T
        return replace(
            free, limits=limits, steps_ns=np.maximum(1, steps * unit_ns).astype(np.int64)
        )

    def rises(self, readings: Readings) -> Rises:
        """What counters rose by from reading to reading.

        Args:
            readings: Readings; their channels may be in any order.
        """
        which = positions(readings.channels, self.names)[readings.channel_index]
        index = np.flatnonzero(which >= 0)
        index = index[np.argsort(which[index], kind="stable")]  # series and times stay in order
        rows = readings.reading_rows()[index]
        counter, series = which[index], readings.row_series()[rows]
        times, totals = readings.times[rows], readings.values[index]
        first = np.ones(len(index), dtype=bool)
        first[1:] = (np.diff(counter) != 0) | (np.diff(series) != 0)
        spans = np.where(first, 0.0, np.diff(times, prepend=times[:1]) / self.unit_ns)
        rises = np.full(len(index), np.nan)
        later = np.flatnonzero(~first)
        most = self.limits[counter[later]] * spans[later]
        rises[later] = _rises(totals[later - 1], totals[later], most)
        return Rises(index, counter, series, times, totals, rises, spans, first)

    def as_rates(self, readings: Readings) -> Readings:
        """Readings with rates in place of totals; those without a rate are left out."""
        if not self.names:
            return readings
        seen = self.rises(readings)
        values, known = readings.values.copy(), np.ones(readings.num_readings, dtype=bool)
        values[seen.index], known[seen.index] = seen.rates, np.isfinite(seen.rates)
        return replace(readings, values=values).select_readings(known)

    def rates_at(
        self, visible: Readings, series: Int64, times: Int64, values: Float64
    ) -> tuple[Float64, Float64]:
        """Unseen readings with rates in place of totals, and logarithms of their spans.

        The density of a total, given the reading before it, is that of its rate over the span. The
        reading before is a visible one or another of these; the first of all has the rate of the
        next.

        Args:
            visible: Readings that were seen.
            series: Series of each row, shape (row,).
            times: Time of each row in nanoseconds, shape (row,).
            values: Values, NaN where nothing was read, shape (row, channel).

        Returns:
            Values with rates, and logarithms of spans (0 beside rates), shape (row, channel).
        """
        rates, log_spans = values.copy(), np.zeros_like(values)
        columns = [visible.channels.index(name) for name in self.names]
        row, which = np.nonzero(np.isfinite(values[:, columns]))
        if not len(row):
            return rates, log_spans
        column, seen = np.array(columns)[which], visible.reading_rows()
        # what is sorted are numbers, so that the rows are found again
        every = np.concatenate([visible.values, values[row, column]])
        merged = Readings.from_triplets(
            np.concatenate([visible.row_series()[seen], series[row]]),
            np.concatenate([visible.times[seen], times[row]]),
            np.concatenate([visible.channel_index, column]),
            np.arange(len(every), dtype=np.float64),
            num_series=visible.num_series,
            channels=visible.channels,
        )
        number = merged.values.astype(np.int64)
        found = self.rises(replace(merged, values=every[number]))
        rate, span = found.rates, found.spans
        following = np.append(found.first[1:], True)[: len(rate)]
        alone = np.flatnonzero(found.first & ~following)
        rate[alone], span[alone] = rate[alone + 1], span[alone + 1]
        place = number[found.index] - visible.num_readings
        new = np.flatnonzero(place >= 0)
        cells = row[place[new]], column[place[new]]
        # that nothing rose has a probability, whatever the span
        log_spans[cells] = np.log(np.where((span > 0) & (rate != 0), span, 1.0))[new]
        rates[cells] = rate[new]
        return rates, log_spans

    def without_falls(self, readings: Readings) -> Readings:
        """Readings whose totals go on rising through wraps and resets."""
        if not self.names:
            return readings
        seen, values = self.rises(readings), readings.values.copy()
        values[seen.index] = seen.courses
        return replace(readings, values=values)

    def faults(self, readings: Readings) -> NDArray[np.bool_]:
        """Which readings are the last of a counter, and leapt there, shape (reading,)."""
        faults = np.zeros(readings.num_readings, dtype=bool)
        if not self.names:
            return faults
        seen = self.rises(readings)
        last = np.append(seen.first[1:], True)[: len(seen.first)]
        leapt = np.isnan(seen.rises) & ~seen.first & (np.diff(seen.totals, prepend=0.0) > 0)
        faults[seen.index[last & leapt]] = True
        return faults

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "names": list(self.names),
            "limits": self.limits.tolist(),
            "steps_ns": self.steps_ns.tolist(),
            "unit_ns": self.unit_ns,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counters:
        """Rebuild from `to_dict`.

        Raises:
            ValueError: If the numbers are not those of counters.
        """
        names, unit = tuple(values["names"]), int(values["unit_ns"])
        limits = np.asarray(values["limits"], dtype=np.float64)
        steps = np.asarray(values["steps_ns"], dtype=np.int64)
        shaped = limits.shape == steps.shape == (len(names),)
        if not shaped or unit < 1 or not ((limits > 0).all() and (steps > 0).all()):
            raise ValueError("counters: limits, steps or a unit that are not those of counters")
        return cls(names, limits, steps, unit)


NO_COUNTERS = Counters((), np.zeros(0), np.zeros(0, np.int64), 1)


def check_counters(names: Sequence[str], channels: Sequence[str]) -> None:
    """Refuse counters that are no channels.

    Args:
        names: Counters.
        channels: Channels of the log.

    Raises:
        ConfigError: With the name.
    """
    for name in names:
        if name not in channels:
            raise ConfigError(
                f"counters: expected channels of the log ({', '.join(channels)}), got "
                f"{name!r}. Name others with --counters."
            )


def _learn(seen: Rises, counter: int, name: str) -> tuple[float, float]:
    """Fastest rate of a counter, and the typical span between its readings."""
    later = (seen.counter == counter) & ~seen.first
    changes = np.diff(seen.totals, prepend=0.0)[later]
    rose, fell = changes > 0, changes < 0
    if fell.sum() > _MOST_FALLS * (rose | fell).sum():
        raise ConfigError(
            f"counters: expected channels that only rise, but for wraps and resets, got {name!r}, "
            f"which falls at {fell.sum():,} of {(rose | fell).sum():,} changes. Leave it out of "
            "--counters."
        )
    spans = seen.spans[later]
    limit = float(np.finfo(np.float64).max)
    if rose.any():
        limit = _FASTEST * float(np.quantile(changes[rose] / spans[rose], _QUANTILE))
    return limit, float(np.median(spans)) if len(spans) else 1.0


def _rises(before: Float64, after: Float64, most: Float64) -> Float64:
    """Rise from one total to the next; NaN where it would be more than the most."""
    ends = np.append(ROOMS, np.inf)[np.searchsorted(ROOMS, before, side="right")]
    rises, across = after - before, after + (ends - before)
    wraps = (after >= 0) & (across <= most)
    resets = (after >= 0) & (after < _RESET * before)
    rises = np.where(rises < 0, np.where(wraps, across, np.where(resets, after, 0.0)), rises)
    return np.where(rises <= most, rises, np.nan)

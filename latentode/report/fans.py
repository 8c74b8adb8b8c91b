"""One fan: readings, bands, median and some sample paths of a channel of a series, as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.report.data import past_of, points
from latentode.report.figures import TimeAxis, short, thinned

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_PATHS = 6  # more hide the fan
_STEPS = 120  # of a fan; more only make the file longer
_PAST = 240  # readings before it
_SPANS = 2.0  # of the forecast that are shown before it
_TOLD = 12  # steps of its table
#: Series and channels of one section that have panels; all are counted.
MOST_SERIES, MOST_CHANNELS = 8, 8


@dataclass(frozen=True)
class Fans:
    """What all fans of a section have in common.

    Attributes:
        log: Readings, in the order of the model's channels.
        kinds: Kind of each channel that is not continuous, see `DataSchema.special_kinds`.
        name: First part of the names of its charts.
    """

    log: TimeSeriesDataset
    kinds: Mapping[str, str]
    name: str

    @property
    def axis(self) -> TimeAxis:
        """Times of the log."""
        return TimeAxis(self.log.clock)

    def chart(
        self, series: str, channel: int, times: Int64, draws: Float64, origin: int
    ) -> dict[str, Any]:
        """A chart, for ``charts.js``.

        Args:
            series: Id of the series.
            channel: Index of the channel.
            times: Times of the steps, ascending, nanoseconds, shape (step,).
            draws: Draws of the values, shape (draw, step).
            origin: Last time that the forecast has seen.
        """
        log, axis, name = self.log, self.axis, self.log.channels[channel]
        kept = thinned(len(times), _STEPS)
        times, draws = times[kept], draws[:, kept]
        index, end = log.series_ids.index(series), int(times[-1])
        first = origin - int(_SPANS * (end - origin))
        past = past_of(log, index, channel, (first, origin), _PAST)
        later = past_of(log, index, channel, (origin, end), _PAST)
        unit = dict(log.units).get(name)
        is_state = self.kinds.get(name) == "binary"
        middle = draws.mean(axis=0) if is_state else np.quantile(draws, 0.5, axis=0)
        bands = (
            {} if is_state else dict(zip(LEVELS, np.quantile(draws, LEVELS, axis=0), strict=True))
        )
        label = "chance of 1" if is_state else unit or ""
        return {
            "kind": "fan",
            "label": f"Forecast of {name} of {series}: {self._words(middle, bands)}",
            "x": axis.spec(),
            "y": {"label": label, **({"min": 0, "max": 1} if is_state else {})},
            "time": axis.numbers(times),
            "middle": "chance of 1" if is_state else "median",
            "quantiles": {str(q): short(v) for q, v in (bands or {0.5: middle}).items()},
            "paths": [] if is_state else [short(path) for path in draws[:_PATHS]],
            "past": points(*past, axis),
            "later": points(*later, axis),
            "marks": [{"x": axis.numbers([origin])[0], "label": "known until here"}],
        }  # fmt: skip

    def rows(self, times: Int64, draws: Float64, *, is_state: bool) -> list[list[Any]]:
        """Some steps of a fan as rows of a table: time, low, middle, high.

        Args:
            times: As for `chart`.
            draws: Likewise.
            is_state: Whether the channel is a state of 0 and 1.
        """
        kept = thinned(len(times), _TOLD)
        middle = draws.mean(axis=0) if is_state else np.quantile(draws, 0.5, axis=0)
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        columns = (short(low[kept]), short(middle[kept]), short(high[kept]))
        stamps = [self.axis.text(time) for time in times[kept].tolist()]
        return [list(row) for row in zip(stamps, *columns, strict=True)]

    def panel(
        self, series: str, channel: int, times: Int64, draws: Float64, origin: int
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """What a page says beside a chart, and the chart; None where nothing is predicted.

        Args:
            series: As for `chart`.
            channel: Likewise.
            times: Likewise, in any order.
            draws: Likewise.
            origin: Likewise.
        """
        name = self.log.channels[channel]
        finite = np.isfinite(draws).all(axis=0)
        order = np.flatnonzero(finite)[np.argsort(times[finite], kind="stable")]
        if not len(order):
            return {"channel": name, "chart": None, "rows": []}, None
        times, draws = times[order], draws[:, order]
        key = f"{self.name} {self.log.series_ids.index(series)} {channel}"
        is_state = self.kinds.get(name) == "binary"
        panel = {
            "channel": name,
            "chart": key,
            "is_state": is_state,
            "rows": self.rows(times, draws, is_state=is_state),
        }
        return panel, self.chart(series, channel, times, draws, origin)

    @staticmethod
    def _words(middle: Float64, bands: Mapping[float, Float64]) -> str:
        """Where a fan ends, for who cannot see it."""
        if not bands:
            return f"{middle[-1]:.2g} at the end"
        return (
            f"median {middle[0]:.4g} at the start, {middle[-1]:.4g} at the end, "
            f"90 % band there {bands[0.05][-1]:.4g} to {bands[0.95][-1]:.4g}"
        )

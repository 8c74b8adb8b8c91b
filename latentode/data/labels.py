"""Classes of the series of a log, and of times of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentode.data.dataset import Int64
from latentode.data.events import EventStreams

UNKNOWN_CLASS = -1


@dataclass(frozen=True, eq=False)
class SeriesLabels:
    """Classes of the series of a log, in their order.

    Attributes:
        classes: Names of the classes, in natural order.
        codes: Index of the class of each series, -1 where it is not known, shape (series,).
    """

    classes: tuple[str, ...]
    codes: Int64

    def select(self, series: Sequence[int]) -> SeriesLabels:
        """Keep some series, in the order given."""
        return replace(self, codes=self.codes[np.asarray(series, dtype=np.int64)])

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {"classes": list(self.classes), "codes": self.codes.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SeriesLabels:
        """Rebuild from `to_dict`.

        Raises:
            ValueError: If it is not what `to_dict` gave.
        """
        classes = tuple(str(name) for name in values["classes"])
        labels = cls(classes, np.array(values["codes"], dtype=np.int64))
        out_of_range = (labels.codes < UNKNOWN_CLASS) | (labels.codes >= len(classes))
        if labels.to_dict() != values or len(set(classes)) < 2 or out_of_range.any():
            raise ValueError("labels: a field is unknown, of another type, or out of range")
        return labels

    def counts(self) -> dict[str, int]:
        """Number of series of each class."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class TimeLabels:
    """Classes at times of the series of a log, in their order.

    Attributes:
        streams: The classes as marks, at most one at a time of a series.
    """

    streams: EventStreams

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.streams.mark_names

    def select(self, series: Sequence[int]) -> TimeLabels:
        """Keep some series, in the order given."""
        return replace(self, streams=self.streams.select(series))

    def aligned(self, series_ids: Sequence[str]) -> TimeLabels:
        """Those of some series, in the order given; a series that is not known has none."""
        place = {name: i for i, name in enumerate(self.streams.series_ids)}
        known = [name for name in series_ids if name in place]
        own = self.streams.select([place[name] for name in known])
        index = np.array([i for i, name in enumerate(series_ids) if name in place], np.int64)
        shape = (len(series_ids), len(self.classes), 2)
        windows = np.broadcast_to(np.array([0, 1]), shape).copy()
        windows[index] = own.windows
        return TimeLabels(
            EventStreams.build(
                index[own.series],
                own.times,
                own.marks,
                series_ids=series_ids,
                mark_names=self.classes,
                windows=windows,
                clock=own.clock,
                resolution=own.resolution,
            )
        )

    def counts(self) -> dict[str, int]:
        """Number of times of each class."""
        found = np.bincount(self.streams.marks, minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    def within(self, starts: Int64, stops: Int64) -> tuple[Int64, Int64, Int64]:
        """Series, times in nanoseconds and classes of the labels with ``start < time <= stop``."""
        series, times = self.streams.series, self.streams.times
        kept = (times > starts[series]) & (times <= stops[series])
        return series[kept], times[kept], self.streams.marks[kept]

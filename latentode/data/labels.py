"""Classes of the series of a log, and of times of them: one interface for both kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from latentode.data.dataset import Int64, TimeSeriesDataset, positions
from latentode.data.events import EventStreams
from latentode.data.splits import Split
from latentode.data.stored_streams import pack_streams, unpack_streams

UNKNOWN_CLASS = -1
LABELS = "labels."  # what the names of stored arrays begin with


class Labels(ABC):
    """Classes of what a log holds; the kinds say of what.

    A label has a number: that of its series, or its place in the order of series and time.

    Attributes:
        kind: What labels are of; a head and a reader go by that name.
        noun: What one of them is of.
        timed: Whether a label is of a time of its series, and not of the whole of it: a log with
            labels of whole series is split by series.
        advice: What to do where none is left to judge by.
        classes: Names of the classes, in natural order.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    timed: ClassVar[bool]
    advice: ClassVar[str]
    classes: tuple[str, ...]

    @property
    @abstractmethod
    def numbered(self) -> Int64:
        """Class of every label, by number, -1 where it is not known, shape (label,)."""

    @abstractmethod
    def select(self, series: Sequence[int]) -> Self:
        """Keep some series, in the order given."""

    @abstractmethod
    def aligned(self, series_ids: Sequence[str], known_ids: Sequence[str]) -> Self:
        """Those of some series, in the order given; a series that is not known has none.

        Args:
            series_ids: The series.
            known_ids: The series that these labels are of.
        """

    @abstractmethod
    def codes_within(self, starts: Int64, stops: Int64) -> Int64:
        """Classes of the labels that are known with ``start < time <= stop`` of their series."""

    @abstractmethod
    def over_time(self) -> EventStreams | None:
        """The classes as marks at their times; None for those of whole series."""

    @abstractmethod
    def unseen(
        self, dataset: TimeSeriesDataset, split: Split, seen: Labels, seen_in: TimeSeriesDataset
    ) -> Int64:
        """Numbers of the known labels of a log that training has not seen.

        Args:
            dataset: The log of these labels.
            split: The split of training.
            seen: The labels of training.
            seen_in: The log of training.
        """

    @abstractmethod
    def pack(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays by names that begin with `LABELS`, and what else there is as JSON types."""

    @classmethod
    @abstractmethod
    def unpack(
        cls, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], series_ids: Sequence[str]
    ) -> Self | None:
        """What `pack` was given; None for labels of another kind.

        Args:
            arrays: Arrays by name.
            about: What else there is.
            series_ids: The series that they are of.

        Raises:
            KeyError: If an array or a fact is absent.
            ValueError: If it is not what `pack` gave, for these series.
        """

    def known(self) -> Int64:
        """Numbers of the labels whose class is known."""
        return np.flatnonzero(self.numbered >= 0)

    def counts(self) -> dict[str, int]:
        """Number of labels of each class."""
        codes = self.numbered
        counts = np.bincount(codes[codes >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class SeriesLabels(Labels):
    """Classes of the series of a log, in their order.

    Attributes:
        classes: Names of the classes, in natural order.
        codes: Index of the class of each series, -1 where it is not known, shape (series,).
    """

    kind = noun = "series"
    timed = False
    advice = "Train with a split by series, or give labels of other series."
    classes: tuple[str, ...]
    codes: Int64

    @property
    def numbered(self) -> Int64:
        """See `Labels`."""
        return self.codes

    def select(self, series: Sequence[int]) -> SeriesLabels:
        """See `Labels`."""
        return replace(self, codes=self.codes[np.asarray(series, dtype=np.int64)])

    def aligned(self, series_ids: Sequence[str], known_ids: Sequence[str]) -> SeriesLabels:
        """See `Labels`."""
        codes = np.append(self.codes, UNKNOWN_CLASS)  # the last one, for those without a position
        return replace(self, codes=codes[positions(series_ids, known_ids)])

    def codes_within(self, starts: Int64, stops: Int64) -> Int64:
        """See `Labels`; a series that is not in the part has an end before its start."""
        codes = self.codes[stops > starts]
        return codes[codes >= 0]

    def over_time(self) -> None:
        """See `Labels`."""

    def unseen(
        self, dataset: TimeSeriesDataset, split: Split, seen: Labels, seen_in: TimeSeriesDataset
    ) -> Int64:
        """See `Labels`: those of series without a label in training, or split off for the test."""
        codes = seen.numbered
        if split.kind == "series":
            starts, stops = split.bounds(seen_in, "test")
            codes = np.where(stops > starts, UNKNOWN_CLASS, codes)
        known = {n for n, code in zip(seen_in.series_ids, codes, strict=True) if code >= 0}
        fresh = [name not in known for name in dataset.series_ids]
        return np.flatnonzero((self.codes >= 0) & np.array(fresh, dtype=bool))

    def pack(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `Labels`."""
        return {}, {"classes": list(self.classes), "codes": self.codes.tolist()}

    @classmethod
    def unpack(
        cls, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], series_ids: Sequence[str]
    ) -> SeriesLabels | None:
        """See `Labels`."""
        del arrays
        if "codes" not in about:
            return None
        classes = tuple(str(name) for name in about["classes"])
        labels = cls(classes, np.array(about["codes"], dtype=np.int64))
        out_of_range = (labels.codes < UNKNOWN_CLASS) | (labels.codes >= len(classes))
        if labels.pack()[1] != about or len(set(classes)) < 2 or out_of_range.any():
            raise ValueError("labels: a field is unknown, of another type, or out of range")
        if labels.codes.shape != (len(series_ids),):
            raise ValueError(f"labels: {len(labels.codes)} of {len(series_ids)} series")
        return labels


@dataclass(frozen=True, eq=False)
class TimeLabels(Labels):
    """Classes at times of the series of a log, in their order.

    Attributes:
        streams: The classes as marks, at most one at a time of a series.
    """

    kind, noun = "times", "time"
    timed = True
    advice = "Label the test part of the log, or judge with split 'all'."
    streams: EventStreams

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]  # an attribute of others
        """Names of the classes."""
        return self.streams.mark_names

    @property
    def numbered(self) -> Int64:
        """See `Labels`."""
        return self.streams.marks

    def select(self, series: Sequence[int]) -> TimeLabels:
        """See `Labels`."""
        return replace(self, streams=self.streams.select(series))

    def aligned(self, series_ids: Sequence[str], known_ids: Sequence[str]) -> TimeLabels:
        """See `Labels`."""
        index = positions(known_ids, series_ids)
        streams = self.streams.select(np.flatnonzero(index >= 0))
        index = index[index >= 0]
        shape = (len(series_ids), len(self.classes), 2)
        windows = np.broadcast_to(np.array([0, 1]), shape).copy()
        windows[index] = streams.windows
        return TimeLabels(
            EventStreams.build(
                index[streams.series],
                streams.times,
                streams.marks,
                series_ids=series_ids,
                mark_names=self.classes,
                windows=windows,
                clock=streams.clock,
                resolution=streams.resolution,
            )
        )

    def codes_within(self, starts: Int64, stops: Int64) -> Int64:
        """See `Labels`."""
        return self.streams.marks[self._within(starts, stops)]

    def over_time(self) -> EventStreams:
        """See `Labels`."""
        return self.streams

    def unseen(
        self, dataset: TimeSeriesDataset, split: Split, seen: Labels, seen_in: TimeSeriesDataset
    ) -> Int64:
        """See `Labels`: those of times that the split calls test."""
        del seen, seen_in  # the split says what training has seen
        return self._within(*split.bounds(dataset, "test"))

    def pack(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """See `Labels`."""
        return pack_streams(self.streams, LABELS)

    @classmethod
    def unpack(
        cls, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], series_ids: Sequence[str]
    ) -> TimeLabels | None:
        """See `Labels`."""
        if "mark_names" not in about:
            return None
        streams = unpack_streams(arrays, about, LABELS)
        if streams.series_ids != tuple(series_ids):
            raise ValueError("labels: of other series than the context")
        return cls(streams)

    def _within(self, starts: Int64, stops: Int64) -> Int64:
        series, times = self.streams.series, self.streams.times
        return np.flatnonzero((times > starts[series]) & (times <= stops[series]))


KINDS: tuple[type[Labels], ...] = (SeriesLabels, TimeLabels)


def unpack_labels(
    arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], series_ids: Sequence[str]
) -> Labels:
    """Labels of whichever kind `Labels.pack` was given.

    Args:
        arrays: Arrays by name.
        about: What else there is.
        series_ids: The series that they are of.

    Raises:
        KeyError: If an array or a fact is absent.
        ValueError: If it is not what `pack` gave, for these series.
    """
    for kind in KINDS:
        labels = kind.unpack(arrays, about, series_ids)
        if labels is not None:
            return labels
    raise ValueError(f"labels: of a kind that is not known, with {', '.join(about)}")

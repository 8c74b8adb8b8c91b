"""Training, validation and test parts of a log, by time or by series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentode.config import WindowConfig
from latentode.data.dataset import Int64, TimeSeriesDataset

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_FEWEST_SERIES = 5  # fewer cannot be parted three ways: each is cut in time instead
_FEWEST_WINDOWS = 3  # a log as long is cut in time
# where a part would have fewer than this share of its share of so many rows, there is a long pause
_SHORT, _SHOWN = 0.25, 30
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Split:
    """Where each series' parts begin and end, remembered by series id.

    By time on a calendar, all series are cut at the same moments, since readings of one moment are
    correlated across series; by time on an elapsed clock, each series is cut at its own times, and
    where a pause would leave a part with hardly any row, so many rows go into each part; by
    series, whole series belong to one part.

    Attributes:
        kind: "time" or "series".
        cuts: End of training and of validation in nanoseconds, by series id; "*" stands for any.
        members: Part of each series, by id, where whole series are split.
    """

    kind: Literal["time", "series"]
    cuts: Mapping[str, tuple[int, int]]
    members: Mapping[str, Part]

    def bounds(self, dataset: TimeSeriesDataset, part: Part) -> tuple[Int64, Int64]:
        """Exclusive start and inclusive end of a part of each series, nanoseconds, shape (series,).

        A series that is not in the part has an end before its start. A series that the split has
        never seen is all test.
        """
        first, last = dataset.readings.first_and_last()
        starts, stops = first - 1, last.copy()
        for index, name in enumerate(dataset.series_ids):
            cuts = self.cuts.get(name, self.cuts.get("*"))
            if self.kind == "time" and cuts is not None:
                edges = (first[index] - 1, *cuts, last[index])
                which = PARTS.index(part)
                starts[index], stops[index] = edges[which], edges[which + 1]
            elif self.members.get(name, "test") != part:
                stops[index] = _NEVER
        return starts, stops

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "kind": self.kind,
            "cuts": {k: list(v) for k, v in self.cuts.items()},
            "members": dict(self.members),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Split:
        """Rebuild from `to_dict`."""
        cuts = {k: (int(v[0]), int(v[1])) for k, v in values["cuts"].items()}
        return cls(values["kind"], cuts, dict(values["members"]))


def split_log(dataset: TimeSeriesDataset, config: WindowConfig, window_ns: int, seed: int) -> Split:
    """Choose a split.

    Args:
        dataset: The whole log.
        config: Fractions, and "time", "series" or "auto": by time if the log (on an elapsed clock,
            the typical series) is at least three windows long or there are too few series to part
            them, else by series.
        window_ns: Context plus horizon.
        seed: Seed of the shuffle, by series.

    Returns:
        The split.
    """
    first, last = dataset.readings.first_and_last()
    filled = np.flatnonzero(last >= first)
    ids = [dataset.series_ids[index] for index in filled]
    first, last = first[filled], last[filled]
    if dataset.clock.kind == "calendar" and ids:  # the same moments for all
        ids, first, last = ["*"], first.min(keepdims=True), last.max(keepdims=True)
    by_time = config.split == "time"
    if config.split == "auto":
        span = float(np.median(last - first)) if ids else 0.0
        by_time = len(filled) < _FEWEST_SERIES or span >= _FEWEST_WINDOWS * window_ns
    fractions = (config.train_fraction, config.train_fraction + config.validation_fraction)
    if not by_time:
        return _by_series(dataset, fractions, seed)
    edges = zip(first.tolist(), last.tolist(), strict=True)
    cuts = [_cut(low, high, fractions) for low, high in edges]
    starts, times = dataset.readings.series_starts, dataset.readings.times
    parts = [times] if ids == ["*"] else [times[starts[i] : starts[i + 1]] for i in filled]
    cuts = [_through(each, cut, fractions) for each, cut in zip(parts, cuts, strict=True)]
    return Split("time", dict(zip(ids, cuts, strict=True)), {})


def _cut(low: int, high: int, fractions: tuple[float, float]) -> tuple[int, int]:
    span = high - low
    return low + int(fractions[0] * span), low + int(fractions[1] * span)


def _through(
    times: Int64, cuts: tuple[int, int], fractions: tuple[float, float]
) -> tuple[int, int]:
    """The cuts; where a pause leaves a part with hardly any row, cuts by number of rows instead."""
    counts = np.diff([0, *((times <= cut).sum() for cut in cuts), len(times)])
    shares = np.diff([0, *fractions, 1])
    if len(times) < _SHOWN or (counts >= _SHORT * shares * len(times)).all():
        return cuts
    rows = (np.array(fractions) * len(times)).astype(np.int64) - 1
    train, validation = np.partition(times, rows)[rows].tolist()
    return train, validation


def _by_series(dataset: TimeSeriesDataset, fractions: tuple[float, float], seed: int) -> Split:
    count = len(dataset)
    order = np.random.default_rng(seed).permutation(count)
    # each part has a series, if there are three
    train = max(1, min(round(fractions[0] * count), count - 2))
    validation = max(train + 1, min(round(fractions[1] * count), count - 1))
    ids = [dataset.series_ids[index] for index in order]
    parts = [PARTS[(rank >= train) + (rank >= validation)] for rank in range(count)]
    return Split("series", {}, dict(zip(ids, parts, strict=True)))

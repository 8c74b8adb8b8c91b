"""Training, validation and test parts of a log, by time or by series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from latentode.config import WindowConfig
from latentode.data.dataset import Clock, Int64, TimeSeriesDataset

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_FEWEST_SERIES = 5  # fewer cannot be parted three ways: each is cut in time instead
_FEWEST_WINDOWS = 3  # a log as long is cut in time
# where a part would have fewer than this share of its share of so many rows, there is a long pause
_SHORT, _SHOWN = 0.25, 30
# Series are apart where fewer than this share of the others run beside one, on average over time,
# and most of their time is in series that no cut of the calendar goes through: the test part would
# have the last few series alone, and the validation part perhaps none.
_HARDLY, _MOST = 0.2, 0.5
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Split:
    """Where each series' parts begin and end, remembered by series id.

    By time on a calendar, all series are cut at the same moments, since readings of one moment are
    By time on a calendar, all series are cut at the same moments, since readings of one moment are
    correlated across series; by time on an elapsed clock, each series is cut at its own times, and
    where a pause would leave a part with hardly any row, so many rows go into each part; by
    series, whole series belong to one part. Series of a calendar that hardly overlap, as visits do,
    share no moments: they are parted by series, or, where they are few, cut at their own times.

    Attributes:
        kind: "time" or "series".
        cuts: End of training and of validation in nanoseconds, by series id; "*" stands for any.
        members: Part of each series, by id, where whole series are split.
        apart: Whether this was chosen because series of a calendar hardly overlap.
    """

    kind: Literal["time", "series"]
    cuts: Mapping[str, tuple[int, int]]
    members: Mapping[str, Part]
    apart: bool = False

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

    def line(self, clock: Clock) -> str:
        """In words.

        Args:
            clock: What a time means.
        """
        apart = " (they hardly overlap in time; to overrule: --split time)" if self.apart else ""
        members, cuts = [*self.members.values()], [*self.cuts.values()]
        if members.count(PARTS[0]) == len(members) and all(low == high for low, high in cuts):
            return "all of the log is learned, and later readings are the test part"
        if self.kind == "series":
            counts = ", ".join(f"{members.count(name)} {name}" for name in PARTS)
            return f"by series, {counts}{apart}"
        if "*" in self.cuts and clock.kind == "calendar":
            edges = [str(np.datetime64(c, "ns").astype("datetime64[s]")) for c in self.cuts["*"]]
            return f"by time, training to {edges[0]}, validation to {edges[1]}, then test"
        return f"by time, each series at its own two moments{apart}"

    def all_learned(self, dataset: TimeSeriesDataset) -> Split:
        """The split once all readings of a log are of the training part: later ones are the test.

        Args:
            dataset: The log.
        """
        _, last = dataset.readings.first_and_last()
        if self.kind == "series":
            return replace(self, members=dict.fromkeys(dataset.series_ids, PARTS[0]))
        if "*" in self.cuts:
            return replace(self, cuts={"*": (int(last.max()), int(last.max()))})
        own = dict(zip(dataset.series_ids, last.tolist(), strict=True))
        return replace(self, cuts={name: (end, end) for name, end in own.items()})

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "kind": self.kind,
            "cuts": {k: list(v) for k, v in self.cuts.items()},
            "members": dict(self.members),
            **({"apart": True} if self.apart else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Split:
        """Rebuild from `to_dict`."""
        cuts = {k: (int(v[0]), int(v[1])) for k, v in values["cuts"].items()}
        apart = values.get("apart", False)
        return cls(values["kind"], cuts, dict(values["members"]), bool(apart))


def split_log(dataset: TimeSeriesDataset, config: WindowConfig, window_ns: int, seed: int) -> Split:
    """Choose a split.

    Args:
        dataset: The whole log.
        config: Fractions, and "time", "series" or "auto": by time if the log (on an elapsed clock,
            the typical series) is at least three windows long or there are too few series to part
            them, else by series; by series too where those of a calendar hardly overlap.
        window_ns: Context plus horizon.
        seed: Seed of the shuffle, by series.

    Returns:
        The split.
    """
    first, last = dataset.readings.first_and_last()
    filled = np.flatnonzero(last >= first)
    ids = [dataset.series_ids[index] for index in filled]
    first, last = first[filled], last[filled]
    held_out = min(1.0, config.train_fraction + config.validation_fraction)
    fractions = (config.train_fraction, held_out)
    several, calendar = len(filled) >= _FEWEST_SERIES, dataset.clock.kind == "calendar"
    apart = calendar and config.split == "auto" and _are_apart(first, last, fractions)
    if calendar and not apart and ids:  # the same moments for all
        ids, first, last = ["*"], first.min(keepdims=True), last.max(keepdims=True)
    by_time = config.split == "time"
    if config.split == "auto":
        span = float(np.median(last - first)) if ids else 0.0
        by_time = not several or (not apart and span >= _FEWEST_WINDOWS * window_ns)
    if not by_time:
        return _by_series(dataset, fractions, seed, apart)
    edges = zip(first.tolist(), last.tolist(), strict=True)
    cuts = [_cut(low, high, fractions) for low, high in edges]
    starts, times = dataset.readings.series_starts, dataset.readings.times
    parts = [times] if ids == ["*"] else [times[starts[i] : starts[i + 1]] for i in filled]
    cuts = [_through(each, cut, fractions) for each, cut in zip(parts, cuts, strict=True)]
    return Split("time", dict(zip(ids, cuts, strict=True)), {}, apart)


def _are_apart(first: Int64, last: Int64, fractions: tuple[float, float]) -> bool:
    if mean_overlap(first, last) >= _HARDLY:
        return False
    cuts = np.array(_cut(int(first.min()), int(last.max()), fractions))[:, None]
    through = ((first <= cuts) & (cuts < last)).any(axis=0)
    spans = (last - first).astype(np.float64)
    return float(spans[through].sum()) < _MOST * float(spans.sum())


def mean_overlap(first: Int64, last: Int64) -> float:
    """Share of the other series that run beside a series, on average over its time; 1 without any.

    Args:
        first: First time of each series, shape (series,).
        last: Last time, not earlier, likewise.
    """
    if len(first) < 2:
        return 1.0
    times = np.concatenate([first, last])
    order = np.argsort(times, kind="stable")
    live = np.cumsum(np.repeat([1, -1], len(first))[order])[:-1]
    spent = live * np.diff(times[order]).astype(np.float64)  # series times time
    total = float(spent.sum())
    return float(((live - 1) * spent).sum()) / (len(first) - 1) / total if total else 1.0


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


def _by_series(
    dataset: TimeSeriesDataset, fractions: tuple[float, float], seed: int, apart: bool
) -> Split:
    count = len(dataset)
    order = np.random.default_rng(seed).permutation(count)
    # each part that has a share has a series, if there are three
    judged, left = fractions[1] > fractions[0], fractions[1] < 1
    train = max(1, min(round(fractions[0] * count), count - judged - left))
    validation = max(train + judged, min(round(fractions[1] * count), count - left))
    ids = [dataset.series_ids[index] for index in order]
    parts = [PARTS[(rank >= train) + (rank >= validation)] for rank in range(count)]
    return Split("series", {}, dict(zip(ids, parts, strict=True)), apart)

"""Whether the files of a log without ids are one series in parts, or a series each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.assembly.collect import Collected
from latentode.data.reading.doubts import Doubts
from latentode.errors import DataError
from latentode.files.spool import folder_name

_FEW = 0.01  # share of readings over which files of one series may overlap
_MOST = 0.5  # share of the readings where files overlap that stand in both, if one is a copy
_NEARLY_ALL = 0.99  # share of those that are equal
_MANY = 0.9  # share of those other than the usual value of their channel, if a few were corrected
# a date, or a date and a time of day, in the name of a file
_DATE = re.compile(r"[-_. ]*(19|20)\d\d([-_.]?[01]\d)([-_.]?[0-3]\d)?([-_T. ]?[0-2]\d[-_:h]?\d\d)?")


@dataclass(frozen=True)
class _Files:
    """When the readings of each file were taken.

    Attributes:
        starts: First time of each file that has rows, in order of the files.
        ends: Last.
        codes: Code of the file as a series.
        names: Its name as a series.
        folders: Folder in which it lies.
    """

    starts: Int64
    ends: Int64
    codes: Int64
    names: Sequence[str]
    folders: Sequence[str]


def series_of_files(got: Collected, times: Int64, keep: NDArray[np.bool_], doubts: Doubts) -> None:
    """Give the rows of files that follow one another one series, in place.

    Files whose times overlap are different series, unless what overlaps is the same in both: an
    export that begins before the end of the last. Files of several sensors for several days are
    told apart by their names without dates, or by their folders, if those of each follow one
    another.

    Args:
        got: Rows, a series for each file.
        times: Time of each row, nanoseconds.
        keep: Rows that count.
        doubts: Takes the decision.
    """
    files = _files(got, times, keep)
    if len(files.codes) <= 1:
        return
    whole = np.zeros(len(files.codes), dtype=np.int64)
    number = f"{len(files.codes):,} files"
    if _follow(files, whole):
        _join(got, files, whole, [files.names[0]])
        doubts.decide("files", f"{number} are one series", "each begins where another ends")
        return
    shared = _overlap(got, times, keep)
    if shared is not None:
        _join(got, files, whole, [files.names[0]])
        doubts.decide("files", f"{number} are one series", shared, confidence="likely")
        return
    for groups, names, words in _groups(files):
        _join(got, files, groups, names)
        doubts.decide(
            "files", f"{number} are {len(names):,} series, told apart {words}",
            "the times of different ones overlap, those of each follow one another",
            confidence="likely",
        )  # fmt: skip
        return
    doubts.decide(
        "files", f"{number} are {len(files.codes):,} series, named by their files",
        "their times overlap, and the readings differ; files of one series should be joined",
        confidence="likely",
    )  # fmt: skip


class FileSpans:
    """When the readings of each file of a long log were taken, of which some are read at a time."""

    def __init__(self) -> None:
        self._spans: dict[str, tuple[int, int, str]] = {}
        self._differ: bool | None = None

    def add(self, got: Collected, times: Int64, keep: NDArray[np.bool_]) -> None:
        """Note those of some files, or of a part of one.

        Args:
            got: Rows, a series for each file.
            times: Time of each row, nanoseconds.
            keep: Rows that count.
        """
        files = _files(got, times, keep)
        for start, end, name, folder in zip(
            files.starts.tolist(), files.ends.tolist(), files.names, files.folders, strict=True
        ):
            first, last, _ = self._spans.get(name, (start, end, folder))
            self._spans[name] = (min(first, start), max(last, end), folder)
        whole = np.zeros(len(files.codes), dtype=np.int64)
        if self._differ is None and len(whole) > 1 and not _follow(files, whole):
            self._differ = _overlap(got, times, keep) is None

    def as_one(self, source: str) -> tuple[str, ...]:
        """Names of the files, in their order, where they are one series; none where each is one.

        Args:
            source: Name of the log.

        Raises:
            DataError: If what they are only all readings together tell.
        """
        starts, ends, folders = (list(each) for each in zip(*self._spans.values(), strict=True))
        number, names = len(starts), [*self._spans]
        files = _Files(np.array(starts), np.array(ends), np.arange(number), names, folders)
        if _follow(files, np.zeros(number, dtype=np.int64)):
            return tuple(names)
        if self._differ and not any(_groups(files)):
            return ()
        raise DataError(
            f"{source}: no column tells the series apart, the times of the {number:,} files "
            "overlap, and the log is too long to tell from all readings which of them are one "
            "series. Write the id of the series into a column of each file, and name it with "
            "--id-column."
        )


def _groups(files: _Files) -> Iterator[tuple[Int64, list[str], str]]:
    """Files of several series told apart: series of each, their names, and by what."""
    for labels, words in ((files.names, "by their names without dates"),
                          (files.folders, "by their folders")):  # fmt: skip
        groups, names = pd.factorize(np.array([_DATE.sub("", name) for name in labels], object))
        if 1 < len(names) < len(files.codes) and all(names) and _follow(files, groups):
            yield groups, list(names), words


def _files(got: Collected, times: Int64, keep: NDArray[np.bool_]) -> _Files:
    starts, ends, codes, folders = [], [], [], []
    first = 0
    for table in got.tables:
        rows = slice(first, first + table.num_rows)
        first += table.num_rows
        there = times[rows][keep[rows]]
        if len(there):
            starts.append(there.min())
            ends.append(there.max())
            codes.append(got.series[rows.start])
            folders.append(folder_name(Path(table.name)))
    names = [got.series_ids[code] for code in codes]
    return _Files(np.array(starts), np.array(ends), np.array(codes, np.int64), names, folders)


def _follow(files: _Files, groups: Int64) -> bool:
    """True where no two files of a group have times in common, but for their ends."""
    order = np.lexsort((files.ends, files.starts, groups))
    starts, ends, groups = files.starts[order], files.ends[order], groups[order]
    same = groups[1:] == groups[:-1]
    return bool((starts[1:] >= ends[:-1])[same].all())


def _overlap(got: Collected, times: Int64, keep: NDArray[np.bool_]) -> str | None:
    """Why files that overlap are one series all the same; None where they are not."""
    rows = got.cells.rows()
    there = keep[rows]
    rows = rows[there]
    readings = pd.DataFrame({
        "time": times[rows], "slot": got.cells.slots[there],
        "value": got.cells.values[there], "file": got.series[rows],
    })  # fmt: skip
    spans = readings.groupby("file")["time"].agg(["min", "max"]).sort_values(["min", "max"])
    latest = spans["max"].cummax().shift()
    over = [(low, high) for low, high in zip(spans["min"], latest, strict=True) if high >= low]
    inside = np.zeros(len(readings), dtype=bool)
    for low, high in over:
        inside |= readings["time"].between(low, high).to_numpy()
    if inside.mean() <= _FEW:
        return f"their times overlap in {100 * inside.mean():.2g} % of the readings only"
    groups = readings[inside].groupby(["time", "slot"])
    size, files = groups["value"].transform("size"), groups["file"].transform("nunique")
    twice = (files > 1).to_numpy()
    equal = (groups["value"].transform("nunique") == 1).to_numpy() & (size > 1).to_numpy()
    if twice.mean() < _MOST:
        return None
    if (twice & equal).sum() >= _NEARLY_ALL * twice.sum():
        return "their times overlap, and what overlaps is the same in both"
    # dry gauges agree as well; what is not the usual value tells
    usual = readings[inside].groupby("slot")["value"].transform(lambda values: values.mode()[0])
    telling = twice & (readings[inside]["value"] != usual).to_numpy()
    if not telling.any() or (telling & equal).sum() < _MANY * telling.sum():
        return None
    share = 100 * (twice & equal).sum() / twice.sum()
    return f"their times overlap, and {share:.2g} % of what overlaps is the same in both"


def _join(got: Collected, files: _Files, groups: Int64, names: Sequence[str]) -> None:
    """Give each group of files one series."""
    new = np.zeros(len(got.series_ids), dtype=np.int32)
    new[files.codes] = groups
    got.series = new[got.series]
    got.series_ids = list(names)
    got.static = {
        name: {(int(new[code]), text) for code, text in pairs} for name, pairs in got.static.items()
    }

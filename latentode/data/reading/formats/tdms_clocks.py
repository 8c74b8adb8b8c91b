"""Times of the channels of TDMS files: waveforms, one start a segment, and channels of times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from latentode.data.dataset import Int64

_NS = 10**9
_EPOCH = 2_082_844_800  # seconds from 1904-01-01, from which the format counts, to 1970
# a channel of numbers is a clock by one of these names, in one of these units (in seconds)
_TIME_NAMES = ("time", "zeit", "temps", "tiempo", "tempo", "elapsed", "elapsed time")
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
_LONGEST_ELAPSED = 1e8  # seconds; larger numbers are dates of an epoch that nobody tells
_WAVEFORM = ("wf_start_time", "wf_start_offset", "wf_increment", "wf_xunit_string")

Changes = list[tuple[int, dict[str, Any]]]


class Clock(NamedTuple):
    """Times of a channel.

    Attributes:
        times: Nanoseconds of each reading; None where none are told.
        has_date: Whether they count from 1970, or else from the start of the recording.
        why: How they were found, or why they were not.
    """

    times: Int64 | None
    has_date: bool
    why: str


def waveform_changes(file: Any) -> Mapping[str, Changes]:
    """Find what sets the clock of a channel, segment by segment.

    `TdmsFile` keeps the last start alone, by which a restart would move all that came before.

    Args:
        file: The open file.

    Returns:
        Path of a channel -> (number of readings before, waveform properties) of each such segment.
    """
    changes: dict[str, Changes] = defaultdict(list)

    class Watching(import_module("nptdms.reader").TdmsReader):  # type: ignore[misc]
        def _read_segment_metadata(self, *args: Any) -> Any:
            segment, properties = super()._read_segment_metadata(*args)
            for path, told in (properties or {}).items():
                clock = {name: value for name, value in told if name in _WAVEFORM}
                if clock:
                    before = self.object_metadata.get(path)
                    changes[path].append((before.num_values if before else 0, clock))
            return segment, properties

    Watching(file).read_metadata()
    return changes


def waveform_clock(changes: Changes, count: int) -> Clock | None:
    """Times by start, offset and increment; None where no increment is told.

    A segment that repeats start and offset goes on counting; another start begins anew.

    Args:
        changes: As `waveform_changes` gives them.
        count: Number of readings.
    """
    pieces = _pieces(changes)
    axis = next((told["wf_xunit_string"] for _, told in changes if "wf_xunit_string" in told), "")
    if pieces and str(axis).strip().lower() not in ("", "s", "sec", "seconds"):
        return Clock(None, False, f"its axis is in {axis!r}, not in seconds")
    if not pieces:
        return None
    dated = {start != 0 for _, start, _, _ in pieces}
    if len(dated) > 1:
        return Clock(None, False, "only some of its segments tell when they started")
    # what was told late was told of all readings before
    firsts = np.array([0, *(first for first, *_ in pieces[1:])])
    index = np.arange(count)
    piece = np.searchsorted(firsts, index, side="right") - 1
    bases = np.array([start + after for _, start, after, _ in pieces], dtype=np.int64)
    steps = np.array([step for *_, step in pieces])
    after_base = np.rint((index - firsts[piece]) * steps[piece] * _NS).astype(np.int64)
    restarts = f"{len(pieces)} segments with a start of their own" if len(pieces) > 1 else ""
    return Clock(bases[piece] + after_base, dated == {True}, restarts)


def _pieces(changes: Changes) -> list[tuple[int, int, int, float]]:
    """(first reading, start, nanoseconds from start to it, seconds between readings)."""
    pieces: list[tuple[int, int, int, float]] = []
    before: tuple[int, int] = (0, 0)
    known: dict[str, Any] = {}
    for first, told in changes:
        known = {**known, **told}
        step = float(known.get("wf_increment", 0))
        start = _stamp_ns(known.get("wf_start_time"))
        offset = round(float(known.get("wf_start_offset", 0)) * _NS)
        if step == 0 or (pieces and (start, offset) == before and step == pieces[-1][3]):
            continue
        if pieces and (start, offset) == before:
            earlier, _, after, old_step = pieces[-1]
            after += round((first - earlier) * old_step * _NS)
        else:
            after = offset
        before = (start, offset)
        if pieces and pieces[-1][0] == first:
            pieces.pop()
        pieces.append((first, start, after, step))
    return pieces


def _stamp_ns(stamp: Any) -> int:
    """Nanoseconds since 1970, exactly; 0 for no start, and for the zero that stands for none."""
    if not hasattr(stamp, "second_fractions") or not (stamp.seconds or stamp.second_fractions):
        return 0
    fraction = (int(stamp.second_fractions) * _NS + (1 << 63)) >> 64
    return (int(stamp.seconds) - _EPOCH) * _NS + fraction


def clock_channels(cells: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, Clock]:
    """Channels of a group that are clocks of others, those of stamps first.

    Args:
        cells: Name of a channel -> its readings.
        units: Name of a channel -> its unit.
    """
    clocks = {
        name: Clock(_stamps_ns(values), True, f"times of the channel {name!r}")
        for name, values in cells.items()
        if hasattr(values, "second_fractions")
    }
    for name, values in cells.items():
        seconds = _SECONDS.get(units[name].strip().lower())
        if name.strip().lower() in _TIME_NAMES and seconds and values.dtype.kind in "iuf":
            elapsed = np.asarray(values, dtype=np.float64) * seconds
            if np.isfinite(elapsed).all() and np.abs(elapsed).max() < _LONGEST_ELAPSED:
                times = np.rint(elapsed * _NS).astype(np.int64)
                unit = units[name] or "s, as none is told"
                clocks[name] = Clock(times, False, f"times of the channel {name!r}, in {unit}")
    return clocks


def _stamps_ns(stamps: Any) -> Int64:
    fractions = np.asarray(stamps.second_fractions) >> np.uint64(32)
    ns = (fractions * np.uint64(_NS) + np.uint64(1 << 31)) >> np.uint64(32)
    seconds = np.asarray(stamps.seconds, dtype=np.int64) - _EPOCH
    return np.asarray(seconds * _NS + ns.astype(np.int64))

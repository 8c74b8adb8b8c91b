from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from event_cases import SECOND, streams
from model_cases import EPOCH, HOUR, irregular_log

from latentode.config import DataConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.reading.log_events import read_log_events, report_times
from latentode.errors import DataError

CONFIG = DataConfig.model_validate({"columns": {"id": "pump", "time": "stamp"}})


@pytest.fixture
def log():
    return irregular_log((10, 8), extras=False)


def alarms(rows, **names):
    """A frame of events at hours after the epoch."""
    frame = pd.DataFrame(rows, columns=["pump", "hour", "mark"])
    frame["stamp"] = pd.to_datetime(EPOCH + (frame.pop("hour") * HOUR).astype(np.int64), utc=True)
    return frame.rename(columns=names)


def test_a_series_is_observed_while_it_is_read(log):
    first, last = log.readings.first_and_last()
    early, late = (first[0] - EPOCH) / HOUR - 1, (last[0] - EPOCH) / HOUR + 1
    inside = (first[0] - EPOCH) / HOUR + 3
    found = read_log_events(
        alarms([("s0", early, "a"), ("s0", inside, "b"), ("s0", late, "a")]), log, CONFIG
    )
    assert found.series_ids == log.series_ids
    assert found.scored.tolist() == [False, True]  # history stays, what comes after is dropped
    np.testing.assert_array_equal(found.windows[:, 0], np.stack([first, last], axis=1))
    assert found.counts().tolist() == [[0, 1], [0, 0]]


def test_columns_are_called_as_in_the_log_or_found(log):
    rows = [("s0", 30, "a"), ("s1", 40, "a")]
    own = read_log_events(alarms(rows), log, CONFIG)
    other = read_log_events(alarms(rows, pump="id", stamp="time"), log, CONFIG)
    np.testing.assert_array_equal(own.times, other.times)
    assert own.num_scored == 2


def test_windows_that_are_given_hold(log):
    spans = pd.DataFrame(
        {
            "id": ["s0", "s1"],
            "start": pd.to_datetime([EPOCH] * 2, utc=True),
            "end": pd.to_datetime([EPOCH + 200 * HOUR] * 2, utc=True),
        }
    )
    found = read_log_events(alarms([("s1", 190, "a")]), log, CONFIG, windows=spans)
    assert found.num_scored == 1
    assert found.exposure(HOUR).tolist() == [[200.0], [200.0]]
    with pytest.raises(DataError, match="a window for every series of the log, got none for 's1'"):
        read_log_events(alarms([("s0", 30, "a")]), log, CONFIG, windows=spans[:1])


def test_events_of_another_log_are_refused(log):
    with pytest.raises(DataError, match=r"expected series of the log, got 's9' \(1 in all\)"):
        read_log_events(alarms([("s9", 30, "a"), ("s0", 31, "a")]), log, CONFIG)
    with pytest.raises(DataError, match="expected calendar times as in the log"):
        read_log_events(streams([[1.0], [2.0]]).select([0, 1]), named(log, ("s0", "s1")), CONFIG)


def named(log, ids):
    return TimeSeriesDataset(ids, log.readings, log.clock)


def small_log(clock, rows, channels=("a", "b")):
    """A log of (series, seconds, channel) readings."""
    series, seconds, channel = (np.array(part) for part in zip(*rows, strict=True))
    readings = Readings.from_triplets(
        series, seconds * SECOND, channel, np.ones(len(rows)), num_series=2, channels=channels
    )
    return TimeSeriesDataset(("x", "y"), readings, clock)


TOGETHER = [(i, t, c) for i, t in ((0, 1), (0, 5), (0, 9), (1, 4), (1, 20)) for c in (0, 1)]


@pytest.mark.parametrize(
    ("clock", "ends"),
    [(Clock("elapsed", None, "s"), (9, 20)), (Clock("calendar", "UTC"), (20, 20))],
)
def test_report_times_open_their_window_and_are_observed_to_its_end(clock, ends):
    found = report_times(small_log(clock, TOGETHER))
    assert found.mark_names == ("report",)
    assert found.counts().tolist() == [[2], [1]]  # the first row is history
    lengths = found.exposure(SECOND)[:, 0]
    np.testing.assert_allclose(lengths, [ends[0] - 1, ends[1] - 4], atol=1e-8)


def test_channels_that_report_separately_are_kinds_of_their_own():
    rows = [(0, t, t % 2) for t in range(9)] + [(1, 3, 0), (1, 7, 1)]
    found = report_times(small_log(Clock("elapsed", None, "s"), rows))
    assert found.mark_names == ("a", "b")
    assert found.counts().tolist() == [[4, 4], [0, 1]]


def test_a_rate_of_reports_is_not_too_high_on_short_series():
    count, each = 800, 10
    seconds = np.random.default_rng(0).exponential(1, (count, each)).cumsum(1).ravel()
    owner = np.repeat(np.arange(count), each)
    readings = Readings.from_triplets(
        owner, np.rint(seconds * SECOND).astype(np.int64), 0 * owner, np.ones(len(owner)),
        num_series=count, channels=("a",),
    )  # fmt: skip
    ids = tuple(str(i) for i in range(count))
    found = report_times(TimeSeriesDataset(ids, readings, Clock("elapsed", None, "s")))
    assert found.rates(SECOND)[0] == pytest.approx(1.0, abs=4 / np.sqrt(found.num_scored))


def test_a_batch_of_windows_holds_what_a_loop_finds():
    rng = np.random.default_rng(1)
    rows = [np.sort(rng.integers(0, 100, n)).astype(float).tolist() for n in (30, 0, 12)]
    marks = [rng.integers(0, 2, len(row)).tolist() for row in rows]
    windows = np.array([[[10, 90], [0, 100]], [[0, 100], [0, 100]], [[0, 100], [50, 100]]], float)
    whole = streams(rows, marks, kinds=2, window=(0, 100))
    object.__setattr__(whole, "windows", (windows * SECOND).astype(np.int64))
    series = np.array([0, 0, 2, 1, 2])
    low, high = np.array([-1, 20, 40, 3, 95]), np.array([15, 60, 70, 9, 99])
    anchors = np.array([5, 20, 30, 0, 95])
    got = EventBatch.cut(whole, series, low * SECOND, high * SECOND, anchors * SECOND, 2.0 * SECOND)
    for w, i in enumerate(series):
        expected = [
            ((t - anchors[w]) / 2, k)
            for t, k in zip(rows[i], marks[i], strict=True)
            if low[w] < t <= high[w] and windows[i, k, 0] <= t <= windows[i, k, 1]
        ]
        own = got.scored[w]
        assert (
            list(zip(got.times[w][own].tolist(), got.marks[w][own].tolist(), strict=True))
            == expected
        )
        start = np.clip(windows[i, :, 0], low[w] + 1e-9, high[w])
        end = np.clip(windows[i, :, 1], low[w] + 1e-9, high[w])
        np.testing.assert_allclose(got.start[w], (start - anchors[w]) / 2, atol=1e-9)
        np.testing.assert_allclose(got.end[w], (end - anchors[w]) / 2, atol=1e-9)
    some = got.select(torch.tensor([2, 0]))
    assert torch.equal(some.times[1], got.times[0])
    assert some.clone().times is not some.times


def test_parts_of_streams_may_hold_nothing_and_add_up():
    whole = streams([[1.0, 2.0, 5.0], [4.0]], window=(0.0, 10.0))
    edges = [np.array([-1, -1]), np.array([2, 9]), np.array([10, 9])]
    parts = [whole.clipped(a * SECOND, b * SECOND) for a, b in pairwise(edges)]
    assert [part.num_scored for part in parts] == [3, 1]
    total = sum(part.exposure(SECOND) for part in parts)
    np.testing.assert_allclose(total, [[10.0], [9.0]], atol=1e-8)

import numpy as np
import pandas as pd
import pytest
from event_cases import SECOND, streams

from latentode.config import DataConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.data.reading.cells.resolution import resolution_of
from latentode.data.reading.events import read_events
from latentode.errors import DataError, ShapeError

FRAME = pd.DataFrame(
    {
        "id": ["b", "a", "a", "b"],
        "time": ["2024-01-01 00:05", "2024-01-01 00:07", "2024-01-01 00:02", "2024-01-01 00:05"],
        "mark": ["low", "high", "low", "low"],
    }
)
WINDOWS = pd.DataFrame({"id": ["a", "b", "c"], "start": "2024-01-01", "end": "2024-01-02"})


def test_a_frame_of_events_is_read_in_order_with_its_windows():
    got = read_events(FRAME, windows=WINDOWS)
    assert (got.series_ids, got.mark_names) == (("a", "b", "c"), ("high", "low"))
    assert got.counts().tolist() == [[1, 1], [0, 2], [0, 0]]
    assert got.times[0] == pd.Timestamp("2024-01-01 00:02").value
    assert got.exposure(3600 * SECOND).tolist() == [[24.0, 24.0]] * 3
    assert got.clock.kind == "calendar"
    assert got.resolution == 60 * SECOND


def test_without_windows_all_series_share_the_span_of_all_events():
    got = read_events(FRAME)
    assert np.unique(got.windows[..., 0]).tolist() == [pd.Timestamp("2024-01-01 00:02").value]
    assert np.unique(got.windows[..., 1]).tolist() == [pd.Timestamp("2024-01-01 00:07").value]


def test_elapsed_times_need_a_unit_and_windows_may_differ_between_kinds():
    frame = pd.DataFrame({"t": [0.5, 2.0], "kind": ["x", "y"]})
    config = DataConfig.model_validate({"time": {"unit": "h"}, "columns": {"time": "t"}})
    windows = pd.DataFrame({"id": "frame", "mark": ["x", "y"], "start": [0, 1], "end": [3.5, 4]})
    windows["id"] = read_events(frame, config).series_ids[0]
    got = read_events(frame, config, windows=windows)
    assert (got.windows / 3600 / SECOND).tolist() == [[[0.0, 3.5], [1.0, 4.0]]]
    assert got.rates(3600 * SECOND) == pytest.approx([1 / 3.5, 1 / 3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f, w: (f.assign(time=[*f["time"][:3], "soon"]), w),
            "expected times in .time., got 1 other cells .row 3: .soon.",
        ),
        (lambda f, w: (f.assign(mark=["x", "", "y", "x"]), w), "a mark in column .mark.*row 1"),
        (lambda f, w: (f.assign(id=["a", None, "a", "b"]), w), "a series id in column .id.*row 1"),
        (lambda f, w: (f, w.assign(end="2024-01-01 00:06")), "expected a time within"),
        (lambda f, w: (f, w.assign(end=w["start"])), "an end after its start"),
        (lambda f, w: (f, w.iloc[:1]), "none for 'b'"),
        (lambda f, w: (f, w.drop(columns="end")), "Add end"),
        (lambda f, w: (f.iloc[:1], w.iloc[:0] if len(f) == 0 else None), "got one time"),
    ],
)
def test_what_cannot_be_read_is_refused(change, message):
    frame, windows = change(FRAME, WINDOWS)
    with pytest.raises(DataError, match=message):
        read_events(frame, windows=windows)


def test_columns_and_marks_that_are_not_known_are_refused():
    with pytest.raises(DataError, match="Correct --mark-column"):
        read_events(FRAME, mark_column="colour")
    with pytest.raises(DataError, match="expected one of"):
        read_events(FRAME, windows=WINDOWS, mark_names=("low",))
    with pytest.raises(ShapeError, match="windows: expected shape"):
        streams([[1.0]], windows=np.zeros((2, 1, 2)))


def test_ties_are_spread_within_the_resolution_and_others_stay():
    got = streams([[1.0, 1.0, 1.0, 5.0], [10.0, 10.0]], resolution=SECOND)
    spread = got.spread_ties(0)
    gaps = np.diff(spread.times[:4])
    assert (gaps > 0).all()
    assert (spread.times[:3] >= SECOND).all()
    assert (spread.times[:3] < 2 * SECOND).all()
    assert spread.times[3] == 5 * SECOND
    assert (spread.times[4:] <= 10 * SECOND).all()  # never out of the window
    assert spread.counts().tolist() == got.counts().tolist()


def test_resolution_is_the_coarsest_unit_that_all_times_keep():
    assert resolution_of(np.array([60 * SECOND])) == 60 * SECOND
    assert resolution_of(np.array([1_500_000_000])) == 100_000_000
    assert resolution_of(np.array([7])) == 1


def test_a_part_in_time_keeps_the_past_as_history():
    whole = streams([[1.0, 4.0, 8.0]])
    late = whole.between(4 * SECOND + 1, 9 * SECOND)
    assert late.scored.tolist() == [False, False, True]
    batch = EventBatch.of(late, SECOND)
    assert batch.times[0].tolist() == [1.0, 4.0, 8.0]
    assert batch.scored.tolist() == [[False, False, True]]
    early = whole.between(0, 4 * SECOND)
    assert early.num_scored + late.num_scored == whole.num_scored
    with pytest.raises(DataError, match="a part of the window"):
        whole.between(11 * SECOND, 12 * SECOND)


def test_series_are_selected_in_the_order_given():
    got = streams([[1.0], [], [2.0, 3.0]]).select([2, 1])
    assert got.series_ids == ("s2", "s1")
    assert (got.times / SECOND).tolist() == [2.0, 3.0]
    assert got.counts().ravel().tolist() == [2, 0]


def test_padded_slots_repeat_the_last_time():
    batch = EventBatch.of(streams([[1.0, 2.0], []]), SECOND)
    assert batch.times.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert batch.valid.tolist() == [[True, True], [False, False]]

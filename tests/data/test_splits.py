import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import irregular_log
from small_series import DAY, EPOCH, HOUR, make_dataset

from latentode.config import WindowConfig
from latentode.data.dataset import Clock
from latentode.data.splits import PARTS, Split, mean_overlap, split_log


def log_of(kind, counts=(30, 20, 15, 12, 9)):
    log = irregular_log(counts, extras=False)
    if kind == "calendar":
        return log
    first = log.readings.times.min()
    shifted = replace(log.readings, times=log.readings.times - first)
    return replace(log, readings=shifted, clock=Clock("elapsed", None, "s"))


def parts_of(log, split):
    return {part: log.readings.within(*split.bounds(log, part)) for part in PARTS}


def cells(readings):
    rows = readings.reading_rows()
    owner, times = readings.row_series()[rows], readings.times[rows]
    return set(zip(owner, times, readings.channel_index, strict=True))


@pytest.mark.parametrize("kind", ["calendar", "elapsed"])
@pytest.mark.parametrize("way", ["time", "series"])
def test_parts_are_disjoint_and_cover_the_log(kind, way):
    log = log_of(kind)
    split = split_log(log, WindowConfig(split=way), DAY, seed=1)
    parts = [cells(part) for part in parts_of(log, split).values()]
    assert split.kind == way
    assert all(parts)
    assert sum(map(len, parts)) == log.readings.num_readings
    assert set.union(*parts) == cells(log.readings)


def test_calendar_parts_are_cut_at_the_same_moments():
    log = log_of("calendar")
    parts = parts_of(log, split_log(log, WindowConfig(split="time"), DAY, seed=1))
    assert parts["train"].times.max() < parts["validation"].times.min()
    assert parts["validation"].times.max() < parts["test"].times.min()
    low, high = log.readings.times.min(), log.readings.times.max()
    assert (parts["train"].times.max() - low) / (high - low) == pytest.approx(0.7, abs=0.05)


def test_elapsed_parts_are_cut_at_each_series_own_times():
    log = log_of("elapsed")
    parts = parts_of(log, split_log(log, WindowConfig(split="time"), DAY, seed=1))
    for index in range(len(log)):
        own = log.readings.times[log.readings.rows_of(index)]
        train = parts["train"].times[parts["train"].rows_of(index)]
        assert train.max() <= own[0] + 0.7 * (own[-1] - own[0])
        np.testing.assert_array_equal(train, own[: len(train)])


def test_a_calendar_series_that_begins_after_the_cut_has_no_training_part():
    log = irregular_log((30, 20), extras=False)
    times = log.readings.times.copy()
    late = log.readings.rows_of(1)
    times[late] += 115 * DAY // 24
    log = replace(log, readings=replace(log.readings, times=times))
    split = split_log(log, WindowConfig(split="time", train_fraction=0.3), DAY, seed=1)
    starts, stops = split.bounds(log, "train")
    assert stops[1] <= starts[1]
    assert sum(part.num_rows for part in parts_of(log, split).values()) == log.readings.num_rows


@pytest.mark.parametrize("count", range(3, 30))
def test_by_series_every_part_has_a_series(count):
    log = irregular_log((2,) * count, extras=False)
    split = split_log(log, WindowConfig(split="series"), DAY, seed=count)
    members = list(split.members.values())
    assert len(members) == count
    assert all(part in members for part in PARTS)
    assert members.count("train") == pytest.approx(0.7 * count, abs=1.2)


@pytest.mark.parametrize(("count", "expected"), [(1, {"train"}), (2, {"train", "validation"})])
def test_one_series_is_for_training_and_two_for_validation_as_well(count, expected):
    log = irregular_log((2,) * count, extras=False)
    split = split_log(log, WindowConfig(split="series"), DAY, seed=0)
    assert set(split.members.values()) == expected


def test_the_shuffle_by_series_belongs_to_the_seed():
    log = irregular_log((2,) * 12, extras=False)
    config = WindowConfig(split="series")
    members = [split_log(log, config, DAY, seed).members for seed in (4, 4, 5)]
    assert members[0] == members[1] != members[2]


@pytest.mark.parametrize(
    ("kind", "counts", "window", "expected"),
    [
        ("calendar", (9,) * 3, 100 * DAY, "time"),  # too few series to part them
        ("calendar", (9,) * 6, DAY, "time"),  # five days: three windows long
        ("calendar", (9,) * 6, 3 * DAY, "series"),
        ("elapsed", (9,) * 6, DAY, "time"),
        ("elapsed", (9,) * 6, 3 * DAY, "series"),
    ],
)
def test_auto_splits_by_time_where_the_log_is_long_enough(kind, counts, window, expected):
    assert split_log(log_of(kind, counts), WindowConfig(), window, seed=0).kind == expected


@pytest.mark.parametrize("way", ["time", "series"])
def test_a_series_that_the_split_has_never_seen_is_all_test(way):
    log = log_of("elapsed")
    split = split_log(log, WindowConfig(split=way), DAY, seed=0)
    stranger = replace(log.select_series([1]), series_ids=("stranger",))
    parts = parts_of(stranger, split)
    assert [part.num_rows for part in parts.values()] == [0, 0, stranger.readings.num_rows]


@pytest.mark.parametrize("way", ["time", "series"])
def test_the_split_survives_json_and_another_order_of_series(way):
    log = log_of("elapsed")
    split = split_log(log, WindowConfig(split=way), DAY, seed=0)
    again = Split.from_dict(json.loads(json.dumps(split.to_dict())))
    order = np.array([3, 0, 4, 1, 2])
    for part in PARTS:
        before = split.bounds(log, part)
        after = again.bounds(log.select_series(order), part)
        np.testing.assert_array_equal(np.stack(before)[:, order], np.stack(after))


def test_an_empty_series_is_in_no_part():
    log = irregular_log((9, 0, 9), extras=False)
    for way in ("time", "series"):
        split = split_log(log, WindowConfig(split=way), DAY, seed=0)
        assert sum(p.num_rows for p in parts_of(log, split).values()) == log.readings.num_rows


@pytest.mark.parametrize("kind", ["calendar", "elapsed"])
@pytest.mark.parametrize("pause", [20, 2000])
def test_a_pause_leaves_no_part_without_its_share_of_the_rows(kind, pause):
    log = log_of(kind, (200,))
    readings = log.readings
    times = np.arange(200) * (DAY // 24)
    times[100:] += pause * DAY
    log = replace(log, readings=replace(readings, times=times))
    split = split_log(log, WindowConfig(split="time"), DAY, seed=0)
    rows = [part.num_rows for part in parts_of(log, split).values()]
    assert rows == [140, 20, 40]


def visits(*spans):
    """One series with hourly readings for each first and last day."""
    parts = []
    for first, last in spans:
        times = np.arange(EPOCH + first * DAY, EPOCH + last * DAY + 1, HOUR)
        parts.append((times, np.zeros(len(times), int), np.zeros(len(times))))
    return make_dataset(parts)


def whole_spans():
    first, length = st.integers(0, 9), st.integers(0, 9)
    return st.lists(st.tuples(first, length).map(lambda s: (s[0], sum(s))), min_size=2, max_size=6)


@given(whole_spans())
def test_overlap_is_the_share_of_the_others_beside_a_series(spans):
    first, last = np.array(spans, dtype=np.int64).T
    runs = (first[:, None] <= np.arange(18)) & (np.arange(18) < last[:, None])  # (series, day)
    others = (runs.sum(axis=0) - 1) * runs
    expected = others.sum() / (len(spans) - 1) / max(runs.sum(), 1) if runs.any() else 1.0
    assert mean_overlap(first * DAY, last * DAY) == pytest.approx(expected)


def test_visits_that_follow_each_other_are_parted_by_series():
    log = visits(*[(10 * index, 10 * index + 9) for index in range(24)])
    split = split_log(log, WindowConfig(), DAY, seed=0)
    assert (split.kind, split.apart) == ("series", True)
    members = list(split.members.values())
    assert [members.count(part) for part in PARTS] == [17, 2, 5]
    assert split_log(log, WindowConfig(split="time"), DAY, seed=0).kind == "time"
    again = Split.from_dict(json.loads(json.dumps(split.to_dict())))
    assert again == split


def test_few_visits_are_each_cut_at_their_own_times():
    log = visits((0, 9), (20, 29), (40, 49), (60, 69))
    split = split_log(log, WindowConfig(), DAY, seed=0)
    assert (split.kind, split.apart) == ("time", True)
    for part in parts_of(log, split).values():
        assert (np.diff(part.series_starts) > 0).all()


def test_one_long_series_beside_short_ones_is_cut_in_time():
    log = visits((0, 300), *[(60 * index, 60 * index + 5) for index in range(4)])
    split = split_log(log, WindowConfig(), DAY, seed=0)
    assert (split.kind, split.apart) == ("time", False)
    assert set(split.cuts) == {"*"}


def test_devices_that_are_added_one_by_one_are_cut_in_time():
    log = visits(*[(10 * index, 300) for index in range(24)])
    split = split_log(log, WindowConfig(), DAY, seed=0)
    assert (split.kind, split.apart) == ("time", False)

"""Rows of many series in flat arrays."""

import numpy as np
import pytest

from latentode.data.dataset import Readings, first_after, offsets, positions


@pytest.fixture
def readings():
    series = np.array([0, 0, 0, 2, 2, 2])
    times = np.array([1, 4, 4, 2, 3, 9])
    channel = np.array([0, 0, 1, 1, 0, 1])
    return Readings.from_triplets(
        series, times, channel, np.arange(6.0), num_series=3, channels=("a", "b")
    )


def test_a_moment_is_after_the_rows_at_it_and_stays_in_its_series(readings):
    series, moments = np.array([2, 0, 0, 1]), np.array([[2, 9], [0, 1], [4, 5], [-1, 7]])
    rows = first_after(readings.series_starts, readings.times, series, moments)
    assert rows.tolist() == [[3, 5], [0, 1], [2, 2], [2, 2]]


def test_gaps_do_not_reach_from_one_series_to_the_next(readings):
    assert readings.gaps().tolist() == [3, 1, 6]
    assert readings.select_series(np.array([1, 1])).gaps().tolist() == []


def test_runs_of_rows_may_overlap_and_be_empty(readings):
    cut = readings.runs(np.array([1, 0, 2]), np.array([1, 2, 0]))
    assert cut.series_starts.tolist() == [0, 1, 3, 3]
    assert cut.times.tolist() == [4, 1, 4]
    assert cut.values.tolist() == [1.0, 2.0, 0.0, 1.0, 2.0]


def test_channels_are_chosen_by_name_and_unknown_ones_are_empty(readings):
    chosen = readings.select_channels(("b", "new"))
    assert chosen.channels == ("b", "new")
    assert chosen.channel_index.dtype == np.int32
    assert chosen.times.tolist() == [4, 2, 9]
    assert chosen.values.tolist() == [2.0, 3.0, 5.0]


def test_positions_of_absent_names_are_negative():
    assert positions(["b", None, "a", "x"], ("a", "b")).tolist() == [1, -1, 0, -1]
    assert positions([], ("a",)).dtype == np.int64


def test_offsets_begin_at_zero_and_end_at_the_sum():
    assert offsets(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets(np.zeros(0, dtype=np.int64)).tolist() == [0]

import numpy as np
import pytest
import torch
from event_cases import SECOND, jump_process, streams

from latentode.evaluation import long_horizon
from latentode.evaluation.event_baselines import LongHorizon, history_density, most_popular
from latentode.evaluation.event_sequences import EventSequence
from latentode.evaluation.long_horizon import Moments, long_horizon_scores

ASKED = LongHorizon(count=3, length=8.0, tolerance=2.0)


def past():
    """Four events in eight units of time, three of them of mark 1."""
    return EventSequence.certain(np.array([1.0, 2.0, 5.0, 8.0]), np.array([1, 0, 1, 1]))


def test_the_most_popular_mark_comes_every_mean_gap():
    foretold = most_popular(past(), 8.0, ASKED)
    assert foretold.following.times.tolist() == [2.0, 4.0, 6.0]
    assert foretold.within.times.tolist() == [2.0, 4.0, 6.0, 8.0]
    assert set(foretold.within.marks) == {1}


def test_the_history_density_gives_each_mark_its_mean_rate():
    foretold = history_density(past(), 8.0, ASKED)
    # mark 1 every 8 / 3, mark 0 every 8
    np.testing.assert_allclose(foretold.following.times, [8 / 3, 16 / 3, 8.0])
    rare = foretold.within.select(np.flatnonzero(foretold.within.marks == 0))
    first = rare.scores > 0.3
    # two intervals of four, in each at least one event with probability 1 - e^-0.5
    np.testing.assert_allclose(rare.times[first], [2.0, 6.0])
    np.testing.assert_allclose(rare.scores[first], 1 - np.exp(-0.5))
    frequent = foretold.within.scores[foretold.within.marks == 1]
    # expected numbers add up to the rate, but for those too unlikely to be foretold
    assert frequent.sum() == pytest.approx(3.0, abs=0.02)


def test_moments_have_a_horizon_ahead_and_know_nothing_of_it():
    rows, marks = [[1.0, 2.5, 4.0, 9.0], [3.0]], [[0, 1, 0, 1], [1]]
    moments = Moments.of(streams(rows, marks, kinds=2), SECOND, 5.0, 10)
    assert moments.elapsed.tolist() == [1.0, 2.5, 4.0, 3.0]
    assert [moments.past(i).times.tolist() for i in range(4)] == [
        [1.0], [1.0, 2.5], [1.0, 2.5, 4.0], [3.0]
    ]  # fmt: skip
    assert [part.times.tolist() for part in moments.ahead] == [
        [1.5, 3.0, 8.0],
        [1.5, 6.5],
        [5.0],
        [],
    ]
    assert moments.streams.windows[:, :, 1].tolist() == [
        [round(t * SECOND)] * 2 for t in (1.0, 2.5, 4.0, 3.0)
    ]
    assert len(Moments.of(streams(rows, marks, kinds=2), SECOND, 5.0, 2).ahead) == 2


def test_the_middle_path_is_nearest_to_the_others():
    paths = [EventSequence.certain(np.array([t]), np.array([k])) for t, k in
             ((1.0, 0), (1.4, 0), (1.6, 0), (1.2, 1))]  # fmt: skip
    assert long_horizon._middle(paths, 1.0) is paths[1]


def test_events_of_many_paths_gather_with_the_share_of_paths_that_have_one():
    paths = [
        EventSequence.certain(np.array(times), np.zeros(len(times), np.int64))
        for times in ([1.0, 1.5], [1.2, 6.0], [1.4, 6.5], [9.5])
    ]
    found = long_horizon._gathered(paths, 0.5)
    assert found.scores.tolist() == [0.75, 0.5]
    assert abs(found.times[1] - 6.25) <= 0.25


def test_a_process_and_naive_forecasts_are_scored_at_the_same_moments():
    rows = [np.arange(0.5, 40, 1.0).tolist()]
    marks = [[i % 2 for i in range(40)]]
    events = streams(rows, marks, kinds=2, window=(0.0, 40.0))
    process = jump_process(kinds=2, step=1.0, share=True)
    scores = long_horizon_scores(process, events, SECOND, 1.0, num_draws=4, most=3)
    assert scores["moments"] == 3
    assert list(scores["otd"]) == ["model", "most popular", "history density"]
    # of two marks in turn, one alone is wrong every second time
    assert scores["otd"]["history density"] < scores["otd"]["most popular"]
    assert scores["t_map"]["history density"] > scores["t_map"]["most popular"]
    assert 0 <= scores["t_map"]["model"] <= 1


def test_there_is_no_score_where_no_horizon_was_observed():
    process = jump_process(kinds=1)
    short = streams([[1.0, 2.0]], window=(0.0, 3.0))
    assert long_horizon_scores(process, short, SECOND, 1.0) == {}
    assert torch.is_grad_enabled()

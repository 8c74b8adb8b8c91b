from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentode.errors import DataError, ShapeError
from latentode.evaluation.event_sequences import (
    EventSequence,
    optimal_transport_distance,
    temporal_average_precision,
)


def sequence(times, marks=None, scores=None):
    times = np.array(times, dtype=float)
    marks = np.zeros(len(times), np.int64) if marks is None else np.array(marks, np.int64)
    scores = np.ones(len(times)) if scores is None else np.array(scores, dtype=float)
    return EventSequence(times, marks, scores)


def matchings(rows, columns):
    """All partial matchings, as lists of pairs."""
    for size in range(min(rows, columns) + 1):
        for chosen in combinations(range(rows), size):
            for partners in permutations(range(columns), size):
                yield list(zip(chosen, partners, strict=True))


events = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), max_size=4)


@settings(max_examples=40, deadline=None)
@given(events, events)
def test_the_distance_is_the_least_cost_of_all_matchings(one, other):
    (t, k), (u, m) = (([row[i] for row in part] for i in (0, 1)) for part in (one, other))
    expected = min(
        sum(abs(t[i] - u[j]) for i, j in pairs) + 3.0 * (len(t) + len(u) - 2 * len(pairs))
        for pairs in matchings(len(t), len(u))
        if all(k[i] == m[j] for i, j in pairs)
    )
    got = optimal_transport_distance(sequence(t, k), sequence(u, m), 3.0)
    assert got == pytest.approx(expected)
    assert optimal_transport_distance(sequence(u, m), sequence(t, k), 3.0) == pytest.approx(got)


def test_events_that_never_come_cost_like_any_other_that_is_wrong():
    actual = sequence([1.0, 2.0])
    assert optimal_transport_distance(sequence([1.5, np.inf]), actual, 1.0) == 0.5 + 2.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 9)), max_size=4, unique_by=lambda e: e[1]
    ),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
)
def test_one_matching_is_the_best_for_every_threshold(predicted, came):
    times, scores = ([row[i] for row in predicted] for i in (0, 1))
    got = temporal_average_precision([sequence(times, None, scores)], [sequence(came)], 2.0)
    area = recall = 0.0
    for least in sorted(scores, reverse=True):
        sure = [t for t, score in zip(times, scores, strict=True) if score >= least]
        hits = max(
            len(pairs)
            for pairs in matchings(len(sure), len(came))
            if all(abs(sure[i] - came[j]) <= 2 for i, j in pairs)
        )
        area += (hits / len(came) - recall) * hits / len(sure)
        recall = hits / len(came)
    assert got == pytest.approx(area)


def test_precision_is_pooled_over_sequences_and_averaged_over_marks_that_came():
    predicted = [sequence([1.0, 5.0], [0, 0], [0.9, 0.2]), sequence([3.0], [0], [0.5])]
    actual = [sequence([1.2, 5.1], [0, 0]), sequence([9.0], [1])]
    # sure to unsure: a hit, a miss, a hit; two were wanted, and of mark 1 nothing was foretold
    expected = (0.5 * 1 / 1 + 0.5 * 2 / 3) / 2
    assert temporal_average_precision(predicted, actual, 0.5) == pytest.approx(expected)


def test_the_order_of_sequences_of_equal_confidence_does_not_matter():
    pairs = [(sequence([1.0]), sequence([1.0])), (sequence([1.0]), sequence([8.0]))]
    forth, back = (
        temporal_average_precision([p for p, _ in part], [a for _, a in part], 0.5)
        for part in (pairs, pairs[::-1])
    )
    assert forth == back == pytest.approx(0.25)


def test_a_forecast_of_nothing_has_no_precision():
    assert temporal_average_precision([sequence([])], [sequence([1.0])], 1.0) == 0.0


def test_sequences_must_belong_together():
    with pytest.raises(ShapeError, match="as many foretold as seen, got 1 and 2"):
        temporal_average_precision([sequence([])], [sequence([])] * 2, 1.0)
    with pytest.raises(DataError, match="at least one within the horizon"):
        temporal_average_precision([sequence([1.0])], [sequence([])], 1.0)

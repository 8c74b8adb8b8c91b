"""Features of peers: by hand, by brute force, and what a table of questions may show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from irregular_cases import random_windows

from benchmarks.irregular import quantiles, questions
from benchmarks.irregular.summaries import (
    NAMES,
    OF_A_SPAN,
    SHARES,
    lagged,
    line,
    neighbours,
    summarise,
)
from benchmarks.irregular.windows import Scale

NAN = np.nan


def feature(found, name):
    return found[..., NAMES.index(name)]


def test_summaries_are_those_that_one_counts_by_hand():
    times = np.array([[-1.0, -0.5, -0.25, -0.0625, 0.0]])
    values = np.array([[[1.0, NAN], [5.0, 7.0], [3.0, NAN], [4.0, NAN], [NAN, NAN]]])
    found = summarise(times, values)
    assert found.shape == (1, 2, 20)
    first, second = found[0]
    assert first[:2].tolist() == [4.0, 0.0625]
    whole = [4, 3.25, np.std([1, 5, 3, 4]), 1, 5]
    assert first[-6:-1] == pytest.approx(whole)
    slope = np.polyfit(times[0, :4], values[0, :4, 0], 1)[0]
    assert first[-1] == pytest.approx(slope)
    # a half begins after -0.5
    assert feature(first, "count of 0.5") == 2
    assert feature(first, "slope of 0.5") == pytest.approx(1.0 / 0.1875)
    assert feature(first, "count of 0.125") == 1
    assert np.isnan(feature(first, "slope of 0.125"))
    assert feature(first, "spread of 0.125") == 0
    assert feature(second, "count of 0.5") == 0
    assert np.isnan(feature(second, "mean of 0.5"))
    assert feature(second, "greatest of 1") == 7.0
    assert feature(second, "age") == 0.5


def test_a_channel_without_readings_has_counts_of_zero_and_nothing_else():
    found = summarise(np.zeros((2, 3)), np.full((2, 3, 1), NAN))
    counts = np.array(["count" in name for name in NAMES])
    assert (found[..., counts] == 0).all()
    assert np.isnan(found[..., ~counts]).all()


def test_old_readings_belong_to_the_whole():
    found = summarise(np.array([[-3.0, -2.0]]), np.array([[[1.0], [2.0]]]))
    assert feature(found, "count of 1").item() == 2
    assert feature(found, "count of 0.5").item() == 0
    assert feature(found, "age").item() == 2.0


def test_a_slope_keeps_its_digits_on_a_high_level():
    times = np.linspace(-1, 0, 9)[None]
    found = summarise(times, 1e9 + 1e-3 * times[..., None])
    # 1e9 has steps of 1e-7 in float64
    assert feature(found, "slope of 1").item() == pytest.approx(1e-3, rel=1e-3)


# sixteenths, so that sums and ties are exact
windows = st.integers(1, 12).flatmap(
    lambda length: st.tuples(
        st.sets(st.integers(-40, 0), min_size=length, max_size=length),
        arrays(
            np.float64,
            (length, 2),
            elements=st.one_of(st.just(NAN), st.integers(-64, 64).map(lambda k: k / 16)),
        ),
    )
)


@settings(max_examples=40)
@given(windows)
def test_summaries_are_those_of_a_loop(drawn):
    times = np.array(sorted(drawn[0])) / 32
    found = summarise(times[None], drawn[1][None])[0]
    for channel in range(2):
        for share in SHARES:
            inside = np.isfinite(drawn[1][:, channel]) & ((times > -share) | (share == 1))
            x, y = times[inside], drawn[1][inside, channel]
            got = [feature(found[channel], f"{name} of {share:g}") for name in OF_A_SPAN]
            assert got[0] == len(y)
            if len(y):
                assert got[1:5] == pytest.approx([y.mean(), y.std(), y.min(), y.max()], abs=1e-12)
            if len(y) > 1:
                assert got[5] == pytest.approx(np.polyfit(x, y, 1)[0], abs=1e-9)


@settings(max_examples=40)
@given(windows, st.lists(st.integers(-50, 20), min_size=1, max_size=6))
def test_neighbours_are_those_of_a_loop(drawn, wanted):
    times = np.array(sorted(drawn[0])) / 32
    queries, values = np.array(wanted) / 32, drawn[1]
    # the same window twice: its neighbour in the array must not leak in
    both = np.stack([times, times]), np.stack([values, values + 100])
    found = neighbours(*both, np.ones(len(queries), dtype=int), queries)
    for row, query in enumerate(queries):
        for channel in range(2):
            read = np.isfinite(values[:, channel])
            before, after = read & (times <= query), read & (times > query)
            wanted_row = [NAN, NAN, NAN, NAN]
            if before.any():
                place = np.flatnonzero(before)[-1]
                wanted_row[:2] = values[place, channel] + 100, query - times[place]
            if after.any():
                place = np.flatnonzero(after)[0]
                wanted_row[2:] = values[place, channel] + 100, times[place] - query
            assert found[:, row, channel] == pytest.approx(wanted_row, nan_ok=True)


def test_a_lag_takes_the_nearest_reading_if_it_is_near_enough():
    times = np.array([[-1.0, -0.9, -0.4, 0.0]])
    values = np.array([[[1.0], [2.0], [3.0], [4.0]]])
    queries = np.array([0.0, 0.07, 0.3, 5.0])
    found = lagged(times, values, np.zeros(4, dtype=int), queries, lag=1.0, tolerance=0.05)
    assert found[:, 0] == pytest.approx([1.0, 2.0, NAN, NAN], nan_ok=True)


def test_a_line_is_held_at_the_ends():
    times = np.array([[-1.0, -0.5]])
    values = np.array([[[1.0, NAN], [3.0, NAN]]])
    queries = np.array([-2.0, -1.0, -0.875, -0.5, 1.0])
    found = line(neighbours(times, values, np.zeros(5, dtype=int), queries))
    assert found[:, 0] == pytest.approx([1.0, 1.0, 1.5, 3.0, 3.0])
    assert np.isnan(found[:, 1]).all()


@pytest.mark.parametrize("interpolates", [False, True])
def test_rows_do_not_depend_on_what_is_asked(interpolates):
    asked = random_windows(np.random.default_rng(0)).without_seen()
    other = random_windows(np.random.default_rng(0)).without_seen()
    other.targets[:] = np.where(np.isfinite(other.targets), 1e3, NAN)
    scale = Scale.fit(asked, 2.5)
    rows, others = (
        questions.of_windows(w, scale, 10.0, interpolates=interpolates)[0] for w in (asked, other)
    )
    every = np.arange(len(rows))
    np.testing.assert_array_equal(rows.inputs(every), others.inputs(every))
    np.testing.assert_array_equal(rows.inputs_of(every, 1), others.inputs_of(every, 1))
    np.testing.assert_array_equal(rows.anchor, others.anchor)
    assert not np.array_equal(rows.answers, others.answers, equal_nan=True)


def test_joined_questions_keep_their_windows():
    one = random_windows(np.random.default_rng(0))
    scale = Scale.fit(one, 2.5)
    parts = [
        questions.of_windows(one.take(piece), scale, 10.0, interpolates=True)[0]
        for piece in (slice(0, 2), slice(2, None))
    ]
    whole = questions.of_windows(one, scale, 10.0, interpolates=True)[0]
    both = questions.joined(parts)
    every = np.arange(len(whole))
    np.testing.assert_array_equal(both.inputs(every), whole.inputs(every))
    np.testing.assert_array_equal(both.answers, whole.answers)


def test_the_quantiles_of_a_normal_stand_for_that_normal():
    from scipy.stats import norm

    known = norm(3.0, 2.0).ppf(quantiles.LEVELS)[:, None]
    asked = np.array([[0.001], [0.05], [0.33], [0.5], [0.95], [0.999]])
    # lines over normal scores are exact for a normal
    assert quantiles.at(known, asked) == pytest.approx(norm(3.0, 2.0).ppf(asked))
    assert quantiles.mean(known) == pytest.approx([3.0])
    drawn = quantiles.draws(known, 4000, np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(3.0, abs=5 * 2 / 4000**0.5)  # five standard errors
    assert drawn.std() == pytest.approx(2.0, rel=5 / 8000**0.5)


def test_crossing_quantiles_are_put_in_order():
    known = np.arange(float(len(quantiles.LEVELS)))[:, None]
    mixed = np.random.default_rng(0).permutation(known)
    asked = np.array([[0.7]])
    np.testing.assert_array_equal(quantiles.at(mixed, asked), quantiles.at(known, asked))


def test_features_of_a_channel_come_first_and_those_of_others_are_brief():
    windows = random_windows(np.random.default_rng(0), channels=3)
    scale = Scale.fit(windows, 2.5)
    rows = questions.of_windows(windows, scale, 10.0, interpolates=True)[0]
    found = rows.inputs_of(np.array([5]), 2)[0]
    own, around = rows.summaries[rows.window[5], 2], rows.around[5, 2]
    np.testing.assert_array_equal(found[:25], [*own, *around])
    brief = rows.summaries[rows.window[5]][:, [0, 1, NAMES.index("mean of 1")]].ravel()
    np.testing.assert_array_equal(found[25:34], brief)
    assert found[34:37].tolist() == rows.anchor[5].astype(np.float32).tolist()
    assert len(found) == 37 + 2  # lead time and time since the start

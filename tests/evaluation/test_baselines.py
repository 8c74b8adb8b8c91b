"""Naive forecasters against closed forms, scipy and invariances."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from latentode import baselines
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.errors import ConfigError, ShapeError
from latentode.evaluation.natural_spline import natural_curvature

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
EPOCH = 1_700_000_000_000_000_000
FALLBACK = np.array([-7.0, -8.0])


def _dataset(window, times, channel, values, num_windows=1, num_channels=2):
    readings = Readings.from_triplets(
        np.asarray(window, np.int64),
        np.asarray(times, np.int64),
        np.asarray(channel, np.int64),
        np.asarray(values, np.float64),
        num_series=num_windows,
        channels=[f"c{index}" for index in range(num_channels)],
    )
    ids = tuple(f"w{index}" for index in range(num_windows))
    return TimeSeriesDataset(ids, readings, Clock("calendar", "UTC"))


def _single(times, values):
    """One window, readings of channel 0 at some hours."""
    times = EPOCH + np.asarray(times) * HOUR
    zeros = np.zeros(len(times), np.int64)
    return _dataset(zeros, times, zeros, values)


def _targets(times, channel=0, window=0):
    times = np.atleast_1d(np.asarray(times, np.int64))
    full = np.zeros(len(times), np.int64)
    return Targets(full + window, times, full + channel, full * np.nan)


def _ask(name, visible, hours, **options):
    targets = _targets([EPOCH + round(hour * HOUR) for hour in hours])
    return baselines.predict(name, visible, targets, fallback=FALLBACK, **options)


def _random_windows(seed, num_windows=6, num_channels=2, per_group=(0, 12)):
    generator = np.random.default_rng(seed)
    window, times, channel = [], [], []
    for w in range(num_windows):
        for c in range(num_channels):
            count = int(generator.integers(*per_group))
            times.append(EPOCH + generator.choice(200_000, count, replace=False) * 1_000_000_007)
            window.append(np.full(count, w))
            channel.append(np.full(count, c))
    parts = [np.concatenate(part) for part in (window, times, channel)]
    values = generator.normal(size=len(parts[0]))
    visible = _dataset(*parts, values, num_windows, num_channels)
    count = 300
    targets = Targets(
        generator.integers(0, num_windows, count),
        EPOCH + generator.integers(-50_000, 250_000, count) * 1_000_000_007,
        generator.integers(0, num_channels, count),
        np.zeros(count),
    )
    return visible, targets


def _by_hand(visible, targets, rule):
    """Apply a rule of (times, values, time) to each target, one by one."""
    rows = visible.readings.reading_rows()
    owner, when = visible.readings.row_series()[rows], visible.readings.times[rows]
    answer = np.empty(len(targets))
    for index in range(len(targets)):
        mine = (owner == targets.window[index]) & (
            visible.readings.channel_index == targets.channel[index]
        )
        if not mine.any():
            answer[index] = FALLBACK[targets.channel[index]]
        else:
            answer[index] = rule(when[mine], visible.readings.values[mine], targets.times[index])
    return answer


def test_last_takes_the_latest_earlier_reading_else_the_first():
    visible = _single([0, 2, 5], [10.0, 20.0, 30.0])
    np.testing.assert_array_equal(
        _ask("last", visible, [-1, 0, 1, 2, 2.5, 5, 9]), [10, 10, 10, 10, 20, 20, 30]
    )


def test_mean_is_that_of_the_window_whatever_the_time():
    visible = _single([0, 2, 9], [1.0, 2.0, 6.0])
    np.testing.assert_allclose(_ask("mean", visible, [-5, 1, 20]), 3.0, rtol=1e-15)


def test_linear_joins_neighbours_inside_and_fits_a_line_outside():
    hours, values = np.array([0, 1, 3, 4]), np.array([0.0, 4.0, 1.0, 5.0])
    slope, level = np.polyfit(hours, values, 1)
    got = _ask("linear", _single(hours, values), [0, 0.5, 1, 2, 4, 6, -2])
    expected = [0.0, 2.0, 4.0, 2.5, 5.0, slope * 6 + level, slope * -2 + level]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("name", baselines.NAMES)
def test_baseline_answers_a_single_reading_with_its_value(name):
    visible = _single([3], [5.5])
    answers = _ask(name, visible, [0, 3, 10], period_ns=DAY)
    np.testing.assert_array_equal(answers, [5.5, 5.5, 5.5])


@pytest.mark.parametrize("name", baselines.NAMES)
def test_baseline_answers_an_unread_channel_with_the_training_mean(name):
    visible = _single([0, 1, 2, 3], [1.0, 2.0, 4.0, 3.0])
    targets = _targets([EPOCH, EPOCH + HOUR], channel=1)
    answers = baselines.predict(name, visible, targets, fallback=FALLBACK, period_ns=DAY)
    np.testing.assert_array_equal(answers, [-8.0, -8.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [3, 4, 7, 400])
def test_spline_agrees_with_scipy_inside_and_continues_its_end_slope(seed, count):
    generator = np.random.default_rng(seed)
    hours = np.sort(generator.choice(100_000, count, replace=False)) / 64  # gaps differ by 1e4
    values = generator.normal(size=count)
    spline = CubicSpline(hours, values, bc_type="natural")
    inside = np.concatenate([generator.uniform(hours[0], hours[-1], 200), hours])
    got = _ask("spline", _single_exact(hours, values), inside)
    scale = np.abs(spline(inside)).max()
    # scipy's banded solve and ours round differently; targets are rounded to 1 ns
    np.testing.assert_allclose(got, spline(inside), rtol=0, atol=1e-9 * scale)
    outside = np.array([hours[0] - 3, hours[-1] + 5])
    ends, step = np.array([hours[0], hours[-1]]), np.array([-3, 5])
    expected = spline(ends) + spline(ends, 1) * step
    got = _ask("spline", _single_exact(hours, values), outside)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def _single_exact(hours, values):
    times = EPOCH + np.round(hours * HOUR).astype(np.int64)
    zeros = np.zeros(len(times), np.int64)
    return _dataset(zeros, times, zeros, values)


def test_spline_is_close_on_a_cubic_away_from_the_ends():
    hours = np.linspace(0, 10, 201)

    def cubic(t):
        return 0.5 * t**3 - 4 * t**2 + t + 2

    inside = np.linspace(3, 7, 50)
    got = _ask("spline", _single_exact(hours, cubic(hours)), inside)
    # the wrong end curvature dies out as 0.27 per reading; 60 readings leave 1e-34
    np.testing.assert_allclose(got, cubic(inside), atol=1e-9)


def test_natural_curvature_solves_its_equations_for_gaps_of_any_size():
    generator = np.random.default_rng(7)
    gaps = np.exp(generator.uniform(0, np.log(1e12), 3_000)).astype(np.int64) + 1
    times, owner = np.cumsum(gaps), np.sort(generator.integers(0, 40, 3_000))
    values = generator.normal(size=3_000)
    curvature = natural_curvature(times, values, owner)
    for group in np.unique(owner):
        t, y, m = (array[owner == group] for array in (times, values, curvature))
        h = np.diff(t).astype(float)
        left = h[:-1] * m[:-2] + 2 * (h[:-1] + h[1:]) * m[1:-1] + h[1:] * m[2:]
        right = 6 * np.diff(np.diff(y) / h)
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13 * np.abs(right).max())
        assert m[0] == m[-1] == 0


def test_natural_curvature_is_that_of_a_dense_solve_where_gaps_grow_fastest():
    times = np.cumsum(2.5 ** np.arange(47)).astype(np.int64)  # couples each reading to the next
    values = np.random.default_rng(9).normal(size=47)
    h = np.diff(times).astype(float)
    total = 2 * (h[:-1] + h[1:])
    matrix = np.eye(45) + np.diag(h[1:-1] / total[:-1], 1) + np.diag(h[1:-1] / total[1:], -1)
    right = 6 * np.diff(np.diff(values) / h) / total
    expected = np.linalg.solve(matrix, right)
    got = natural_curvature(times, values, np.zeros(47, np.int64))[1:-1]
    # curvature falls by 1e36 along the series: relative to what each equation holds
    defect = np.abs(matrix @ got - right) / (np.abs(matrix) @ np.abs(got) + np.abs(right))
    assert defect.max() < 1e-14
    assert got[0] == pytest.approx(expected[0], rel=1e-12)


def test_spline_and_linear_are_exact_at_the_readings():
    visible = _single([0, 1, 3, 4], [3.0, -1.0, 0.1, 9.0])
    for name in ("linear", "spline"):
        np.testing.assert_array_equal(_ask(name, visible, [0, 1, 3, 4]), [3.0, -1.0, 0.1, 9.0])


def test_seasonal_takes_the_reading_one_period_earlier():
    hours = np.arange(48)
    visible = _single(hours, np.arange(48.0))
    np.testing.assert_array_equal(
        _ask("seasonal", visible, [50, 71.5, 73, 80], period_ns=DAY), [26, 47, 25, 32]
    )


def test_seasonal_goes_back_more_periods_when_the_first_is_empty():
    visible = _single([0, 1, 30, 47], [1.0, 2.0, 3.0, 4.0])
    # 49 - 24 = 25 has nothing within an hour, 49 - 48 = 1 has; 52 has neither: last
    np.testing.assert_array_equal(_ask("seasonal", visible, [49, 52], period_ns=DAY), [2.0, 4.0])


def test_seasonal_looks_ahead_where_later_readings_are_visible():
    visible = _single([0, 2, 36], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(_ask("seasonal", visible, [12], period_ns=DAY), [3.0])


def test_seasonal_prefers_the_nearest_reading_and_the_past_on_a_tie():
    visible = _single([0.0, 0.5, 48.0, 48.25], [1.0, 2.0, 3.0, 4.0])
    got = _ask("seasonal", visible, [24.0, 24.25], period_ns=DAY)
    np.testing.assert_array_equal(got, [1.0, 4.0])


def test_seasonal_accepts_a_reading_at_the_tolerance_and_none_beyond():
    visible = _single([0, 20], [1.0, 9.0])
    assert _ask("seasonal", visible, [25], period_ns=DAY)[0] == 1.0
    assert _ask("seasonal", visible, [25.001], period_ns=DAY)[0] == 9.0


def test_seasonal_without_a_period_is_last():
    visible, targets = _random_windows(3)
    seasonal = baselines.predict("seasonal", visible, targets, fallback=FALLBACK)
    last = baselines.predict("last", visible, targets, fallback=FALLBACK)
    np.testing.assert_array_equal(seasonal, last)


def test_seasonal_with_a_period_of_one_nanosecond_ends():
    visible, targets = _random_windows(4)
    got = baselines.predict("seasonal", visible, targets, fallback=FALLBACK, period_ns=1)
    assert np.isfinite(got).all()


def _last_rule(times, values, query):
    earlier = times < query
    return values[earlier][-1] if earlier.any() else values[0]


def _mean_rule(_times, values, _query):
    return values.mean()


def _linear_rule(times, values, query):
    hours, at = (times - times[0]) / HOUR, (query - times[0]) / HOUR
    if len(times) > 1 and not 0 <= at <= hours[-1]:
        return np.polyval(np.polyfit(hours, values, 1), at)
    return np.interp(at, hours, values)


def _spline_rule(times, values, query):
    if len(times) < 3:
        return _linear_rule(times, values, query)
    hours, at = (times - times[0]) / HOUR, (query - times[0]) / HOUR
    spline = CubicSpline(hours, values, bc_type="natural")
    end = np.clip(at, 0, hours[-1])
    return spline(end) + spline(end, 1) * (at - end)


def _seasonal_rule(times, values, query):
    period = 5 * HOUR
    for shift in range(1, 101):
        distance = np.stack([np.abs(times - query + sign * shift * period) for sign in (1, -1)])
        if distance.min() <= period // 24:
            return values[np.unravel_index(distance.argmin(), distance.shape)[1]]
    return _last_rule(times, values, query)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", baselines.NAMES)
def test_baseline_agrees_with_a_loop_over_ragged_windows(name, seed):
    visible, targets = _random_windows(seed)
    rule = globals()[f"_{name}_rule"]
    got = baselines.predict(name, visible, targets, fallback=FALLBACK, period_ns=5 * HOUR)
    # extrapolations of two close readings reach 1e3, polyfit is good to about 1e-11 of that
    np.testing.assert_allclose(got, _by_hand(visible, targets, rule), rtol=1e-8, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=30, unique=True),
    st.integers(-(10**6), 2 * 10**6),
    st.floats(-5, 5),
    st.floats(-100, 100),
)
def test_linear_and_spline_are_exact_on_lines(seconds, query, slope, level):
    def line(at):
        return slope * at / 1e6 + level

    zeros = np.zeros(len(seconds), np.int64)
    when = np.array(seconds)
    visible = _dataset(zeros, EPOCH + when * 10**9, zeros, line(when))
    targets = _targets(EPOCH + query * 10**9)
    for name in ("linear", "spline"):
        got = baselines.predict(name, visible, targets, fallback=FALLBACK)
        # values are rounded to 1e-14 of 100; the slope from two readings 1 s apart carries that
        # over up to 2e6 s
        reach = 2e6 / np.diff(np.sort(when)).min()
        np.testing.assert_allclose(got, [line(query)], atol=4e-14 * (100 + reach) + 1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.integers(-(10**18), 4 * 10**18))
def test_baselines_do_not_feel_a_shift_of_the_log(seed, shift):
    visible, targets = _random_windows(seed)
    readings = visible.readings
    moved = TimeSeriesDataset(
        visible.series_ids,
        Readings(
            readings.channels,
            readings.series_starts,
            readings.times + shift,
            readings.row_starts,
            readings.channel_index,
            readings.values,
        ),
        visible.clock,
    )
    later = Targets(targets.window, targets.times + shift, targets.channel, targets.values)
    here = baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=5 * HOUR)
    there = baselines.predict_all(moved, later, fallback=FALLBACK, period_ns=5 * HOUR)
    for name in baselines.NAMES:
        np.testing.assert_array_equal(here[name], there[name])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.randoms(use_true_random=False))
def test_baselines_do_not_feel_the_order_of_readings_targets_or_windows(seed, random):
    visible, targets = _random_windows(seed)
    answers = baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=5 * HOUR)
    windows, order = list(range(len(visible))), list(range(len(targets)))
    random.shuffle(windows)
    random.shuffle(order)
    number = np.argsort(windows)
    shuffled = targets.renumbered(number[targets.window]).select(order)
    mixed = baselines.predict_all(
        visible.select_series(windows), shuffled, fallback=FALLBACK, period_ns=5 * HOUR
    )
    for name in baselines.NAMES:
        np.testing.assert_array_equal(mixed[name], answers[name][order])


def test_baselines_do_not_look_at_the_values_of_targets():
    visible, targets = _random_windows(11)
    other = Targets(targets.window, targets.times, targets.channel, targets.values + 1e6)
    first = baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=DAY)
    second = baselines.predict_all(visible, other, fallback=FALLBACK, period_ns=DAY)
    for name in baselines.NAMES:
        np.testing.assert_array_equal(first[name], second[name])


def test_predict_is_the_part_of_predict_all_with_its_name():
    visible, targets = _random_windows(12)
    together = baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=DAY)
    assert tuple(together) == baselines.NAMES
    for name in baselines.NAMES:
        alone = baselines.predict(name, visible, targets, fallback=FALLBACK, period_ns=DAY)
        np.testing.assert_array_equal(alone, together[name])


def test_baselines_accept_no_targets_and_windows_without_any_reading():
    visible = _dataset([], [], [], [], num_windows=3)
    for targets in (_targets([]), _targets([EPOCH], window=2)):
        answers = baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=DAY)
        for answer in answers.values():
            np.testing.assert_array_equal(answer, FALLBACK[targets.channel])


def test_predict_refuses_what_does_not_fit():
    visible, targets = _single([0, 1], [1.0, 2.0]), _targets([EPOCH])
    with pytest.raises(ConfigError, match=r"got 'splin'\. Did you mean 'spline'"):
        baselines.predict("splin", visible, targets, fallback=FALLBACK)
    with pytest.raises(ShapeError, match=r"fallback: expected shape \(2,\), got \(3,\)"):
        baselines.predict("last", visible, targets, fallback=np.zeros(3))
    with pytest.raises(ShapeError, match=r"targets\.window: expected 0 to 0, got 1 to 1"):
        baselines.predict("last", visible, _targets([EPOCH], window=1), fallback=FALLBACK)
    with pytest.raises(ShapeError, match=r"targets\.channel: expected 0 to 1, got -1 to -1"):
        baselines.predict("last", visible, _targets([EPOCH], channel=-1), fallback=FALLBACK)
    with pytest.raises(ConfigError, match="positive number or None, got 0"):
        baselines.predict("seasonal", visible, targets, fallback=FALLBACK, period_ns=0)


def test_targets_refuse_arrays_of_different_shapes():
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(ShapeError, match="four arrays of one shape"):
        Targets(one, two, one, one.astype(float))


@pytest.mark.slow
def test_baselines_take_seconds_for_a_million_targets():
    generator = np.random.default_rng(0)
    count = 1_000_000
    window = np.sort(generator.integers(0, 2_000, count))
    times = EPOCH + np.arange(count) * 60_000_000_000 + generator.integers(0, 10**9, count)
    visible = _dataset(window, times, np.zeros(count, int), generator.normal(size=count), 2_000)
    targets = Targets(window, times + 30_000_000_000, np.zeros(count, np.int64), np.zeros(count))
    start = time.perf_counter()
    baselines.predict_all(visible, targets, fallback=FALLBACK, period_ns=DAY)
    assert time.perf_counter() - start < 20  # about 3 s on one busy core

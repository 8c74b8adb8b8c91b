"""Tasks: nothing leaks, nothing is missing, origins are spread."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_series import DAY, EPOCH, HOUR, irregular_dataset, make_dataset, triplets, whole_span

from latentode.data.targets import Targets
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation.tasks import _quotas, _spread, forecast_task, interpolation_task


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 30),
    st.floats(0, 0.9),
)
def test_forecast_task_shows_only_the_past_and_asks_only_for_the_horizon(
    seed, context, horizon, max_windows, share
):
    dataset = irregular_dataset(seed)
    bounds = whole_span(dataset, 0.8 * share, 0.8)
    context, horizon = context * HOUR, horizon * HOUR
    try:
        task = forecast_task(
            dataset, context_ns=context, horizon_ns=horizon, max_windows=max_windows, **bounds
        )
    except DataError:
        return
    window, times, _ = triplets(task.visible.readings)
    assert 1 <= len(task.visible) <= max_windows
    for index, name in enumerate(task.visible.series_ids):
        series = dataset.series_ids.index(name)
        shown, mine = times[window == index], task.targets.window == index
        origin = shown.max()
        asked = task.targets.times[mine]
        start, stop = bounds["start_ns"][series], bounds["stop_ns"][series]
        assert start <= origin
        assert shown.min() > origin - context
        assert asked.min() > origin
        assert asked.max() <= min(origin + horizon, stop)
        # nothing in the two intervals is missing: values identify readings
        s, t, _ = triplets(dataset.readings)
        own = s == series
        between = own & (t > origin) & (t <= min(origin + horizon, stop))
        assert set(task.targets.values[mine]) == set(dataset.readings.values[between])
        past = own & (t > origin - context) & (t <= origin)
        assert len(shown) == past.sum()
        seen = task.visible.readings.values[window == index]
        assert not set(seen) & set(task.targets.values[mine])


def test_forecast_origins_have_a_whole_horizon_unless_the_series_is_too_short():
    hours = EPOCH + np.arange(100) * HOUR
    parts = [(hours[:n], np.zeros(n, int), np.arange(float(n))) for n in (100, 8)]
    dataset = make_dataset(parts)
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=10 * HOUR, max_windows=30, **whole_span(dataset)
    )
    counts = np.bincount(task.targets.window)
    assert task.visible.series_ids == ("s0",) * 29 + ("s1",)
    np.testing.assert_array_equal(counts, [10] * 29 + [7])


def test_forecast_origins_are_spread_over_rows_and_hours_of_the_day():
    hours = EPOCH + np.arange(961) * HOUR
    dataset = make_dataset([(hours, np.zeros(961, int), np.arange(961.0))])
    task = forecast_task(
        dataset, context_ns=HOUR, horizon_ns=HOUR, max_windows=40, **whole_span(dataset)
    )
    origins = (task.visible.readings.times - EPOCH) // HOUR
    # one origin in each fortieth of the 960 rows with a successor: 24 h strides would alias
    np.testing.assert_array_equal(origins // 24, np.arange(40))
    assert len(np.unique(origins % 24)) >= 20


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.data())
def test_spread_takes_different_candidates_in_order(count, data):
    quota = data.draw(st.integers(0, count))
    chosen = _spread(np.arange(count) + 7, quota)
    assert len(chosen) == quota
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(range(7, count + 7))


def test_forecast_uses_every_origin_when_there_are_fewer_than_asked_for():
    dataset = make_dataset([(EPOCH + np.arange(12) * HOUR, np.zeros(12, int), np.arange(12.0))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=2 * HOUR, max_windows=500, **whole_span(dataset)
    )
    assert len(task.visible) == 10


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(1, 200))
def test_quotas_use_what_there_is_and_favour_no_series(counts, total):
    quotas = _quotas(counts, total)
    assert sum(quotas) == min(total, sum(counts))
    assert all(0 <= quota <= count for quota, count in zip(quotas, counts, strict=True))
    cut_short = [q for q, c in zip(quotas, counts, strict=True) if q < c]
    if cut_short:
        assert max(quotas) <= min(cut_short) + 1


def test_forecast_task_shows_context_before_the_start():
    dataset = make_dataset([(EPOCH + np.arange(50) * HOUR, np.zeros(50, int), np.arange(50.0))])
    bounds = whole_span(dataset)
    bounds["start_ns"] = bounds["start_ns"] + 30 * HOUR
    task = forecast_task(
        dataset, context_ns=20 * HOUR, horizon_ns=5 * HOUR, max_windows=3, **bounds
    )
    np.testing.assert_array_equal(np.diff(task.visible.readings.series_starts), [20] * 3)


def test_forecast_task_refuses_what_it_cannot_cut():
    dataset = irregular_dataset()
    good = {"context_ns": DAY, "horizon_ns": DAY, "max_windows": 4, **whole_span(dataset)}
    for name in ("context_ns", "horizon_ns", "max_windows"):
        with pytest.raises(ConfigError, match=f"{name}: expected at least 1, got 0"):
            forecast_task(dataset, **{**good, name: 0})
    with pytest.raises(ShapeError, match=r"start_ns: expected shape \(3,\)"):
        forecast_task(dataset, **{**good, "start_ns": np.zeros(2, np.int64)})
    with pytest.raises(DataError, match=r"at least one window .* got none\. Give a longer log"):
        forecast_task(dataset, **{**good, "start_ns": good["stop_ns"]})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.floats(0, 0.8), st.floats(0.05, 0.9))
def test_interpolation_task_splits_the_part_into_shown_and_hidden(seed, context, share, hidden):
    dataset = irregular_dataset(seed)
    bounds = whole_span(dataset, 0.8 * share, 0.9)
    task = interpolation_task(
        dataset, context_ns=context * HOUR, hidden=hidden, seed=seed, **bounds
    )
    window, times, channel = triplets(task.visible.readings)
    shown = set(zip(window, times, channel, strict=True))
    asked = set(zip(task.targets.window, task.targets.times, task.targets.channel, strict=True))
    assert len(asked) == len(task.targets)
    assert not shown & asked
    for index, name in enumerate(task.visible.series_ids):
        series = dataset.series_ids.index(name)
        start, stop = bounds["start_ns"][series], bounds["stop_ns"][series]
        s, t, _ = triplets(dataset.readings)
        inside = (s == series) & (t >= start - context * HOUR) & (t <= stop)
        mine = task.targets.window == index
        values = [*task.visible.readings.values[window == index], *task.targets.values[mine]]
        assert sorted(values) == sorted(dataset.readings.values[inside])
        assert (task.targets.times[mine] >= start).all()


def test_interpolation_task_hides_the_share_asked_for_reading_by_reading():
    hours = np.repeat(EPOCH + np.arange(4_000) * HOUR, 2)
    dataset = make_dataset([(hours, np.tile([0, 1], 4_000), np.arange(8_000.0))])
    task = interpolation_task(dataset, context_ns=0, hidden=0.3, seed=1, **whole_span(dataset))
    assert len(task.targets) == pytest.approx(2_400, abs=5 * math.sqrt(8_000 * 0.21))
    both = len(task.targets) - len(np.unique(task.targets.times))
    assert both == pytest.approx(360, abs=5 * math.sqrt(4_000 * 0.09 * 0.91))


def test_interpolation_task_depends_on_its_seed_but_not_on_other_series():
    dataset = irregular_dataset(3)

    def hidden_of(data, seed):
        task = interpolation_task(data, context_ns=0, seed=seed, **whole_span(data))
        first = task.visible.series_ids.index("s1")
        return task.targets.values[task.targets.window == first].tolist()

    alone = dataset.select_series([1])
    assert hidden_of(dataset, 4) == hidden_of(alone, 4) != hidden_of(alone, 5)


def test_interpolation_task_hides_readings_at_both_ends_of_the_part():
    hours = EPOCH + np.arange(3) * HOUR
    dataset = make_dataset([(hours, np.zeros(3, int), np.arange(3.0))] * 200)
    task = interpolation_task(dataset, context_ns=0, seed=0, **whole_span(dataset))
    counts = np.bincount(((task.targets.times - EPOCH) // HOUR).astype(int))
    # windows with all three hidden are left out: 0.3 - 0.027 of 200
    np.testing.assert_allclose(counts, [54.6] * 3, atol=4 * math.sqrt(200 * 0.273 * 0.727))


def test_interpolation_task_leaves_out_windows_without_targets_and_numbers_the_rest_anew():
    hours = EPOCH + np.arange(40) * HOUR
    parts = [
        (hours[:n], np.zeros(n, int), base + np.arange(float(n)))
        for n, base in ((40, 0), (1, 100), (40, 200))
    ]
    dataset = make_dataset(parts)
    task = interpolation_task(dataset, context_ns=0, seed=0, **whole_span(dataset))
    # a single reading is either shown or hidden: no window
    assert task.visible.series_ids == ("s0", "s2")
    np.testing.assert_array_equal(task.targets.values >= 200, task.targets.window == 1)


def test_interpolation_task_refuses_shares_and_negative_lengths():
    dataset = irregular_dataset()
    with pytest.raises(ConfigError, match=r"hidden: expected a share between 0 and 1, got 1"):
        interpolation_task(dataset, context_ns=0, hidden=1, **whole_span(dataset))
    with pytest.raises(ConfigError, match="context_ns: expected at least 0, got -1"):
        interpolation_task(dataset, context_ns=-1, **whole_span(dataset))


def test_targets_from_readings_lists_every_reading_in_order():
    dataset = irregular_dataset(1)
    targets = Targets.from_readings(dataset.readings)
    series, times, channel = triplets(dataset.readings)
    np.testing.assert_array_equal(targets.window, series)
    np.testing.assert_array_equal(targets.times, times)
    np.testing.assert_array_equal(targets.channel, channel)
    np.testing.assert_array_equal(targets.values, dataset.readings.values)
    assert targets.channel.dtype == targets.window.dtype == np.int64

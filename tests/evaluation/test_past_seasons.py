"""Naive forecasts that look a week and a year back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_series import DAY, EPOCH, HOUR, make_dataset, whole_span

from latentode.data.targets import Targets
from latentode.data.windows import cut
from latentode.evaluation import forecast_task
from latentode.evaluation.past_seasons import PERIODS_NS, PastSeasons, periods_within

WEEK, YEAR = PERIODS_NS["weekly"], PERIODS_NS["yearly"]


def test_periods_are_those_of_which_training_holds_two():
    assert YEAR == 364 * DAY
    assert list(periods_within(2 * YEAR)) == ["weekly", "yearly"]
    assert list(periods_within(2 * YEAR - 1)) == ["weekly"]
    assert periods_within(2 * WEEK - 1) == {}


@pytest.mark.parametrize("name", PERIODS_NS)
def test_a_log_that_repeats_itself_is_foretold_exactly(name):
    count, step = PERIODS_NS[name] // (3 * HOUR), 3 * HOUR
    pattern = np.random.default_rng(0).normal(size=count)
    times = EPOCH + np.arange(3 * count) * step
    values = np.tile(pattern, 3)
    dataset = make_dataset([(times, np.zeros(3 * count, int), values)] * 2, ("a",))
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=2 * DAY, max_windows=20, **whole_span(dataset, 0.5)
    )
    seasons = PastSeasons.of(dataset, {name: PERIODS_NS[name]})
    np.testing.assert_array_equal(
        seasons.predict(name, task.visible, task.targets), task.targets.values
    )


def test_nothing_after_the_origin_is_looked_at():
    """A horizon of ten days: the last three look two weeks back."""
    times = EPOCH + np.arange(40) * DAY
    dataset = make_dataset([(times, np.zeros(40, int), np.arange(40.0))], ("a",))
    origin = 30
    visible = cut(dataset, np.array([0]), times[[origin]] - DAY, times[[origin]])
    ahead = np.arange(1, 11)
    targets = Targets(
        np.zeros(10, int), times[origin] + ahead * DAY, np.zeros(10, int), np.zeros(10)
    )
    found = PastSeasons.of(dataset, {"weekly": WEEK}).predict("weekly", visible, targets)
    np.testing.assert_array_equal(found, origin + ahead - np.where(ahead <= 7, 7, 14))


@given(seed=st.integers(0, 10**6))
def test_the_reading_is_the_nearest_one_a_whole_number_of_periods_earlier(seed):
    generator = np.random.default_rng(seed)
    parts, number = [], 0
    for _ in range(2):
        cells = np.sort(generator.choice(300, 30, replace=False))
        parts.append((EPOCH + cells * HOUR, generator.integers(0, 2, 30), number + np.arange(30.0)))
        number += 30
    dataset, period = make_dataset(parts), 48 * HOUR
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=3 * DAY, max_windows=4, **whole_span(dataset)
    )
    seasons = PastSeasons.of(dataset, {"x": period})
    found = seasons.predict("x", task.visible, task.targets)
    gaps = [[np.diff(times[of == c]) for times, of, _ in parts] for c in (0, 1)]
    tolerance = [max(HOUR // 2, int(np.median(np.concatenate(g))) // 2) for g in gaps]
    assert seasons.tolerance.tolist() == tolerance
    for index in range(len(task.targets)):
        window, channel = task.targets.window[index], task.targets.channel[index]
        times, of, values = parts[dataset.series_ids.index(task.visible.series_ids[window])]
        allowed = (of == channel) & (times <= task.origins[window])
        expected = np.nan
        for count in range(1, 20):
            apart = np.where(
                allowed, np.abs(times - task.targets.times[index] + count * period), period
            )
            if apart.min() <= tolerance[channel]:
                nearest = values[apart == apart.min()]
                expected = nearest if len(nearest) > 1 else nearest[0]
                break
        assert np.isin(found[index], expected) or (
            np.isnan(found[index]) and np.isnan(expected).all()
        )

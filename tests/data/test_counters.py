"""Running totals as rates: rises are the true ones, through wraps, resets, jitter and leaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_series import EPOCH, HOUR, make_dataset

from latentode.data.counters import Counters
from latentode.errors import ConfigError


def readings_of(*totals, times=None):
    """One series each, of the channel "total" beside another."""
    parts = []
    for values in totals:
        values = np.asarray(values, dtype=float)
        moments = EPOCH + np.arange(len(values)) * HOUR if times is None else times
        channel = np.repeat([0, 1], len(values))
        both = np.concatenate([values, -values])
        parts.append((np.concatenate([moments, moments]), channel, both))
    return make_dataset(parts, channels=("total", "other")).readings


def of_channel(readings, channel):
    return readings.values[readings.channel_index == channel]


def counters_of(readings):
    return Counters.fit(readings, ["total"], HOUR)


STEADY = counters_of(readings_of(np.arange(100.0) * 5))


def test_the_rate_of_an_even_rise_is_its_slope_whatever_the_sampling():
    hours = np.cumsum(np.random.default_rng(0).uniform(0.1, 9, 60))
    times = EPOCH + (hours * HOUR).astype(np.int64)
    readings = readings_of(7 + 2.5 * (times - EPOCH) / HOUR, times=times)
    rated = counters_of(readings).as_rates(readings)
    np.testing.assert_allclose(of_channel(rated, 0), 2.5, rtol=1e-9)
    assert len(of_channel(rated, 0)) == 59  # the first has no reading before it
    np.testing.assert_array_equal(of_channel(rated, 1), of_channel(readings, 1))


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([2**16, 2**24, 2**32, 10**5]), st.integers(0, 999)
)
def test_a_total_that_wraps_rises_as_if_its_register_had_no_end(seed, room, before):
    rises = np.random.default_rng(seed).integers(0, room // 1000, 300)
    truth = room - before * room // 1000 - 1 + np.concatenate([[0], np.cumsum(rises)])
    readings = readings_of(truth % room)
    courses = of_channel(counters_of(readings).without_falls(readings), 0)
    np.testing.assert_array_equal(courses - courses[0], truth - truth[0])


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(20, 80), min_size=1, max_size=4))
def test_a_total_that_is_reset_goes_on_from_zero(seed, lengths):
    generator = np.random.default_rng(seed)
    rises = [generator.uniform(0.5, 2.0, length) for length in lengths]
    readings = readings_of(np.concatenate([np.cumsum(part) for part in rises]))
    courses = of_channel(counters_of(readings).without_falls(readings), 0)
    np.testing.assert_allclose(courses, np.cumsum(np.concatenate(rises)), rtol=1e-9)


def test_jitter_is_no_rise_and_a_leap_has_no_rate():
    falls = readings_of([100.0, 105.0, 104.0, 110.0])
    assert of_channel(STEADY.as_rates(falls), 0).tolist() == [5.0, 0.0, 6.0]
    slip = readings_of([100.0, 105.0, 9e9, 110.0, 115.0])  # up and back down
    assert of_channel(STEADY.as_rates(slip), 0).tolist() == [5.0, 5.0]
    assert of_channel(STEADY.without_falls(slip), 0).tolist() == [100, 105, 105, 105, 110]


def test_the_last_reading_is_a_fault_if_it_leapt():
    for last, is_fault in [(9e9, True), (110.0, False), (0.0, False)]:
        faults = STEADY.faults(readings_of([100.0, 105.0, last], [100.0, 9e9, 9e9 + 5]))
        assert faults.sum() == is_fault
        assert faults[4] == is_fault  # of the first series, third row, first channel


def test_series_do_not_count_on_from_each_other():
    readings = readings_of([10.0, 15.0], [100.0, 105.0])
    assert of_channel(STEADY.as_rates(readings), 0).tolist() == [5.0, 5.0]


def test_unseen_totals_have_the_rates_since_the_reading_before():
    visible = readings_of([10.0, 12.0, 16.0])
    times = EPOCH + np.array([2.5, 3.0, 5.0]) * HOUR
    values = np.array([[17.0, np.nan], [np.nan, 7.0], [22.0, 8.0]])
    rates, log_spans = STEADY.rates_at(visible, np.zeros(3, int), times.astype(int), values)
    np.testing.assert_allclose(rates, [[2.0, np.nan], [np.nan, 7.0], [2.0, 8.0]])
    np.testing.assert_allclose(np.exp(log_spans), [[0.5, 1], [1, 1], [2.5, 1]])
    # before the first reading it is the rate until then
    before = np.array([EPOCH - HOUR]), np.array([[7.0, np.nan]])
    first = STEADY.rates_at(visible, np.zeros(1, int), *before)
    assert first[0][0, 0] == 3.0


def test_that_nothing_rose_has_a_probability_whatever_the_span():
    later = np.array([EPOCH + 7 * HOUR]), np.array([[16.0, np.nan]])
    rates, log_spans = STEADY.rates_at(readings_of([10.0, 16.0]), np.zeros(1, int), *later)
    assert (rates[0, 0], log_spans[0, 0]) == (0.0, 0.0)


def test_what_is_no_counter_is_refused():
    wave = readings_of(np.sin(np.arange(100)))
    with pytest.raises(ConfigError, match=r"'total', which falls at 5\d of 99 changes"):
        counters_of(wave)
    with pytest.raises(ConfigError, match=r"expected channels of the log \(total, other\)"):
        Counters.fit(wave, ["rain"], HOUR)


def test_counters_come_back_from_their_dictionary_and_others_are_refused():
    stored = STEADY.to_dict()
    assert Counters.from_dict(stored).to_dict() == stored
    for wrong in ({"unit_ns": 0}, {"limits": []}, {"limits": [0.0]}, {"steps_ns": [0]}):
        with pytest.raises(ValueError, match="counters: limits, steps or a unit"):
            Counters.from_dict(stored | wrong)

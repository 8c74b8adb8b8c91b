"""Readings absurdly far out: left out of what is predicted from, said, and kept where asked for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import predictor_of
from small_series import EPOCH, HOUR, make_dataset

from latentode.prediction.far_readings import (
    far_readings,
    faults_line,
    followed_line,
    without_faults,
)

TIMES = EPOCH + np.arange(200) * HOUR
WAVE = 20.0 + 5.0 * np.sin(TIMES / HOUR)
ASKED = np.zeros(3, int), TIMES[-1] + np.array([-3, 1, 5]) * HOUR


def log_of(values):
    values = np.asarray(values)
    of_it = (TIMES[: len(values)], np.zeros(len(values), int), values)
    return make_dataset([of_it], channels=("level",))


def schema_of(values=WAVE):
    return predictor_of(log_of(values)).schema


def ending(*last):
    return np.concatenate([WAVE[: -len(last)], last])


SCHEMA = schema_of()


def far(values):
    return far_readings(log_of(values).readings, SCHEMA)


@given(st.integers(0, 199), st.sampled_from([-1, 1]), st.floats(2e5, 1e300))
def test_a_lone_reading_beyond_ten_thousand_ranges_is_far(place, sign, distance):
    values = WAVE.copy()
    values[place] = sign * distance  # the range of the wave is 10
    assert np.flatnonzero(far(values)).tolist() == [place]


@given(st.lists(st.floats(-9e4, 9e4), min_size=1, max_size=50))
def test_nothing_nearer_is_far_however_new_it_is(last):
    assert not far(ending(*last)).any()


def test_a_channel_that_moved_is_followed_and_one_that_broke_is_not():
    assert far(ending(2e6, 2e6)).sum() == 2
    assert not far(ending(2e6, 2e6, 2e6)).any()
    # where float32 tells no changes of a training range any more
    assert far(ending(1e9, 1e9, 1e9)).sum() == 3


def test_a_channel_at_rest_is_measured_by_its_level():
    flat = schema_of(np.full(200, 50.0))
    values = np.full(200, 50.0)
    for last, is_far in [(55.0, False), (4e5, False), (1e6, True)]:
        values[-1] = last
        assert far_readings(log_of(values).readings, flat)[-1] == is_far


def test_far_readings_move_no_answer_unless_they_are_kept():
    predictor = predictor_of(log_of(WAVE))
    clean = log_of(WAVE)
    dropped = without_faults(log_of(ending(1e10)), SCHEMA)
    assert dropped.readings.num_readings == 199
    np.testing.assert_array_equal(
        predictor.query(log_of(ending(1e10)), *ASKED).draws, predictor.query(dropped, *ASKED).draws
    )
    assert without_faults(clean, SCHEMA) is clean
    kept = replace(predictor, keeps_far=True).query(log_of(ending(1e10)), *ASKED).draws
    assert np.abs(kept[:, 1:]).max() > 1e3


def test_what_is_left_out_is_named_with_the_option_that_keeps_it():
    assert faults_line(log_of(WAVE), SCHEMA) is None
    line = faults_line(log_of(ending(1e10, -1e11)), SCHEMA)
    for words in ("level of series s0", "1e+10 at 20", "-1e+11 at 20", "--far-readings keep"):
        assert words in line
    many = faults_line(log_of(ending(*[1e12] * 9)), SCHEMA)
    assert "and 6 more" in many


@pytest.mark.parametrize("last", [5e2, 1e4, -9e4])
def test_a_newest_reading_that_is_followed_far_out_is_named(last):
    line = followed_line(log_of(ending(last)), SCHEMA, keeps_far=False)
    for words in (f"level of series s0 is {last:g} at 20", "deviations", f"--na level={last:.15g}"):
        assert words in line


def test_the_advice_holds_every_digit_and_every_channel():
    line = followed_line(log_of(ending(5000.1234567890123)), SCHEMA, keeps_far=False)
    assert "--na level=5000.123456789012," in line
    several = np.tile(TIMES, 2), np.repeat([0, 1], 200), np.tile(WAVE, 2)
    schema = predictor_of(make_dataset([several])).schema
    several[2][[199, 399]] = 1e4, 2e4
    line = followed_line(make_dataset([several]), schema, keeps_far=False)
    assert "--na b=20000,a=10000," in line


def test_an_outlier_of_training_does_not_hide_the_next_one():
    schema = schema_of(np.where(np.isin(np.arange(200), [20, 70]), 1e9, WAVE))
    line = followed_line(log_of(ending(1e9)), schema, keeps_far=False)
    assert "level of series s0 is 1e+09" in line


def test_what_is_left_out_or_near_is_not_said_to_be_followed():
    assert followed_line(log_of(ending(30.0)), SCHEMA, keeps_far=False) is None
    assert followed_line(log_of(ending(1e10)), SCHEMA, keeps_far=False) is None
    assert "1e+10" in followed_line(log_of(ending(1e10)), SCHEMA, keeps_far=True)
    # older ones are not what forecasts go on from
    assert followed_line(log_of(ending(1e4, 22.0)), SCHEMA, keeps_far=False) is None

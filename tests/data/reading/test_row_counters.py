"""Columns that number the rows are no channels; running totals and batteries are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import said, settings
from random_logs import NAMES, SEEDS, few, one_after_another, stamps, walk

from latentode.data.reading.log import read_log


def channels_of(frame):
    return set(read_log(frame, settings())[0].channels)


@few
@given(NAMES, st.integers(0, 9_000), st.sampled_from([1, 10]), SEEDS, st.booleans())
def test_whole_numbers_of_one_step_number_the_rows_with_jumps_and_resets(
    name, first, step, seed, reset
):
    numbers = first + step * np.arange(200)
    numbers[150:] = numbers[:50] if reset else numbers[150:] + 7
    frame = pd.DataFrame({name: numbers, "time": stamps(200), "t": walk(200, seed)})
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("t",)
    assert any(f'--channels "{name}"' in each for each in said(report))


@few
@given(NAMES, SEEDS)
def test_counters_of_a_log_written_newest_first_fall_with_the_time(name, seed):
    numbers = np.arange(100)[::-1] + 40
    frame = pd.DataFrame({name: numbers, "time": stamps(100)[::-1], "t": walk(100, seed)})
    assert channels_of(frame) == {"t"}


@few
@given(NAMES.filter(lambda name: name != "K"), SEEDS, st.booleans())
def test_counters_within_series_are_left_out(name, seed, mixed):
    frame = one_after_another(
        ["a", "b", "c"], 50, seed, "logger", **{name: lambda number, _: np.arange(number) + 1}
    )
    if mixed:
        frame = frame.sort_values("time", kind="stable")
    assert channels_of(frame) == {"t"}


@few
@given(SEEDS, st.sampled_from(["reading_id", "id", "rowId", "Sample ID", "seq"]), st.booleans())
def test_keys_of_a_database_are_left_out_whatever_their_steps(seed, name, newest_first):
    keys = 5000 + np.random.default_rng(seed).integers(1, 9, 100).cumsum()
    frame = pd.DataFrame({name: keys, "time": stamps(100), "t": walk(100, seed)})
    frame = frame[::-1] if newest_first else frame
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("t",)
    assert any(f'--channels "{name}"' in each for each in said(report))


@few
@given(SEEDS, st.sampled_from(["liquid", "kWh", "grid", "acid"]))
def test_totals_that_rise_with_every_row_are_channels(seed, name):
    total = 5000 + np.random.default_rng(seed).integers(1, 9, 100).cumsum()
    frame = pd.DataFrame({"time": stamps(100), name: total, "t": walk(100, seed)})
    assert channels_of(frame) == {name, "t"}


@few
@given(SEEDS)
def test_totals_that_rise_now_and_then_are_channels(seed):
    tips = np.random.default_rng(seed).integers(0, 2, 200).cumsum()
    frame = pd.DataFrame({"time": stamps(200), "rain_tips": tips, "t": walk(200, seed)})
    assert channels_of(frame) == {"rain_tips", "t"}


def test_numbers_that_fall_while_the_time_rises_count_what_is_left():
    frame = pd.DataFrame({"time": stamps(60), "battery": 100 - np.arange(60), "t": walk(60, 0)})
    assert channels_of(frame) == {"battery", "t"}


@pytest.mark.parametrize(("name", "unit"), [("soc", "%"), ("Battery %", ""), ("volts", " V")])
def test_numbers_with_a_unit_are_readings_though_they_count(name, unit):
    counted = [f"{20 + number}{unit}" for number in range(60)]
    frame = pd.DataFrame({"time": stamps(60), name: counted, "t": walk(60, 0)})
    assert channels_of(frame) == {name, "t"}


def test_the_only_channel_may_count():
    frame = pd.DataFrame({"time": stamps(60), "visitors": np.arange(60)})
    assert channels_of(frame) == {"visitors"}


def test_an_angle_that_turns_is_a_channel():
    frame = pd.DataFrame(
        {"time": stamps(360, "1s"), "angle": 10 * np.arange(360) % 360, "t": walk(360, 0)}
    )
    assert channels_of(frame) == {"angle", "t"}


@few
@given(SEEDS, st.sampled_from([1, 1000]))
def test_a_device_clock_beside_the_time_is_no_channel(seed, per_second):
    rng = np.random.default_rng(seed)
    seconds = rng.integers(30, 900, 100).cumsum()
    frame = pd.DataFrame(
        {
            "time": stamps(1)[0] + pd.to_timedelta(seconds, unit="s"),
            "Transmitter Time": 5_000_000 + seconds * per_second,
            "t": walk(100, seed),
        }
    )
    assert channels_of(frame) == {"t"}


def test_readings_that_rise_and_fall_by_the_same_are_no_second_clock():
    frame = pd.DataFrame({"time": stamps(61), "x": [20.25, 21.5] * 30 + [20.25]})
    assert channels_of(frame) == {"x"}


def test_numbers_that_rise_and_fall_evenly_are_no_clock():
    falls = np.tile([0, 1], 30) - np.repeat(np.arange(30) % 2, 2)  # as often down as up
    frame = pd.DataFrame({"time": stamps(60), "k": falls, "t": walk(60, 0)})
    assert channels_of(frame) == {"k", "t"}

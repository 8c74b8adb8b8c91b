"""Wall clocks, daylight saving time and the hour that occurs twice."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_cells import HOUR, SECOND, ns

from latentode.data.reading.cells.zones import Rows, localize, repeated_hour
from latentode.data.reading.doubts import Doubts

BERLIN = "Europe/Berlin"


def wall(*texts):
    return np.array([ns(text) for text in texts])


def on_utc(times, zone=BERLIN, series=None, slots=None, ambiguous=None):
    """(UTC, dropped, doubts) of wall-clock times; the first row is line 2."""
    series = np.zeros(len(times), dtype=int) if series is None else np.asarray(series)
    doubts = Doubts()
    rows = Rows(series, slots, lambda row: f"line {row + 2}")
    result, dropped = localize(np.asarray(times), zone, rows, doubts, ambiguous)
    return result, dropped, doubts


def autumn(minutes, zone=BERLIN, start="2024-10-26 23:00", hours=6):
    """UTC times and their wall clock, with the hour that occurs twice."""
    utc = pd.date_range(start, periods=hours * 60 // minutes, freq=f"{minutes}min", tz="UTC")
    local = utc.tz_convert(zone).tz_localize(None).as_unit("ns")
    return utc.as_unit("ns").asi8, local.asi8.copy()


@pytest.mark.parametrize("zone", ["UTC", "+01:00", "-03:30", BERLIN])
def test_times_of_a_plain_day_are_moved_by_the_offset(zone):
    times, dropped, doubts = on_utc(wall("2024-01-01T12:00"), zone)
    offset = {"UTC": 0, "+01:00": 1, "-03:30": -3.5, BERLIN: 1}[zone]
    assert times.tolist() == [ns("2024-01-01T12:00") - int(offset * HOUR)]
    assert not dropped.any()
    assert not doubts.questions


@pytest.mark.parametrize("minutes", [5, 20, 30, 60])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_is_told_by_the_order_of_rows(minutes, newest_first):
    utc, local = autumn(minutes)
    step = -1 if newest_first else 1
    times, _, doubts = on_utc(local[::step])
    assert times.tolist() == utc[::step].tolist()
    assert not doubts.questions


def test_an_irregular_first_pass_is_told_by_the_step_back():
    times, _, doubts = on_utc(
        wall("2024-10-27T01:00", "2024-10-27T02:50", "2024-10-27T02:10", "2024-10-27T03:00")
    )
    assert (
        times.tolist()
        == wall(
            "2024-10-26T23:00", "2024-10-27T00:50", "2024-10-27T01:10", "2024-10-27T02:00"
        ).tolist()
    )
    assert not doubts.questions


def test_the_hour_is_told_by_series_and_channel():
    utc, local = autumn(30)
    series = np.tile([0, 0, 1, 1], len(local))
    slots = np.tile([0, 1], 2 * len(local))
    times, _, doubts = on_utc(local.repeat(4), series=series, slots=slots)
    assert times.tolist() == utc.repeat(4).tolist()
    assert not doubts.questions
    order = np.argsort(slots, kind="stable")
    again, _, _ = on_utc(local.repeat(4)[order], series=series[order], slots=slots[order])
    assert again.tolist() == utc.repeat(4)[order].tolist()


def test_a_series_with_one_reading_is_told_by_the_rows_around_it():
    texts = ("01:50", "02:05", "02:10", "02:50", "02:20", "03:00")
    times, _, doubts = on_utc(
        wall(*(f"2024-10-27T{text}" for text in texts)), series=[0, 0, 1, 0, 2, 0]
    )
    assert (times - times[0]).tolist() == [
        60 * SECOND * minutes for minutes in (0, 15, 20, 60, 90, 130)
    ]
    assert not doubts.questions


def test_even_steps_tell_the_hour_and_are_said():
    utc, local = autumn(75, start="2024-10-26 12:00", hours=48)
    for step in (1, -1):
        times, _, doubts = on_utc(local[::step])
        assert times.tolist() == utc[::step].tolist()
        assert not doubts.questions
        assert "occurs twice" in doubts.decisions[0].choice


@pytest.mark.parametrize(
    "texts",
    [
        ["01:30", "02:30", "03:30"],
        ["02:30"],
        ["02:10", "02:05", "02:20", "02:15"],
        ["05:00", "02:20", "02:10", "04:00", "00:00", "01:00"],
    ],
    ids=["passed once", "alone", "back twice", "shuffled"],
)
def test_an_hour_that_nothing_tells_is_asked_about_and_each_answer_works(texts):
    local = wall(*(f"2024-10-27T{text}" for text in texts))
    inside = (local >= ns("2024-10-27T02:00")) & (local < ns("2024-10-27T03:00"))
    _, _, doubts = on_utc(local)
    (question,) = doubts.questions
    assert re.search(
        r"line \d+: 2024-10-27 02:\d\d:00 is ambiguous in Europe/Berlin", question.message
    )
    for answer, offset in (("first", 2), ("second", 1), ("drop", 2)):
        assert f"--ambiguous {answer}" in question.message
        times, dropped, settled = on_utc(local, ambiguous=answer)
        assert (local[inside] - times[inside] == offset * HOUR).all()
        assert dropped.tolist() == (inside.tolist() if answer == "drop" else [False] * len(local))
        assert not settled.questions


def test_a_lone_reading_does_not_cost_the_log():
    utc, local = autumn(60, start="2024-10-01 00:00", hours=24 * 45)
    keep = np.ones(len(local), dtype=bool)
    keep[np.flatnonzero(local == ns("2024-10-27T02:00"))[0]] = False
    _, _, doubts = on_utc(local[keep])
    assert "(1 row)" in doubts.questions[0].message
    times, dropped, _ = on_utc(local[keep], ambiguous="drop")
    assert dropped.sum() == 1
    assert np.isin(times[~dropped], utc).all()


def test_the_gap_of_spring_names_the_fixed_zone():
    local = wall("2024-03-31T01:30", "2024-03-31T02:30")
    _, _, doubts = on_utc(local)
    (question,) = doubts.questions
    assert "line 3: 2024-03-31 02:30:00 does not exist in Europe/Berlin" in question.message
    (zone,) = re.findall(r"--tz (\S+);", question.message)
    assert zone == "+01:00"
    times, _, doubts = on_utc(local, zone)
    assert (local - times).tolist() == [HOUR, HOUR]
    assert not doubts.questions


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Sydney", "Europe/London"]),
    st.integers(1, 50),
    st.integers(0, 23),
    st.booleans(),
)
def test_any_log_over_the_change_is_read_back_or_asked_about(zone, minutes, hour, newest_first):
    change = {"America/New_York": "2024-11-03", "Australia/Sydney": "2024-04-06"}
    start = f"{pd.Timestamp(change.get(zone, '2024-10-27')) - pd.Timedelta(hours=hour)}"
    utc, local = autumn(minutes, zone, start, 30)
    step = -1 if newest_first else 1
    times, _, doubts = on_utc(local[::step], zone)
    assert doubts.questions or times.tolist() == utc[::step].tolist()


@given(st.lists(st.integers(0, 6 * 60), min_size=1, max_size=20, unique=True))
def test_any_uneven_log_over_the_change_is_read_back_or_asked_about(minutes):
    utc = ns("2024-10-26T22:00") + np.sort(minutes) * 60 * SECOND
    index = pd.DatetimeIndex(utc.view("M8[ns]")).tz_localize("UTC").tz_convert(BERLIN)
    times, _, doubts = on_utc(index.tz_localize(None).asi8)
    assert doubts.questions or times.tolist() == utc.tolist()


@pytest.mark.parametrize(
    ("texts", "option"),
    [
        (["2024-10-27T02:00", "2024-10-27T02:45"], "--tz Europe/Berlin"),
        (["2024-10-27T01:30"], "--tz Europe/London"),
        (["2023-10-29T02:30", "2024-10-27T02:30"], "--tz Europe/Berlin"),
        (["2024-11-03T01:30"], "--tz America/New_York"),
        (["2024-04-07T02:30"], "--tz Australia/Sydney"),
    ],
)
def test_repeats_of_the_hour_are_recognised(texts, option):
    assert option in repeated_hour(wall(*texts))


@pytest.mark.parametrize(
    "texts", [[], ["2024-10-28T02:30"], ["2024-10-27T02:30", "2024-10-27T05:30"]]
)
def test_other_repeats_are_not(texts):
    assert repeated_hour(wall(*texts)) is None

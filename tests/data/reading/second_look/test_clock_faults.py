"""Stamps far from all others, gaps, order and silences are told; regular logs raise nothing."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from look_cases import DAY, MINUTE, START, look_at, messages

from latentode.config import TimeConfig
from latentode.data.dataset import Clock
from latentode.data.reading.second_look.clock_faults import find_order
from latentode.data.reading.second_look.log_rows import LogRows
from latentode.data.reading.second_look.look_lines import look_lines
from latentode.data.reading.second_look.time_bounds import outside

FAR = {"1970": np.datetime64("1970-01-01"), "2000": np.datetime64("2000-01-01"),
       "2036": np.datetime64("2036-02-07"), "2099": np.datetime64("2099-12-31T23:59")}  # fmt: skip


def stamp(moment):
    return int(moment.astype("M8[ns]").astype(np.int64))


def regular(number=300, step=10 * MINUTE):
    return START + np.arange(number) * step


def options(message):
    return dict(
        re.findall(r"--(start|end) (\S+)", message.partition("Pass")[2].partition(" to ")[0])
    )


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(sorted(FAR)), min_size=1, max_size=4, unique=True),
    st.integers(60, 500),
    st.integers(1, 3),
)
def test_few_stamps_far_away_are_asked_about_and_the_advice_leaves_the_others(
    seed, years, size, number
):
    rng = np.random.default_rng(seed)
    times = regular(size, int(rng.integers(1, 300)) * MINUTE)
    at = rng.choice(size, min(len(years) * number, size // 12), replace=False)
    assume(len(at) >= 1)
    stray = times.copy()
    for index, row in enumerate(np.sort(at)):
        stray[row] = stamp(FAR[years[index % len(years)]]) + index * MINUTE
    is_stray = stray != times
    look, doubts, dataset = look_at({"x": rng.normal(size=size)}, stray)
    (question,) = messages(doubts, "time")
    assert f"{is_stray.sum()} of {size} rows" in question
    bounds = TimeConfig(**options(question))
    left_out = outside(stray, dataset.clock, bounds)
    np.testing.assert_array_equal(left_out, is_stray)
    _, after, _ = look_at({"x": np.arange(size - left_out.sum()) % 7}, stray[~left_out])
    assert not messages(after, "time")
    _, kept, _ = look_at({"x": rng.normal(size=size)}, stray, start="any", end="any")
    assert not messages(kept, "time")
    assert "times far from all others are kept" in str(kept.decisions[0])
    # the bulk is what is left
    assert look.strays[0].bulk == (times[~is_stray].min(), times[~is_stray].max())


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["even", "poisson", "bursts", "pauses"]))
def test_usual_logs_have_no_stamps_far_away(seed, kind):
    rng = np.random.default_rng(seed)
    steps = {
        "even": np.full(400, 10),
        "poisson": rng.exponential(20, 400).round() + 1,
        "bursts": np.where(rng.random(400) < 0.05, rng.uniform(500, 2000, 400).round(), 1),
        "pauses": np.where(np.arange(400) % 130 == 129, 3000, 10),
    }[kind]
    times = START + steps.astype(np.int64).cumsum() * MINUTE
    _, doubts, _ = look_at({"x": rng.normal(size=400)}, times)
    assert not messages(doubts, "time")


def test_a_series_of_another_year_is_far_where_it_is_few():
    times = np.concatenate([regular(300), regular(5) - 20_000 * DAY])
    _, doubts, _ = look_at({"x": np.arange(305.0) % 9}, times, [0] * 300 + [1] * 5)
    (question,) = messages(doubts, "time")
    assert "5 of 305 rows" in question
    assert "lines 302 to 306" in question


@pytest.mark.parametrize(("year", "is_reset"), [("2000", True), ("1980", True), ("2019", False)])
def test_a_clock_that_began_anew_may_hold_for_many_rows(year, is_reset):
    times = regular(200)
    times[:80] += stamp(np.datetime64(f"{year}-01-01")) - times[0]
    look, doubts, _ = look_at({"x": np.arange(200.0) % 9}, times)
    assert len(messages(doubts, "time")) == is_reset
    assert look.gaps.number == 1


def test_a_clock_that_was_wrong_for_a_while_is_told_by_the_order_of_the_file():
    times = regular(200)
    times[60:110] -= 240 * DAY
    _, doubts, _ = look_at({"x": np.arange(200.0) % 9}, times)
    (question,) = messages(doubts, "time")
    assert "50 of 200 rows" in question
    assert "lines 62 to 111" in question
    _, doubts, _ = look_at({"x": np.arange(200.0) % 9}, np.sort(times))
    assert not messages(doubts, "time")


def test_series_that_follow_each_other_over_years_are_one_bulk():
    times = np.concatenate([regular(40) + index * 30 * DAY for index in range(40)])
    _, doubts, _ = look_at({"x": np.arange(1600.0) % 9}, times, np.repeat(range(40), 40))
    assert not doubts.questions


def test_bounds_of_an_elapsed_log_are_numbers_of_its_unit():
    times = np.append(np.arange(100) * 10**9, 10**15)
    clock = Clock("elapsed", unit="s")
    _, doubts, _ = look_at({"x": np.arange(101.0) % 9}, times, clock=clock)
    (question,) = messages(doubts, "time")
    assert options(question) == {"end": "99"}
    np.testing.assert_array_equal(outside(times, clock, TimeConfig(end="99")), times > 99e9)


def test_gaps_far_above_the_usual_step_are_listed_with_lines():
    times = regular()
    times[100:] += 5 * DAY
    times[200:] += DAY
    look, _, _ = look_at({"x": np.arange(300.0) % 9}, times)
    gaps = look.to_dict({})["gaps"]
    assert [gap["at"] for gap in gaps] == ["lines 101 to 102", "lines 201 to 202"]
    assert gaps[0]["seconds"] == (times[100] - times[99]) / 1e9
    assert (gaps[0]["from"], gaps[0]["to"]) == tuple(
        str(np.datetime64(t, "ns").astype("M8[ms]")) for t in times[99:101].tolist()
    )
    lines = look_lines(look, {})
    assert "gap of 5.0 days: 2024-03-04T16:30 to 2024-03-09T16:40 (lines 101 to 102)" in lines


@settings(max_examples=40)
@given(st.integers(10, 99), st.floats(0.05, 0.95), st.integers(2, 300), st.booleans())
def test_the_one_gap_of_a_short_log_is_listed(size, share, days, jitter):
    times = regular(size)
    times = times + np.random.default_rng(size).integers(-4, 5, size) * MINUTE * jitter
    at = min(max(1, int(share * size)), size - 1)
    times[at:] += days * DAY
    look, _, _ = look_at({"x": np.arange(size) % 9.0}, times)
    (gap,) = look.gaps.longest
    assert (gap.start, gap.end) == (times[at - 1], times[at])


def test_uneven_logs_have_no_gaps_far_above_the_usual_step():
    steps = np.random.default_rng(0).exponential(20, 2000).round() + 1
    times = START + steps.astype(np.int64).cumsum() * MINUTE
    look, _, _ = look_at({"x": np.arange(2000.0) % 9}, times)
    assert look.gaps.number == 0


def test_the_step_from_one_series_to_the_next_is_no_gap():
    times = np.concatenate([regular(50), regular(50) + 90 * DAY])
    look, _, _ = look_at({"x": np.arange(100.0) % 9}, times, [0] * 50 + [1] * 50)
    assert look.gaps.number == 0
    assert look.median_step == 10 * MINUTE


def order_of(times, series=None, channel=None):
    series = np.zeros(len(times), dtype=np.int32) if series is None else np.asarray(series)
    rows = LogRows(np.asarray(times), series, lambda row: row + 2, channel=channel)
    return find_order(rows)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 3))
def test_rows_out_of_order_are_counted_within_their_series(times, number):
    series = np.arange(len(times)) % number
    order, back, forward = order_of(times, series), [], []
    for row in range(number, len(times)):
        if times[row] < times[row - number]:
            back.append(row)
        forward += [row] if times[row] > times[row - number] else []
    wrong = forward if len(back) > len(forward) else back
    if not back:
        assert order is None
    else:
        assert order is not None
        assert (order.count, order.row) == (len(wrong), wrong[0] if wrong else None)
        assert order.newest_first == (len(back) > len(forward))


def test_channels_one_after_another_are_in_order():
    times = np.tile(np.arange(20), 3)
    assert order_of(times).count == 2
    assert order_of(times, channel=np.repeat([0, 1, 2], 20)) is None


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.floats(0.2, 0.8))
def test_a_channel_that_falls_silent_is_told_by_series(seed, number, share):
    rng = np.random.default_rng(seed)
    size = 300
    dead, alive = rng.normal(size=number * size), rng.normal(size=number * size)
    alive[rng.random(number * size) < 0.3] = np.nan
    series = np.repeat(np.arange(number), size)
    end = int(share * size)
    dead[end:size] = np.nan  # in the first series only
    times = np.tile(regular(size), number)
    look, _, _ = look_at({"rh": dead, "temp": alive}, times, series)
    (silence,) = look.silences
    assert (silence.series, silence.channel) == (0, "rh")
    assert silence.last == times[end - 1]
    ends = times[:size][~np.isnan(alive[:size])][-1]
    assert silence.missed == ends - times[end - 1]
    (line,) = [line for line in look_lines(look, {}) if "last reading" in line]
    assert line.startswith("rh of series s0: last" if number > 1 else "rh: last reading")


def test_a_series_that_ends_before_the_others_is_told():
    times, series = np.tile(regular(), 5), np.repeat(range(5), 300)
    keep = (series != 3) | (np.arange(1500) % 300 < 200)
    look, _, _ = look_at({"x": np.arange(keep.sum()) % 9.0}, times[keep], series[keep])
    assert [(each.series, each.channel) for each in look.silences] == [(3, None)]
    assert any(
        line == "series s3: last reading 2024-03-05T09:10, 16.67h before the end of the log"
        for line in look_lines(look, {})
    )


@pytest.mark.parametrize("kind", ["sparse", "rare"])
def test_channels_with_few_readings_are_not_silent(kind):
    rng = np.random.default_rng(1)
    values = np.where(rng.random(2000) < (0.02 if kind == "sparse" else 0.002), 1.0, np.nan)
    look, _, _ = look_at({"x": values, "y": np.arange(2000.0) % 9})
    assert not look.silences

"""Numbers that stand for "missing" are found; readings of good channels are left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_cases import channel_of, look_at, messages
from typed_options import advised

from latentode.data.reading.second_look.codes import find_codes, number_text

CUSTOMARY = [
    *(-99.0, -999.0, -9999.0, -99999.0, -6999.0, -7999.0, -999.25, 32767.0, -32768.0, 65535.0),
    *(3276.7, -327.68, 655.35, 999.9, -99.99, 1e34, -3e38, 9999.0, 99999.0, 999999.0, 1e20),
    *(9.969209968386869e36, 9.96921e36, -2147483647.0, -2147483648.0, -127.0),
]


def walk(rng, size):
    return np.round(20 + rng.normal(size=size).cumsum() * 0.1, 2)


def seasonal(rng, size):
    return np.round(15 + 5 * np.sin(np.arange(size) / 23) + rng.normal(size=size) * 0.2, 2)


def humidity(rng, size):
    return np.clip(np.round(90 + rng.normal(size=size).cumsum(), 1), 10, 100)


def people(rng, size):
    return rng.poisson(rng.uniform(0.2, 8), size)


def rain(rng, size):
    wet = rng.random(size) < 0.08
    return np.where(wet, np.round(rng.gamma(0.7, 2, size) / 0.2) * 0.2, 0)


def set_points(rng, size):
    return rng.choice([5.0, 17.0, 20.0, 21.5], 1 + size // 50).repeat(50)[:size]


def steps(rng, size):
    return np.clip(rng.integers(-1, 2, size).cumsum() * 12.5, 0, 100)


def peaks(rng, size):
    values = rng.normal(1, 0.1, size)
    where = rng.integers(0, size, 9)
    values[where] = np.round(10 ** rng.uniform(0.5, 2, 9), 3)
    return values


def counter(rng, size):
    return rng.integers(0, 40, size).cumsum() % 2000


def state(rng, size):
    return (rng.random(1 + size // 9) < 0.5).repeat(9)[:size] * 1.0


def battery(rng, size):
    return np.maximum(0, 100 - np.arange(size) // rng.integers(1 + size // 90, 2 + size // 20))


def power_with_rest(rng, size):
    return np.where(state(rng, size) > 0, np.round(rng.normal(1000, 20, size), 1), 0)


def encoder(rng, size):
    return 2147000000 + np.round(rng.normal(size=size).cumsum(), 1)


GOOD = [
    *(walk, seasonal, humidity, people, rain, set_points, steps, peaks, counter, state, battery),
    *(power_with_rest, encoder),
]
#: Channels of numbers below all customary codes, into which these are planted.
PLANTABLE = [walk, seasonal, humidity, people, rain, set_points, steps, state]

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=150)
@given(seeds, st.sampled_from(GOOD), st.integers(30, 3000))
def test_good_channels_raise_no_question(seed, make, size):
    values = np.asarray(make(np.random.default_rng(seed), size), dtype=float)
    assert not [code for code in find_codes(channel_of(values)) if code.sure]


@settings(max_examples=100)
@given(seeds, st.data(), st.integers(100, 1500))
def test_planted_codes_are_asked_about_and_nothing_else(seed, data, size):
    rng = np.random.default_rng(seed)
    columns, planted = {}, {}
    for name in data.draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)):
        values = np.array(data.draw(st.sampled_from(PLANTABLE))(rng, size), dtype=float)
        # a sensor has one lowest code and one highest, or two of a kind
        codes = data.draw(
            st.sampled_from([[-9999.0], [-9999.0, -6999.0], [32767.0], [-6999.0, 65535.0], [1e20]])
        )
        if len(np.unique(values)) < 3:
            codes = [code for code in codes if code < 0]
        for code in codes:
            values[rng.choice(size, rng.integers(3, 12), replace=False)] = code
        columns[name], planted[name] = values, {c for c in codes if (values == c).any()}
    look, doubts, _ = look_at(columns)
    seen = {name: {c.value for c in look.codes if c.channel == name} for name in columns}
    assert seen == planted
    questions = messages(doubts, "missing")
    wanted = {number_text(code) for codes in planted.values() for code in codes}
    assert len(questions) == (1 if wanted else 0)
    if wanted:
        typed = questions[0].partition("--na")[2][1:].partition(" ")[0]
        assert set(typed.split(",")) == wanted
        assert all(f"channel {name!r}" in questions[0] for name, codes in planted.items() if codes)
    for name, values in columns.items():
        counts = {code.value: code.count for code in look.codes if code.channel == name}
        assert counts == {code: (values == code).sum() for code in planted[name]}
    # what the question says to type leaves no further one
    cleared = {n: np.where(np.isin(v, [*planted[n]]), np.nan, v) for n, v in columns.items()}
    assert not messages(look_at(cleared)[1], "missing")
    assert not messages(look_at(columns, na=())[1], "missing")


@pytest.mark.parametrize("code", CUSTOMARY)
@pytest.mark.parametrize("times", [1, 40])
def test_customary_codes_are_known_even_once(code, times):
    values = seasonal(np.random.default_rng(1), 500)
    values[7 : 7 + times] = code
    (found,) = find_codes(channel_of(values))
    assert (found.value, found.count, found.row, found.sure) == (code, times, 7, True)
    assert found.neighbour in values


@pytest.mark.parametrize("code", [-999.9, -999.25, -99.99])
def test_codes_of_files_with_32_bits_are_known(code):
    values = seasonal(np.random.default_rng(1), 500)
    values[5] = np.float64(np.float32(code))
    (found,) = find_codes(channel_of(values))
    assert float(found.text) == values[5]


def test_other_numbers_count_as_codes_where_they_repeat_far_away():
    values = seasonal(np.random.default_rng(2), 500)
    values[[3, 90, 91, 200]] = 850
    assert [(c.value, c.count) for c in find_codes(channel_of(values))] == [(850, 4)]
    values[[90, 91]] = values[0]
    (found,) = find_codes(channel_of(values))
    assert (found.value, found.sure) == (850, False)


def test_a_code_of_one_channel_is_known_in_the_others_by_its_place():
    rng = np.random.default_rng(10)
    columns = {
        "CO": rng.gamma(2, 1, 600).round(1),
        "NOx": rng.gamma(1.5, 150, 600).round(),
        "T": seasonal(rng, 600) - 8,
        "level": rng.uniform(-400, 400, 600).round(),
    }
    for values in columns.values():
        values[rng.choice(600, 30, replace=False)] = -200
    look, doubts, _ = look_at(columns)
    assert {code.channel: code.count for code in look.codes} == {"CO": 30, "NOx": 30, "T": 30}
    (question,) = messages(doubts, "missing")
    assert "-200 is an ordinary reading of 'level'" in question


def test_a_code_is_known_among_states():
    values = np.tile([0.0, 1.0, 1.0, 0.0], 50)
    values[[5, 6, 7]] = 255
    assert [code.value for code in find_codes(channel_of(values))] == [255]


def test_minus_one_is_known_where_nothing_is_near_zero():
    values = np.random.default_rng(11).integers(55, 140, 400) * 1.0
    values[::40] = -1
    assert [code.value for code in find_codes(channel_of(values))] == [-1]
    assert not find_codes(channel_of(values - 54))


def test_a_code_may_be_most_of_a_channel():
    values = np.full(1000, -9999.0)
    values[::5] = seasonal(np.random.default_rng(3), 200)
    assert [(c.value, c.count) for c in find_codes(channel_of(values))] == [(-9999, 800)]


def test_a_code_is_found_beside_wild_values():
    values = seasonal(np.random.default_rng(4), 2000)
    values[[10, 20]] = -8123.7, 7000.1
    values[30:60] = -6999
    assert [c.value for c in find_codes(channel_of(values))] == [-6999]


def test_a_code_is_found_in_the_series_where_it_shows():
    rng = np.random.default_rng(5)
    low, high = rng.uniform(0, 10, 200), rng.uniform(-50_000, 50_000, 200)
    low[:5] = -999
    found = find_codes(channel_of([*low, *high], series=[0] * 200 + [1] * 200))
    assert [(code.value, code.count) for code in found] == [(-999, 5)]


def test_long_channels_are_sampled_and_give_the_same_codes():
    rng = np.random.default_rng(6)
    values = seasonal(rng, 400_000)
    assert not find_codes(channel_of(values))
    values[rng.choice(len(values), 3, replace=False)] = -9999
    assert [(c.value, c.count) for c in find_codes(channel_of(values))] == [(-9999, 3)]


def test_a_zero_far_from_all_others_is_said_and_not_asked():
    values = np.round(np.random.default_rng(7).uniform(48, 71, 400), 2)
    values[::50] = 0
    _, doubts, _ = look_at({"pressure": values})
    assert not doubts.questions
    assert "'pressure': 0 is read as a value" in str(doubts.decisions[0])
    assert "0 stands 8 times, far below the next value 48" in str(doubts.decisions[0])


@given(seeds, st.floats(-0.03, 0.03), st.sampled_from(["itself", "another"]))
@settings(max_examples=40, deadline=None)
def test_values_about_a_code_are_asked_about_with_it(seed, shift, place):
    rng = np.random.default_rng(seed)
    star = np.round(12.5 + 0.4 * np.sin(np.arange(400) / 17) + rng.normal(size=400) * 0.01, 3)
    columns, few = {"mag": star, "err": seasonal(rng, 400) / 100}, rng.choice(400, 3, False)
    near = np.round(100 + shift + np.array([0.0, 0.011, 0.02]), 3)
    if place == "itself":
        near[0] = 99.99
        star[few] = near
    else:
        star[few[:2]], columns["err"][few] = near[:2], 99.999
        near = np.append(near[:2], 99.999)
    (question,) = messages(look_at(columns)[1], "missing")
    na = advised(question, "--na").cells.na
    assert {float(each) for each in na} == set(near.tolist())
    assert not messages(look_at(columns, na=na)[1], "missing")
    cleared = {name: np.where(np.isin(v, near), np.nan, v) for name, v in columns.items()}
    assert not look_at(cleared)[1].decisions


def test_lone_values_far_from_all_others_are_said_with_the_option_that_leaves_them_out():
    star = np.round(12.5 + 0.4 * np.sin(np.arange(400) / 17), 3)
    star[[7, 200, 301, 302]] = 71.3, 74.01, -60.5, 74.01
    _, doubts, _ = look_at({"mag": star})
    assert not doubts.questions
    (said,) = doubts.decisions
    assert str(said).startswith(
        "channel 'mag': -60.5, 71.3, 74.01 are read as values (-60.5 stands"
    )
    assert "74.01 stands 2 times, far above the next value 12.9 (first: line 202)" in said.evidence
    na = advised(said.option, "--na").cells.na
    assert na == ("mag=-60.5", "mag=71.3", "mag=74.01")
    assert not look_at({"mag": star}, na=na)[1].decisions
    assert look_at({"mag": star}, na=("-1",))[1].decisions


def test_a_code_that_another_channel_measures_is_not_advised():
    gust = np.random.default_rng(8).uniform(0, 12, 400).round(1)
    gust[::40] = 99
    direction = np.arange(400.0) % 360
    _, doubts, _ = look_at({"gust": gust, "direction": direction})
    (question,) = messages(doubts, "missing")
    assert "'gust': 99 stands 10 times" in question
    assert "--na 99" not in question
    assert "99 is an ordinary reading of 'direction'" in question


def test_codes_that_the_user_keeps_are_said():
    values = seasonal(np.random.default_rng(9), 100)
    values[3:6] = -9999
    look, doubts, _ = look_at({"x": values}, na=())
    assert not doubts.questions
    assert "-9999 is a reading, as --na says" in str(doubts.decisions[0])
    assert look.channels[0].low == -9999
    assert look_at({"x": values})[0].channels[0].low == values[values > -9999].min()


@pytest.mark.parametrize("told", ["-", "Err", "3.4028235e+38"])
def test_words_that_mean_missing_do_not_tell_what_a_number_means(told):
    values = seasonal(np.random.default_rng(9), 100)
    values[3:6] = -9999
    (question,) = messages(look_at({"x": values}, na=(told,))[1], "missing")
    assert f"{told},x=-9999 if that means missing" in question
    assert f"{told},x= if every value counts" in question
    for kept in ((told, "x="), (told, "-1")):
        assert not look_at({"x": values}, na=kept)[1].questions


@given(
    st.sampled_from([-9999.0, -999.0, -99.9, -127.0, 32767.0, 65535.0, 1e20, -32768.0]),
    st.sampled_from([-9999.0, -6999.0]),
    st.integers(20, 80),
)
@settings(max_examples=20, deadline=None)
def test_a_channel_of_codes_alone_is_asked_about(code, other, length):
    values = np.where(np.arange(length) % 3, code, other)
    for column in (np.full(length, code), values):
        t = walk(np.random.default_rng(length), length)
        (question,) = messages(look_at({"x": column, "t": t})[1], "missing")
        assert f"{number_text(code)} stands" in question
        assert "no other value but such codes" in question


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 85.0, 99.0, 100.0, 21.5, -20.0])
def test_a_channel_that_stands_still_is_not_asked_about(value):
    assert not look_at({"x": np.full(60, value)})[1].questions


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_exactly(value):
    assert float(number_text(value)) == value

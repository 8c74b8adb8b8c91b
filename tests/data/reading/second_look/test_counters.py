"""Running totals are told, with the moments when they wrap or are reset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_cases import channel_of, look_at

from latentode.data.reading.second_look.counters import find_counter
from latentode.data.reading.second_look.look_lines import look_lines, suggested_counters


@settings(max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2**16, 2**24, 2**32, 10**5, 10**6]),
    st.integers(1, 4),
    st.integers(60, 800),
)
def test_wraps_are_counted_and_their_room_is_named(seed, room, wraps, size):
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, 2 * max(2, wraps * room // size), size)
    total = (steps.cumsum() + room // 2) if room < 2**24 else steps.cumsum()
    values = total % room
    falls = np.flatnonzero(np.diff(values) < 0)
    found = find_counter(channel_of(values.astype(float)))
    if len(falls) > 0.2 * size or not len(falls) or values.max() < 0.6 * room:
        return
    assert found is not None
    assert (found.wraps, found.resets) == (len(falls), 0)
    assert (found.room, found.row) == (room, falls[0] + 1)


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(20, 60), st.integers(2, 20))
def test_resets_are_counted(seed, length, number):
    rng = np.random.default_rng(seed)
    parts = [np.round(rng.uniform(0.1, 2, length).cumsum(), 2) for _ in range(number)]
    found = find_counter(channel_of(np.concatenate(parts)))
    assert found is not None
    assert (found.resets, found.wraps, found.row) == (number - 1, 0, length)


@pytest.mark.parametrize("size", [200, 20_000])
def test_what_rises_and_falls_is_no_counter(size):
    rng = np.random.default_rng(0)
    assert find_counter(channel_of(rng.normal(size=size).cumsum())) is None
    assert find_counter(channel_of(np.sin(np.arange(size) / 30))) is None
    assert find_counter(channel_of(np.arange(size) % 2)) is None
    assert find_counter(channel_of(np.full(size, 3.0))) is None
    drifting = np.arange(size) * 0.1 + rng.normal(size=size) * 0.001
    drifting[size // 2] -= 0.2  # a small dent is no reset
    assert find_counter(channel_of(drifting)) is None


def test_a_total_of_each_series_begins_anew_without_a_reset():
    found = find_counter(channel_of([*range(50), *range(50)], series=[0] * 50 + [1] * 50))
    assert found is not None
    assert (found.row, str(found)) == (None, "only rises: a running total")


def test_a_wrap_is_said_with_its_place():
    energy = (np.arange(100) * 40.0 + 2**32 - 1990) % 2**32
    look, doubts, _ = look_at({"energy": energy})
    assert not doubts.questions
    assert suggested_counters(look) == [
        "to have forecasts of them that never fall: train --counters energy"
    ]
    assert suggested_counters(look, declared=("energy",)) == []
    (line,) = [line for line in look_lines(look, {}) if line.startswith("energy")]
    assert line == (
        "energy: counter, wraps at 2**32 once (first: 2024-03-04T08:20, line 52, from "
        "4294967266 to 10)"
    )
    assert look.to_dict({})["channel_details"][0]["counter"] == {
        "resets": 0, "wraps": 1, "room": "2**32", "at": "2024-03-04T08:20, line 52",
    }  # fmt: skip

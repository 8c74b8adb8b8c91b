"""What a channel can be is learned where the evidence is strong, and declared for the rest."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentode.config.channels import ChannelsConfig
from latentode.data.dataset import Readings
from latentode.data.families import Families
from latentode.data.scaler import Scaler
from latentode.errors import ConfigError

NAMES = ("x",)


def readings(values, series=1):
    """One channel, its readings dealt out to some series one after the other."""
    values = np.asarray(values, dtype=float)
    owner = np.repeat(np.arange(series), -(-len(values) // series))[: len(values)]
    times = np.arange(len(values), dtype=np.int64)
    return Readings.from_triplets(
        owner, times, np.zeros(len(values), np.int64), values, num_series=series, channels=NAMES
    )


def learned(values, later=(), **declared):
    config = ChannelsConfig(**{name: (text,) for name, text in declared.items()})
    return Families.fit(readings(values), readings(later), config)


def ends(families):
    return families.kinds[0], float(families.lower[0]), float(families.upper[0])


FREE = ("continuous", -np.inf, np.inf)
RNG = np.random.default_rng(0)


def rain(count=2000, seed=0):
    """Wet one time in ten, in stretches."""
    rng = np.random.default_rng(seed)
    wet = np.repeat(rng.random(count // 4) < 0.1, 4)
    return np.where(wet, np.round(rng.exponential(3.0, len(wet)) + 0.1, 1), 0.0)


def falling(start=100, end=48):
    """A battery in whole per cent, each of them read twenty times."""
    return np.repeat(np.arange(start, end - 1, -1.0), 20)


def test_an_extreme_where_readings_pile_up_is_a_bound():
    assert ends(learned(rain())) == ("continuous", 0.0, np.inf)
    full = np.minimum(80 + 30 * np.sin(np.arange(3000) / 20) + RNG.normal(0, 1, 3000), 100.0)
    assert ends(learned(full)) == ("continuous", -np.inf, 100.0)


NO_BOUNDS = {
    "a battery that was falling": falling(),
    "a battery that was falling and trembled": falling() + np.tile([0, 1], 530),
    "set points of two levels": np.repeat(np.tile([18.0, 21.0], 40), 24),
    "set points, mostly of one": np.repeat(np.tile([18.0, 21.0, 21.0, 21.0, 21.0, 21.0], 20), 24),
    "people from 3 to 11": np.repeat(RNG.integers(3, 12, 200), 12),
    "a tank that rested once": np.r_[np.full(500, 5.5), 5.5 - RNG.random(500)],
    "a meter": np.cumsum(rain()),
    "noise": RNG.normal(size=2000),
    "a temperature in tenths": np.round(RNG.normal(20, 0.5, 2000), 1),
    "a direction": RNG.choice(np.arange(0, 360, 22.5), 2000),
    "nothing": np.zeros(0),
    "a constant": np.full(300, 4.0),
    "few": np.array([0.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("name", NO_BOUNDS)
def test_no_bound_is_learned_of(name):
    assert ends(learned(NO_BOUNDS[name])) == FREE


def test_a_reading_beyond_it_in_the_validation_part_lifts_a_bound_and_is_said():
    families = learned(rain(), later=[0.0, 3.0, -0.1])
    assert ends(families) == FREE
    (line,) = families.lines(NAMES)
    assert line.startswith("x: no bound at 0 (")
    assert line.endswith("readings stand exactly there, but the validation part has -0.1)")


@pytest.mark.parametrize(
    ("values", "later", "said"),
    [
        (rain(), [0.0, -0.5, -0.1], "x: expected at least 0, got -0.5 (2 of 3 readings)"),
        (np.repeat([0.0, 1.0, 0.0, 1.0], 9), [0.5, 1.0], "expected states 0 and 1, got 0.5 (1 of"),
        (RNG.poisson(3.0, 500).astype(float), [2.0, 7.5], "x: expected counts, got 7.5 (1 of 2"),
        (RNG.poisson(3.0, 500).astype(float), [-1.0], "x: expected counts, got -1 (1 of 1"),
        (np.arange(99.0), [-1e9], None),
        (rain(), [0.0, 1e9], None),
    ],
)
def test_later_readings_outside_are_said(values, later, said):
    lines = learned(values).outside(readings(later))
    assert [said in line for line in lines] == ([True] if said else [])


def test_zero_and_one_that_alternate_are_states():
    state = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 30)
    assert ends(learned(state)) == ("binary", 0.0, 1.0)
    assert ends(learned(state, later=[2.0])) == FREE
    assert ends(learned(np.repeat([0.0, 1.0], 30))) == FREE  # it may go on to 2
    assert ends(learned(2 * state)) == FREE


def test_small_numbers_that_vary_as_counts_do_are_counts():
    for mean in (0.5, 4.0, 20.0):
        counts = np.random.default_rng(1).poisson(mean, 1000).astype(float)
        assert ends(learned(counts)) == ("count", 0.0, np.inf)
    assert ends(learned(counts, later=[2.5])) == FREE
    assert ends(learned(counts + 0.5)) == FREE
    assert ends(learned(1000 * counts)) == FREE
    few = np.random.default_rng(1).poisson(4.0, 1000)
    assert ends(learned(few - 1.0))[0] == "continuous"  # no count is below 0


def test_what_is_declared_holds():
    assert ends(learned(rain(), lower="x=none")) == FREE
    assert ends(learned(RNG.random(50), lower="x=0", upper="x=1.5")) == ("continuous", 0.0, 1.5)
    assert ends(learned(np.repeat([0.0, 1.0, 0.0, 1.0], 9), kinds="x=continuous")) == FREE
    assert ends(learned(np.repeat([18.0, 21.0], 9), kinds="x=binary")) == ("binary", 18.0, 21.0)
    assert ends(learned([0.0, 0.0], kinds="x=binary")) == ("binary", 0.0, 1.0)
    assert ends(learned([7.0, 120.0], kinds="x=count")) == ("count", 0.0, np.inf)
    assert ends(learned(rain(), upper="x=900")) == ("continuous", 0.0, 900.0)


@pytest.mark.parametrize(
    ("declared", "values", "message"),
    [
        ({"lower": "x=0.5"}, [0.0, 1.0, 0.25], "no reading below 0.5 of x, got 0 .2 of 3 readings"),
        ({"upper": "x=0.5"}, [0.0, 1.0], "no reading above 0.5 of x, got 1 .1 of 2 readings"),
        ({"kinds": "x=binary"}, [0.0, 1.0, 2.0], "expected two states of x, got 2"),
        ({"kinds": "x=count"}, [0.0, 1.5], "whole numbers from 0 on of x, got 1.5"),
        ({"kinds": "x=count", "upper": "x=9"}, [1.0], "count without bounds of its own"),
        ({"lower": "x=3", "upper": "x=3"}, [3.0], "below its upper bound 3, got 3"),
        ({"lower": "rain=0"}, [1.0], "channels.lower: expected one of the channels x, got 'rain'"),
    ],
)
def test_readings_that_contradict_what_was_declared_are_refused(declared, values, message):
    with pytest.raises(ConfigError, match=message):
        learned(values, **declared)


def test_the_evidence_is_said_with_the_option_that_overrules_it():
    (line,) = learned(rain()).lines(NAMES)
    number = int((rain() == 0).sum())
    assert line == (
        f"x: at least 0 ({number:,} of 2,000 readings stand exactly there; --lower x=none for no "
        "bound)"
    )
    assert learned(np.arange(9.0)).lines(NAMES) == []


def test_families_survive_json():
    for values in (rain(), np.repeat([0.0, 1.0, 0.0, 1.0], 9), RNG.normal(size=9)):
        families = learned(values)
        text = json.dumps(families.to_dict(), allow_nan=False)
        again = Families.from_dict(json.loads(text))
        assert ends(again) == ends(families)
        assert again.to_dict() == families.to_dict()
        assert again.valid(1)
        assert not again.valid(2)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(0, 60))
def test_bounds_and_counts_come_back_from_scaled_float32_as_they_were(center, scale, count):
    families = Families(
        ("continuous", "count"),
        np.array([center, 0.0]),
        np.array([np.inf] * 2),
        np.ones(2),
        *2 * [np.zeros(2)],
        ("",) * 2,
    )
    scales = np.array([scale, 2.5])
    scaler = Scaler(np.array([center + scale, 3.1]), scales, *[np.zeros(2)] * 4)
    scaled = families.scaled(scaler)
    at = np.array([scaled.lower[0], scaled.lower[1] + count * scaled.step[1]]).astype(np.float32)
    found = families.exact(scaler.inverse(at.astype(float)), scales)
    assert found.tolist() == [center, count]
    between = np.array([center + 0.3 * scale, count + 0.4])
    assert families.exact(between, scales).tolist() == between.tolist()

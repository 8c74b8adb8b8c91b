"""Probability and time of crossing a limit, against closed forms and path by path."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from latentode import results
from latentode.data.dataset import Clock
from latentode.errors import ConfigError, DataError
from latentode.results.exceedance import Limit

HOUR = 3_600 * 10**9
EPOCH = 1_711_843_200 * 10**9  # 2024-03-31T00:00Z
CLOCKS = [Clock("calendar", "Europe/Berlin"), Clock("calendar"), Clock("elapsed", unit="h")]


def prediction(values, hours=None, clock=CLOCKS[0], channels=("level", "flow"), **options):
    """A prediction of values (draw, series, step, channel), hourly unless told."""
    series, steps = values.shape[1:3]
    hours = np.arange(steps) if hours is None else np.asarray(hours)
    origin = 0 if clock.kind == "elapsed" else EPOCH
    times = np.broadcast_to(origin + HOUR * hours, (series, steps))
    names = {"series_ids": "abcd"[:series], "channels": channels[: values.shape[3]]}
    return results.to_dataset(values, times, clock=clock, **names | options)


def of_paths(*paths, **options):
    """One series of one channel."""
    return prediction(np.array(paths, float)[:, None, :, None], **options)


def test_first_times_of_levels_in_any_order_are_their_own():
    dataset = of_paths([0, 2, 4, 2], [4, 0, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0])
    levels = (0.5, 1.0, 0.0)
    found = results.exceedance(dataset, "level>3", quantiles=levels)
    times = dataset["time"].values[0]
    assert found["quantile"].values.tolist() == list(levels)
    assert found["first_quantile"].values.ravel().tolist() == times[[2, 3, 0]].tolist()


def test_a_gaussian_is_beyond_a_limit_with_the_probability_of_its_tail():
    draws = np.random.default_rng(0).normal(size=(40_000, 1, 1, 1))
    found = results.exceedance(prediction(draws), "level>1")["probability"].item()
    tail = 0.5 * math.erfc(1 / math.sqrt(2))
    # five standard errors of a share of 40 000 draws
    assert found == pytest.approx(tail, abs=5 * math.sqrt(tail * (1 - tail) / 40_000))


def test_a_random_walk_reaches_a_level_with_the_probability_of_the_reflection_principle():
    steps, level = 16, 4
    moves = np.random.default_rng(1).choice([-1.0, 1.0], size=(40_000, 1, steps, 1))
    found = results.exceedance(prediction(moves.cumsum(axis=2)), f"level>={level}")
    ends = np.arange(-steps, steps + 1, 2)
    chances = np.array([math.comb(steps, (steps + end) // 2) for end in ends]) / 2.0**steps
    exact = 2 * chances[ends > level].sum() + chances[ends == level].sum()
    assert found["ever"].item() == pytest.approx(exact, abs=5 * math.sqrt(0.25 / 40_000))


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_the_first_crossing_is_the_first_time_beyond_the_limit(clock):
    dataset = of_paths([0, 2, 4, 2], [4, 0, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0], clock=clock)
    found = results.exceedance(dataset, "level>3", quantiles=(0.0, 0.5, 1.0))
    assert found["probability"].values.ravel().tolist() == [0.25, 0.0, 0.25, 0.25]
    assert found["reached"].values.ravel().tolist() == [0.25, 0.25, 0.5, 0.75]
    assert (found["ever"].item(), found["never"].item()) == (0.75, 0.25)
    times = dataset["time"].values[0]
    assert found["first_time"].values.ravel()[:3].tolist() == times[[2, 0, 3]].tolist()
    assert pd.isna(found["first_time"].values.ravel()[3])
    assert found["first_quantile"].values.ravel().tolist() == times[[0, 2, 3]].tolist()
    frame = results.first_crossings(found)
    assert frame["first_q0.5"][0] == results.to_frame(dataset)["time"][2]


@pytest.mark.parametrize(("sign", "share"), [(">", 0.25), (">=", 0.75), ("<", 0.25), ("<=", 0.75)])
def test_a_value_on_the_limit_is_beyond_it_only_where_the_sign_says_so(sign, share):
    found = results.exceedance(of_paths([2], [3], [3], [4]), f"level{sign}3")
    assert found["probability"].item() == share


def test_the_order_of_times_changes_no_answer():
    values = np.random.default_rng(2).normal(size=(20, 2, 9, 1))
    order = np.random.default_rng(3).permutation(9)
    plain = results.exceedance(prediction(values), "level>0.5")
    mixed = results.exceedance(prediction(values[:, :, order], order), "level>0.5")
    for name in ("probability", "reached"):
        np.testing.assert_array_equal(mixed[name].values, plain[name].values[..., order])
    for name in ("ever", "first_time", "first_quantile"):
        xr.testing.assert_equal(mixed[name], plain[name])


def test_padding_is_no_time():
    values = np.array([[[0.0], [9.0]], [[9.0], [9.0]]]).reshape(1, 2, 2, 1)
    valid = np.array([[True, False], [True, True]])
    found = results.exceedance(prediction(values, valid=valid), "level>3")
    assert found["ever"].values.tolist() == [[0.0, 1.0]]
    assert np.isnan(found["reached"].values[0, 0, 1])
    assert len(results.exceedance_frame(found)) == 3


def test_several_limits_are_answered_together():
    values = np.random.default_rng(4).normal(size=(10, 2, 3, 2))
    both = results.exceedance(prediction(values), ["flow<-1", "level>1", "flow < -1"])
    assert both["condition"].values.tolist() == ["flow<-1", "level>1"]
    alone = results.exceedance(prediction(values), "level>1")
    xr.testing.assert_equal(both.sel(condition=["level>1"]), alone)
    table = results.first_crossings(both)
    assert table["condition"].tolist() == ["flow<-1"] * 2 + ["level>1"] * 2
    assert table["series"].tolist() == ["a", "b", "a", "b"]
    np.testing.assert_array_equal(table["ever"] + table["never"], 1.0)


def test_a_channel_without_an_answer_has_no_probability():
    values = np.full((3, 1, 2, 1), np.nan)
    found = results.exceedance(prediction(values), "level>1")
    for name in ("probability", "reached", "ever", "never", "first_time", "first_quantile"):
        assert pd.isna(found[name].values).all()


def test_a_limit_of_every_day_is_one_of_the_daily_maximum():
    values = np.random.default_rng(5).normal(size=(50, 1, 48, 1))
    dataset = prediction(values, clock=Clock("calendar", "UTC"))
    daily = results.exceedance(results.aggregate(dataset, "max", by="day"), "level>2.5")
    expected = (values.reshape(50, 2, 24).max(axis=2) > 2.5).mean(axis=0)
    np.testing.assert_array_equal(daily["probability"].values[0, 0], expected)


PATHS = hnp.arrays(np.float64, (6, 1, 5, 1), elements=st.floats(-10, 10))


@settings(max_examples=25, deadline=None)
@given(PATHS, st.floats(-12, 12), st.floats(0, 5))
def test_a_higher_limit_is_exceeded_no_more_often_and_no_sooner(values, limit, more):
    dataset = prediction(values)
    low, high = (results.exceedance(dataset, f"level>{x!r}") for x in (limit, limit + more))
    for name in ("probability", "reached", "ever"):
        assert (high[name].values <= low[name].values).all()
    assert not (high["first_time"].values < low["first_time"].values).any()


@settings(max_examples=25, deadline=None)
@given(PATHS, st.floats(-12, 12))
def test_reached_grows_to_ever_and_is_at_least_the_probability(values, limit):
    found = results.exceedance(prediction(values), f"level<={limit!r}")
    reached = found["reached"].values[0, 0]
    assert (np.diff(reached) >= 0).all()
    assert (reached >= found["probability"].values[0, 0]).all()
    assert reached[-1] == found["ever"].item()
    beyond = results.exceedance(prediction(values), f"level>{limit!r}")["probability"].values
    np.testing.assert_allclose(beyond + found["probability"].values, 1.0, rtol=1e-15)


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
@pytest.mark.parametrize("form", results.FORMATS)
def test_every_format_holds_the_probabilities(tmp_path, form, clock):
    values = np.random.default_rng(6).normal(size=(8, 2, 3, 1))
    found = results.exceedance(prediction(values, clock=clock, channels=("=x",)), "=x>0.5")
    path = results.write(found, tmp_path / f"e.{form}")
    if form == "nc":
        xr.testing.assert_identical(results.read(path), found)
    elif form == "csv":
        table = pd.read_csv(path)
        assert set(table["condition"]) == {"'=x>0.5"}  # no formula of a spreadsheet
        assert table["reached"].tolist() == results.exceedance_frame(found)["reached"].tolist()
    elif form == "json":
        assert json.loads(path.read_bytes())["kind"] == "exceedance"
    else:
        assert len(pd.read_parquet(path)) == 6


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("level>3.2", Limit("level", ">", 3.2)),
        (" inlet temp >= -1e3 ", Limit("inlet temp", ">=", -1000.0)),
        ('"a>b"<2', Limit("a>b", "<", 2.0)),
        ("a>b<=.5", Limit("a>b", "<=", 0.5)),
        ("5xx>3", Limit("5xx", ">", 3.0)),
        ("泵<1", Limit("泵", "<", 1.0)),
    ],
)
def test_a_limit_is_read_with_any_name(text, limit):
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level", "expected a channel, one of >, >=, <, <= and a number, got 'level'"),
        ("level=3", "expected a channel, one of"),
        ("level!=3", "expected a channel, one of"),
        (">3", "expected a channel, one of"),
        ("level>", "expected a number without a unit after >, got ''"),
        ("level>3 m", "expected a number without a unit after >, got '3 m'"),
        ("level>3,2", "got '3,2' in 'level>3,2'. Write .* point, .*level>3.2"),
        ("level>nan", "expected a number"),
        ("level>inf", "expected a number"),
        ("3<level", "expected a number .* got 'level'"),
        ("levl>3", "expected some of 'level', 'flow', got 'levl'. Did you mean 'level'"),
        ("other>3", "got 'other'. Take one of them"),
    ],
)
def test_a_limit_that_says_nothing_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        results.exceedance(prediction(np.zeros((1, 1, 1, 2))), text)


def test_levels_and_times_are_checked():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        results.exceedance(of_paths([0]), "level>1", quantiles=(2,))
    with pytest.raises(DataError, match="expected a prediction at some times, got none"):
        results.exceedance(prediction(np.zeros((1, 1, 0, 1))), "level>1")

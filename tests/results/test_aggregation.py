"""Totals, means and extremes of sample paths, against closed forms, pandas and each other."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from latentode import results
from latentode.data.dataset import Clock
from latentode.errors import ConfigError

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
EPOCH = 1_711_843_200 * 10**9  # 2024-03-31T00:00Z; Berlin leaves winter time at 01:00Z
UTC = Clock("calendar", "UTC")
BERLIN = Clock("calendar", "Europe/Berlin")
HOWS = ("sum", "mean", "max", "min", "last")
FINITE = st.floats(-1e6, 1e6)


def prediction(values, times, clock=UTC, **options):
    """A prediction of values (draw, series, step, channel) at times of all series, or of each."""
    series, channels = values.shape[1], values.shape[3]
    names = {"series_ids": "abcdefgh"[:series], "channels": "xyzuvw"[:channels]}
    times = np.broadcast_to(np.asarray(times, np.int64), values.shape[1:3])
    return results.to_dataset(values, times, clock=clock, **names | options)


def hourly(count, start=EPOCH, draws=3, series=1, channels=1, **options):
    values = np.random.default_rng(0).normal(size=(draws, series, count, channels))
    return prediction(values, start + HOUR * np.arange(count), **options)


def starts(dataset, series=0):
    times = results.to_frame(dataset)
    return times[times["series"] == dataset["series"].values[series]]["time"].tolist()


def test_the_total_of_a_random_walk_has_the_variance_of_its_closed_form():
    steps, draws = 24, 20_000
    noise = np.random.default_rng(1).normal(size=(draws, 1, steps, 1))
    walk = prediction(noise.cumsum(axis=2), EPOCH + HOUR * np.arange(steps))
    total = results.aggregate(walk, "sum", by="horizon")["value"].values.ravel()
    exact = sum(k * k for k in range(1, steps + 1))  # step j is in n - j + 1 of the values
    # the variance of 20 000 draws has a relative standard error of sqrt(2 / 20 000) = 1 %
    assert total.var(ddof=1) == pytest.approx(exact, rel=0.05)


def test_the_total_of_independent_paths_has_the_sum_of_their_variances():
    noise = (
        np.random.default_rng(2).normal(size=(20_000, 3, 1, 1)) * np.array([1, 2, 3])[:, None, None]
    )
    total = results.aggregate(prediction(noise, [[EPOCH]] * 3), "sum", over="series")
    assert total["value"].values.var(ddof=1) == pytest.approx(1 + 4 + 9, rel=0.05)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("by", "rule"), [("day", "D"), ("6h", "6h"), ("week", "W-MON"), ("month", "MS")]
)
@pytest.mark.parametrize(
    "clock", [UTC, BERLIN, Clock("calendar", "+05:30"), Clock("calendar")], ids=str
)
def test_periods_and_values_are_those_of_pandas(how, by, rule, clock):
    dataset = hourly(80, start=EPOCH - 30 * HOUR, clock=clock)
    times = results.to_frame(dataset)["time"]
    path = pd.Series(dataset["value"].values[1, 0, :, 0], index=pd.DatetimeIndex(times))
    options = {"label": "left", "closed": "left"} if by == "week" else {}
    expected = getattr(path.resample(rule, **options), how)()
    got = results.aggregate(dataset, how, by=by)
    np.testing.assert_allclose(got["value"].values[1, 0, :, 0], expected.to_numpy(), rtol=1e-12)
    assert starts(got) == expected.index.tolist()


def test_days_on_which_the_clocks_change_have_23_and_25_hours():
    spring = results.aggregate(hourly(72, start=EPOCH - 25 * HOUR, clock=BERLIN), "sum", by="day")
    assert spring["num_times"].values.tolist() == [[24, 23, 24, 1]]
    assert spring["complete"].values.tolist() == [[True, True, True, False]]
    assert (spring["end"] - spring["time"]).values[0, 1] == np.timedelta64(23, "h")
    autumn = pd.Timestamp("2024-10-27", tz="Europe/Berlin").value
    longest = results.aggregate(hourly(25, start=autumn, clock=BERLIN), "mean", by="day")
    assert longest["num_times"].values.tolist() == [[25]]
    by_hour = results.aggregate(hourly(25, start=autumn, clock=BERLIN), "sum", by="hour")
    assert by_hour["num_times"].values.tolist() == [[1] * 25]


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T01:00:00-02:00"),  # no midnight
        ("America/Havana", "2024-11-03", "2024-11-03T00:00:00-04:00"),  # two of them
    ],
)
def test_a_day_begins_once_where_the_clocks_change_at_midnight(zone, day, first):
    noon = pd.Timestamp(f"{day}T12:00", tz=zone).value
    clock = Clock("calendar", zone)
    dataset = hourly(25, start=noon - 12 * HOUR, clock=clock)
    at = [moment.isoformat() for moment in starts(results.aggregate(dataset, "sum", by="day"))]
    assert first in at
    assert len({moment[:10] for moment in at}) == len(at)


def test_periods_that_reach_beyond_the_prediction_are_marked():
    dataset = hourly(60, start=EPOCH + 10 * HOUR)
    daily = results.aggregate(dataset, "sum", by="day")
    assert daily["num_times"].values.tolist() == [[14, 24, 22]]
    assert daily["complete"].values.tolist() == [[False, True, False]]
    assert results.aggregate(dataset, "sum", by="horizon")["complete"].values.all()
    weekly = results.aggregate(daily, "max", by="week")  # of days that were not whole
    assert not weekly["complete"].values.any()


@pytest.mark.parametrize(("missing", "whole"), [(0, True), (1, False)])
def test_a_day_is_whole_if_no_further_step_would_lie_in_it(missing, whole):
    daily = results.aggregate(hourly(24 - missing), "sum", by="day")
    assert daily["complete"].values.tolist() == [[whole]]


@pytest.mark.parametrize(("first", "whole"), [(0, True), (1, False)])
@pytest.mark.parametrize("clock", [UTC, Clock("calendar", "Asia/Kathmandu")], ids=str)
def test_fast_logs_have_whole_seconds_to_the_millisecond(clock, first, whole):
    times = EPOCH + (first + np.arange(1000 - first)) * 10**6 + 7 * 10**9
    dataset = prediction(np.zeros((1, 1, len(times), 1)), times, clock)
    seconds = results.aggregate(dataset, "sum", by="1s")
    assert seconds["complete"].values.tolist() == [[whole]]
    assert seconds["num_times"].values.tolist() == [[1000 - first]]
    whole_span = results.aggregate(dataset, "max", by="horizon")
    assert whole_span["end"].values.astype(np.int64).tolist() == [[int(times[-1])]]


def test_elapsed_days_are_counted_from_the_zero_of_the_clock():
    dataset = hourly(30, start=20 * HOUR, clock=Clock("elapsed", unit="h"))
    daily = results.aggregate(dataset, "sum", by="day")
    assert daily["time"].values.tolist() == [[0.0, 24.0, 48.0]]
    assert daily["end"].values.tolist() == [[24.0, 48.0, 72.0]]
    assert daily["num_times"].values.tolist() == [[4, 24, 2]]
    assert results.aggregate(dataset, "sum", by="24")["time"].equals(daily["time"])


def test_series_add_up_at_the_times_that_they_share():
    values = np.random.default_rng(0).normal(size=(4, 2, 3, 1))
    times = EPOCH + HOUR * np.array([[0, 1, 2], [1, 2, 3]])
    total = results.aggregate(prediction(values, times), "sum", over="series")
    assert total["series"].values.tolist() == ["sum of a, b"]
    assert total["num_times"].values.tolist() == [[1, 2, 2, 1]]
    assert total["complete"].values.tolist() == [[False, True, True, False]]
    both = values[:, 0, 1:, 0] + values[:, 1, :2, 0]
    np.testing.assert_allclose(total["value"].values[:, 0, 1:3, 0], both, rtol=1e-14)


def test_the_peak_of_a_total_is_asked_in_two_steps():
    dataset = hourly(48, series=3)
    total = results.aggregate(dataset, "sum", over="series")
    peak = results.aggregate(total, "max", by="day")
    expected = dataset["value"].values.sum(axis=1)[..., 0].reshape(3, 2, 24).max(axis=2)
    np.testing.assert_allclose(peak["value"].values[:, 0, :, 0], expected, rtol=1e-13)
    assert peak.attrs["aggregate"] == "sum over series then max by day"


def test_channels_are_taken_together_with_their_common_unit():
    units = (("x", "kW"), ("y", "kW"), ("z", "bar"))
    dataset = hourly(2, channels=3, units=units)
    total = results.aggregate(dataset, "mean", over="channel", channels=["y", "x"])
    assert total["channel"].values.tolist() == ["mean of y, x"]
    assert total.attrs["units"] == '{"mean of y, x": "kW"}'
    values = dataset["value"].values
    np.testing.assert_allclose(total["value"].values[..., 0], values[..., :2].mean(-1), rtol=1e-14)
    with pytest.raises(
        ConfigError, match=r"got x \(kW\), y \(kW\), z \(bar\). Name .* of x,y over"
    ):
        results.aggregate(dataset, "sum", over="channels")


def test_a_time_that_was_asked_for_twice_counts_once():
    values = np.arange(3.0).reshape(1, 1, 3, 1)
    total = results.aggregate(
        prediction(values, EPOCH + HOUR * np.array([0, 1, 1])), "sum", by="day"
    )
    assert total["value"].values.tolist() == [[[[1.0]]]]


def test_a_channel_without_an_answer_has_no_total():
    dataset = hourly(3, channels=2)
    dataset["value"][..., 1] = np.nan
    for how in HOWS:
        values = results.aggregate(dataset, how, by="day")["value"].values
        assert np.isfinite(values[..., 0]).all()
        assert np.isnan(values[..., 1]).all()


@pytest.mark.parametrize("how", HOWS)
def test_the_order_of_queries_changes_nothing(how):
    rng = np.random.default_rng(3)
    series = np.repeat([0, 1], [40, 25])
    times = EPOCH + rng.choice(5 * DAY, size=65, replace=False)
    draws = rng.normal(size=(4, 65, 2))
    labels = {"series_ids": "ab", "channels": "xy", "clock": BERLIN}
    order = rng.permutation(65)
    plain = results.from_queries(draws, series, times, **labels)
    mixed = results.from_queries(draws[:, order], series[order], times[order], **labels)
    first, second = (results.aggregate(one, how, by="day") for one in (plain, mixed))
    second.attrs["created"] = first.attrs["created"]
    xr.testing.assert_identical(first, second)


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.float64, (2, 1, 40, 1), elements=FINITE), st.integers(0, 7 * 24))
def test_the_total_over_the_horizon_is_the_total_of_the_days(values, shift):
    dataset = prediction(values, EPOCH + HOUR * (shift + 2 * np.arange(40)), BERLIN)
    whole = results.aggregate(dataset, "sum", by="horizon")["value"].values
    days = results.aggregate(results.aggregate(dataset, "sum", by="day"), "sum", by="horizon")
    # each of 40 additions rounds a number of at most 4e7
    np.testing.assert_allclose(days["value"].values, whole, rtol=1e-12, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.float64, (2, 2, 12, 1), elements=FINITE))
def test_minimum_mean_last_and_maximum_are_in_order(values):
    dataset = prediction(values, EPOCH + 5 * HOUR * np.arange(12))
    low, mean, high, last = (
        results.aggregate(dataset, how, by="day")["value"].values
        for how in ("min", "mean", "max", "last")
    )
    slack = 1e-9  # of the rounding of a mean
    assert (low <= mean + slack).all()
    assert (mean <= high + slack).all()
    assert ((low <= last) & (last <= high)).all()


@pytest.mark.parametrize("form", results.FORMATS)
def test_every_format_holds_an_aggregate(tmp_path, form):
    dataset = results.aggregate(hourly(30, clock=BERLIN), "sum", by="day")
    path = results.write(dataset, tmp_path / f"a.{form}")
    if form == "nc":
        xr.testing.assert_identical(results.read(path), dataset)
    else:
        assert b"num_times" in path.read_bytes()


def test_a_table_says_of_each_period_how_much_of_it_is_predicted():
    frame = results.to_frame(results.aggregate(hourly(26), "mean", by="day"), (0.5,))
    assert list(frame.columns) == [
        "series", "time", "channel", "mean", "sd", "q0.5", "end", "num_times", "complete",
    ]  # fmt: skip
    assert frame["complete"].tolist() == [True, False]
    assert frame["end"].tolist() == [frame["time"][1], frame["time"][1] + pd.Timedelta("1D")]


def test_a_sum_of_running_totals_over_time_is_refused_with_what_to_write():
    dataset = hourly(30, channels=2, attrs={"counters": ["x"]})
    message = r"got x, running totals. Write last of x by day .* by themselves: sum of y by day"
    with pytest.raises(ConfigError, match=message):
        results.aggregate(dataset, "sum", by="day")
    last = results.aggregate(dataset, "last", by="day", channels=["x"])
    assert last.attrs["counters"] == '["x"]'
    results.aggregate(dataset, "sum", by="day", channels=["y"])
    over_meters = results.aggregate(dataset, "sum", over="series")
    with pytest.raises(ConfigError, match="running totals"):
        results.aggregate(over_meters, "sum", by="day")
    together = results.aggregate(dataset, "sum", over="channels")
    with pytest.raises(ConfigError, match="running totals"):
        results.aggregate(together, "sum", by="day")


def test_series_that_share_no_time_are_joined_by_periods_first():
    values = np.random.default_rng(0).normal(size=(4, 2, 48, 1))
    times = EPOCH + HOUR * np.arange(48) + np.array([[0], [HOUR // 3]])
    dataset = prediction(values, times)
    message = r"for all 2. Take each by periods first: mean by hour then max over series\."
    with pytest.raises(ConfigError, match=message):
        results.aggregate(dataset, "max", over="series")
    hours = results.aggregate(dataset, "mean", by="hour")
    total = results.aggregate(hours, "sum", over="series")
    np.testing.assert_allclose(total["value"].values[:, 0], values.sum(axis=1), rtol=1e-13)
    apart = prediction(values, EPOCH + HOUR * np.arange(48) + np.array([[0], [9 * DAY]]))
    with pytest.raises(ConfigError, match="Take a longer period: sum by horizon over series"):
        results.aggregate(apart, "sum", by="day", over="series")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "total", "by": "day"}, "expected one of sum, mean, max, min, last, got 'total'"),
        ({"how": "sum"}, "got nothing. Write sum by day, sum by horizon or sum over series"),
        ({"how": "sum", "by": "dya"}, "expected hour, day, week, month, horizon or .* got 'dya'"),
        ({"how": "sum", "by": "0h"}, "expected hour, day"),
        ({"how": "sum", "over": "draws"}, "expected series, channels or both, got 'draws'"),
        ({"how": "last", "over": "series"}, "expected sum, mean, max or min over series, got"),
        ({"how": "sum", "by": "day", "channels": ["X"]}, "expected some of 'x', got 'X'"),
        ({"how": "sum", "by": "day", "channels": []}, "expected at least one, got none"),
    ],
)
def test_aggregate_refuses_what_has_no_meaning(options, message):
    with pytest.raises(ConfigError, match=message):
        results.aggregate(hourly(3), **options)


def test_a_month_needs_dates():
    with pytest.raises(ConfigError, match=r"without dates, got 'month'\. Write by 30d"):
        results.aggregate(hourly(3, clock=Clock("elapsed", unit="s")), "sum", by="month")


def test_latent_states_are_not_added_up():
    times = np.zeros((1, 2), np.int64)
    latent = results.to_dataset(
        np.zeros((1, 1, 2, 3)), times, series_ids="a", channels=None, clock=UTC, dim="latent"
    )
    with pytest.raises(ConfigError, match="expected a prediction of channels"):
        results.aggregate(latent, "sum", by="day")

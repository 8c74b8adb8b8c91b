import numpy as np
import pytest
from small_series import DAY, EPOCH, HOUR, make_dataset

from latentode.data.climatology import CLIMATOLOGY, NUM_QUANTILES, Climatology, hour_of_day
from latentode.data.dataset import Clock

UTC = Clock("calendar", "UTC", "s")


def fitted(times, channel, values, *, daily, clock=UTC, channels=("a", "b")):
    log = make_dataset([(np.asarray(times), np.asarray(channel), np.asarray(values))], channels)
    return Climatology.fit(log.readings, clock, daily=daily)


def test_quantiles_are_those_of_all_readings_where_no_day_repeats():
    values = np.random.default_rng(0).permutation(49.0 * np.arange(1, 99))
    found = fitted(EPOCH + np.arange(98) * HOUR, np.zeros(98, int), values, daily=False)
    assert found.quantiles.shape == (1, 2, NUM_QUANTILES)
    # two readings in each of 49 equal shares: a quantile is the middle of its share
    np.testing.assert_allclose(found.quantiles[0, 0], 49 * (2 * np.arange(49) + 1.5))
    np.testing.assert_array_equal(found.counts, [98, 0])


def test_a_channel_that_training_never_read_has_no_quantiles():
    found = fitted(EPOCH + np.arange(9) * HOUR, np.zeros(9, int), np.arange(9.0), daily=True)
    assert np.isnan(found.quantiles[:, 1]).all()
    assert np.isfinite(found.quantiles[:, 0]).all()


def test_hours_of_the_day_have_quantiles_of_their_own():
    times = EPOCH + np.arange(24 * 30) * HOUR
    hour = hour_of_day(times, UTC)
    noise = np.random.default_rng(0).normal(size=len(times))
    found = fitted(times, np.zeros(len(times), int), 100.0 * hour + noise, daily=True)
    medians = found.at(times[:24], np.zeros(24, int), UTC)[NUM_QUANTILES // 2]
    # a median of 30 has a standard error of 1.25 / sqrt(30)
    np.testing.assert_allclose(medians, 100.0 * hour[:24], atol=4 * 1.25 / 30**0.5)


def test_an_hour_with_few_readings_takes_those_of_all_hours():
    times = EPOCH + np.arange(24 * 19) * HOUR
    found = fitted(times, np.zeros(len(times), int), np.arange(float(len(times))), daily=True)
    np.testing.assert_array_equal(found.quantiles[:, 0], np.tile(found.quantiles[0, 0], (24, 1)))


def test_hours_are_local_ones_through_a_change_of_the_clocks():
    berlin = Clock("calendar", "Europe/Berlin", "s")
    day = np.datetime64("2024-03-30T00", "ns").astype(np.int64)  # clocks go forward on the 31st
    assert hour_of_day(day + np.array([0, 1, 24, 25]) * HOUR, berlin).tolist() == [1, 2, 1, 3]
    before = np.datetime64("1969-12-31T23:30", "ns").astype(np.int64)
    assert hour_of_day(np.array([before]), UTC).tolist() == [23]


def test_a_long_channel_is_sampled_and_keeps_its_quantiles():
    values = np.random.default_rng(0).normal(size=250_000)
    times = EPOCH + np.arange(len(values)) * (DAY // 1000)
    found = fitted(times, np.zeros(len(values), int), values, daily=False)
    assert found.counts[0] == len(values)
    exact = np.quantile(values, (np.arange(49) + 0.5) / 49)
    # 5 standard errors of a quantile at 1 % of 50,000 readings that are left out
    np.testing.assert_allclose(found.quantiles[0, 0], exact, atol=0.02)


def test_what_is_packed_comes_back_and_nothing_is_no_climatology():
    found = fitted(EPOCH + np.arange(9) * HOUR, np.zeros(9, int), np.arange(9.0), daily=True)
    back = Climatology.unpack(found.pack(), 2)
    np.testing.assert_array_equal(back.quantiles, found.quantiles)
    np.testing.assert_array_equal(back.counts, found.counts)
    assert Climatology.unpack({}, 2) is None


def _broken(arrays, name, value):
    return arrays | {CLIMATOLOGY + name: value(arrays[CLIMATOLOGY + name])}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantiles", lambda array: array[:, :1]),
        ("quantiles", lambda array: array[..., ::-1]),
        ("quantiles", lambda array: array.astype(np.float32)),
        ("quantiles", lambda array: np.where(np.isnan(array), 0.0, array)),
        ("counts", lambda array: array * 0),
        ("counts", lambda array: array.astype(np.int32)),
    ],
)
def test_arrays_that_are_no_climatology_are_refused(name, value):
    good = fitted(EPOCH + np.arange(9) * HOUR, np.zeros(9, int), np.arange(9.0), daily=True).pack()
    with pytest.raises(ValueError, match="quantiles or counts that are not those"):
        Climatology.unpack(_broken(good, name, value), 2)
    with pytest.raises(ValueError, match="quantiles or counts that are not those"):
        Climatology.unpack(good | {CLIMATOLOGY + "more": np.zeros(1)}, 2)

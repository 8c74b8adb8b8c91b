import json

import numpy as np
import pytest

from latentode.data.dataset import Readings
from latentode.data.scaler import Scaler


def readings(*columns):
    """Channels of possibly different numbers of values."""
    channel = np.repeat(np.arange(len(columns)), [len(c) for c in columns])
    values = np.concatenate([np.asarray(c, dtype=float) for c in columns])
    names = tuple(f"c{index}" for index in range(len(columns)))
    times = np.concatenate([np.arange(len(c)) for c in columns]).astype(np.int64)
    return Readings.from_triplets(
        np.zeros(len(values), np.int64), times, channel, values, num_series=1, channels=names
    )


def normal(count=4000, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def test_normal_readings_become_standard_normal():
    values = 5.0 + 2.0 * normal()
    scaler = Scaler.fit(readings(values))
    scaled = scaler.transform(values[:, None])
    assert np.median(scaled) == pytest.approx(0.0, abs=1e-12)
    assert scaled.std() == pytest.approx(1.0, abs=0.05)
    assert (scaler.mean[0], scaler.std[0]) == pytest.approx((values.mean(), values.std()))


def test_scaling_is_undone():
    columns = [normal(50), 1e6 + normal(50), np.full(50, 3.0)]
    scaler = Scaler.fit(readings(*columns))
    values = np.stack(columns, axis=1)
    np.testing.assert_allclose(scaler.inverse(scaler.transform(values)), values, rtol=1e-14)
    channel = np.array([2, 0, 1])
    flat = values[7, channel]
    expected = scaler.transform(values)[7, channel]
    np.testing.assert_array_equal(scaler.transform(flat, channel), expected)
    np.testing.assert_allclose(scaler.inverse(expected, channel), flat, rtol=1e-14)


def test_a_gigantic_outlier_does_not_spoil_the_scale():
    values = normal()
    values[7] = 1e9
    scaler = Scaler.fit(readings(values))
    assert scaler.scale[0] == pytest.approx(1.0, abs=0.05)
    assert scaler.center[0] == pytest.approx(0.0, abs=0.05)


def test_noise_of_a_thousandth_on_a_level_of_1e12_is_kept():
    values = 1e12 + 1e-3 * normal()
    scaler = Scaler.fit(readings(values))
    assert not scaler.constant[0]
    scaled = scaler.transform(values[:, None])
    # float64 has steps of 1.2e-4 there
    assert scaled.std() == pytest.approx(1.0, abs=0.2)
    assert len(np.unique(scaled)) > 20


@pytest.mark.parametrize("level", [0.0, -3.5, 20.1, 1e12, 1e-300])
def test_a_constant_channel_is_flagged_and_keeps_its_unit(level):
    values = np.full(300, level)
    values[::2] = np.nextafter(level, np.inf) if level > 1e-200 else level  # rounding is no signal
    scaler = Scaler.fit(readings(values))
    assert scaler.constant.tolist() == [True]
    assert scaler.scale[0] == scaler.std[0] == 1.0
    np.testing.assert_allclose(scaler.transform(values[:, None]), 0.0, atol=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.001])
def test_a_channel_of_two_values_has_a_scale_of_their_distance(share):
    values = np.where(np.arange(2000) < 2000 * share, 7.0, 4.0)
    scaler = Scaler.fit(readings(values))
    assert not scaler.constant[0]
    # the standard deviation at the least, however rare the second value
    assert 0.5 * values.std() * 0.99 <= scaler.scale[0] <= 3.0
    assert np.isfinite(scaler.transform(values[:, None])).all()


def test_a_channel_that_rests_most_of_the_time_is_scaled_by_its_moves():
    values = np.where(np.arange(2000) % 10 == 0, 5.0 * normal(2000), 0.0)
    scaler = Scaler.fit(readings(values))
    assert 0.3 < scaler.scale[0] < 5.0


def test_a_channel_without_readings_has_a_neutral_scale():
    scaler = Scaler.fit(readings(normal(9), []))
    assert (scaler.center[1], scaler.scale[1], scaler.std[1]) == (0.0, 1.0, 1.0)
    assert scaler.constant.tolist() == [False, True]


def test_a_single_reading_is_a_constant_channel():
    scaler = Scaler.fit(readings([42.0]))
    assert (scaler.center[0], scaler.scale[0], scaler.constant[0]) == (42.0, 1.0, True)


def test_the_scaler_survives_json_to_the_last_bit():
    scaler = Scaler.fit(readings(normal(77), [1.0], []))
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    for name in ("center", "scale", "mean", "std", "constant"):
        assert getattr(again, name).dtype == getattr(scaler, name).dtype
        np.testing.assert_array_equal(getattr(again, name), getattr(scaler, name))


@pytest.mark.parametrize("count", [20, 60, 159])
def test_nor_does_it_among_few_readings(count):
    values = normal()[:count]
    clean = Scaler.fit(readings(values)).scale[0]
    values[count // 3] = 1e9
    # the quartiles move by one of so few readings
    assert Scaler.fit(readings(values)).scale[0] == pytest.approx(clean, rel=0.2)

from __future__ import annotations

import numpy as np
import pytest

from latentode.config.durations import NS_PER_UNIT
from latentode.data import synthetic
from latentode.data.synthetic.catalogue import SimulatedLog
from latentode.errors import ConfigError

SECOND = NS_PER_UNIT["s"]


def residuals(made: SimulatedLog) -> np.ndarray:
    """Readings less truth, in noise standard deviations."""
    readings = made.dataset.readings
    noise = readings.values - made.clean().readings.values
    return noise / made.noise_sd[readings.channel_index]


@pytest.mark.parametrize("name", sorted(synthetic.GENERATORS))
def test_generator_repeats_bit_for_bit_and_differs_with_another_seed(name):
    first, again = (synthetic.make(name, random_state=3) for _ in range(2))
    other = synthetic.make(name, random_state=4)
    np.testing.assert_array_equal(first.dataset.readings.values, again.dataset.readings.values)
    np.testing.assert_array_equal(first.dataset.readings.times, again.dataset.readings.times)
    assert not np.array_equal(first.dataset.readings.times, other.dataset.readings.times)


@pytest.mark.parametrize("name", sorted(synthetic.GENERATORS))
def test_generator_keeps_the_contract_of_readings(name):
    readings = synthetic.make(name).dataset.readings
    gaps = np.diff(readings.times)
    same_series = np.diff(readings.row_series()) == 0
    assert (gaps[same_series] > 0).all()
    assert (np.diff(readings.row_starts) > 0).all()
    assert np.isfinite(readings.values).all()
    assert readings.row_starts[-1] == readings.num_readings


@pytest.mark.parametrize("name", sorted(synthetic.GENERATORS))
def test_noise_has_the_stated_standard_deviation_in_every_channel(name):
    made = synthetic.make(name)
    score = residuals(made)
    for channel in range(len(made.dataset.channels)):
        own = score[made.dataset.readings.channel_index == channel]
        # standard errors: at most 1 / sqrt(2 n) of a standard deviation, 1 / sqrt(n) of a mean
        assert abs(own.std() - 1) < 4 / np.sqrt(2 * len(own))
        assert abs(own.mean()) < 4 / np.sqrt(len(own))


@pytest.mark.parametrize("name", ["oscillator", "sensor", "spiral"])
def test_gaussian_noise_has_nominal_coverage(name):
    score = np.abs(residuals(synthetic.make(name)))
    share = (score < 1.6448536269514722).mean()
    assert abs(share - 0.9) < 4 * np.sqrt(0.9 * 0.1 / len(score))


def test_oscillator_truth_solves_its_differential_equation():
    made = synthetic.oscillator(5, frequency=0.3, damping=0.2)
    omega, gamma, step = 2 * np.pi * 0.3, 0.2, SECOND // 10_000
    series = np.repeat(np.arange(5), 20)
    times = np.tile(np.linspace(0, 15, 20) * SECOND, 5).astype(np.int64)
    position, velocity = made.truth(series, times).T
    slope = (made.truth(series, times + step) - made.truth(series, times - step)) / 2e-4
    force = -(omega**2 + gamma**2) * position - 2 * gamma * velocity
    # central differences of step 1e-4 s leave an error of about 1e-4**2 * omega**3 / 6 = 1e-8
    np.testing.assert_allclose(slope, np.stack([velocity, force], axis=1), atol=1e-6)


def test_oscillator_parameters_are_recovered_by_least_squares():
    made = synthetic.oscillator(40, 60, noise=0.05, random_state=1)
    omega, gamma = 2 * np.pi * made.parameters["frequency"], made.parameters["damping"]
    readings = made.dataset.readings
    for series in range(40):
        rows = readings.rows_of(series)
        t = readings.times[rows] / SECOND
        basis = np.exp(-gamma * t)[:, None] * np.stack([np.cos(omega * t), np.sin(omega * t)], 1)
        position = readings.dense(rows)[:, 0]
        found = np.linalg.lstsq(basis, position, rcond=None)[0]
        sd = 0.05 * np.sqrt(np.diag(np.linalg.inv(basis.T @ basis)))
        assert (np.abs(found - made.parameters["amplitudes"][series]) < 5 * sd).all()


def test_coverage_drops_readings_of_each_channel_on_its_own():
    made = synthetic.oscillator(100, 50, coverage=0.4)
    readings = made.dataset.readings
    assert readings.num_readings == pytest.approx(0.4 * 10_000, abs=4 * np.sqrt(10_000 * 0.24))
    assert set(np.diff(readings.row_starts)) == {1, 2}
    # both channels at one time: 0.4 ** 2 of 1 - 0.6 ** 2, if they are dropped independently
    assert (np.diff(readings.row_starts) == 2).mean() == pytest.approx(0.25, abs=0.03)


def test_spirals_turn_both_ways_and_grow():
    made = synthetic.spiral(2, noise=0.0)
    for series, sign in ((0, 1.0), (1, -1.0)):
        x, y = made.dataset.readings.dense(made.dataset.readings.rows_of(series)).T
        area = x[:-1] * y[1:] - x[1:] * y[:-1]
        steps = np.diff(made.dataset.readings.times[made.dataset.readings.rows_of(series)])
        assert (np.sign(area[steps < SECOND]) == sign).all()
        assert (np.diff(np.hypot(x, y)) > 0).all()


def test_toy_periodic_is_the_published_design():
    made = synthetic.toy_periodic(50)
    readings = made.dataset.readings
    times = readings.times.reshape(50, 100)
    assert (times == times[0]).all()
    assert times[0, 0] == 0
    assert times[0, -1] <= 5 * SECOND
    frequency = made.parameters["frequency"]
    assert ((frequency >= 0.4) & (frequency <= 0.8)).all()
    assert np.abs(readings.values - made.clean().readings.values).max() <= 0.005
    variance = synthetic.toy_periodic().dataset.readings.values.reshape(1000, 100).var(axis=1)
    assert 0.39 < variance.mean() < 0.52  # a sinusoid of unit amplitude has variance 1/2


def test_toy_periodic_draws_times_for_each_series_when_asked():
    readings = synthetic.toy_periodic(3, 20, shared_times=False).dataset.readings
    times = readings.times.reshape(3, 20)
    assert (times[:, 0] == 0).all()
    assert not (times[0] == times[1]).any(where=np.arange(20) > 0)


def test_sensor_reads_channels_at_their_own_times_with_a_daily_cycle():
    made = synthetic.sensor(8, 14)
    dataset = made.dataset
    per_row = np.diff(dataset.readings.row_starts)
    assert (per_row == 1).mean() > 0.95
    counts = np.bincount(dataset.readings.channel_index)
    assert 1.8 < counts[0] / counts[1] < 2.2
    assert 3.6 < counts[0] / counts[2] < 4.4
    temperature = dataset.readings.channel_index == 0
    hours = dataset.readings.times[dataset.readings.reading_rows()][temperature] / NS_PER_UNIT["h"]
    wave = np.exp(-2j * np.pi * hours / 24)
    # swing 3 degC: the daily Fourier coefficient of each room is 1.5, less for lags of 13 to 17 h
    assert abs(np.mean(wave * dataset.readings.values[temperature])) > 1.2
    assert (dataset.clock.kind, dataset.clock.zone) == ("calendar", "UTC")


def test_sensor_has_a_day_without_readings_in_one_room_of_four():
    readings = synthetic.sensor(4, 5).dataset.readings
    longest = [np.diff(readings.times[readings.rows_of(i)]).max() for i in range(4)]
    assert longest[3] > 24 * NS_PER_UNIT["h"]
    assert max(longest[:3]) < 6 * NS_PER_UNIT["h"]


def test_generator_accepts_a_numpy_generator():
    by_seed = synthetic.spiral(3, 5, random_state=7)
    by_generator = synthetic.spiral(3, 5, random_state=np.random.default_rng(7))
    np.testing.assert_array_equal(
        by_seed.dataset.readings.values, by_generator.dataset.readings.values
    )


def test_crowded_times_stay_distinct():
    made = synthetic.spiral(1, 50, span=1e-7)
    assert made.dataset.readings.num_rows == 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_series": 0}, "at least one series and one point, got 0 and 60"),
        ({"span": 0.0}, r"span: expected a finite length above 0, got 0\.0"),
        ({"coverage": 1.2}, r"coverage: expected a share in \(0, 1\], got 1\.2"),
        ({"noise": -0.1}, r"noise: expected a finite number of at least 0, got -0\.1"),
        ({"noise": float("nan")}, "noise: expected a finite number .*, got nan"),
        ({"colour": 1}, "spiral: expected options among num_series, .*, got colour"),
    ],
)
def test_make_refuses_impossible_options(options, message):
    with pytest.raises(ConfigError, match=message):
        synthetic.make("spiral", **options)


def test_make_names_the_generators_when_the_name_is_unknown():
    with pytest.raises(ConfigError, match=r"one of oscillator, sensor, spiral, .*got 'spirals'"):
        synthetic.make("spirals")


def test_sensor_refuses_a_gap_of_zero():
    with pytest.raises(ConfigError, match="every: expected minutes above 0, got 0"):
        synthetic.sensor(every=0)

"""Metrics against scoringrules, brute force and closed forms."""

import math

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latentode import metrics
from latentode.errors import ConfigError, DataError, ShapeError

_VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)


def _draws(seed=0, shape=(17, 4, 5)):
    generator = np.random.default_rng(seed)
    return generator.normal(2.0, 3.0, shape), generator.normal(2.0, 3.0, shape[1:])


@pytest.mark.parametrize(("ours", "theirs"), [("fair", "fair"), ("plain", "nrg")])
@pytest.mark.parametrize("count", [2, 3, 50])
def test_crps_from_draws_agrees_with_scoringrules(ours, theirs, count):
    draws, values = _draws(shape=(count, 4, 5))
    expected = scoringrules.crps_ensemble(values, draws, m_axis=0, estimator=theirs)
    # both are sums of float64 terms of size 10
    np.testing.assert_allclose(
        metrics.crps_from_draws(draws, values, estimator=ours), expected, rtol=0, atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_VALUES, min_size=2, max_size=12), _VALUES)
def test_crps_from_draws_is_the_double_sum_of_its_definition(draws, value):
    x = np.array(draws)
    distances = np.abs(x[:, None] - x[None, :]).sum()
    count = len(x)
    for estimator, pairs in (("fair", count * (count - 1)), ("plain", count * count)):
        expected = np.abs(x - value).mean() - distances / (2 * pairs)
        got = metrics.crps_from_draws(x[:, None], [value], estimator=estimator)
        np.testing.assert_allclose(got, [expected], rtol=0, atol=1e-8)  # terms of size 1e6 to 1e7


def test_fair_crps_is_unbiased_and_plain_crps_too_large_by_its_known_bias():
    generator = np.random.default_rng(1)
    values, draws = generator.normal(size=200_000), generator.normal(size=(3, 200_000))
    exact = metrics.crps_gaussian(0.0, 1.0, values)
    for estimator, bias in (("fair", 0.0), ("plain", 1 / (3 * math.sqrt(math.pi)))):
        excess = metrics.crps_from_draws(draws, values, estimator=estimator) - exact
        error = excess.std() / math.sqrt(len(excess))
        assert abs(excess.mean() - bias) < 4 * error


def test_crps_from_draws_keeps_its_digits_at_a_level_of_1e9():
    draws, values = _draws()
    draws, values = np.round(draws * 2**10) / 2**10, np.round(values * 2**10) / 2**10
    # values with ten binary places stay exact at 2**30, so that only the formula can lose digits
    np.testing.assert_array_equal(
        metrics.crps_from_draws(draws + 2.0**30, values + 2.0**30),
        metrics.crps_from_draws(draws, values),
    )


def test_crps_of_a_single_draw_is_the_absolute_error():
    score = metrics.crps_from_draws([[1.0, 5.0]], [4.0, 4.5], estimator="plain")
    np.testing.assert_array_equal(score, [3.0, 0.5])


def test_crps_gaussian_agrees_with_scoringrules_and_with_its_integral():
    mean, std, value = 1.5, 0.7, np.linspace(-3, 6, 7)
    expected = scoringrules.crps_normal(value, mean, std)
    np.testing.assert_allclose(metrics.crps_gaussian(mean, std, value), expected, atol=1e-13)
    grid = np.linspace(-12, 15, 270_001)
    step = (grid[None] >= value[:, None]).astype(float)
    integral = np.trapezoid((stats.norm.cdf(grid, mean, std) - step) ** 2, grid, axis=1)
    # the jump of the step function costs half a grid cell of 1e-4
    np.testing.assert_allclose(metrics.crps_gaussian(mean, std, value), integral, atol=1e-4)


def test_crps_gaussian_without_spread_is_the_absolute_error():
    np.testing.assert_array_equal(metrics.crps_gaussian([1.0, 2.0], 0.0, [3.0, 2.0]), [2.0, 0.0])
    with pytest.raises(DataError, match="standard deviations >= 0, got -1"):
        metrics.crps_gaussian(0.0, -1.0, 0.0)


def test_mae_and_rmse_are_their_closed_forms():
    assert metrics.mae([1.0, 2.0, 5.0], [1.0, 4.0, 1.0]) == 2.0
    assert metrics.rmse([0.0, 0.0], [3.0, 4.0]) == pytest.approx(math.sqrt(12.5), rel=1e-15)
    assert metrics.rmse([1.0], [1.0]) == 0.0


def test_rmse_survives_errors_whose_squares_overflow_or_vanish():
    for size in (1e200, 1e-200):
        expected = size * math.sqrt(12.5)
        assert metrics.rmse([0.0, 0.0], [3 * size, 4 * size]) == pytest.approx(expected, rel=1e-14)


def test_negative_log_likelihood_is_the_mean_in_nats():
    log_prob = stats.norm.logpdf([0.0, 1.0])
    expected = 0.5 * math.log(2 * math.pi) + 0.25
    assert metrics.negative_log_likelihood(log_prob) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("count", "level"), [(19, 0.9), (40, 0.9), (100, 0.9), (30, 0.5)])
def test_coverage_of_honest_draws_is_the_level_for_any_number_of_draws(count, level):
    generator = np.random.default_rng(2)
    draws, values = generator.normal(size=(count, 20_000)), generator.normal(size=20_000)
    error = math.sqrt(level * (1 - level) / 20_000)  # binomial
    # quantiles at 1 + (m - 1) q would be off by 7 to 40 of these errors
    assert abs(metrics.coverage(draws, values, level) - level) < 4 * error


def test_coverage_counts_a_reading_on_a_bound_as_inside():
    draws = np.zeros((30, 3))
    assert metrics.coverage(draws, [0.0, 0.0, 1e-9]) == pytest.approx(2 / 3)


def test_interval_width_of_uniform_draws_is_the_distance_of_two_order_statistics():
    draws = np.arange(1.0, 20.0)[:, None]  # 19 draws: 5 % and 95 % are the first and the last
    assert metrics.interval_width(draws, 0.9) == 18.0
    low, high = metrics.central_interval(draws, 0.5)
    assert (low[0], high[0]) == (5.0, 15.0)


@pytest.mark.parametrize("rate", [None, 0.3, 4.0])
def test_pit_is_uniform_for_honest_draws_discrete_ones_included(rate):
    generator = np.random.default_rng(3)

    def sample(*shape):
        return generator.normal(size=shape) if rate is None else generator.poisson(rate, shape)

    transform = metrics.pit(sample(9, 20_000), sample(20_000), np.random.default_rng(4))
    assert stats.kstest(transform, "uniform").pvalue > 0.01


def test_pit_histogram_shows_narrow_draws_as_a_u_and_biased_ones_as_a_slope():
    generator = np.random.default_rng(5)
    values = generator.normal(size=20_000)
    narrow = metrics.pit(0.3 * generator.normal(size=(50, 20_000)), values, generator)
    shares = metrics.pit_histogram(narrow)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] > 0.25 > 0.1 > shares[4]
    assert shares[-1] > 0.25
    low = metrics.pit(generator.normal(size=(50, 20_000)) - 2, values, generator)
    assert metrics.pit_histogram(low)[-1] > 0.5


def test_nan_in_draws_or_values_gives_nan_not_a_verdict():
    draws, values = _draws(shape=(20, 3))
    draws[4, 0], values[1] = np.nan, np.nan
    for score in (
        metrics.crps_from_draws(draws, values),
        metrics.pit(draws, values, np.random.default_rng(0)),
    ):
        np.testing.assert_array_equal(np.isnan(score), [True, True, False])
    assert math.isnan(metrics.coverage(draws, values))
    assert math.isnan(metrics.rmse(draws[4], values))


def test_mase_is_one_for_the_naive_forecast_of_a_straight_line():
    training = 2.0 * np.arange(20)
    assert metrics.mase([10.0, 12.0], [12.0, 14.0], training) == 1.0
    assert metrics.mase([10.0, 12.0], [12.0, 14.0], training, lag=4) == 0.25


def test_mase_refuses_training_readings_that_give_no_scale():
    with pytest.raises(DataError, match="readings that vary, got a constant"):
        metrics.mase([1.0], [1.0], np.ones(5))
    with pytest.raises(DataError, match="more than lag=3"):
        metrics.mase([1.0], [1.0], np.arange(3.0), lag=3)


def test_metrics_refuse_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"expected the shape \(2,\) of the values, got \(3,\)"):
        metrics.mae([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"got \(2,\)"):
        metrics.crps_from_draws([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match="at least 2 for the fair estimator, got 1"):
        metrics.crps_from_draws([[1.0]], [1.0])


def test_metrics_refuse_unknown_settings_and_empty_input():
    with pytest.raises(ConfigError, match="'fair' or 'plain', got 'best'"):
        metrics.crps_from_draws([[1.0], [2.0]], [1.0], estimator="best")
    with pytest.raises(ConfigError, match=r"between 0 and 1, got 1\.0"):
        metrics.coverage([[1.0], [2.0]], [1.0], level=1.0)
    for call in (lambda: metrics.mae([], []), lambda: metrics.negative_log_likelihood([])):
        with pytest.raises(DataError, match="at least one reading, got none"):
            call()
    with pytest.raises(DataError, match="at least one reading, got none"):
        metrics.pit_histogram([np.nan])


def test_crps_from_quantiles_tends_to_that_of_the_distribution():
    values, levels = np.linspace(-3, 3, 13), (np.arange(2_000) + 0.5) / 2_000
    quantiles = np.repeat(stats.norm.ppf(levels)[:, None], len(values), axis=1)
    # the middle rule over 2,000 levels; the tails beyond the last are wrong by 1e-4 or so
    np.testing.assert_allclose(
        metrics.crps_from_quantiles(quantiles, levels, values),
        metrics.crps_gaussian(0.0, 1.0, values),
        atol=1e-3,
    )


@given(st.lists(_VALUES, min_size=1, max_size=12), _VALUES)
def test_crps_from_quantiles_of_equal_shares_is_that_of_their_draws(draws, value):
    ordered = np.sort(draws)[:, None]
    levels = (np.arange(len(ordered)) + 0.5) / len(ordered)
    np.testing.assert_allclose(
        metrics.crps_from_quantiles(ordered, levels, [value]),
        metrics.crps_from_draws(ordered, [value], estimator="plain"),
        rtol=0,
        atol=1e-8,  # terms of size 1e6 to 1e7
    )


def test_quantiles_and_their_score_take_levels_in_any_order():
    levels = np.array([0.9, 0.1, 0.5, 0.7])
    draws = np.random.default_rng(0).normal(size=(50, 3))
    found, order = metrics.quantiles_of(draws, levels), np.argsort(levels)
    np.testing.assert_array_equal(found[order], metrics.quantiles_of(draws, levels[order]))
    assert (np.diff(found[order], axis=0) > 0).all()
    values = np.array([-0.5, 0.0, 2.0])
    np.testing.assert_allclose(
        metrics.crps_from_quantiles(found, levels, values),
        metrics.crps_from_quantiles(found[order], levels[order], values),
        rtol=1e-14,  # sums in another order
    )


def test_crps_from_quantiles_refuses_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"levels: expected 2 of them, got shape \(1,\)"):
        metrics.crps_from_quantiles([[1.0], [2.0]], [0.5], [0.0])
    with pytest.raises(ConfigError, match="levels: expected probabilities between 0 and 1"):
        metrics.crps_from_quantiles([[1.0]], [1.0], [0.0])


def test_the_interval_of_quantiles_of_equal_shares_holds_its_level():
    quantiles = (np.arange(49) + 0.5)[:, None] / 49  # of a uniform distribution
    low, high = metrics.central_interval(quantiles, 0.9, are_random=False)
    np.testing.assert_allclose([low[0], high[0]], [0.05, 0.95], rtol=1e-12)

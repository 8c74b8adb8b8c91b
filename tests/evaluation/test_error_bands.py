"""Bands of naive forecasts: quantiles of their errors, by channel and distance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_series import DAY, EPOCH, HOUR, make_dataset, whole_span

from latentode.data.climatology import equal_shares
from latentode.evaluation import evaluate_task, forecast_task
from latentode.evaluation.error_bands import ErrorBands
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.scores import COVERAGE as COVERED
from latentode.evaluation.scores import LEVEL, Forecast

FAR = np.iinfo(np.int64).max


def zero(_, targets):
    return np.zeros((2, len(targets))), np.zeros(len(targets))


def scores_of(values, horizon, windows=1_500):
    """Naive rows of one hourly channel whose first half is for training."""
    times = EPOCH + np.arange(len(values)) * HOUR
    dataset = make_dataset([(times, np.zeros(len(values), int), values)], ("a",))
    lengths = {"context_ns": DAY, "horizon_ns": horizon * HOUR, "max_windows": windows}
    training = forecast_task(dataset, **lengths, **whole_span(dataset, end=0.5))
    task = forecast_task(dataset, **lengths, **whole_span(dataset, 0.5))
    bare = NaiveRows(np.zeros(1))
    return [
        evaluate_task(task, zero, scale=np.ones(1), naive=rows)["channels"]["a"]["baselines"]
        for rows in (bare.learned(training), bare)
    ]


def test_last_value_of_a_random_walk_has_the_scores_of_its_normal_errors():
    walk = np.cumsum(np.random.default_rng(0).normal(size=60_000))
    banded, bare = (rows["last"] for rows in scores_of(walk, 4))
    std = np.sqrt(np.arange(1, 5)).mean()  # of the error after 1, 2, 3 and 4 steps
    # 1,500 windows of four leads with common innovations: an error of 4 / sqrt(1500)
    rough = {"rel": 4 / math.sqrt(1_500)}
    assert banded["crps"] == pytest.approx(std / math.sqrt(math.pi), **rough)
    assert banded["width_90"] == pytest.approx(2 * 1.6449 * std, **rough)
    assert banded["coverage_90"] == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 1_500))
    # a bare number pays its absolute error
    assert bare["crps"] == bare["mae"] == banded["mae"]
    assert bare["crps"] / banded["crps"] == pytest.approx(math.sqrt(2), rel=0.02)
    assert set(bare) == {"mae", "rmse", "crps"}


def test_bands_of_white_noise_are_those_of_a_difference_and_of_a_mean():
    noise = np.random.default_rng(1).normal(size=40_000)
    banded, _ = scores_of(noise, 3)
    rough = {"rel": 4 / math.sqrt(1_500)}
    for name, variance in (("last", 2.0), ("mean", 1 + 1 / 24)):
        expected = math.sqrt(variance / math.pi)
        assert banded[name]["crps"] == pytest.approx(expected, **rough)
        assert banded[name]["coverage_90"] == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 1_500))


@pytest.mark.parametrize("count", [1_000, 2_400])
def test_bands_cover_exactly_their_level_of_the_errors_they_were_learned_from(count):
    errors = np.linspace(-3.0, 5.0, count)  # uniform, so that quantiles between two are straight
    channel, distances = np.zeros(count, int), np.ones(count, int)
    bands = ErrorBands.fit({"last": errors}, channel, distances, 1)
    drawn = Forecast.stated(bands.around("last", np.zeros(count), channel, distances), errors)
    # up to one error at each end
    assert COVERED.of_forecast(drawn).mean() == pytest.approx(LEVEL, abs=2 / count)


@given(
    seed=st.integers(0, 10**6),
    count=st.integers(20, 1_200),
    kinds=st.integers(1, 40),
    missing=st.floats(0, 0.9),
)
def test_quantiles_are_those_of_the_errors_of_a_bin(seed, count, kinds, missing):
    generator = np.random.default_rng(seed)
    distances = generator.integers(0, kinds, count) * HOUR
    distances[generator.random(count) < 0.05] = FAR  # a window without a reading
    errors = generator.normal(size=count) * (1 + distances / FAR)
    errors[generator.random(count) < missing] = np.nan
    channel = np.full(count, 1)
    bands = ErrorBands.fit({"last": errors}, channel, distances, 2)
    assert bands.counts.tolist() == [0, count]
    chosen = (bands.edges[1] < distances[:, None]).sum(axis=1)
    found = bands.around("last", np.full(count, 7.0), channel, distances) - 7.0
    known = errors[~np.isnan(errors)]
    for each in np.unique(chosen):
        part = errors[chosen == each]
        part = part[~np.isnan(part)]
        expected = known if len(part) < 50 else part
        wanted = equal_shares(expected) if len(expected) else np.zeros(len(found))
        at = found[:, chosen == each]
        np.testing.assert_allclose(at, np.repeat(wanted[:, None], at.shape[1], 1), atol=1e-12)
    # a bin for each hundred errors at most, and equal distances are in one
    assert len(np.unique(chosen)) <= min(24, max(1, count // 100))


@pytest.mark.parametrize("few", [0, 1, 19])
def test_a_channel_with_few_errors_in_training_has_bands_of_no_width(few):
    channel = np.repeat([0, 1], [300, few])
    bands = ErrorBands.fit({"last": np.ones(len(channel))}, channel, np.arange(len(channel)), 2)
    assert bands.counts.tolist() == [300, 0]
    around = bands.around("last", np.array([2.0, 2.0]), np.array([0, 1]), np.array([5, 5]))
    np.testing.assert_array_equal(around, np.tile([3.0, 2.0], (49, 1)))

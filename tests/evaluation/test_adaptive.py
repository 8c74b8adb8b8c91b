"""Adaptive bands against errors whose distribution is known."""

import numpy as np
import pytest

from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.evaluation.adaptive import STEP, coverages, sentence
from latentode.evaluation.tasks import Task

HORIZON = 3


def rolling(num_origins, gap, *, series=1, kind="calendar"):
    """One target `HORIZON` after each origin; origins of each series are `gap` apart."""
    origins = np.tile(gap * np.arange(num_origins), series)
    every = np.arange(len(origins))
    channel = np.zeros_like(every)
    readings = Readings.from_triplets(
        every, origins, channel, every * 1.0, num_series=len(every), channels=("a",)
    )
    names = tuple(np.repeat([f"s{i}" for i in range(series)], num_origins).tolist())
    visible = TimeSeriesDataset(names, readings, Clock(kind, None, "s"))
    return Task(visible, Targets(every, origins + HORIZON, channel, every * 1.0))


def test_bands_of_an_honest_forecast_stay_as_they_are():
    """Uniform transforms: both cover 90 %, but for three standard errors of 2000 readings."""
    task = rolling(2_000, HORIZON)
    shares = coverages(task, np.random.default_rng(0).random(2_000)).shares()
    assert shares["plain"] == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 2_000))
    assert shares["adaptive"] == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("width", [0.05, 0.5])
def test_adaptive_bands_cover_what_they_claim_however_wide_the_model_draws(width):
    """The bound of Gibbs and Candes: off by (0.9 + step) / (step T) at most, for any errors."""
    error = np.random.default_rng(1).normal(size=1_000)
    transform = 0.5 + 0.5 * np.tanh(error * width * np.linspace(0.2, 5.0, 1_000))
    shares = coverages(rolling(1_000, HORIZON), transform).shares()
    assert abs(shares["plain"] - 0.9) > 0.03
    assert abs(shares["adaptive"] - 0.9) <= (0.9 + STEP) / (STEP * 1_000)


def test_an_error_counts_only_once_its_readings_are_known():
    """Origins 1 apart, horizon 3: the first three bands are those of the model."""
    task = rolling(20, 1)
    transform = np.full(20, 0.04)  # outside of the first band; within one of alpha < 0.08
    # missed at 0, 1, 2, and alpha falls by 0.045 a miss, seen from the fourth origin on
    inside = np.array([False] * 3 + [True] * 17)
    assert coverages(task, transform).shares()["adaptive"] == inside.mean()
    assert coverages(task, transform).shares()["plain"] == 0.0


def test_series_on_an_elapsed_clock_follow_one_another():
    """Ten series that miss with every reading are one course of errors of their whole length."""
    apart, together = rolling(5, HORIZON, series=10, kind="elapsed"), rolling(50, HORIZON)
    transform = np.linspace(0.0, 0.2, 50)
    assert coverages(apart, transform).shares() == coverages(together, transform).shares()


def test_readings_without_a_transform_are_not_covered():
    assert coverages(rolling(2, 5), np.array([np.nan, 0.5])).shares()["plain"] == 0.5
    assert np.isnan(coverages(rolling(2, 5), np.full(2, np.nan)).shares()["adaptive"])


def test_the_sentence_says_both_shares():
    text = sentence({"plain": 0.8123, "adaptive": 0.9012})
    assert "90.1%" in text
    assert "81.2%" in text

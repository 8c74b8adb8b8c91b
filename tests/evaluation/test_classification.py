"""Figures of labels against second sources and counts by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation.classification import area_under_curve, brier, calibration_error


def some(count=400, steps=None, seed=0):
    """Honest probabilities and their labels; with `steps` many of them are equal."""
    rng = np.random.default_rng(seed)
    probability = rng.random(count)
    if steps:
        probability = np.round(probability * steps) / steps
    return probability, rng.random(count) < probability


@pytest.mark.parametrize("steps", [None, 3, 20])
def test_the_area_is_the_statistic_of_mann_and_whitney_over_the_pairs(steps):
    score, labels = some(steps=steps)
    found = stats.mannwhitneyu(score[labels], score[~labels]).statistic
    expected = found / (labels.sum() * (~labels).sum())
    assert area_under_curve(score, labels) == pytest.approx(expected, rel=1e-12)


def test_the_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    score, labels = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.3
    pairs = score[labels][:, None] - score[~labels][None]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert area_under_curve(score, labels) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=30), st.integers(1, 29))
def test_the_area_of_the_opposite_score_is_what_is_left(score, positives):
    labels = np.arange(len(score)) < min(positives, len(score) - 1)
    score = np.array(score, float)
    whole = area_under_curve(score, labels) + area_under_curve(-score, labels)
    assert whole == pytest.approx(1.0, abs=1e-12)
    raised = area_under_curve(np.exp(score) + 7, labels)  # only the order counts
    assert raised == area_under_curve(score, labels)


def test_constant_and_perfect_scores():
    labels = np.array([0, 0, 1, 1, 1])
    assert area_under_curve(np.zeros(5), labels) == 0.5
    assert area_under_curve(labels, labels) == 1.0
    assert area_under_curve(-labels, labels) == 0.0


def test_brier_by_hand():
    assert brier([0.0, 1.0, 0.5], [0, 1, 1]) == pytest.approx(0.25 / 3)


def test_the_calibration_error_by_hand():
    # two bins of two: means 0.15 and 0.85, shares 0.5 and 1
    probability, labels = [0.9, 0.1, 0.2, 0.8], [1, 0, 1, 1]
    found = calibration_error(probability, labels, bins=2)
    assert found == pytest.approx((0.35 + 0.15) / 2)
    assert calibration_error(probability, labels, bins=1) == pytest.approx(0.25)


def test_equal_probabilities_share_a_bin_whatever_their_order():
    rng = np.random.default_rng(0)
    labels = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    for _ in range(5):
        # a base rate for everybody is calibrated
        assert calibration_error(np.full(10, 0.2), rng.permutation(labels)) == pytest.approx(0.0)


def test_honest_probabilities_are_calibrated_and_bold_ones_are_not():
    probability, labels = some(20_000)
    # a bin of 2,000 has a standard error below 0.011
    assert calibration_error(probability, labels) < 0.02
    bold = (probability > 0.5).astype(float)
    assert calibration_error(bold, labels) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("figure", [area_under_curve, brier, calibration_error])
def test_figures_refuse_what_they_cannot_judge(figure):
    with pytest.raises(ShapeError, match=r"one for each score, shape \(3,\), got \(2,\)"):
        figure([0.1, 0.2, 0.3], [0, 1])
    with pytest.raises(DataError, match="at least one, got none"):
        figure([], [])
    with pytest.raises(DataError, match="got NaN at 1"):
        figure([0.1, np.nan], [0, 1])
    with pytest.raises(DataError, match=r"expected 0 or 1, got .*-1"):
        figure([0.1, 0.2, 0.4], [0, 1, -1])


def test_an_absent_class_a_logit_and_no_bin_are_refused():
    with pytest.raises(DataError, match="both classes, got 2 positives and 0 negatives"):
        area_under_curve([0.1, 0.2], [1, 1])
    with pytest.raises(DataError, match=r"within 0 and 1, got -2 to 0\.5"):
        brier([-2.0, 0.5], [0, 1])
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        calibration_error([0.1, 0.2], [0, 1], bins=0)

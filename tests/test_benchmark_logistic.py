"""Logistic regression on summaries of a series."""

import numpy as np
import pytest

from benchmarks import physionet_mortality
from benchmarks.frame import Options
from benchmarks.irregular.logistic import Logistic, area_under_curve, summaries


def test_the_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    score, labels = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.3
    pairs = score[labels][:, None] - score[~labels][None]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert area_under_curve(score, labels) == pytest.approx(expected, rel=1e-12)


def test_weights_are_recovered():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 3))
    truth = np.array([1.0, -2.0, 0.0])
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(features @ truth - 0.5)))
    found = Logistic.fit(features, labels, 1e-6)
    # standard errors are about 0.03
    assert np.abs(found.weights / np.append(found.std, 1.0) - [*truth, -0.5]).max() < 0.15
    assert found.probability(features).mean() == pytest.approx(labels.mean(), abs=1e-3)


def test_a_penalty_shrinks_and_an_unknown_feature_is_average():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(500, 2)), rng.random(500) < 0.5
    labels |= features[:, 0] > 1
    free, tied = (Logistic.fit(features, labels, penalty) for penalty in (1e-6, 10.0))
    assert np.abs(tied.weights[:2]).max() < 0.1 * np.abs(free.weights[:2]).max()
    blank = free.probability(np.full((1, 2), np.nan))
    assert blank[0] == pytest.approx(free.probability(free.mean[None])[0])


def test_summaries_by_hand():
    values = np.array([[[2.0, np.nan], [np.nan, np.nan], [4.0, np.nan]]])
    found = summaries(values, np.array([[9.0]]))[0].reshape(-1)
    first, last, mean, least, greatest, spread = found[:12].reshape(6, 2)[:, 0]
    assert (first, last, mean, least, greatest, spread) == (2.0, 4.0, 3.0, 2.0, 4.0, 1.0)
    assert np.isnan(found[:12].reshape(6, 2)[:, 1]).all()
    assert found[12:].tolist() == [np.log(3.0), 0.0, 9.0]


@pytest.mark.usefixtures("shared_data")
def test_splits_are_disjoint_and_the_regression_beats_chance():
    split = physionet_mortality.split(400, 0)
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(400))
    report = physionet_mortality.run(Options(physionet_mortality.SMOKE, seeds=(0,)))
    found = {run["metric"]: run["value"] for run in report["runs"]}
    assert found["AUC"] > 0.6

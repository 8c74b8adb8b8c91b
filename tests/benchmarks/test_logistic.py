"""Logistic regression on summaries of a series."""

import numpy as np
import pytest

from benchmarks.irregular.logistic import Logistic, summaries


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

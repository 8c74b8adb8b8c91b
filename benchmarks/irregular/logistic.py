"""Logistic regression on summaries of a series, and the area under the curve of its answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from benchmarks.irregular.windows import Flags, Floats

_FARTHEST = 5.0  # standard deviations: unit errors count no more than that
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


def summaries(values: Floats, covariates: Floats) -> Floats:
    """Numbers that say what a series was like, NaN where a channel was never read.

    Args:
        values: Readings in order of time, NaN elsewhere, shape (series, time, channel).
        covariates: Shape (series, static).

    Returns:
        First, last, mean, least, greatest reading and standard deviation of every channel, the
        logarithm of one plus its number of readings, and the covariates, shape (series, feature).
    """
    read = np.isfinite(values)
    count = read.sum(1)
    some = count > 0
    place = np.argmax(read, axis=1), values.shape[1] - 1 - np.argmax(read[:, ::-1], axis=1)
    first, last = (np.take_along_axis(values, index[:, None], 1)[:, 0] for index in place)
    mean = np.where(read, values, 0.0).sum(1) / np.maximum(count, 1)
    spread = np.where(read, values - mean[:, None], 0.0)
    features = [
        first,
        last,
        mean,
        np.where(read, values, np.inf).min(1),
        np.where(read, values, -np.inf).max(1),
        np.sqrt(np.square(spread).sum(1) / np.maximum(count, 1)),
    ]
    known = [np.where(some, feature, np.nan) for feature in features]
    return np.concatenate([*known, np.log1p(count), covariates], axis=1)


@dataclass(frozen=True, eq=False)
class Logistic:
    """A fitted logistic regression.

    Attributes:
        mean: Training means, shape (feature,).
        std: Training standard deviations, shape (feature,).
        weights: Of the standardised features and, last, the constant, shape (feature + 1,).
    """

    mean: Floats
    std: Floats
    weights: Floats

    @classmethod
    def fit(cls, features: Floats, labels: Flags, penalty: float) -> Logistic:
        r"""Minimise the mean log loss :math:`+ \lambda \lVert w \rVert^2` (not of the constant).

        Args:
            features: NaN where unknown, which counts as the mean, shape (series, feature).
            labels: Shape (series,).
            penalty: The weight :math:`\lambda`.
        """
        mean = np.nanmean(features, axis=0)
        std = np.nanstd(features, axis=0)
        blank = cls(mean, np.where(std > 0, std, 1.0), np.zeros(features.shape[1] + 1))
        inputs, signs = blank._standardised(features), np.where(labels, 1.0, -1.0)

        def loss(weights: Floats) -> tuple[float, Floats]:
            margin = signs * (inputs @ weights)
            shrunk = np.append(weights[:-1], 0.0)
            pull = -(signs * expit(-margin)) @ inputs / len(signs)
            value = np.logaddexp(0.0, -margin).mean() + penalty * shrunk @ shrunk
            return value, pull + 2 * penalty * shrunk

        found = minimize(loss, blank.weights, jac=True, method="L-BFGS-B", options={"maxiter": 500})
        return cls(blank.mean, blank.std, found.x)

    def probability(self, features: Floats) -> Floats:
        """Probability of a positive label, shape (series,)."""
        return expit(self._standardised(features) @ self.weights)

    def _standardised(self, features: Floats) -> Floats:
        scaled = np.nan_to_num((features - self.mean) / self.std, nan=0.0)
        scaled = np.clip(scaled, -_FARTHEST, _FARTHEST)
        return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)


def area_under_curve(score: Floats, labels: Flags) -> float:
    """Probability that a positive has a higher score than a negative, ties counting half."""
    ranks, positive = rankdata(score), int(labels.sum())
    above = ranks[labels].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(labels) - positive)))

r"""Numbers that judge probabilities of a label: order, proper score, calibration.

Use `area_under_curve` for how well a score tells positives from negatives, whatever its scale;
`brier` to judge probabilities as such; and `calibration_error` to see whether they are honest.

Reference:
    Hanley, McNeil (1982), The meaning and use of the area under a receiver operating characteristic
    (ROC) curve, https://doi.org/10.1148/radiology.143.1.7063747
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latentode.data.dataset import Float64
from latentode.errors import ConfigError, DataError, ShapeError


def area_under_curve(score: ArrayLike, labels: ArrayLike) -> float:
    r"""Probability that a positive has a higher score than a negative, ties counting half.

    This is the area under the receiver's curve, and the statistic of Mann and Whitney over the
    number of pairs.

    Args:
        score: Any score that is higher for positives, shape (series,).
        labels: True, or 1, for positives, same shape.

    Returns:
        Between 0 and 1; 0.5 for a score that says nothing.

    Raises:
        ShapeError: If the shapes differ.
        DataError: If a score is NaN, a label is neither 0 nor 1, or a class is absent.
    """
    score, positive = _scores_and_labels(score, labels)
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        raise DataError(
            f"labels: expected both classes, got {count} positives and {others} negatives. "
            "There are no pairs to be put in order."
        )
    _, order, ties = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - (ties - 1) / 2)[order]
    above = rank[positive].sum() - count * (count + 1) / 2
    return float(above / (count * others))


def brier(probability: ArrayLike, labels: ArrayLike) -> float:
    r"""Brier score :math:`\frac1n\sum_i (p_i - y_i)^2`, least in the mean for the true probability.

    Args:
        probability: Of a positive label, shape (series,).
        labels: True, or 1, for positives, same shape.

    Raises:
        ShapeError: If the shapes differ.
        DataError: If a probability is not within 0 and 1, a label is neither 0 nor 1, or there is
            none.

    Reference:
        Brier (1950), Verification of forecasts expressed in terms of probability,
        https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
    """
    probability, positive = _probabilities_and_labels(probability, labels)
    return float(np.square(probability - positive).mean())


def calibration_error(probability: ArrayLike, labels: ArrayLike, bins: int = 10) -> float:
    r"""Expected calibration error :math:`\sum_b \frac{n_b}{n}\,|\bar y_b - \bar p_b|`.

    The bins hold equally many series each, in order of their probability: of a rare label nearly
    all probabilities would fall into the first of equally wide ones. Series of equal probability
    share a bin. Finite samples of honest probabilities have an error above 0.

    Args:
        probability: Of a positive label, shape (series,).
        labels: True, or 1, for positives, same shape.
        bins: Number of bins.

    Raises:
        ShapeError: If the shapes differ.
        DataError: As in `brier`.
        ConfigError: If `bins` is below 1.

    Reference:
        Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian
        binning, AAAI. There the bins are equally wide.
    """
    if bins < 1:
        raise ConfigError(f"bins: expected at least 1, got {bins}. Ten are usual.")
    probability, positive = _probabilities_and_labels(probability, labels)
    # the first rank of a value decides for all that are equal to it
    rank = np.searchsorted(np.sort(probability), probability)
    excess = np.bincount(rank * bins // len(rank), weights=positive - probability, minlength=bins)
    return float(np.abs(excess).sum() / len(probability))


def _probabilities_and_labels(
    probability: ArrayLike, labels: ArrayLike
) -> tuple[Float64, np.ndarray]:
    probability, positive = _scores_and_labels(probability, labels)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise DataError(
            f"probability: expected numbers within 0 and 1, got {probability.min():g} to "
            f"{probability.max():g}. Scores and logits need a sigmoid first."
        )
    return probability, positive


def _scores_and_labels(score: ArrayLike, labels: ArrayLike) -> tuple[Float64, np.ndarray]:
    score, labels = np.asarray(score, np.float64), np.asarray(labels)
    if score.ndim != 1 or score.shape != labels.shape:
        raise ShapeError(
            f"labels: expected one for each score, shape {score.shape}, got {labels.shape}."
        )
    if not len(score):
        raise DataError("labels: expected at least one, got none.")
    if np.isnan(score).any():
        raise DataError(
            f"score: expected numbers, got NaN at {int(np.isnan(score).argmax())}. Leave out what "
            "has no score."
        )
    strange = ~np.isin(labels, (0, 1))
    if strange.any():
        raise DataError(
            f"labels: expected 0 or 1, got {labels[strange][0]!r}. Leave out unknown labels, and "
            "judge one class of many against all others."
        )
    return score, labels.astype(bool)

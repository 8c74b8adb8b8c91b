"""Labels of series, or of times, by a fitted model: probabilities, and what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.labels import Labels
from latentode.errors import ConfigError, DataError
from latentode.evaluation.classification import area_under_curve, brier, calibration_error
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.class_probabilities import label_probabilities

_LEAST = 1e-12  # a float32 probability can be 0


def scored_labels(
    fitted: FittedModel, dataset: TimeSeriesDataset, labels: Labels, split: str
) -> Int64:
    """Numbers of the labels of a log that can be judged, see `Labels`.

    Args:
        fitted: A model with labels.
        dataset: The log.
        labels: Its labels.
        split: "test": series whose label training has not seen, or times in the part of the log
            that the split of training calls test; "all".

    Raises:
        ConfigError: If the split is unknown.
    """
    if split not in ("test", "all"):
        raise ConfigError(f"split: expected 'test' or 'all', got {split!r}.")
    if split == "all":
        return labels.known()
    assert fitted.log.labels is not None
    return labels.unseen(dataset, fitted.schema.split, fitted.log.labels, fitted.context)


def score_labels(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    labels: Labels,
    *,
    split: str,
    num_draws: int,
) -> dict[str, Any]:
    """Judge the probabilities of known labels.

    Args:
        fitted: A model with labels.
        dataset: The log, aligned with its schema.
        labels: Its labels.
        split: As in `scored_labels`.
        num_draws: Posterior draws.

    Returns:
        "series" or "times", their number; "accuracy" of the most probable class; "log_loss", nats;
        "auc" (NaN without two classes), "brier" and "calibration_error" of the second class of
        two, else the mean over classes, each against all others.

    Raises:
        ConfigError: If the split is unknown.
        DataError: If no label is left to judge by.
    """
    chosen = scored_labels(fitted, dataset, labels, split)
    if not len(chosen):
        unseen = " that training has not seen" if split == "test" else ""
        raise DataError(
            f"labels: expected a labelled {labels.noun}{unseen}, got none in a log of "
            f"{len(dataset)} series. {labels.advice}"
        )
    probability = label_probabilities(fitted, dataset, labels, chosen, num_draws)
    return {labels.kind: len(chosen)} | _scores(probability, labels.numbered[chosen])


def _scores(probability: Float64, codes: Int64) -> dict[str, Any]:
    of_truth = probability[np.arange(len(codes)), codes]
    scores: dict[str, Any] = {
        "accuracy": float((probability.argmax(1) == codes).mean()),
        "log_loss": float(-np.log(np.maximum(of_truth, _LEAST)).mean()),
    }
    classes = [1] if probability.shape[1] == 2 else list(range(probability.shape[1]))
    # a class without series, or with all, has no pairs to put in order
    ordered = [k for k in classes if 0 < (codes == k).sum() < len(codes)]
    # rounding may leave a mean of probabilities just above 1
    bounded = probability.clip(0.0, 1.0)
    for name, judge, which in (
        ("auc", area_under_curve, ordered),
        ("brier", brier, classes),
        ("calibration_error", calibration_error, classes),
    ):
        each = [judge(bounded[:, k], codes == k) for k in which]
        scores[name] = float(np.mean(each)) if each else float("nan")
    return scores

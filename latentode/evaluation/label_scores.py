"""Labels of series, or of times, by a fitted model: probabilities, and what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.labels import SeriesLabels, TimeLabels
from latentode.errors import ConfigError, DataError
from latentode.evaluation.classification import area_under_curve, brier, calibration_error
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.class_probabilities import classify, classify_times

_LEAST = 1e-12  # a float32 probability can be 0


def scored_labels(
    fitted: FittedModel, dataset: TimeSeriesDataset, labels: SeriesLabels | TimeLabels, split: str
) -> Int64:
    """Numbers of the labels of a log that can be judged: of its series, or in order of its times.

    Args:
        fitted: A model with labels.
        dataset: The log.
        labels: Its labels.
        split: "test": series whose label training has not seen, or times in the part of the log
            that the split of training calls test; "all".

    Raises:
        ConfigError: If the split is unknown.
    """
    assert fitted.labels is not None
    if split not in ("test", "all"):
        raise ConfigError(f"split: expected 'test' or 'all', got {split!r}.")
    if isinstance(labels, TimeLabels):
        streams = labels.streams
        if split == "all":
            return np.arange(len(streams.times))
        starts, stops = fitted.schema.split.bounds(dataset, "test")
        after, before = starts[streams.series], stops[streams.series]
        return np.flatnonzero((streams.times > after) & (streams.times <= before))
    assert isinstance(fitted.labels, SeriesLabels)
    known = labels.codes >= 0
    if split == "all":
        return np.flatnonzero(known)
    own, codes = fitted.context, fitted.labels.codes
    if fitted.schema.split.kind == "series":
        starts, stops = fitted.schema.split.bounds(own, "test")
        codes = np.where(stops > starts, -1, codes)
    seen = {name for name, code in zip(own.series_ids, codes, strict=True) if code >= 0}
    fresh = [name not in seen for name in dataset.series_ids]
    return np.flatnonzero(known & np.array(fresh, dtype=bool))


def score_labels(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    labels: SeriesLabels | TimeLabels,
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
        wanted = f"a labelled {'time' if isinstance(labels, TimeLabels) else 'series'}" + (
            " that training has not seen" if split == "test" else ""
        )
        advice = (
            "Label the test part of the log, or judge with split 'all'."
            if isinstance(labels, TimeLabels)
            else "Train with a split by series, or give labels of other series."
        )
        raise DataError(
            f"labels: expected {wanted}, got none in a log of {len(dataset)} series. {advice}"
        )
    if isinstance(labels, TimeLabels):
        streams = labels.streams
        series, times = streams.series[chosen], streams.times[chosen]
        found = classify_times(fitted, dataset, series, times, num_draws)
        return {"times": len(chosen)} | _scores(found, streams.marks[chosen])
    found = classify(fitted, dataset.select_series(chosen.tolist()), num_draws)
    return {"series": len(chosen)} | _scores(found, labels.codes[chosen])


def _scores(probability: Float64, codes: Int64) -> dict[str, Any]:
    own = probability[np.arange(len(codes)), codes]
    found: dict[str, Any] = {
        "accuracy": float((probability.argmax(1) == codes).mean()),
        "log_loss": float(-np.log(np.maximum(own, _LEAST)).mean()),
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
        found[name] = float(np.mean(each)) if each else float("nan")
    return found

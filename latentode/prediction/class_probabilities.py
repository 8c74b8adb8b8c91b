"""Probabilities of classes: of whole series, and of times."""

from __future__ import annotations

import numpy as np
import torch

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.labels import Labels
from latentode.errors import ConfigError
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.predictor import Predictor


def known_classes(fitted: FittedModel) -> tuple[str, ...]:
    """Classes of a model.

    Raises:
        ConfigError: If it was trained without labels.
    """
    if fitted.log.labels is None:
        raise ConfigError(
            "labels: expected a model that was trained with labels, got one without. Train with "
            "--labels, or fit(log, labels=...)."
        )
    return fitted.log.labels.classes


def classify(fitted: FittedModel, dataset: TimeSeriesDataset, num_draws: int) -> Float64:
    r"""Probability of each class of each series, from its newest context.

    .. math:: p(y \mid x) = \frac1K \sum_k p(y \mid z_k, x), \qquad z_k \sim q(z \mid x)

    Args:
        fitted: A model with labels.
        dataset: The log, aligned with its schema.
        num_draws: Posterior draws K.

    Returns:
        Probabilities, shape (series, class).
    """
    classes = known_classes(fitted)
    head = fitted.model.label_head
    assert head is not None
    probabilities = np.empty((len(dataset), len(classes)))
    predictor, visible = Predictor.of(fitted, num_draws), last_context(dataset, fitted.schema)
    first, last = visible.readings.first_and_last()
    # a series without readings is asked about at the origin, where it shows nothing
    last = np.where(last < first, fitted.schema.origin_ns, last)
    with torch.no_grad():
        for part in predictor.follow(visible, last, last):
            chosen = head.probabilities(part.solved, part.batch)
            probabilities[part.windows] = chosen.double().cpu().numpy()
    return probabilities


def classify_times(
    fitted: FittedModel, dataset: TimeSeriesDataset, series: Int64, times: Int64, num_draws: int
) -> Float64:
    r"""Probability of each class at some times, from the readings before and after.

    Args:
        fitted: A model with labels of times.
        dataset: The log, aligned with its schema.
        series: Series of each query, shape (query,).
        times: Time of each in nanoseconds, shape (query,).
        num_draws: Posterior draws.

    Returns:
        Probabilities, shape (query, class).
    """
    known_classes(fitted)
    predictor = Predictor.of(fitted, num_draws)
    return predictor.query(dataset, series, times, wanted="classes").classes


def label_probabilities(
    fitted: FittedModel, dataset: TimeSeriesDataset, labels: Labels, chosen: Int64, num_draws: int
) -> Float64:
    """Probability of each class of what some labels are of, shape (label, class).

    Args:
        fitted: A model with labels of that kind.
        dataset: The log, aligned with its schema.
        labels: Its labels, which only say what is asked.
        chosen: Numbers of labels.
        num_draws: Posterior draws.
    """
    streams = labels.over_time()
    if streams is None:
        return classify(fitted, dataset.select_series(chosen.tolist()), num_draws)
    series, times = streams.series[chosen], streams.times[chosen]
    return classify_times(fitted, dataset, series, times, num_draws)

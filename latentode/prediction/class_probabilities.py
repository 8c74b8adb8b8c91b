"""Probabilities of classes: of whole series, and of times."""

from __future__ import annotations

import numpy as np
import torch

from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.errors import ConfigError
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.prediction.predictor import Predictor

_BLOCK = 4_096  # times at once: draws of their readings take memory


def known_classes(fitted: FittedModel) -> tuple[str, ...]:
    """Classes of a model.

    Raises:
        ConfigError: If it was trained without labels.
    """
    if fitted.labels is None:
        raise ConfigError(
            "labels: expected a model that was trained with labels, got one without. Train with "
            "--labels, or fit(log, labels=...)."
        )
    return fitted.labels.classes


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
    found = np.empty((len(dataset), len(classes)))
    predictor, visible = Predictor.of(fitted, num_draws), last_context(dataset, fitted.schema)
    first, last = visible.readings.first_and_last()
    # a series without readings is asked about at the origin, where it shows nothing
    last = np.where(last < first, fitted.schema.origin_ns, last)
    with torch.no_grad():
        for chunk, batch, _ in predictor.windows(visible, last, last):
            noise = predictor.noise([visible.series_ids[i] for i in chunk])
            found[chunk] = fitted.model.label_probabilities(batch, noise).double().cpu().numpy()
    return found


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
    predictor, found = Predictor.of(fitted, num_draws), []
    # draws of the readings come along, and are not kept
    for first in range(0, len(times), _BLOCK):
        part = slice(first, first + _BLOCK)
        answer = predictor.query(dataset, series[part], times[part], latent=False, classes=True)
        found.append(answer.classes)
    return np.concatenate(found) if found else np.zeros((0, len(known_classes(fitted))))

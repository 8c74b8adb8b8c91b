"""Log-densities of whole series."""

from __future__ import annotations

import numpy as np
import torch

from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset
from latentode.data.windows import cut
from latentode.models.objectives import iwae, iwae_standard_error
from latentode.prediction.predictor import Predictor


def prequential_score(
    predictor: Predictor, dataset: TimeSeriesDataset
) -> tuple[Float64, Float64, Int64]:
    r"""Log-density of each series, by blocks of one horizon given what came before.

    .. math:: \log p(x_{1:n}) = \sum_b \log p(x_b \mid x_{<b}),\qquad
              p(x_b \mid x_{<b}) \approx \tfrac1K \sum_k \prod_{i \in b} p(x_i \mid z_k, x_{<b})

    with :math:`z_k` drawn from the posterior given the context of the block: a proper joint density
    by the chain rule. The mean over draws is unbiased, its logarithm low by Jensen's inequality;
    the standard error is by the delta method. A block without readings adds nothing, and events
    beside the readings are no part of it: `latentode.prediction.event_rates` scores those.

    Args:
        predictor: Predictor of a fitted model.
        dataset: Series, aligned with its schema.

    Returns:
        Log-density in nats of original units (series,), its standard error (series,), and the
        number of readings (series,).

    Reference:
        Dawid (1984), The prequential approach, Journal of the Royal Statistical Society A 147.
    """
    series, visible, targets = _blocks(predictor, dataset)
    readings = dataset.readings
    values = targets.dense(slice(0, targets.num_rows))
    weights = torch.from_numpy(
        predictor.log_weights(visible, targets.row_series(), targets.times, values)
    )  # (draw, block)
    log_prob, error = np.zeros(len(dataset)), np.zeros(len(dataset))
    np.add.at(log_prob, series, iwae(weights).numpy())
    np.add.at(error, series, iwae_standard_error(weights).numpy() ** 2)
    return log_prob, np.sqrt(error), np.diff(readings.row_starts[readings.series_starts])


def reading_scores(
    predictor: Predictor, dataset: TimeSeriesDataset
) -> tuple[Int64, Int64, Float64]:
    """Log-density of each reading given what came before its block of one horizon.

    The anomaly score of a reading is its negative. Those of one time are marginal densities, so
    they do not add up to that of a series where channels or times hang together.

    Args:
        predictor: Predictor of a fitted model.
        dataset: Series, aligned with its schema.

    Returns:
        Series and time in nanoseconds of each row, shape (row,), and log-densities in nats of
        original units, NaN where nothing was read, shape (row, channel).
    """
    series, visible, targets = _blocks(predictor, dataset)
    owner, values = targets.row_series(), targets.dense(slice(0, targets.num_rows))
    scores = predictor.query(visible, owner, targets.times, values, wanted="densities")
    return series[owner], targets.times, scores.log_prob


def _blocks(
    predictor: Predictor, dataset: TimeSeriesDataset
) -> tuple[Int64, TimeSeriesDataset, Readings]:
    """Stretches of one horizon that hold readings, in order of series and time.

    The series of each, what came before each (one window a block), and their readings likewise.
    """
    lengths, readings = predictor.schema.lengths, dataset.readings
    first, _ = readings.first_and_last()
    owner = readings.row_series()
    number = (readings.times - first[owner]) // lengths.horizon_ns
    fresh = np.ones(len(number), dtype=bool)
    fresh[1:] = (np.diff(owner) != 0) | (np.diff(number) != 0)
    series = owner[fresh]
    starts = first[series] - 1 + number[fresh] * lengths.horizon_ns
    visible = cut(dataset, series, starts - lengths.context_ns, starts)
    ahead = cut(dataset, series, starts, starts + lengths.horizon_ns)
    return series, visible, ahead.readings

"""Log-densities of whole series, and paths between latent states."""

from __future__ import annotations

import numpy as np
import torch

from latentode.data.batch import Rows
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.windows import cut
from latentode.grids import first_and_last
from latentode.model import LatentODEModel
from latentode.prediction import Predictor


def prequential_score(
    predictor: Predictor, dataset: TimeSeriesDataset
) -> tuple[Float64, Float64, Int64]:
    r"""Log-density of each series, by blocks of one horizon given what came before.

    .. math:: \log p(x_{1:n}) = \sum_b \log p(x_b \mid x_{<b}),\qquad
              p(x_b \mid x_{<b}) \approx \tfrac1K \sum_k \prod_{i \in b} p(x_i \mid z_k, x_{<b})

    with :math:`z_k` drawn from the posterior given the context of the block: a proper joint density by
    the chain rule. The mean over draws is unbiased, its logarithm low by Jensen's inequality; the
    standard error is by the delta method.

    Args:
        predictor: Predictor of a fitted model.
        dataset: Series, aligned with its schema.

    Returns:
        Log-density in nats of original units (series,), its standard error (series,), and the number of
        readings (series,).

    Reference:
        Dawid (1984), The prequential approach, Journal of the Royal Statistical Society A 147.
    """
    lengths = predictor.schema.lengths
    first, last = first_and_last(dataset)
    counts = np.where(last >= first, (last - first) // lengths.horizon_ns + 1, 0)
    series = np.repeat(np.arange(len(dataset)), counts)
    block = np.concatenate([np.arange(n) for n in counts]) if len(counts) else counts
    starts = first[series] - 1 + block * lengths.horizon_ns
    visible = cut(dataset, series, starts - lengths.context_ns, starts)
    targets = cut(dataset, series, starts, starts + lengths.horizon_ns).readings
    values = targets.dense(slice(0, targets.num_rows))
    weights = predictor.log_weights(visible, targets.row_series(), targets.times, values)
    top = weights.max(axis=0)  # (block,)
    ratios = np.exp(weights - top)
    block_log_prob = top + np.log(ratios.mean(axis=0))
    draws = weights.shape[0]
    relative = ratios.std(axis=0, ddof=1) / ratios.mean(axis=0) / np.sqrt(draws)
    log_prob = np.bincount(series, block_log_prob, minlength=len(dataset))
    error = np.sqrt(np.bincount(series, relative**2, minlength=len(dataset)))
    readings = dataset.readings
    per_series = np.diff(readings.row_starts[readings.series_starts])
    return log_prob, error, per_series


@torch.no_grad()
def interpolate_states(
    model: LatentODEModel,
    schema: DataSchema,
    pair: TimeSeriesDataset,
    offsets: Int64,
    num_steps: int,
) -> Float64:
    """Decode trajectories from states on the line between the posterior means of two windows.

    Known inputs and static covariates are those of the first window; the memory of readings is left
    out, since a state in between has none.

    Args:
        model: Fitted model.
        schema: Its data schema.
        pair: Two windows, aligned with the schema.
        offsets: Times after the anchor at which to decode, nanoseconds, shape (step,).
        num_steps: Points on the line, both ends included.

    Returns:
        Locations in original units, shape (point, step, channel).
    """
    builder = schema.builder()
    end = 1 if model.config.anchor == "origin" else 0
    anchors = first_and_last(pair)[end]
    times = builder.time_scale.to_model(offsets, np.zeros(1, np.int64))
    nothing = np.full((2, len(offsets), len(schema.channels)), np.nan)
    rows: Rows = builder.rows(pair.readings, anchors)
    batch = builder.build(pair, anchors, rows, (np.stack([times, times]), nothing))
    batch = batch.to(next(model.parameters()).device)
    means = model.posterior(batch).mean  # (2, latent)
    shares = torch.linspace(0, 1, num_steps).to(means)[:, None]
    states = (1 - shares) * means[0] + shares * means[1]
    first = batch.select(torch.zeros(num_steps, dtype=torch.long, device=means.device))
    trajectory = model.trajectory(states[None], first)
    location = model.decode(trajectory, first, remember=False).location[0]
    return schema.scaler.inverse(location.cpu().numpy().astype(np.float64))

"""Trajectories decoded from points between the latent states of two series."""

from __future__ import annotations

import numpy as np
import torch

from latentode.config.memory import check_drawn
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.window_arrays import Rows
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.finite import check_finite

_DEFAULT_STEPS = 50  # of a path where no spacing is given


def path_offsets(schema: DataSchema, spacing_ns: int | None, num_points: int) -> Int64:
    """Times from one context before the anchor to one horizon after it, shape (step,).

    Args:
        schema: Data schema of the model.
        spacing_ns: Nanoseconds from step to step; None is a fiftieth of context and horizon.
        num_points: Points on the path, which share these times.

    Raises:
        ResourceError: If they would take too much memory.
    """
    before, after = schema.lengths.context_ns, schema.lengths.horizon_ns
    spacing = max(1, (before + after) // _DEFAULT_STEPS) if spacing_ns is None else spacing_ns
    check_drawn(num_points * ((before + after) // spacing + 1), 1, len(schema.channels))
    return np.arange(-before, after + 1, spacing)


def batch_of(
    model: LatentODEModel, schema: DataSchema, windows: TimeSeriesDataset, offsets: Int64
) -> tuple[SeriesBatch, Int64]:
    """Windows as a batch that asks for the same times around each anchor.

    Args:
        model: Fitted model, whose device the batch is on.
        schema: Its data schema.
        windows: One series a window, aligned with the schema.
        offsets: Times after the anchor, nanoseconds, shape (step,).

    Returns:
        The batch, and the anchors in nanoseconds, shape (batch,).
    """
    builder, windows = schema.builder(), schema.modelled(windows)
    end = 1 if model.config.anchor == "origin" else 0
    anchors = windows.readings.first_and_last()[end]
    times = builder.time_scale.to_model(offsets, np.zeros(1, np.int64))
    nothing = np.full((len(windows), len(offsets), len(schema.channels)), np.nan)
    rows: Rows = builder.rows(windows.readings, anchors)
    asked = (np.tile(times, (len(windows), 1)), nothing)
    batch = SeriesBatch.of(builder.build(windows, anchors, rows, asked))
    return batch.to(next(model.parameters()).device), anchors


@torch.no_grad()
def interpolate_states(
    model: LatentODEModel,
    schema: DataSchema,
    pair: TimeSeriesDataset,
    offsets: Int64,
    num_points: int,
) -> tuple[Float64, Int64]:
    """Decode trajectories from states on the line between the posterior means of two windows.

    Known inputs and static covariates are those of the first window; the memory of readings is left
    out, since a state in between has none.

    Args:
        model: Fitted model.
        schema: Its data schema.
        pair: Two windows, aligned with the schema.
        offsets: Times after the anchor at which to decode, nanoseconds, shape (step,).
        num_points: Points on the line, both ends included.

    Returns:
        Locations in original units, of counters totals that begin at 0, shape (point, step,
        channel), and their times in nanoseconds around the anchor of the first window, shape
        (point, step).
    """
    batch, anchors = batch_of(model, schema, pair, offsets)
    means = infer(model, batch, refine=True).centre  # (2, latent)
    shares = torch.linspace(0, 1, num_points).to(means)[:, None]
    states = (1 - shares) * means[0] + shares * means[1]
    first = batch.select(torch.zeros(num_points, dtype=torch.long, device=means.device))
    trajectory = model.trajectory(states[None], first, remember=False)
    location = model.decode(trajectory, first, remember=False).location[0]
    check_finite(location.cpu().numpy(), 0, [pair.series_ids[0]] * num_points)
    near, far = batch.shift  # (1, channel) each
    location = location + torch.lerp(near, far, shares[..., None].double())
    values = schema.to_original(location.cpu().numpy().astype(np.float64))
    counters = schema.counters
    rates = np.isin(schema.channels, counters.names)
    spans = np.diff(offsets, prepend=offsets[0])[:, None] / counters.unit_ns
    values[..., rates] = np.cumsum(np.maximum(values[..., rates], 0.0) * spans, axis=1)
    return values, np.broadcast_to(anchors[0] + offsets, values.shape[:2])

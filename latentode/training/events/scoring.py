"""Scores of whole streams under a model."""

from __future__ import annotations

import numpy as np
import torch

from latentode.data.batches.event_batch import EventBatch
from latentode.data.events import EventStreams
from latentode.models.point_processes.event_scores import EventProcess, EventScores


@torch.no_grad()
def score_streams(
    model: EventProcess, streams: EventStreams, unit_ns: float, *, at_once: int = 64
) -> tuple[EventScores, EventBatch]:
    """Score all streams, some of about one length at a time.

    Args:
        model: The model, on any device.
        streams: Streams, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
        at_once: Streams at a time.

    Returns:
        Scores and events of all series, in the order of the streams, on the CPU.
    """
    device = next(model.parameters()).device
    lengths = np.diff(streams.starts)
    order = np.argsort(lengths, kind="stable")
    whole = EventBatch.of(streams, unit_ns)
    width, marks = whole.times.shape[1], streams.num_marks
    log_intensity = torch.zeros(whole.times.shape, dtype=torch.float64)
    increments = torch.zeros(len(order), width + 1, marks, dtype=torch.float64)
    for low in range(0, len(order), at_once):
        rows = order[low : low + at_once]
        part = model.score(EventBatch.of(streams, unit_ns, rows).to(device))
        size = part.log_intensity.shape[1]
        log_intensity[rows, :size] = part.log_intensity.double().cpu()
        increments[rows, :size] = part.increments[:, :-1].double().cpu()
        increments[rows, -1] = part.increments[:, -1].double().cpu()
    return EventScores(log_intensity, increments, whole.scored), whole

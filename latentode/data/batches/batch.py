"""Padded batches, made only when they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.data.batches.tensor_parts import TensorParts
from latentode.data.batches.window_arrays import WindowArrays


@dataclass(frozen=True)
class SeriesBatch(TensorParts):
    """Windows of a log as padded tensors, times measured from each window's own anchor.

    Attributes:
        times: Times of the visible rows, float64 model time, padded by the last one, shape (batch,
            time).
        values: Scaled readings less `shift`, 0 where missing, shape (batch, time, channel).
        mask: True where a channel was read, shape (batch, time, channel).
        lengths: Number of visible rows, shape (batch,).
        query_times: Times asked for, any order, float64, shape (batch, step).
        inputs: Known inputs.
        static: Scaled static covariates, shape (batch, static).
        lower: Earliest time that the solve must cover, model time, at most 0.
        upper: Latest time, at least 0.
        targets: Readings at the query times, scaled and shifted alike, 0 where absent, shape
            (batch, step, channel).
        target_mask: True where there is a target, shape (batch, step, channel).
        shift: How far the newest visible reading of a channel lies beyond all readings of training,
            scaled float64, shape (batch, 1, channel). A model that is told of the rest alone goes
            on from where a channel is, as it learned to from the extreme of training.
        events: Events beside the readings; None for a model without.
        labels: Class of each window, -1 where unknown, int64, shape (batch,); or classes at some
            times, as marks; None without.
    """

    times: Tensor
    values: Tensor
    mask: Tensor
    lengths: Tensor
    query_times: Tensor
    inputs: KnownInputs
    static: Tensor
    lower: float
    upper: float
    targets: Tensor
    target_mask: Tensor
    shift: Tensor
    events: EventBatch | None = None
    labels: Tensor | EventBatch | None = None

    @classmethod
    def of(
        cls,
        arrays: WindowArrays,
        events: EventBatch | None = None,
        labels: Tensor | EventBatch | None = None,
    ) -> SeriesBatch:
        """Tensors of some windows, on the CPU, float32 values and float64 times.

        Args:
            arrays: The windows.
            events: Events beside the readings; the solve covers their windows.
            labels: Class of each window, -1 where unknown, shape (batch,); or classes at times,
                whose windows the solve covers too.
        """
        timed = [part for part in (events, labels) if isinstance(part, EventBatch)]
        reach = [float(edge) for p in timed for edge in (p.start.min(), p.end.max())]
        known = {k: torch.from_numpy(v) for k, v in vars(arrays.known).items()}
        parts = vars(arrays) | {
            "lower": min(arrays.lower, *reach, 0.0),
            "upper": max(arrays.upper, *reach, 0.0),
        }
        del parts["known"]
        tensors = {k: torch.from_numpy(v) for k, v in parts.items() if isinstance(v, np.ndarray)}
        inputs = KnownInputs(**known)
        return cls(**{**parts, **tensors}, inputs=inputs, events=events, labels=labels)

    @property
    def size(self) -> int:
        """Number of windows."""
        return self.times.shape[0]

    def select(self, windows: Tensor) -> SeriesBatch:
        """Keep some windows, by index."""
        return self._map(
            lambda part: part[windows] if isinstance(part, Tensor) else part.select(windows)
        )

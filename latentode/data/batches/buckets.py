"""Few shapes for many batches: widths and spans rounded up."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.known_inputs import KnownInputs

# steps between sizes, coarser for larger ones: few shapes, little padding; see `bucket`
_FINE, _COARSE, _COARSEST = 16, 32, 64
# a span that ends on a grid point up to rounding needs no further step
_SLACK = 1e-4


def bucket(size: int) -> int:
    """Least bucket that holds `size`: multiples of 16 to 128, of 32 to 512, of 64 beyond.

    128 is one of them, so that a window that needs no condensing for the encoder stays so.
    """
    step = _FINE if size <= 128 else _COARSE if size <= 512 else _COARSEST
    return max(1, math.ceil(size / step)) * step


def bucketed(batch: SeriesBatch, step_size: float) -> SeriesBatch:
    """Pad a batch so that it shares its shapes with many others; what it says stays the same.

    The rows, the queries and the knots of given inputs are padded to a `bucket` each, and the span
    of the solve is rounded outward to a `bucket` of solver steps to either side. Padded rows
    repeat the last time and hold no reading, padded queries repeat a time and have no target.

    Args:
        batch: Windows.
        step_size: Distance of two grid points of the solver in model time.

    Returns:
        The batch, with log-likelihoods and divergences the same to rounding.
    """
    rows, steps = batch.times.shape[1], batch.query_times.shape[1]
    rows, steps = bucket(rows) - rows, bucket(steps) - steps
    return replace(
        batch,
        times=_repeated(batch.times, rows),
        values=_filled(batch.values, rows, 0.0),
        mask=_filled(batch.mask, rows, False),
        query_times=_repeated(batch.query_times, steps),
        targets=_filled(batch.targets, steps, 0.0),
        target_mask=_filled(batch.target_mask, steps, False),
        inputs=_with_knots(batch.inputs),
        lower=0.0 - _span(-batch.lower, step_size),
        upper=_span(batch.upper, step_size),
    )


def _span(span: float, step_size: float) -> float:
    return bucket(math.ceil(span / step_size - _SLACK)) * step_size if span > 0 else 0.0


def _with_knots(inputs: KnownInputs) -> KnownInputs:
    if inputs.knot_values.shape[-1] == 0:
        return inputs
    knots = inputs.knot_times.shape[1]
    more = bucket(knots) - knots
    return replace(
        inputs,
        knot_times=_filled(inputs.knot_times, more, torch.inf),
        knot_values=_filled(inputs.knot_values, more, 0.0),
    )


def _repeated(times: Tensor, more: int) -> Tensor:
    return torch.cat([times, times[:, -1:].expand(-1, more)], dim=1)


def _filled(values: Tensor, more: int, value: float) -> Tensor:
    padding = values.new_full((len(values), more, *values.shape[2:]), value)
    return torch.cat([values, padding], dim=1)

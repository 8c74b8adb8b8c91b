"""Short solves from knot to knot, made into one path: multiple shooting."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from latentode.ode.trajectory import Trajectory


def through_knots(pieces: Trajectory, knots: Tensor, onwards: Trajectory) -> Trajectory:
    r"""Bend short solves so that each ends at the next knot, and put them before a longer one.

    Segment k was solved from its knot, :math:`\varphi_k(t)`, and misses the next knot
    :math:`z_{k+1}` by :math:`g_k = z_{k+1} - \varphi_k(\tau_{k+1})`. The path is

    .. math:: z(t) = \varphi_k(t) + w(u)\,g_k, \qquad w(u) = 3u^2 - 2u^3,

    with u from 0 to 1 along the segment. It passes through every knot with the slope that the field
    has there, as w has none at either end.

    Args:
        pieces: Solves of the segments, all of one length, steps and direction, in the order of
            time: segment after segment, each with all series, states (step + 1, ..., segment *
            batch, latent).
        knots: States between the segments, shape (segment - 1, ..., batch, latent).
        onwards: Solve from the end of the last segment on, in steps of the same length.

    Returns:
        Trajectory from the first knot to the end of `onwards`.

    Reference:
        Iakovlev et al. (2023), Latent neural ODEs with sparse Bayesian multiple shooting,
        https://arxiv.org/abs/2210.03466. There segments are joined by a prior; the path jumps.
    """
    ends = torch.cat([knots, onwards.states[:1]])
    segments, batch = ends.shape[0], ends.shape[-2]
    steps = pieces.states.shape[0] - 1
    shape = (steps + 1, *pieces.states.shape[1:-2], segments, batch, pieces.states.shape[-1])
    # (segment, step + 1, ..., batch, latent)
    states, slopes = (part.view(shape).movedim(-3, 0) for part in (pieces.states, pieces.slopes))
    share = torch.arange(steps, device=ends.device, dtype=ends.dtype) / steps
    share = share.view(-1, *(1,) * (ends.dim() - 1))
    gaps = (ends - states[:, -1])[:, None]
    # the last state of a segment is the first of the next
    states = states[:, :-1] + share.square() * (3.0 - 2.0 * share) * gaps
    slopes = slopes[:, :-1] + 6.0 * share * (1.0 - share) / (steps * pieces.step) * gaps
    return replace(
        onwards,
        states=torch.cat([states.flatten(0, 1), onwards.states]),
        slopes=torch.cat([slopes.flatten(0, 1), onwards.slopes]),
        start=onwards.start - segments * steps * pieces.step,
        first=-segments * steps,
        stats=onwards.stats.plus(pieces.stats),
    )

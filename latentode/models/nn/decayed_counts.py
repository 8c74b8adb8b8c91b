"""Exponentially decaying counts of past events, exact and in linear time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK = 32  # events at once: memory grows with its square, passes with its inverse


def decayed_counts(
    times: Tensor, marks: Tensor, valid: Tensor, decay: Tensor, num_marks: int, first: Tensor
) -> Tensor:
    r"""Sum the decayed past of each event, itself left out.

    .. math::
        m_{ijk} = \sum_{l < i,\ k_l = k} e^{-\beta_j (t_i - t_l)} + e^{-\beta_j(t_i - t_0)} c_{jk}

    Pairs are summed inside blocks of events, and a carry goes from block to block, so that no
    growing exponential is ever formed and the number of operations is linear in the events.

    Args:
        times: Event times, not decreasing, shape (batch, event).
        marks: Mark of each event, shape (batch, event).
        valid: False where padded, shape (batch, event).
        decay: Rates of decay :math:`\beta` per unit of time, shape (rate,).
        num_marks: Number of marks.
        first: Counts :math:`c` at the first time :math:`t_0`, shape (batch, rate, mark).

    Returns:
        Counts just before each event, dtype of `decay`, shape (batch, event, rate, mark).
    """
    ones = functional.one_hot(marks, num_marks).to(decay.dtype) * valid[..., None].to(decay.dtype)
    carry, reference, parts = first.to(decay.dtype), times[:, 0], []
    for low in range(0, times.shape[1], _BLOCK):
        t, one = times[:, low : low + _BLOCK], ones[:, low : low + _BLOCK]
        # float64 differences first: times may be large and gaps small
        since = (t - reference[:, None]).to(decay.dtype)  # (batch, event)
        lag = (t[:, :, None] - t[:, None, :]).to(decay.dtype).clamp(min=0.0)
        earlier = torch.ones(t.shape[1], t.shape[1], dtype=decay.dtype, device=t.device).tril(-1)
        pairs = torch.exp(-lag[..., None] * decay) * earlier[..., None]
        inside = torch.einsum("bilr,blk->birk", pairs, one)
        before = carry[:, None] * torch.exp(-since[..., None] * decay)[..., None] + inside
        parts.append(before)
        carry, reference = before[:, -1] + one[:, -1, None], t[:, -1]
    return torch.cat(parts, dim=1)


def counts_after(first: Tensor, before: Tensor, marks: Tensor, valid: Tensor) -> Tensor:
    """Counts at the start of each gap between events, the event there included.

    Args:
        first: Counts at the start of the first gap, shape (batch, rate, mark).
        before: What `decayed_counts` gave.
        marks: Mark of each event, shape (batch, event).
        valid: False where padded, shape (batch, event).

    Returns:
        Shape (batch, event + 1, rate, mark).
    """
    one = functional.one_hot(marks, before.shape[-1]) * valid[..., None]
    return torch.cat([first[:, None], before + one[:, :, None].to(before.dtype)], dim=1)

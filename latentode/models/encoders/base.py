"""The contract of encoders, and which to take.

- `RNNAttentionEncoder`: by default: `RNNEncoder` and `AttentionEncoder` together.
- `RNNEncoder`: cheaper. It sees gaps, masks and the time since each channel was last read.
- `ODERNNEncoder`: where readings are far apart compared with the time constants of the system and
  the state must move between them; up to twice the cost, more where gaps take many steps.
- `AttentionEncoder`: where speed counts, or windows have many rows: no step waits for another. It
  reads averages around a few reference points, so it says less of fast changes between them.

Whether one of your own keeps the contract, `latentode.check_model` says.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.ode.networks.activations import tamed

_NEVER = 100.0  # age of what was not read, in model time: 25 windows


class Encoder(nn.Module):
    """Summarise the visible rows of each window in one vector.

    ``forward(batch, reverse)`` reads the rows in the order of time, or from the last to the first
    where `reverse` is set (anchor at the window's start), and returns shape (batch, hidden_dim). It
    must not depend on padding or on the other windows.

    Attributes:
        hidden_dim: Size of the summary.
        waits_for_device: Whether the host waits for the device while it reads, so that a training
            step cannot be recorded as a CUDA graph.
    """

    hidden_dim: int
    waits_for_device: bool = False

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """Summaries, shape (batch, hidden_dim)."""
        raise NotImplementedError


def row_features(batch: SeriesBatch, *, reverse: bool) -> tuple[Tensor, Tensor]:
    """Features of each row in reading order, and the gap to the row read before it.

    Returns:
        Features (batch, time, 3 * channel + 1 + input): values less the newest of their channel,
        mask, log-time since each channel was last read (in reading order), log-gap, known inputs;
        and gaps (batch, time) in model time.
    """
    times, values, mask = batch.times, batch.values, batch.mask
    inputs = batch.inputs(times)
    if reverse:
        index = (
            batch.lengths[:, None] - 1 - torch.arange(times.shape[1], device=times.device)
        ).clamp(min=0)
        times = -times.gather(1, index)
        values, mask, inputs = (
            x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
            for x in (values, mask, inputs)
        )
    gaps = torch.diff(times, dim=1, prepend=times[:, :1]).clamp(min=0)
    # time at which each channel was last read before this row
    seen = torch.where(mask, times[..., None], -torch.inf).cummax(dim=1).values
    before = torch.cat([torch.full_like(seen[:, :1], -torch.inf), seen[:, :-1]], dim=1)
    age = torch.where(torch.isinf(before), _NEVER, times[..., None] - before)
    # asinh is the identity for ordinary readings and tames outliers
    features = [_asinh(values), mask, log_time(age), log_time(gaps)[..., None], inputs]
    return torch.cat([f.to(values.dtype) for f in features], dim=-1), gaps.to(values.dtype)


def newest_readings(batch: SeriesBatch, *, reverse: bool) -> Tensor:
    """The last reading of each channel in reading order, and how far from the anchor it is.

    A recurrent state keeps what it was told to a few digits; a state of the system that was just
    read can be known to more.

    Returns:
        Readings (`tamed`), 0 where there is none, and log-times, shape (batch, 2 * channel).
    """
    times = -batch.times if reverse else batch.times
    seen = times[..., None].masked_fill(~batch.mask, -torch.inf)
    last, row = seen.max(dim=1, keepdim=True)  # (batch, 1, channel)
    values = batch.values.gather(1, row)[:, 0]
    age = (-last[:, 0]).clamp(0.0, _NEVER)
    return torch.cat([tamed(values), log_time(age).to(values.dtype)], dim=-1)


def _asinh(x: Tensor) -> Tensor:
    # torch.asinh takes one number at a time, and ten times as long
    size = x.abs()
    return torch.log1p(
        size + size * (size / (1.0 + torch.hypot(size, size.new_ones(()))))
    ).copysign(x)


def log_time(gap: Tensor) -> Tensor:
    """A gap in model time as a feature, 0 to 2 for gaps of 1e-4 to 1e2."""
    # log keeps apart gaps from 1e-4 to 1e2 of the window, which a linear feature cannot
    return torch.log(gap.clamp(min=0) + 1e-4) / 4.0 + 1.0


def newest_levels(batch: SeriesBatch) -> Tensor:
    """The newest visible reading of each channel, 0 without one, shape (batch, 1, channel).

    An encoder that sees absolute levels remembers each series of a small log by its level, so it is
    told of readings less these; where the level is, the memory of residuals knows.
    """
    rows = torch.arange(batch.times.shape[1], device=batch.times.device)[:, None]
    newest = torch.where(batch.mask, rows, 0).amax(dim=1, keepdim=True)  # (batch, 1, channel)
    return batch.values.gather(1, newest)

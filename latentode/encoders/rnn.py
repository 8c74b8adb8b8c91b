"""Gated recurrent encoder with time gaps and masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batch import SeriesBatch
from latentode.encoders.base import Encoder, row_features


class RNNEncoder(Encoder):
    """Read values, masks and time gaps with a GRU, each series at its own times.

    Args:
        num_channels: Channels of the log.
        input_dim: Known-input features.
        hidden_dim: Size of the state.

    Reference:
        Che et al. (2018), Recurrent neural networks for multivariate time series with missing
        values, https://arxiv.org/abs/1606.01865 (gaps and masks as inputs, without the decay)
    """

    def __init__(self, num_channels: int, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.gru = nn.GRU(3 * num_channels + 1 + input_dim, hidden_dim, batch_first=True)

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """See `Encoder`."""
        features, _ = row_features(batch, reverse=reverse)
        # Padding stands at the end and the state is read before it. PackedSequence would save its
        # arithmetic, but its backward on CPU is quadratic in the length: 3.4 s against 0.1 s at 450
        # rows.
        states, _ = self.gru(features)
        last = (batch.lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, self.hidden_dim)
        summary = states.gather(1, last)[:, 0]  # (batch, hidden)
        return torch.where(
            batch.lengths[:, None] > 0, summary, torch.zeros((), dtype=summary.dtype)
        )

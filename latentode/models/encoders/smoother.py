"""Latent states along the context, each from what was read before and after it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.config import ModelConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.encoders.base import log_time, row_features
from latentode.models.encoders.rnn import states_after_rows
from latentode.models.nn.mlp import SkipMLP
from latentode.models.nn.nearest import nearest_readings
from latentode.ode.networks.activations import tamed

_FARTHEST = 100.0  # model time; stands for no reading on that side, too


class Smoother(nn.Module):
    r"""Read the rows forwards and backwards, and say what state there is between two rows.

    .. math:: z(\tau) = g(h^\to_i, h^\leftarrow_{i+1}, \tau - t_i, t_{i+1} - \tau, x^\to, a^\to,
        x^\leftarrow, a^\leftarrow, u(\tau), s, z_0), \qquad t_i \le \tau < t_{i+1},

    with the states of two gated recurrent units after the rows on either side, zero where there is
    none, the nearest readings x of each channel before and after and how far they are, and the
    state at the anchor, which knows of all rows.

    Args:
        config: Settings of the model, resolved.
        num_channels: Channels of the log.
        input_dim: Known-input features.
        static_dim: Static covariates.

    Reference:
        Schuster, Paliwal (1997), Bidirectional recurrent neural networks, IEEE Transactions on
        Signal Processing 45.
    """

    def __init__(
        self, config: ModelConfig, num_channels: int, input_dim: int, static_dim: int
    ) -> None:
        super().__init__()
        hidden, latent = config.hidden_dim, config.latent_dim
        features = 3 * num_channels + 1 + input_dim
        self.forwards = nn.GRU(features, hidden, batch_first=True)
        self.backwards = nn.GRU(features, hidden, batch_first=True)
        seen = 2 * hidden + 2 + 4 * num_channels + input_dim + static_dim
        self.head = SkipMLP((seen, latent), hidden, latent, dropout=config.dropout)

    def forward(self, batch: SeriesBatch, times: Tensor, context: Tensor, z0: Tensor) -> Tensor:
        """States at some times.

        Args:
            batch: Windows.
            times: Model times, float64, shape (batch, knot).
            context: What is known of them, shape (batch, knot, context).
            z0: States at the anchor, shape (draw, batch, latent).

        Returns:
            Shape (draw, batch, knot, latent).
        """
        lengths = batch.lengths[:, None]
        position = torch.searchsorted(batch.times.contiguous(), times.contiguous(), right=True)
        position = torch.minimum(position, lengths)  # rows before; padding repeats the last time
        sides, gaps = [], []
        for gru, reverse in ((self.forwards, False), (self.backwards, True)):
            features, _ = row_features(batch, reverse=reverse)
            read = lengths - position if reverse else position
            sides.append(states_after_rows(gru, features, batch.lengths, read))
            nearest = (position if reverse else position - 1).clamp(0, batch.times.shape[1] - 1)
            gap = (batch.times.gather(1, nearest) - times).abs()
            gaps.append(torch.where(read > 0, gap, _FARTHEST))
        index, away = nearest_readings(batch.times, batch.mask, batch.lengths, times)
        # (2, batch, knot, channel): 0 where there is none
        values = batch.values.expand(2, *batch.values.shape).gather(2, index)
        values = torch.where(torch.isinf(away), 0.0, tamed(values))
        near = log_time(torch.cat([*away.clamp(max=_FARTHEST), torch.stack(gaps, dim=-1)], dim=-1))
        around = torch.cat([*sides, *values, near.to(values.dtype), context], dim=-1)
        states_at: Tensor = self.head(around, z0[:, :, None])
        return states_at

"""Recurrent and attention encoders side by side."""

from __future__ import annotations

from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.models.encoders.attention import AttentionEncoder
from latentode.models.encoders.base import Encoder
from latentode.models.encoders.rnn import RNNEncoder


class RNNAttentionEncoder(Encoder):
    """Sum of what a recurrent encoder and an attention encoder say.

    The recurrence follows order, gaps and the newest readings; averages around reference points see
    a window as a whole, such as the frequency of an oscillation.

    Args:
        num_channels: Channels of the log.
        input_dim: Known-input features.
        hidden_dim: Size of the summary.
    """

    def __init__(self, num_channels: int, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.recurrent = RNNEncoder(num_channels, input_dim, hidden_dim)
        self.attention = AttentionEncoder(num_channels, input_dim, hidden_dim)

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """See `Encoder`."""
        recurrent: Tensor = self.recurrent(batch, reverse=reverse)
        attention: Tensor = self.attention(batch, reverse=reverse)
        return recurrent + attention

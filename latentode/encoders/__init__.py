"""Encoders: from visible rows to a summary of each window; `base` says which to take when."""

from latentode.encoders.attention import AttentionEncoder
from latentode.encoders.base import Encoder, relative_values
from latentode.encoders.condense import condense
from latentode.encoders.ode_rnn import ODERNNEncoder
from latentode.encoders.rnn import RNNEncoder
from latentode.encoders.rnn_attention import RNNAttentionEncoder
from latentode.encoders.smoother import Smoother

__all__ = [
    "AttentionEncoder",
    "Encoder",
    "ODERNNEncoder",
    "RNNAttentionEncoder",
    "RNNEncoder",
    "Smoother",
    "condense",
    "relative_values",
]

"""Encoders: from visible rows to a summary of each window; `base` says which to take when."""

from latentode.models.encoders.attention import AttentionEncoder
from latentode.models.encoders.base import Encoder, newest_readings, relative_values
from latentode.models.encoders.condense import condense
from latentode.models.encoders.ode_rnn import ODERNNEncoder
from latentode.models.encoders.refine import refined
from latentode.models.encoders.rnn import RNNEncoder
from latentode.models.encoders.rnn_attention import RNNAttentionEncoder
from latentode.models.encoders.smoother import Smoother

#: Encoders by the name that settings have for them.
ENCODERS = {
    "rnn": RNNEncoder,
    "ode_rnn": ODERNNEncoder,
    "attention": AttentionEncoder,
    "rnn_attention": RNNAttentionEncoder,
}

__all__ = [
    "ENCODERS",
    "AttentionEncoder",
    "Encoder",
    "ODERNNEncoder",
    "RNNAttentionEncoder",
    "RNNEncoder",
    "Smoother",
    "condense",
    "newest_readings",
    "refined",
    "relative_values",
]

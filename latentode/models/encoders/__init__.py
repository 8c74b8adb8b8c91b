"""Encoders: from visible rows to a summary of each window; `base` says which to take when."""

from latentode.models.encoders.attention import AttentionEncoder
from latentode.models.encoders.ode_rnn import ODERNNEncoder
from latentode.models.encoders.rnn import RNNEncoder
from latentode.models.encoders.rnn_attention import RNNAttentionEncoder

#: Encoders by the name that settings have for them.
ENCODERS = {
    "rnn": RNNEncoder,
    "ode_rnn": ODERNNEncoder,
    "attention": AttentionEncoder,
    "rnn_attention": RNNAttentionEncoder,
}

"""Encoders: from visible rows to a summary of each window; see `latentode.encoders.base` for which to take."""

from latentode.encoders.base import Encoder
from latentode.encoders.ode_rnn import ODERNNEncoder
from latentode.encoders.rnn import RNNEncoder

__all__ = ["Encoder", "ODERNNEncoder", "RNNEncoder"]

"""Small networks."""

from latentode.nn.mlp import MLP

__all__ = ["MLP"]

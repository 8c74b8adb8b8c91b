"""Small networks of the parts of a model."""

from latentode.nn.mlp import MLP

__all__ = ["MLP"]

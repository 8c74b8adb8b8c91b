"""Small networks of the parts of a model."""

from latentode.models.nn.mlp import MLP

__all__ = ["MLP"]

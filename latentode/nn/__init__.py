"""Small networks, and what solvers must know of them."""

from latentode.nn.layered import Layers
from latentode.nn.mlp import MLP

__all__ = ["MLP", "Layers"]

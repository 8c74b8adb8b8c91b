"""Continuous normalizing flows: densities, samplers, and a stand-alone density estimator.

Use `DensityEstimator` for a table of numbers, `CNF` inside a model. A CNF gives smooth densities in
few dimensions; for tabular data of many dimensions autoregressive flows reach higher likelihoods.
"""

from latentode.flows.cnf import CNF
from latentode.flows.transport import FlowResult

__all__ = ["CNF", "FlowResult"]

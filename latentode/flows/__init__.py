"""Continuous normalizing flows: densities, samplers, and a stand-alone density estimator.

Use `DensityEstimator` for a table of numbers; `CNF` with `fit_flow` for tensors, conditions and
stacked blocks. A CNF gives smooth densities in few dimensions; on tables of many columns
autoregressive flows reach higher likelihoods.
"""

from latentode.flows.cnf import CNF
from latentode.flows.density_estimator import DensityEstimator
from latentode.flows.fitting import FlowFitConfig, FlowFitReport, fit_flow
from latentode.flows.flow_matching import flow_matching_loss
from latentode.flows.push_forward import PushedDensity, log_prob_at, push_forward
from latentode.flows.regularizers import path_regularizers
from latentode.flows.toy_densities import draw_toy, toy_entropy
from latentode.flows.transport import FlowResult

__all__ = [
    "CNF",
    "DensityEstimator",
    "FlowFitConfig",
    "FlowFitReport",
    "FlowResult",
    "PushedDensity",
    "draw_toy",
    "fit_flow",
    "flow_matching_loss",
    "log_prob_at",
    "path_regularizers",
    "push_forward",
    "toy_entropy",
]

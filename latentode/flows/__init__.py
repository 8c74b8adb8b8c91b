"""Continuous normalizing flows: densities, samplers, and a stand-alone density estimator.

Use `DensityEstimator` for a table of numbers; `CNF` with `fit_flow` for tensors, conditions and
stacked blocks. A CNF gives smooth densities in few dimensions; on tables of many columns
autoregressive flows reach higher likelihoods.
"""

from latentode.flows.cnf import CNF as CNF
from latentode.flows.density_estimator import DensityEstimator as DensityEstimator
from latentode.flows.fitting import FlowFitConfig as FlowFitConfig
from latentode.flows.fitting import FlowFitReport as FlowFitReport
from latentode.flows.fitting import fit_flow as fit_flow
from latentode.flows.flow_matching import flow_matching_loss as flow_matching_loss
from latentode.flows.push_forward import PushedDensity as PushedDensity
from latentode.flows.push_forward import log_prob_at as log_prob_at
from latentode.flows.push_forward import push_forward as push_forward
from latentode.flows.regularizers import path_regularizers as path_regularizers
from latentode.flows.toy_densities import draw_toy as draw_toy
from latentode.flows.toy_densities import toy_entropy as toy_entropy
from latentode.flows.transport import FlowResult as FlowResult

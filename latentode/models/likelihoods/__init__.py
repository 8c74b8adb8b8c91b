"""Observation densities.

Use `StudentTLikelihood` for logs with spikes and steps, `GaussianLikelihood` for clean signals,
`FlowLikelihood` where the channels of one time err together.
"""

from importlib import import_module
from typing import get_args

from latentode.config.model import LikelihoodName
from latentode.models.likelihoods.base import Likelihood

#: Likelihoods of readings by the name that settings have for them, which is that of their module.
LIKELIHOODS: dict[str, type[Likelihood]] = {
    name: import_module(f"{__name__}.{name}").LIKELIHOOD for name in get_args(LikelihoodName)
}

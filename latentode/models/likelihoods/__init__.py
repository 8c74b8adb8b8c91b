"""Observation densities.

Use `StudentTLikelihood` for logs with spikes and steps, `GaussianLikelihood` for clean signals,
`FlowLikelihood` where the channels of one time err together.
"""

from latentode.models.likelihoods.base import Likelihood
from latentode.models.likelihoods.flow import FlowLikelihood
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood

#: Likelihoods of readings by the name that settings have for them.
LIKELIHOODS = {
    "gaussian": GaussianLikelihood,
    "student_t": StudentTLikelihood,
    "flow": FlowLikelihood,
}

__all__ = [
    "LIKELIHOODS",
    "FlowLikelihood",
    "GaussianLikelihood",
    "Likelihood",
    "StudentTLikelihood",
]

"""Observation densities.

Use `StudentTLikelihood` for logs with spikes and steps, `GaussianLikelihood` for clean signals.
"""

from latentode.likelihoods.base import Likelihood
from latentode.likelihoods.gaussian import GaussianLikelihood
from latentode.likelihoods.student_t import StudentTLikelihood

__all__ = ["GaussianLikelihood", "Likelihood", "StudentTLikelihood"]

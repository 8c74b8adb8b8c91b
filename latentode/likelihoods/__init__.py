"""Observation densities.

Use `StudentTLikelihood` for logs with spikes and steps, `GaussianLikelihood` for clean signals;
`PoissonProcess` for the times of events.
"""

from latentode.likelihoods.base import Likelihood
from latentode.likelihoods.gaussian import GaussianLikelihood
from latentode.likelihoods.poisson_process import PoissonProcess
from latentode.likelihoods.student_t import StudentTLikelihood

__all__ = ["GaussianLikelihood", "Likelihood", "PoissonProcess", "StudentTLikelihood"]

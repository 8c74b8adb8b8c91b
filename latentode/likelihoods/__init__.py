"""Observation densities.

Use `StudentTLikelihood` for logs with spikes and steps, `GaussianLikelihood` for clean signals,
`FlowLikelihood` where the channels of one time err together; `PoissonProcess` for the times of
events, `LabelHead` for the classes of whole windows, `TimeLabelHead` for those of times.
"""

from latentode.likelihoods.base import Likelihood
from latentode.likelihoods.flow import FlowLikelihood
from latentode.likelihoods.gaussian import GaussianLikelihood
from latentode.likelihoods.labels import (
    LabelHead,
    TimeLabelHead,
    label_codes,
    label_log_prob,
    label_logits,
    path_summary,
)
from latentode.likelihoods.poisson_process import PoissonProcess
from latentode.likelihoods.student_t import StudentTLikelihood

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
    "LabelHead",
    "Likelihood",
    "PoissonProcess",
    "StudentTLikelihood",
    "TimeLabelHead",
    "label_codes",
    "label_log_prob",
    "label_logits",
    "path_summary",
]

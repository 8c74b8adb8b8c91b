"""Latent ODE time-series toolkit: irregular logs in, calibrated forecasts and interpolations out.

Begin with `LatentODE`, which takes data frames and gives labelled arrays. `LatentODEModel`,
`Trainer` and `TimeSeriesDataset` are the tensors underneath. Names are loaded when they are first
used, so that ``import latentode`` and ``--help`` do not wait for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentode.lazy_names import loader

if TYPE_CHECKING:
    from latentode.checks import check_model as check_model
    from latentode.config import LatentODEConfig as LatentODEConfig
    from latentode.config import SolverConfig as SolverConfig
    from latentode.config import TrainConfig as TrainConfig
    from latentode.data import synthetic as synthetic
    from latentode.data.dataset import TimeSeriesDataset as TimeSeriesDataset
    from latentode.data.reading.events import read_events as read_events
    from latentode.data.reading.log import read_log as read_log
    from latentode.estimators import ExportedLatentODE as ExportedLatentODE
    from latentode.estimators import LatentODE as LatentODE
    from latentode.estimators import recommend as recommend
    from latentode.estimators.event_forecaster import EventForecaster as EventForecaster
    from latentode.flows import CNF as CNF
    from latentode.models import objectives as objectives
    from latentode.models.encoders import AttentionEncoder as AttentionEncoder
    from latentode.models.encoders import ODERNNEncoder as ODERNNEncoder
    from latentode.models.encoders import RNNAttentionEncoder as RNNAttentionEncoder
    from latentode.models.encoders import RNNEncoder as RNNEncoder
    from latentode.models.heads.poisson_process import PoissonProcess as PoissonProcess
    from latentode.models.latent_ode import LatentODEModel as LatentODEModel
    from latentode.models.likelihoods.flow import FlowLikelihood as FlowLikelihood
    from latentode.models.likelihoods.gaussian import GaussianLikelihood as GaussianLikelihood
    from latentode.models.likelihoods.student_t import StudentTLikelihood as StudentTLikelihood
    from latentode.models.point_processes import JumpProcess as JumpProcess
    from latentode.models.priors import StandardNormal as StandardNormal
    from latentode.registration import register as register
    from latentode.training import Trainer as Trainer

__version__ = "0.2.0"

# the module that has the name, or that is called so
_HOMES = {
    "AttentionEncoder": "models.encoders",
    "CNF": "flows",
    "EventForecaster": "estimators.event_forecaster",
    "ExportedLatentODE": "estimators",
    "FlowLikelihood": "models.likelihoods.flow",
    "GaussianLikelihood": "models.likelihoods.gaussian",
    "JumpProcess": "models.point_processes",
    "LatentODE": "estimators",
    "LatentODEConfig": "config",
    "LatentODEModel": "models.latent_ode",
    "ODERNNEncoder": "models.encoders",
    "PoissonProcess": "models.heads.poisson_process",
    "RNNAttentionEncoder": "models.encoders",
    "RNNEncoder": "models.encoders",
    "SolverConfig": "config",
    "StandardNormal": "models.priors",
    "StudentTLikelihood": "models.likelihoods.student_t",
    "TimeSeriesDataset": "data.dataset",
    "TrainConfig": "config",
    "Trainer": "training",
    "baselines": "evaluation.baselines",
    "check_model": "checks",
    "errors": "errors",
    "evaluation": "evaluation",
    "flows": "flows",
    "metrics": "evaluation.metrics",
    "objectives": "models.objectives",
    "ode": "ode",
    "plot": "plot",
    "read_events": "data.reading.events",
    "read_log": "data.reading.log",
    "recommend": "estimators",
    "register": "registration",
    "results": "results",
    "synthetic": "data.synthetic",
}
__all__ = sorted([*_HOMES, "__version__"])


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Latent ODE time-series toolkit: irregular logs in, calibrated forecasts and interpolations out.

Begin with `LatentODE`, which takes data frames and gives labelled arrays. `LatentODEModel`,
`Trainer` and `TimeSeriesDataset` are the tensors underneath. Names are loaded when they are first
used, so that ``import latentode`` and ``--help`` do not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentode.config import LatentODEConfig, SolverConfig, TrainConfig
    from latentode.data import synthetic
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE, recommend
    from latentode.estimators.event_forecaster import EventForecaster
    from latentode.flows import CNF
    from latentode.models import objectives
    from latentode.models.encoders import (
        AttentionEncoder,
        ODERNNEncoder,
        RNNAttentionEncoder,
        RNNEncoder,
    )
    from latentode.models.heads.poisson_process import PoissonProcess
    from latentode.models.latent_ode import LatentODEModel
    from latentode.models.likelihoods.flow import FlowLikelihood
    from latentode.models.likelihoods.gaussian import GaussianLikelihood
    from latentode.models.likelihoods.student_t import StudentTLikelihood
    from latentode.models.point_processes import JumpProcess
    from latentode.models.priors import StandardNormal
    from latentode.training import Trainer

__version__ = "0.2.0"

__all__ = [  # noqa: RUF022 -- plain order, which has no place of its own for CNF
    "AttentionEncoder",
    "CNF",
    "EventForecaster",
    "FlowLikelihood",
    "GaussianLikelihood",
    "JumpProcess",
    "LatentODE",
    "LatentODEConfig",
    "LatentODEModel",
    "ODERNNEncoder",
    "PoissonProcess",
    "RNNAttentionEncoder",
    "RNNEncoder",
    "SolverConfig",
    "StandardNormal",
    "StudentTLikelihood",
    "TimeSeriesDataset",
    "TrainConfig",
    "Trainer",
    "__version__",
    "baselines",
    "errors",
    "flows",
    "metrics",
    "objectives",
    "ode",
    "plot",
    "recommend",
    "results",
    "synthetic",
]

_HOMES = {
    "AttentionEncoder": "models.encoders",
    "CNF": "flows",
    "EventForecaster": "estimators.event_forecaster",
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
    "recommend": "estimators",
}
_MODULES = {
    "baselines": "evaluation.baselines",
    "errors": "errors",
    "flows": "flows",
    "metrics": "evaluation.metrics",
    "objectives": "models.objectives",
    "ode": "ode",
    "plot": "plot",
    "results": "results",
    "synthetic": "data.synthetic",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
